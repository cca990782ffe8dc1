//! What is read from: bytes in each way of reading, and lines.

use std::rc::Rc;

use lem_rs::transport::Transport;
use lem_rs::{Error, Lines, ReadHalf, ReadMode, Stream};

use crate::model::program::How;
use crate::model::verb::Answer;

/// Who reads: a stream, or its reading half.
pub(super) enum Reader<T: Transport> {
    Whole(Rc<Stream<T>>),
    Half(Rc<ReadHalf<T>>),
}

impl<T: Transport> Reader<T> {
    pub(super) async fn read(self, mode: ReadMode, how: How) -> Result<Answer, Error> {
        let bytes = match how {
            How::Owned => match &self {
                Self::Whole(stream) => stream.read(mode).await?,
                Self::Half(reader) => reader.read(mode).await?,
            },
            How::Into => {
                let mut target = b"what it holds is replaced".to_vec();
                let count = match &self {
                    Self::Whole(stream) => stream.read_into(mode, &mut target).await?,
                    Self::Half(reader) => reader.read_into(mode, &mut target).await?,
                };
                if count != target.len() {
                    return Err(Error::Misuse(format!("read_into gave {count} and {} bytes", target.len())));
                }
                target
            }
            How::Trimmed => untrimmed(&match &self {
                Self::Whole(stream) => stream.read_line_trimmed().await?,
                Self::Half(reader) => reader.read_line_trimmed().await?,
            }),
        };
        Ok(Answer::Bytes(bytes))
    }

    pub(super) async fn read_until(self, delimiter: &[u8]) -> Result<Answer, Error> {
        Ok(Answer::Bytes(match &self {
            Self::Whole(stream) => stream.read_until(delimiter).await?,
            Self::Half(reader) => reader.read_until(delimiter).await?,
        }))
    }

    pub(super) async fn peek(self, at_least: usize) -> Result<Answer, Error> {
        Ok(Answer::Bytes(match &self {
            Self::Whole(stream) => stream.peek(at_least).await?,
            Self::Half(reader) => reader.peek(at_least).await?,
        }))
    }

    pub(super) fn lines(&self) -> Lines<'_, T> {
        match self {
            Self::Whole(stream) => stream.lines(),
            Self::Half(reader) => reader.lines(),
        }
    }
}

/// The next of these lines.
pub(super) async fn next_line<T: Transport>(lines: &mut Lines<'_, T>, how: How) -> Result<Answer, Error> {
    let line = match how {
        How::Trimmed => lines.next_trimmed().await?.map(untrimmed),
        How::Owned | How::Into => lines.next().await?.map(<[u8]>::to_vec),
    };
    Ok(line.map_or(Answer::Done, Answer::Bytes))
}

/// No line of ours ends in a carriage return.
fn untrimmed(line: &str) -> Vec<u8> {
    [line.as_bytes(), b"\n"].concat()
}
