//! Each fault, seen by sockets of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::fault::{Gate, Then};
use super::{Fault, Faults, Proxy};

const SAID: &[u8] = b"0123456789";

/// A client and a server with a proxy between them.
struct Wire {
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
}

fn wire(faults: Faults) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::recording(listener.local_addr().unwrap(), move |_| faults).unwrap();
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = listener.accept().unwrap();
    Wire { proxy, client, server }
}

/// The client says [`SAID`] and ends; what the server gets.
fn said(fault: Fault) -> (Wire, Vec<u8>, Option<ErrorKind>) {
    let mut wire = wire(Faults { to_server: fault, ..Faults::NONE });
    // It may be cut off before all of it is written.
    let _ = wire.client.write_all(SAID);
    let _ = wire.client.shutdown(Shutdown::Write);
    let mut heard = Vec::new();
    let end = wire.server.read_to_end(&mut heard);
    (wire, heard, end.err().map(|error| error.kind()))
}

#[test]
fn without_a_fault_everything_passes_both_ways_with_its_end() {
    let (mut wire, heard, end) = said(Fault::None);
    assert_eq!((&heard[..], end), (SAID, None));
    wire.server.write_all(b"answer").unwrap();
    drop(wire.server);
    let mut answer = String::new();
    wire.client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    let transcript = wire.proxy.transcript(0);
    assert_eq!((&transcript.from_client[..], &transcript.from_server[..]), (SAID, &b"answer"[..]));
}

#[test]
fn a_truncated_direction_ends_early_and_the_other_one_goes_on() {
    let (mut wire, heard, end) = said(Fault::Truncate { at: 4 });
    assert_eq!((&heard[..], end), (&SAID[..4], None));
    wire.server.write_all(b"answer").unwrap();
    drop(wire.server);
    let mut answer = String::new();
    wire.client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    assert_eq!(wire.proxy.transcript(0).from_client, SAID, "what got nowhere was said all the same");
}

#[test]
fn a_reset_delivers_what_came_before_it_and_reaches_both_ends() {
    let (mut wire, heard, end) = said(Fault::Reset { at: 4 });
    assert_eq!((&heard[..], end), (&SAID[..4], Some(ErrorKind::ConnectionReset)));
    assert_eq!(wire.client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_flip_changes_one_bit_of_one_byte() {
    let (_, heard, end) = said(Fault::Flip { at: 4, bit: 1 });
    assert_eq!((&heard[..], end), (&b"0123656789"[..], None));
}

#[test]
fn pieces_and_delays_change_nothing_but_time() {
    let (_, heard, end) = said(Fault::Split(3));
    assert_eq!((&heard[..], end), (SAID, None));
    let (begun, by) = (Instant::now(), Duration::from_millis(20));
    let (_, heard, end) = said(Fault::Delay { at: 4, by });
    assert_eq!((&heard[..], end), (SAID, None));
    assert!(begun.elapsed() >= by);
}

#[test]
fn a_stalled_direction_keeps_even_its_end_to_itself() {
    let mut wire = wire(Faults { to_server: Fault::Stall { at: 4 }, ..Faults::NONE });
    wire.client.write_all(SAID).unwrap();
    wire.client.shutdown(Shutdown::Write).unwrap();
    let mut heard = [0; 16];
    wire.server.read_exact(&mut heard[..4]).unwrap();
    assert_eq!(&heard[..4], &SAID[..4]);
    wire.server.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let silence = wire.server.read(&mut heard).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
    // The other direction knows nothing of it.
    drop(wire.server);
    assert_eq!(wire.client.read(&mut heard).unwrap(), 0);
}

#[test]
fn a_reset_by_one_end_reaches_the_other_as_a_reset() {
    let mut wire = wire(Faults::NONE);
    socket2::SockRef::from(&wire.client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(wire.client);
    assert_eq!(wire.server.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_fault_is_at_its_byte_however_the_bytes_come() {
    for size in 1..=SAID.len() {
        let mut gate = Gate::new(Fault::Truncate { at: 4 });
        assert_eq!(gate.pass(&mut []), (0, Then::GoOn));
        let mut passed = 0;
        let over = SAID.chunks(size).any(|piece| {
            let (count, then) = gate.pass(&mut piece.to_vec());
            passed += count;
            then == Then::End
        });
        assert!(over && passed == 4, "pieces of {size}: {passed}");
    }
    assert_eq!(Gate::new(Fault::Reset { at: 0 }).pass(&mut []), (0, Then::Reset), "before the first byte");
}
