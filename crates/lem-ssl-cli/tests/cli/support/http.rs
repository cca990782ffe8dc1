//! An HTTP client that sends exactly what a test says.

use lem_ssl_rs::{Context, Error, ReadMode, Stream, timeout};
use lem_ssl_tests::watched_machine;

use super::WATCHDOG;
use super::world::World;

/// An answer, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
}

impl Client {
    /// Connects, and does something with it, on a machine of its own.
    #[track_caller]
    pub(crate) fn with<T>(world: &World, address: &str, work: impl AsyncFnOnce(&Self) -> T) -> T {
        let context = Context::builder().roots(world.roots()).build().unwrap();
        let worked = async {
            let stream = context.connect_as(address, "localhost").await.unwrap();
            work(&Self { stream }).await
        };
        watched_machine().run(async { timeout(WATCHDOG, worked).await }).unwrap().expect("it is done in time")
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(world: &World, address: &str, request: &str) -> Answer {
        Self::with(world, address, async |client| {
            client.send(request).await;
            client.answer(request.starts_with("HEAD ")).await.expect("there is an answer")
        })
    }

    /// A GET of this target, with these further header lines.
    #[track_caller]
    pub(crate) fn get(world: &World, address: &str, target: &str, headers: &str) -> Answer {
        Self::ask(world, address, &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }

    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) {
        self.stream.write(bytes.as_ref()).await.unwrap();
    }

    /// The next answer.
    pub(crate) async fn answer(&self, to_head: bool) -> Result<Answer, Error> {
        let first = self.stream.read_line_trimmed().await?;
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.stream.read_line_trimmed().await?;
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "");
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !to_head && answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.stream.read_line_trimmed().await?, 16).unwrap();
                answer.body.extend(self.stream.read(size).await?);
                assert_eq!(self.stream.read_line_trimmed().await?, "");
                if size == 0 {
                    break;
                }
            }
        }
        if !to_head && length > 0 {
            answer.body = self.stream.read(length).await?;
        }
        Ok(answer)
    }

    /// Reads exactly this.
    pub(crate) async fn expect(&self, bytes: &str) {
        assert_eq!(self.stream.read(bytes.len()).await.unwrap(), bytes.as_bytes());
    }

    /// Reads, and forgets, whatever comes; says how it ends.
    pub(crate) async fn drained(&self) -> Error {
        let mut data = Vec::new();
        loop {
            if let Err(error) = self.stream.read_into(ReadMode::Available, &mut data).await {
                return error;
            }
        }
    }

    /// What the server says next instead of an answer.
    pub(crate) async fn end(&self) -> Error {
        match self.stream.read(ReadMode::Available).await {
            Ok(more) => panic!("it goes on: {}", String::from_utf8_lossy(&more)),
            Err(error) => error,
        }
    }
}
