//! HTTP/1.1 on a TLS stream: requests one after the other, answered in order, on as few connections as the client likes.

use std::path::{Path, PathBuf};

use lem_ssl_rs::{Deadline, Error, Info, Phase, ReadMode, Stream, timeout};

use super::{Service, write};
use crate::confinement::Confinement;
use crate::exit::Failure;

mod accept;
mod answer;
mod conditions;
mod files;
mod listing;
mod packed;
mod page;
mod part;
mod path;
mod range;
mod request;
mod status;

use answer::{Answer, Body};
use conditions::{Condition, Current};
pub(super) use files::Style;
use request::{Parsed, Request};
use status::Status;

/// What is there to be seen.
#[derive(Debug)]
pub(super) enum Site {
    /// A page that describes the session.
    Page,
    /// The files of a folder.
    Files(files::Folder),
}

impl Site {
    /// The files in the folder at `path`.
    pub(super) fn folder(path: &Path, style: Style) -> Result<Self, Failure> {
        files::folder(path, style).map(Self::Files)
    }

    /// The same, where it is seen once the root folder is another one.
    pub(super) fn moved(self, confinement: &Confinement) -> Result<Self, Failure> {
        match self {
            Self::Page => Ok(Self::Page),
            Self::Files(folder) => folder.moved(confinement).map(Self::Files),
        }
    }

    /// The folder that is served, if one is.
    pub(super) fn root(&self) -> Option<&PathBuf> {
        match self {
            Self::Page => None,
            Self::Files(folder) => Some(folder.root()),
        }
    }
}

/// One connection.
struct Connection<'a> {
    service: &'a Service,
    stream: &'a Stream,
    info: &'a Info,
    peer: &'a str,
    /// What has arrived and was not understood yet.
    received: Vec<u8>,
}

/// What a client does next.
enum Next {
    Asks(Request),
    /// Something that cannot be answered but with this; nothing after it can be understood.
    Errs(Status),
    /// It ends the connection, or has not said anything for too long.
    Leaves,
}

pub(super) async fn converse(service: &Service, site: &Site, stream: Stream, peer: &str) {
    let Some(info) = stream.info() else { return };
    let mut connection = Connection { service, stream: &stream, info: &info, peer, received: Vec::new() };
    match connection.serve(site).await {
        // A client that does not take the end any more has got all the rest.
        Ok(()) => drop(stream.shutdown().await),
        Err(error) => {
            service.log.line(format!("{peer}: {error}"));
            // Half an answer must not look like a whole one.
            stream.abort();
        }
    }
}

impl Connection<'_> {
    /// Answers until one of the two has had enough.
    async fn serve(&mut self, site: &Site) -> Result<(), Error> {
        loop {
            let (request, mut answer) = match self.next().await? {
                Next::Leaves => return Ok(()),
                Next::Asks(request) => {
                    let answer = self.answer(site, &request).await;
                    (Some(request), answer)
                }
                Next::Errs(status) => (None, Answer::error(status)),
            };
            let keep = request.as_ref().is_some_and(Request::keeps_alive) && !self.service.idle.is_draining();
            let sent = self.send(request.as_ref(), &mut answer, keep).await;
            self.tell(request.as_ref(), &answer, sent.as_ref().copied().unwrap_or_default());
            sent?;
            if !keep {
                return Ok(());
            }
        }
    }

    async fn answer(&self, site: &Site, request: &Request) -> Answer {
        if !request.is_get() && !request.is_head() {
            return Answer::error(Status::MethodNotAllowed).with("Allow", "GET, HEAD");
        }
        match site {
            Site::Page => match Condition::of(request, Current { tag: None, modified: None }) {
                Condition::Holds => page::about(self.info, self.peer, request),
                Condition::Unchanged => Answer::new(Status::NotModified, Body::None),
                Condition::Failed => Answer::error(Status::PreconditionFailed),
            },
            Site::Files(folder) => folder.answer(request).await,
        }
    }

    /// Waits for the next request.
    async fn next(&mut self) -> Result<Next, Error> {
        let mut deadline = None;
        loop {
            match request::parse(&self.received) {
                Parsed::Whole(request, used) => {
                    self.received.drain(..used);
                    return Ok(Next::Asks(request));
                }
                Parsed::Wrong(status) => return Ok(Next::Errs(status)),
                Parsed::Partial => {}
            }
            let read = self.stream.read(ReadMode::Available);
            let more = if self.received.is_empty() {
                let Some(_waiting) = self.service.idle.wait(self.stream) else { return Ok(Next::Leaves) };
                match timeout(self.service.idle_timeout, read).await {
                    Ok(more) => more,
                    Err(_) => return Ok(Next::Leaves),
                }
            } else {
                let deadline = deadline.get_or_insert_with(|| Deadline::after(self.service.head_timeout));
                deadline.limit(Phase::Operation, self.peer, read).await
            };
            match more {
                Ok(more) => self.received.extend(more),
                Err(Error::Timeout(_)) => return Ok(Next::Errs(Status::RequestTimeout)),
                // Between requests a client may leave in any way it likes.
                Err(Error::Closed | Error::Interrupted | Error::Truncated(_)) if self.received.is_empty() => {
                    return Ok(Next::Leaves);
                }
                Err(Error::Closed) => return Ok(Next::Errs(Status::BadRequest)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends an answer; says how many bytes its body had.
    async fn send(&self, request: Option<&Request>, answer: &mut Answer, keep: bool) -> Result<u64, Error> {
        let head = answer.head(keep, request.is_none_or(Request::is_http_1_1));
        let bodyless = request.is_some_and(Request::is_head);
        let mut first = head.into_bytes();
        if bodyless {
            self.write(&first).await?;
            return Ok(0);
        }
        let mut body = answer.take_body();
        let mut sent = 0;
        // A short body goes out with the head, in one record.
        while let Some(chunk) = body.next_chunk().await? {
            sent += chunk.len() as u64;
            if first.is_empty() {
                self.write(&chunk).await?;
            } else {
                first.extend(chunk);
                self.write(&std::mem::take(&mut first)).await?;
            }
        }
        if !first.is_empty() {
            self.write(&first).await?;
        }
        Ok(sent)
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error> {
        write(self.stream, data, self.service.idle_timeout).await
    }

    /// A line for the log.
    fn tell(&self, request: Option<&Request>, answer: &Answer, sent: u64) {
        let asked = request.map_or_else(|| "-".to_owned(), ToString::to_string);
        self.service.log.line(format!("{}: \"{asked}\" {} {sent}", self.peer, answer.status.code()));
    }
}
