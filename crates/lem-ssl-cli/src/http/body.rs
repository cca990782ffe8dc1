//! The body of an answer, out of what is received: bytes in, content out.

use super::response::Framing;

/// How far a body has come.
#[derive(Debug)]
pub(crate) enum Body {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunks),
    /// It ends with the session.
    UntilEnd,
}

/// What was made of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// More is to come.
    More,
    /// That was the end of the body.
    Done,
}

/// A body in chunks (RFC 9112 section 7.1).
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: ChunkState,
    /// The beginning of a line that has not arrived whole.
    line: Vec<u8>,
    /// How much of trailers was read.
    trailers: usize,
}

#[derive(Debug, Default, Clone, Copy)]
enum ChunkState {
    #[default]
    Size,
    Data(u64),
    /// The line end behind a chunk.
    DataEnd,
    Trailers,
}

/// The longest line with a size: its digits, and extensions that nobody uses.
const MAX_LINE: usize = 4 * 1024;

/// The most of trailers, which are not looked at.
const MAX_TRAILERS: usize = 16 * 1024;

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::UntilEnd => Self::UntilEnd,
        }
    }

    /// Whether nothing can follow.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Length(0))
    }

    /// Whether the end of the session is the end of the body.
    pub(crate) fn ends_with_session(&self) -> bool {
        matches!(self, Self::UntilEnd)
    }

    /// Leaves in `data` what of it is content. What comes after the end is dropped.
    pub(crate) fn feed(&mut self, data: &mut Vec<u8>) -> Result<Fed, String> {
        match self {
            Self::UntilEnd => Ok(Fed::More),
            Self::Length(left) => {
                let there = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                data.truncate(there);
                *left -= there as u64;
                Ok(if *left == 0 { Fed::Done } else { Fed::More })
            }
            Self::Chunked(chunks) => chunks.feed(data),
        }
    }
}

impl Chunks {
    fn feed(&mut self, data: &mut Vec<u8>) -> Result<Fed, String> {
        // What is content moves to the front.
        let (mut from, mut to) = (0, 0);
        let mut fed = Fed::More;
        while from < data.len() {
            if let ChunkState::Data(left) = self.state {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(data.len() - from);
                data.copy_within(from..from + count, to);
                from += count;
                to += count;
                let left = left - count as u64;
                self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data(left) };
                continue;
            }
            let rest = &data[from..];
            let end = rest.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            let count = end.unwrap_or(rest.len());
            if self.line.len() + count > MAX_LINE {
                return Err("a line between two chunks is too long".to_owned());
            }
            self.line.extend_from_slice(&rest[..count]);
            from += count;
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                fed = self.line(&line)?;
                if fed == Fed::Done {
                    break;
                }
            }
        }
        data.truncate(to);
        Ok(fed)
    }

    /// A whole line that is no content.
    fn line(&mut self, line: &[u8]) -> Result<Fed, String> {
        let wrong = || "the chunks of the answer are not well formed".to_owned();
        match self.state {
            ChunkState::Size => {
                // The library takes a line without digits for a zero, and a zero would be the end.
                if !line.first().is_some_and(u8::is_ascii_hexdigit) {
                    return Err(wrong());
                }
                self.state = match httparse::parse_chunk_size(line) {
                    Ok(httparse::Status::Complete((_, 0))) => ChunkState::Trailers,
                    Ok(httparse::Status::Complete((_, size))) => ChunkState::Data(size),
                    _ => return Err(wrong()),
                };
            }
            ChunkState::DataEnd if line == b"\r\n" => self.state = ChunkState::Size,
            ChunkState::Trailers if line == b"\r\n" => return Ok(Fed::Done),
            ChunkState::Trailers => {
                self.trailers += line.len();
                if self.trailers > MAX_TRAILERS {
                    return Err("the trailers of the answer are too long".to_owned());
                }
            }
            ChunkState::DataEnd | ChunkState::Data(_) => return Err(wrong()),
        }
        Ok(Fed::More)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in pieces of this size.
    fn fed(text: &[u8], piece: usize) -> Result<(Vec<u8>, Fed), String> {
        let mut body = Body::new(Framing::Chunked);
        let mut content = Vec::new();
        for part in text.chunks(piece) {
            let mut data = part.to_vec();
            let fed = body.feed(&mut data)?;
            content.extend(data);
            if fed == Fed::Done {
                return Ok((content, Fed::Done));
            }
        }
        Ok((content, Fed::More))
    }

    #[test]
    fn chunks_are_put_together_however_they_arrive() {
        let text = b"5;x=y\r\nhello\r\nA\r\n, 0\r\nworld\r\n0\r\nX: trailer\r\n\r\nwhat follows";
        for piece in 1..=text.len() {
            assert_eq!(fed(text, piece), Ok((b"hello, 0\r\nworld".to_vec(), Fed::Done)), "{piece}");
        }
    }

    #[test]
    fn chunks_that_stop_are_not_done() {
        let text = b"5\r\nhello\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(fed(&text[..end], 1).unwrap().1, Fed::More, "{end}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"5\nhello",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n",
            b"10000000000000000\r\n",
            b";x\r\n",
            b" 5\r\n",
        ] {
            assert!(fed(text, 3).is_err(), "{text:?}");
        }
        assert!(fed(&b"5;".repeat(MAX_LINE), 100).is_err());
        let trailers = [b"0\r\n".to_vec(), b"X: y\r\n".repeat(MAX_TRAILERS / 6 + 1)].concat();
        assert!(fed(&trailers, 100).is_err());
    }

    #[test]
    fn a_length_is_kept_to_and_what_follows_dropped() {
        let mut body = Body::new(Framing::Length(5));
        let mut data = b"hel".to_vec();
        assert_eq!(body.feed(&mut data), Ok(Fed::More));
        let mut data = b"lo, more".to_vec();
        assert_eq!(body.feed(&mut data), Ok(Fed::Done));
        assert_eq!(data, b"lo");
    }
}
