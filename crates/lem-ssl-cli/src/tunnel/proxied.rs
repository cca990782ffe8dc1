//! The header of the PROXY protocol, from a proxy in front of us: versions 1 and 2, read as strictly as they are specified.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::proxy::SIGNATURE;

/// What has been received of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// It is not complete: so many bytes are needed at least.
    Partial(usize),
    /// It has so many bytes.
    Whole { length: usize, ends: Option<Ends> },
}

/// The ends of the connection that the proxy speaks for. There are none where it speaks for itself, as in health checks,
/// or does not know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    pub(super) local: SocketAddr,
}

/// A header of version 1 is one line; so long it may be, with its end (section 2.1).
const MAX_LINE: usize = 107;

/// What is behind the fixed part of a header of version 2 may have so many bytes: addresses take 216 at most, and proxies
/// that tell of certificates send a few kilobytes.
const MAX_REST: usize = 4096;

/// The fixed part of version 2.
const HEAD: usize = 16;

/// The type of the value that has a checksum of the header.
const CRC32C: u8 = 0x03;

/// Reads the beginning of a connection.
///
/// # Errors
/// Why it is no header.
pub(super) fn read(received: &[u8]) -> Result<Header, &'static str> {
    const LINE: &[u8] = b"PROXY ";
    let common = |wanted: &[u8]| received.iter().zip(wanted).all(|(one, other)| one == other);
    if common(&SIGNATURE) && !received.is_empty() {
        return version_2(received);
    }
    if common(LINE) {
        return version_1(received);
    }
    Err("it does not begin with a header of the PROXY protocol")
}

fn version_1(received: &[u8]) -> Result<Header, &'static str> {
    let window = &received[..received.len().min(MAX_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if window.len() < MAX_LINE {
            Ok(Header::Partial(received.len() + 1))
        } else {
            Err("its PROXY header has no end within 107 bytes")
        };
    };
    let length = end + 2;
    let line = std::str::from_utf8(&window[..end]).map_err(|_| "its PROXY header is no text")?;
    let words: Vec<&str> = line.split(' ').collect();
    let wrong = "its PROXY header is malformed";
    let ends = match words[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family, client, local, from, to] => {
            let (client, local): (IpAddr, IpAddr) = match family {
                "TCP4" => (
                    client.parse::<Ipv4Addr>().map_err(|_| wrong)?.into(),
                    local.parse::<Ipv4Addr>().map_err(|_| wrong)?.into(),
                ),
                "TCP6" => (
                    client.parse::<Ipv6Addr>().map_err(|_| wrong)?.into(),
                    local.parse::<Ipv6Addr>().map_err(|_| wrong)?.into(),
                ),
                _ => return Err("its PROXY header is for a family that is not known"),
            };
            let [from, to] = [from, to].map(|port| port_of(port).ok_or(wrong));
            Some(Ends { client: SocketAddr::new(client, from?), local: SocketAddr::new(local, to?) })
        }
        _ => return Err(wrong),
    };
    Ok(Header::Whole { length, ends })
}

/// Digits, without a sign and without zeros in front.
fn port_of(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_number.then(|| text.parse().ok()).flatten()
}

fn version_2(received: &[u8]) -> Result<Header, &'static str> {
    let Some(head) = received.first_chunk::<HEAD>() else { return Ok(Header::Partial(HEAD)) };
    let [.., command, family, high, low] = *head;
    if command & 0xf0 != 0x20 {
        return Err("its PROXY header is of a version that is not known");
    }
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > MAX_REST {
        return Err("its PROXY header is longer than 4096 bytes");
    }
    let length = HEAD + rest;
    let Some(whole) = received.get(..length) else { return Ok(Header::Partial(length)) };
    let body = &whole[HEAD..];
    let cut = "its PROXY header is too short for its addresses";
    let (ends, values) = match (command & 0x0f, family) {
        // The proxy speaks for itself; whatever else is there is not for us.
        (0, _) => return Ok(Header::Whole { length, ends: None }),
        (1, 0x11) => {
            let (addresses, values) = body.split_first_chunk::<12>().ok_or(cut)?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *addresses;
            let [client, local] = [[a, b, c, d], [e, f, g, h]].map(|bytes| IpAddr::from(Ipv4Addr::from(bytes)));
            (Some(ends(client, local, ports)), values)
        }
        (1, 0x21) => {
            let (addresses, values) = body.split_first_chunk::<36>().ok_or(cut)?;
            let (client, rest) = addresses.split_first_chunk::<16>().ok_or(cut)?;
            let (local, ports) = rest.split_first_chunk::<16>().ok_or(cut)?;
            let [client, local] = [*client, *local].map(|bytes| IpAddr::from(Ipv6Addr::from(bytes)));
            (Some(ends(client, local, *ports.first_chunk().ok_or(cut)?)), values)
        }
        // Unix-domain sockets have two paths of 108 bytes; a family that is not specified has nothing.
        (1, 0x31) => (None, body.get(216..).ok_or(cut)?),
        (1, 0x00) => (None, body),
        (1, _) => return Err("its PROXY header is for a family that is not known"),
        _ => return Err("its PROXY header has a command that is not known"),
    };
    // What has no addresses has no values that we would understand either.
    if family != 0x00 {
        check_values(whole, values)?;
    }
    Ok(Header::Whole { length, ends })
}

fn ends(client: IpAddr, local: IpAddr, [a, b, c, d]: [u8; 4]) -> Ends {
    let [from, to] = [[a, b], [c, d]].map(u16::from_be_bytes);
    Ends { client: SocketAddr::new(client, from), local: SocketAddr::new(local, to) }
}

/// Whether the values are whole, and the checksum is right if there is one (section 2.2.3).
fn check_values(whole: &[u8], mut values: &[u8]) -> Result<(), &'static str> {
    let cut = "its PROXY header has a value that is cut off";
    while !values.is_empty() {
        let (&[kind, high, low], rest) = values.split_first_chunk().ok_or(cut)?;
        let (value, after) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))).ok_or(cut)?;
        if kind == CRC32C {
            let said = u32::from_be_bytes(value.try_into().map_err(|_| "its PROXY header has a malformed checksum")?);
            let at = whole.len() - after.len() - value.len();
            let zeroed = [&whole[..at], &[0; 4], after].concat();
            if crc32c(&zeroed) != said {
                return Err("its PROXY header has a wrong checksum");
            }
        }
        values = after;
    }
    Ok(())
}

/// The checksum of RFC 9260 appendix A, bit by bit: a header has a few kilobytes at most.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(received: &[u8]) -> (usize, Option<(String, String)>) {
        match read(received) {
            Ok(Header::Whole { length, ends }) => {
                (length, ends.map(|ends| (ends.client.to_string(), ends.local.to_string())))
            }
            other => panic!("{other:?}"),
        }
    }

    fn two(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 0xbb];

    #[test]
    fn a_line_of_version_1_tells_the_ends() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET";
        let ends = ("192.0.2.1:56324".to_owned(), "198.51.100.7:443".to_owned());
        assert_eq!(whole(line), (line.len() - 3, Some(ends)));
        for length in 0..line.len() - 3 {
            assert!(matches!(read(&line[..length]), Ok(Header::Partial(_))), "{length}");
        }
        let six = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
        assert_eq!(whole(six).1.unwrap().0, "[2001:db8::1]:1");
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), (15, None));
        assert_eq!(whole(b"PROXY UNKNOWN whatever it says here\r\n"), (37, None));
    }

    #[test]
    fn a_line_that_is_not_as_specified_is_refused() {
        for line in [
            &b"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 9\r\n",
            b"PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n",
            b"PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
            b"PROXY TCP4 2001:db8::1 198.51.100.7 56324 443\r\n",
            b"PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.7 01 443\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
            b"PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n",
            b"PROXY \r\n",
            b"proxy TCP4 192.0.2.1 198.51.100.7 1 443\r\n",
            b"GET / HTTP/1.0\r\n",
            b"\x16\x03\x01",
        ] {
            assert!(read(line).is_err(), "{:?}", String::from_utf8_lossy(line));
        }
        assert!(read(&[b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat()).is_err());
    }

    #[test]
    fn a_header_of_version_2_tells_the_ends_and_may_speak_for_the_proxy_itself() {
        let header = two(0x21, 0x11, &V4);
        assert_eq!(whole(&header).1.unwrap().0, "192.0.2.1:56324");
        for length in 1..header.len() {
            assert!(matches!(read(&header[..length]), Ok(Header::Partial(more)) if more > length), "{length}");
        }
        assert_eq!(whole(&two(0x20, 0x00, &[])), (16, None));
        assert_eq!(whole(&two(0x20, 0xff, b"whatever")), (24, None));
        assert_eq!(whole(&two(0x21, 0x00, b"whatever")), (24, None));
        assert_eq!(whole(&two(0x21, 0x31, &[0; 216])), (232, None));
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 15], &[1], &[0, 80, 1, 0xbb]].concat();
        assert_eq!(whole(&two(0x21, 0x21, &six)).1.unwrap(), ("[2001:db8::1]:80".into(), "[::1]:443".into()));
    }

    #[test]
    fn a_header_of_version_2_that_is_not_as_specified_is_refused() {
        let value = |kind: u8, length: u8, value: &[u8]| [&V4[..], &[kind, 0, length], value].concat();
        for header in [
            two(0x11, 0x11, &V4),
            two(0x22, 0x11, &V4),
            two(0x21, 0x11, &V4[..11]),
            two(0x21, 0x21, &V4),
            two(0x21, 0x31, &[0; 215]),
            two(0x21, 0x12, &V4),
            two(0x21, 0x11, &value(4, 3, b"ab")),
            two(0x21, 0x11, &[&V4[..], &[4, 0]].concat()),
            two(0x21, 0x11, &value(3, 4, &[1, 2, 3, 4])),
            two(0x21, 0x11, &value(3, 3, &[1, 2, 3])),
            two(0x21, 0x11, &[0; 5000]),
        ] {
            assert!(read(&header).is_err(), "{header:?}");
        }
    }

    #[test]
    fn a_checksum_is_that_of_the_header_with_zeros_in_its_place() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let mut header = two(0x21, 0x11, &[&V4[..], &[3, 0, 4, 0, 0, 0, 0, 4, 0, 1, 9]].concat());
        let sum = crc32c(&header).to_be_bytes();
        header[16 + 12 + 3..][..4].copy_from_slice(&sum);
        assert!(read(&header).is_ok());
        header[20] ^= 1;
        assert_eq!(read(&header), Err("its PROXY header has a wrong checksum"));
    }

    #[test]
    fn nothing_that_is_cut_or_changed_panics() {
        let header = two(0x21, 0x11, &[&V4[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
        for at in 0..header.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = header.clone();
                changed[at] ^= change;
                let _ = read(&changed);
            }
        }
    }
}
