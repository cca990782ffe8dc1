//! A file that is packed while it is sent, in chunks.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lem_ssl_rs::{Error, unblock};

use super::part::Part;

/// A file that is sent as gzip (RFC 1952). How long that becomes is not known before: it is sent in chunks (RFC 9112
/// section 7.1).
#[derive(Debug)]
pub(super) struct Packed {
    part: Part,
    state: State,
}

#[derive(Debug)]
enum State {
    Packing(GzEncoder<Vec<u8>>),
    /// The last chunk is still to come.
    Packed,
    Ended,
}

impl Packed {
    pub(super) fn new(part: Part) -> Self {
        Self { part, state: State::Packing(GzEncoder::new(Vec::new(), Compression::default())) }
    }

    /// The next chunk, with its size; `None` at the end.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(None),
                State::Packed => return Ok(Some(b"0\r\n\r\n".to_vec())),
                State::Packing(mut encoder) => {
                    let content = self.part.next_chunk().await?;
                    // To pack takes longer than a turn of the loop may.
                    let pack = move || match content {
                        Some(content) => encoder.write_all(&content).map(|()| {
                            let packed = std::mem::take(encoder.get_mut());
                            (State::Packing(encoder), packed)
                        }),
                        None => encoder.finish().map(|packed| (State::Packed, packed)),
                    };
                    let packed = unblock(pack).await?.map_err(|error| Error::io("pack the file", error))?;
                    self.state = packed.0;
                    // An empty chunk would be the last one.
                    if !packed.1.is_empty() {
                        return Ok(Some(framed(&packed.1)));
                    }
                }
            }
        }
    }
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", content.len()).into_bytes();
    chunk.reserve(content.len() + 2);
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
