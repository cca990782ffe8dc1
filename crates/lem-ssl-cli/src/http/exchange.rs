//! One request and its answer, on a connection of its own.

use std::time::Duration;

use lem_ssl_rs::{Context, Error, ReadMode, Stream, timeout};

use super::body::{Body, Fed};
use super::response::{Parsed, Response, parse};
use super::url::Url;
use crate::exit::{Exit, Failure};
use crate::words::{self, Side};

/// An answer whose head has arrived.
pub(crate) struct Exchange {
    stream: Stream,
    pub(crate) response: Response,
    body: Body,
    /// What has arrived behind the head.
    early: Vec<u8>,
    idle_timeout: Duration,
}

/// What comes next of a body.
pub(crate) enum Piece {
    Data(Vec<u8>),
    End,
}

/// Why a body did not come whole.
pub(crate) enum Broken {
    /// The answer contradicts itself: nothing that it has brought can be believed.
    Contradiction(Failure),
    /// It goes no further. What it has brought is as good as that of any other.
    Cut(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Cut(failure)
    }
}

/// How long a server may take for its goodbye when we have everything.
const FAREWELL: Duration = Duration::from_millis(500);

/// The most heads before the one that counts.
const MAX_INTERIM: usize = 16;

impl Exchange {
    /// Connects, sends `request`, which is about `url`, and waits for the head of the answer. `server_name` is the name to
    /// verify, if it is not the URL's.
    pub(crate) async fn begin(
        context: &Context,
        url: &Url,
        server_name: Option<&str>,
        request: &str,
        idle_timeout: Duration,
    ) -> Result<Self, Failure> {
        let address = url.address().map_err(Error::from)?;
        let stream = match server_name {
            Some(name) => context.connect_as(&address, name).await?,
            None => context.connect(&address).await?,
        };
        Self::over(stream, request, idle_timeout).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn over(stream: Stream, request: &str, idle_timeout: Duration) -> Result<Self, Failure> {
        let asked = timeout(idle_timeout, stream.write(request)).await;
        asked.map_err(|_| silent(idle_timeout)).and_then(|written| written.map_err(Failure::from))?;
        let mut received = Vec::new();
        let mut interim = 0;
        loop {
            match parse(&received).map_err(odd)? {
                Parsed::Whole(response, used) if response.is_interim() => {
                    interim += 1;
                    if interim > MAX_INTERIM || response.status == 101 {
                        return Err(odd("the answer does not come to the point".to_owned()));
                    }
                    received.drain(..used);
                }
                Parsed::Whole(response, used) => {
                    let early = received.split_off(used);
                    let body = Body::new(response.framing);
                    return Ok(Self { stream, response, body, early, idle_timeout });
                }
                Parsed::Partial => match read(&stream, Vec::new(), idle_timeout).await {
                    Ok(data) => received.extend(data),
                    Err(ReadError::Failed(Error::Closed)) if received.is_empty() => {
                        return Err(Failure::new(Exit::Lost, "the server ended the connection without an answer"));
                    }
                    Err(error) => return Err(error.told()),
                },
            }
        }
    }

    /// The next piece of the body, in `memory`.
    pub(crate) async fn next(&mut self, memory: Vec<u8>) -> Result<Piece, Broken> {
        if self.body.is_empty() {
            return Ok(Piece::End);
        }
        let mut memory = memory;
        loop {
            let mut data = if self.early.is_empty() {
                match read(&self.stream, memory, self.idle_timeout).await {
                    Ok(data) => data,
                    Err(ReadError::Failed(Error::Closed)) if self.body.ends_with_session() => return Ok(Piece::End),
                    Err(error) => return Err(error.told().into()),
                }
            } else {
                std::mem::take(&mut self.early)
            };
            let fed = self.body.feed(&mut data).map_err(|why| Broken::Contradiction(odd(why)))?;
            if fed == Fed::Done {
                // Nothing follows, whatever comes.
                self.body = Body::Length(0);
            }
            if !data.is_empty() {
                return Ok(Piece::Data(data));
            }
            if fed == Fed::Done {
                return Ok(Piece::End);
            }
            memory = data;
        }
    }

    /// Everything is there.
    pub(crate) async fn part(self) {
        // Whether the server has heard that is all the same now.
        let _ = timeout(FAREWELL, self.stream.shutdown()).await;
    }
}

impl Drop for Exchange {
    /// The rest is not wanted, and we do not wait for anybody to hear that.
    fn drop(&mut self) {
        self.stream.abort();
    }
}

enum ReadError {
    Failed(Error),
    Silent(Duration),
}

impl ReadError {
    fn told(self) -> Failure {
        match self {
            Self::Silent(limit) => silent(limit),
            Self::Failed(Error::Closed | Error::Truncated(_)) => {
                Failure::new(Exit::Lost, "the connection ended in the middle of the answer")
            }
            Self::Failed(error) => match Exit::of(&error) {
                // A server of TLS 1.3 refuses who we are only now.
                Exit::Handshake => Failure::from(error),
                _ => Failure::new(Exit::Lost, words::explain(&error, Side::Client)),
            },
        }
    }
}

async fn read(stream: &Stream, mut memory: Vec<u8>, limit: Duration) -> Result<Vec<u8>, ReadError> {
    match timeout(limit, stream.read_into(ReadMode::Available, &mut memory)).await {
        Ok(Ok(_)) => Ok(memory),
        Ok(Err(error)) => Err(ReadError::Failed(error)),
        Err(_) => Err(ReadError::Silent(limit)),
    }
}

fn silent(limit: Duration) -> Failure {
    Failure::new(Exit::Lost, format!("nothing has come for {} s", limit.as_secs_f64()))
}

/// An answer that is none.
fn odd(why: String) -> Failure {
    Failure::new(Exit::Http, why)
}
