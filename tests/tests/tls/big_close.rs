//! A close after much was written: all of it arrives, whatever the peer has sent that we never read.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use lem_ssl_rs::{Version, timeout};

use crate::support::{pki, run};

const LENGTH: usize = 10 * 1024 * 1024;

/// A server on a thread of its own: sends tickets, and what nobody will read, then reads until the end, slowly.
fn serve(listener: TcpListener, version: Version) -> thread::JoinHandle<(usize, bool)> {
    let config = Arc::new(pki().server_config(&pki().server, &[version]));
    thread::spawn(move || {
        let (mut socket, _): (TcpStream, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(config).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).unwrap();
        }
        tls.writer().write_all(&[b'x'; 10_000]).unwrap();
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let mut received = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return (received, true),
                Ok(count) => {
                    assert!(buffer[..count].iter().enumerate().all(|(at, byte)| *byte == (received + at) as u8));
                    received += count;
                }
                Err(_) => return (received, false),
            }
        }
    })
}

#[test]
fn unread_tickets_do_not_destroy_what_was_written_before_the_close() {
    let text: Vec<u8> = (0..LENGTH).map(|index| index as u8).collect();
    for version in [Version::Tls12, Version::Tls13] {
        for wait in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = serve(listener, version);
            run(async {
                // The deadline is not what this is about.
                let minute = std::time::Duration::from_secs(60);
                let context = pki().client_context().close_deadline(minute).build().unwrap();
                let stream = timeout(minute, context.connect_as(address, "localhost")).await.unwrap().unwrap();
                stream.write(&text).await.unwrap();
                if wait {
                    stream.shutdown().await.unwrap();
                } else {
                    stream.close().unwrap();
                }
            });
            assert_eq!(server.join().unwrap(), (LENGTH, true), "{version:?}");
        }
    }
}
