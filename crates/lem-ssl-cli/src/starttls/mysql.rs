//! MySQL's `SSLRequest`: the server greets and says that it has TLS, and the client goes over without waiting.
//!
//! The format: "Protocol::HandshakeV10" and "Protocol::SSLRequest" in the manual of MySQL's internals.

use super::{Dialogue, Refusal, Step, quoted};

#[derive(Debug, Default)]
pub(super) struct Mysql;

/// A greeting has about a hundred bytes.
const MAX_GREETING: usize = 4 * 1024;

/// Capabilities.
const CLIENT_SSL: u32 = 0x0800;
const CLIENT_PROTOCOL_41: u32 = 0x0200;
const CLIENT_SECURE_CONNECTION: u32 = 0x8000;
const CLIENT_PLUGIN_AUTH: u32 = 0x0008_0000;

/// The first byte of a greeting, and of an error.
const VERSION: u8 = 10;
const ERROR: u8 = 0xff;

impl Dialogue for Mysql {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        let Some(&[low, middle, high, _]) = received.first_chunk::<4>() else { return Ok(Step::More) };
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        if length > MAX_GREETING {
            return Err(Refusal::new("what it says is no greeting of MySQL"));
        }
        if received.len() < 4 + length {
            return Ok(Step::More);
        }
        let packet: Vec<u8> = received.drain(..4 + length).skip(4).collect();
        match packet.first() {
            Some(&VERSION) if offers_tls(&packet) == Some(true) => Ok(Step::GoAhead(request())),
            Some(&VERSION) => Err(Refusal::new("it does not offer TLS")),
            // A number of two bytes comes before the words.
            Some(&ERROR) => Err(Refusal::new(quoted(packet.get(3..).unwrap_or_default()))),
            _ => Err(Refusal::new("what it says is no greeting of MySQL")),
        }
    }
}

/// Whether a greeting says so; `None` if it is cut.
fn offers_tls(packet: &[u8]) -> Option<bool> {
    // The version of the protocol, and of the server as a text; the number of the thread, half of a nonce, a filler.
    let name = packet.get(1..)?.iter().position(|byte| *byte == 0)?;
    let at = 1 + name + 1 + 4 + 8 + 1;
    let capabilities = u16::from_le_bytes(*packet.get(at..)?.first_chunk()?);
    Some(u32::from(capabilities) & CLIENT_SSL != 0)
}

/// The second packet of the connection: what a login begins with, without the login.
fn request() -> Vec<u8> {
    const UTF8: u8 = 45;
    const MAX_PACKET: u32 = 1 << 24;
    let capabilities = CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
    let mut packet = vec![32, 0, 0, 1];
    packet.extend(capabilities.to_le_bytes());
    packet.extend(MAX_PACKET.to_le_bytes());
    packet.push(UTF8);
    packet.extend([0; 23]);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(capabilities: u16) -> Vec<u8> {
        let mut packet = vec![VERSION];
        packet.extend(b"8.0.36\0\x01\0\0\0abcdefgh\0");
        packet.extend(capabilities.to_le_bytes());
        packet.extend([0; 16]);
        let length = u8::try_from(packet.len()).unwrap();
        [&[length, 0, 0, 0], packet.as_slice()].concat()
    }

    #[test]
    fn a_server_that_has_tls_is_asked_for_it_without_waiting() {
        let whole = greeting(0xffff);
        for length in 0..whole.len() {
            assert_eq!(Mysql.handle(&mut whole[..length].to_vec()), Ok(Step::More));
        }
        let Ok(Step::GoAhead(said)) = Mysql.handle(&mut whole.clone()) else { panic!("it has TLS") };
        assert_eq!((said.len(), &said[..6]), (36, &[32, 0, 0, 1, 0x00, 0x8a][..]));
        assert_eq!(Mysql.handle(&mut greeting(!0x0800)), Err(Refusal::new("it does not offer TLS")));
    }

    #[test]
    fn an_error_is_quoted_and_what_is_no_greeting_is_refused() {
        let mut error = [&[11, 0, 0, 0, ERROR, 0x69, 0x04][..], b"Too many"].concat();
        assert_eq!(Mysql.handle(&mut error).unwrap_err().why, "it says \"Too many\"");
        assert!(Mysql.handle(&mut b"SSH-2.0-OpenSSH".to_vec()).is_err());
        assert!(Mysql.handle(&mut vec![3, 0, 0, 0, VERSION, b'8', 0]).is_err());
    }
}
