//! What a server has to know of a client's hello before rustls has seen it.

/// How long the handshake message is that begins so; `None` if its length is not there yet.
pub(super) fn message_length(message: &[u8]) -> Option<usize> {
    let &[_, high, middle, low] = message.first_chunk()?;
    Some(MESSAGE_HEADER + u32::from_be_bytes([0, high, middle, low]) as usize)
}

/// Whether a whole message is a hello that offers early data (RFC 8446 section 4.2.10).
pub(super) fn offers_early_data(message: &[u8]) -> bool {
    has_extension(message, EARLY_DATA) == Some(true)
}

/// Whether a hello has this extension; `None` if it cannot be read.
fn has_extension(message: &[u8], wanted: u16) -> Option<bool> {
    let (&[CLIENT_HELLO, ..], rest) = message.split_first_chunk::<MESSAGE_HEADER>()? else { return None };
    // The version and the random number.
    let (_, rest) = rest.split_at_checked(2 + 32)?;
    let (_session, rest) = split_short(rest)?;
    let (_suites, rest) = split_long(rest)?;
    let (_compressions, rest) = split_short(rest)?;
    let (mut extensions, _) = split_long(rest)?;
    while let Some((&number, rest)) = extensions.split_first_chunk() {
        if u16::from_be_bytes(number) == wanted {
            return Some(true);
        }
        (_, extensions) = split_long(rest)?;
    }
    Some(false)
}

/// What a length of one byte stands before, and the rest.
fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

/// What a length of two bytes stands before, and the rest.
fn split_long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(length).into())
}

/// The type and the length of a handshake message.
const MESSAGE_HEADER: usize = 4;

/// The type of the message.
const CLIENT_HELLO: u8 = 1;

/// The extension `early_data`.
const EARLY_DATA: u16 = 42;

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([2, 9, 9, 0, 2, 0x13, 1, 1, 0]);
        hello.extend((extensions.len() as u16).to_be_bytes());
        hello.extend(extensions);
        [&[CLIENT_HELLO, 0, 0, hello.len() as u8], &hello[..]].concat()
    }

    #[test]
    fn an_offer_of_early_data_is_told_from_everything_else() {
        let with = hello(&[0, 43, 0, 3, 2, 3, 4, 0, 42, 0, 0]);
        assert!(offers_early_data(&with));
        assert_eq!(message_length(&with), Some(with.len()));
        for end in 0..with.len() {
            assert!(!offers_early_data(&with[..end]), "{end}");
            assert_eq!(message_length(&with[..end]).is_some(), end >= MESSAGE_HEADER);
        }
        assert!(!offers_early_data(&[&[2], &with[1..]].concat()), "a server's");
        assert!(!offers_early_data(&hello(&[0, 43, 0, 3, 2, 3, 4, 0, 41, 0, 2, 0, 42])));
        assert!(!offers_early_data(&hello(&[])));
    }
}
