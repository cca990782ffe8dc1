//! Handshakes between two connections in memory.

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, InsufficientSizeError, UnbufferedStatus};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig};

use crate::control::tell;
use crate::meter::{resident, thread_time};
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::{self, Pki};
use crate::scenarios::connect::WORD;

/// Measures one side of `total` handshakes, or what `connections` servers keep afterwards.
pub(super) fn run(order: &Order) -> Outcome<()> {
    let pki = Pki::open(&order.pki)?;
    let client = pki.client_config(order.resume)?;
    // A client that is measured alone gets tickets only if it is to use them.
    let server = pki.server_config(order.resume || order.work != Work::ClientHandshake)?;
    let mut spent = Spent::default();
    if order.work == Work::Keep {
        return keep(order, &client, &server);
    }
    for _ in 0..order.warm {
        shake_hands(&client, &server, &mut spent)?;
    }
    spent = Spent::default();
    let mut resumed = 0;
    for _ in 0..order.total {
        let server = shake_hands(&client, &server, &mut spent)?;
        resumed += u64::from(server.handshake_kind() == Some(HandshakeKind::Resumed));
    }
    if order.resume && resumed < order.total {
        return Err("handshakes in memory were not resumed".into());
    }
    let cpu = if order.work == Work::ServerHandshake { spent.server } else { spent.client };
    tell(&format!("cpu {} {}", cpu.as_nanos(), order.total));
    Ok(())
}

fn keep(order: &Order, client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Outcome<()> {
    let mut spent = Spent::default();
    let mut kept = Vec::with_capacity(order.connections + 10);
    for _ in 0..10 {
        kept.push(shake_hands(client, server, &mut spent)?);
    }
    let before = resident()?;
    for _ in 0..order.connections {
        kept.push(shake_hands(client, server, &mut spent)?);
    }
    let after = resident()?;
    black_box(&kept);
    tell(&format!("memory {}", after.saturating_sub(before)));
    Ok(())
}

/// CPU time of each side.
#[derive(Default)]
struct Spent {
    client: Duration,
    server: Duration,
}

/// A handshake, and a word each way.
fn shake_hands(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    spent: &mut Spent,
) -> Outcome<UnbufferedServerConnection> {
    let began = thread_time();
    let mut client = ClientConnection::new(client.clone(), pki::server_name()?)?;
    let mut to_server = Vec::new();
    client.write_tls(&mut to_server)?;
    let begun = thread_time();
    spent.client += begun - began;
    let mut server = UnbufferedServerConnection::new(server.clone())?;
    let mut to_client = Vec::new();
    let mut answer = Some(WORD.as_slice());
    serve(&mut server, &mut to_server, &mut to_client, &mut answer)?;
    let mut now = thread_time();
    spent.server += now - begun;
    client.writer().write_all(WORD)?;
    let mut word = [0; WORD.len()];
    while !to_client.is_empty() || client.wants_write() {
        let mut input = to_client.as_slice();
        while !input.is_empty() {
            client.read_tls(&mut input)?;
            client.process_new_packets()?;
        }
        while client.wants_write() {
            client.write_tls(&mut to_server)?;
        }
        let received = client.reader().read(&mut word);
        let done = thread_time();
        spent.client += done - now;
        if received.is_ok() {
            return Ok(server);
        }
        to_client.clear();
        serve(&mut server, &mut to_server, &mut to_client, &mut answer)?;
        now = thread_time();
        spent.server += now - done;
    }
    Err("a handshake in memory came to no end".into())
}

/// Does what is due, and answers the first word.
fn serve(
    server: &mut UnbufferedServerConnection,
    input: &mut Vec<u8>,
    output: &mut Vec<u8>,
    answer: &mut Option<&[u8]>,
) -> Outcome<()> {
    let mut used = 0;
    let mut asked = false;
    loop {
        let UnbufferedStatus { mut discard, state } = server.process_tls_records(&mut input[used..]);
        let over = match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    discard += record?.discard;
                    asked = true;
                }
                false
            }
            ConnectionState::EncodeTlsData(mut message) => {
                if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
                    message.encode(&mut [])
                {
                    let at = output.len();
                    output.resize(at + required_size, 0);
                    message.encode(&mut output[at..])?;
                }
                false
            }
            ConnectionState::TransmitTlsData(message) => {
                message.done();
                false
            }
            ConnectionState::WriteTraffic(mut traffic) => {
                if asked && let Some(word) = answer.take() {
                    let at = output.len();
                    output.resize(at + 64, 0);
                    let count = traffic.encrypt(word, &mut output[at..])?;
                    output.truncate(at + count);
                }
                true
            }
            _ => true,
        };
        used += discard;
        if over {
            input.drain(..used);
            return Ok(());
        }
    }
}
