//! Standard input to the peer, the peer to standard output, until the peer has ended its side.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::stdio::{Stdin, Stdout};
use lem_ssl_rs::{Error, Inbox, ReadHalf, ReadMode, Stream, WriteHalf, spawn, timeout};

use crate::exit::{Exit, Failure};
use crate::say::{self, DIM};
use crate::signals::{self, Signal, Signals};
use crate::stdio;
use crate::text::count;
use crate::words::{self, Side};

/// How to relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Lines that we send end in CR LF.
    pub(super) crlf: bool,
    /// Our side stays open after the end of the input.
    pub(super) keep_open: bool,
    pub(super) quiet: bool,
}

/// What ends something.
enum Event {
    /// The peer's side is over.
    Received(Result<End, RelayError>),
    /// Ours is.
    Sent(Result<(), RelayError>),
    Signal(Signal),
}

enum End {
    /// The peer has said that its data is complete.
    Clean,
    /// Nobody reads our standard output any more.
    NobodyReads,
}

/// Whose fault it is.
enum RelayError {
    /// Standard input's or output's.
    Own(Error),
    Peer(Error),
}

/// A write that failed is mostly explained by what the peer has said; we wait for that so long.
const EXPLANATION: Duration = Duration::from_secs(2);

pub(super) async fn relay(stream: Stream, signals: Signals, style: Style) -> Result<(), Failure> {
    let (input, output) = (Stdin::open()?, Stdout::open()?);
    let interactive = input.is_terminal();
    let end = stream.handle();
    let (reader, writer) = stream.split();
    let writer = Rc::new(writer);
    let events = Rc::new(Inbox::new());

    // What is put into a closed inbox comes too late, which is all right.
    let (inbox, sending) = (events.clone(), writer.clone());
    spawn(async move {
        let sent = send(&input, &sending, style).await;
        let _ = inbox.put(Event::Sent(sent));
    })
    .detach();
    let inbox = events.clone();
    spawn(async move {
        let received = receive(&reader, &output).await;
        let _ = inbox.put(Event::Received(received));
    })
    .detach();
    let inbox = events.clone();
    spawn(async move {
        while let Ok(signal) = signals.next().await {
            let _ = inbox.put(Event::Signal(signal));
        }
    })
    .detach();

    let mut input_is_open = true;
    let mut failed_write = None;
    let ended = loop {
        let event = match &failed_write {
            None => events.take().await?,
            Some(_) => match timeout(EXPLANATION, events.take()).await {
                Ok(event) => event?,
                Err(_) => break Err(lost(failed_write.unwrap_or(Error::Closed))),
            },
        };
        match event {
            Event::Received(Ok(End::Clean)) => break Ok(()),
            Event::Received(Ok(End::NobodyReads)) => {
                input_is_open = false;
                break Ok(());
            }
            Event::Received(Err(RelayError::Peer(error))) => break Err(lost(error)),
            Event::Received(Err(RelayError::Own(error))) | Event::Sent(Err(RelayError::Own(error))) => {
                break Err(error.into());
            }
            Event::Sent(Ok(())) => input_is_open = false,
            Event::Sent(Err(RelayError::Peer(error))) => failed_write = Some(error),
            Event::Signal(signal) => break Err(Failure::silent(signals::exit_of(signal))),
        }
    };
    // What was written, and our goodbye, go out in the background.
    let _ = end.close();
    if ended.is_ok() && !style.quiet {
        let sent = count(writer.bytes_written(), "byte");
        let unread = if input_is_open && !interactive { ", before our input was at its end" } else { "" };
        say::line(say::styled(DIM, format_args!("the peer ended the session{unread}; {sent} sent")));
    }
    ended
}

/// The connection failed under us, whatever the operating system calls it.
fn lost(error: Error) -> Failure {
    let exit = match Exit::of(&error) {
        Exit::Failed => Exit::Lost,
        exit => exit,
    };
    match error {
        // By itself the word would not say what.
        Error::Closed => Failure::new(exit, "the connection is closed: the peer takes nothing any more"),
        error => Failure::new(exit, words::explain(&error, Side::Client)),
    }
}

async fn receive(reader: &ReadHalf, output: &Stdout) -> Result<End, RelayError> {
    let mut data = Vec::new();
    // A peer that sends nothing needs no place for it.
    let mut is_first = true;
    loop {
        match reader.read_into(ReadMode::Available, &mut data).await {
            Ok(_) => {}
            Err(Error::Closed) => return Ok(End::Clean),
            Err(error) => return Err(RelayError::Peer(error)),
        }
        if std::mem::take(&mut is_first) {
            stdio::ensure_open().map_err(RelayError::Own)?;
        }
        match output.write_owned(data).await {
            Ok(memory) => data = memory,
            // A reader such as `head` has seen enough, which is no error.
            Err(Error::Closed) => return Ok(End::NobodyReads),
            Err(error) => return Err(RelayError::Own(error)),
        }
    }
}

async fn send(input: &Stdin, writer: &WriteHalf, style: Style) -> Result<(), RelayError> {
    let mut lines = Lines::default();
    loop {
        let chunk = match input.read(ReadMode::Available).await {
            Ok(chunk) => chunk,
            Err(Error::Closed) => break,
            Err(error) => return Err(RelayError::Own(error)),
        };
        let sent = if style.crlf { writer.write(&lines.with_crlf(&chunk)).await } else { writer.write(&chunk).await };
        sent.map_err(RelayError::Peer)?;
    }
    if style.keep_open {
        return Ok(());
    }
    writer.shutdown().await.map_err(RelayError::Peer)
}

/// Makes lines end in CR LF, over the borders of chunks.
#[derive(Debug, Default)]
struct Lines {
    after_cr: bool,
}

impl Lines {
    fn with_crlf(&mut self, text: &[u8]) -> Vec<u8> {
        let mut sent = Vec::with_capacity(text.len() + text.len() / 16 + 2);
        for &byte in text {
            if byte == b'\n' && !self.after_cr {
                sent.push(b'\r');
            }
            sent.push(byte);
            self.after_cr = byte == b'\r';
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_get_their_carriage_return_once() {
        let mut lines = Lines::default();
        assert_eq!(lines.with_crlf(b"a\nb\r\nc\r"), b"a\r\nb\r\nc\r");
        assert_eq!(lines.with_crlf(b"\n\n"), b"\n\r\n");
    }
}
