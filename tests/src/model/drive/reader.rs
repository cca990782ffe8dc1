//! Taking lines, and how they are read.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Error, Lines, ReadHalf, ReadMode, Stream, Transport, sleep};

use super::end::End;
use crate::model::program::{Guard, How};
use crate::model::verb::{Answer, Verb};

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

    fn lines(&self) -> Lines<'_, T> {
        match self {
            Self::Whole(stream) => stream.lines(),
            Self::Half(reader) => reader.lines(),
        }
    }
}

/// The next of these lines.
async fn next<T: Transport>(lines: &mut Lines<'_, T>, how: How) -> Result<Answer, Error> {
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

impl<T: Transport> End<T> {
    /// Takes so many lines; gives back what was fetched with them.
    pub(super) async fn lines(self: &Rc<Self>, reader: Reader<T>, steps: (u8, How, Duration), guard: Guard) {
        let (count, how, pause) = steps;
        let holder = self.stage.number();
        let mut lines = reader.lines();
        for _ in 0..count {
            self.guarded(Verb::NextLine(holder), guard, next(&mut lines, how)).await;
            self.look();
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
        drop(lines);
        self.stage.ask(|model| model.give_back(self.side, holder));
    }
}
