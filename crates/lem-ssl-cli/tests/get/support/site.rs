//! A server that gives prepared answers, one for each connection.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lem_ssl_rs::{ClientAuth, Context, Identity, ReadMode, Server, ServerOptions, Stream, sleep, timeout};
use lem_ssl_tests::watched_machine;

use super::WATCHDOG;
use super::world::World;

/// What the server does with one connection, when it has been asked.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
    end: End,
    /// So many of the last bytes come so much later.
    late: Option<(usize, Duration)>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// With a goodbye.
    Clean,
    /// Without.
    Cut,
    /// It says nothing more, and waits until the client has had enough.
    Silence,
}

impl Reply {
    /// A status line with its headers, and a body.
    pub(crate) fn new(head: &str, body: &[u8]) -> Self {
        let head = head.trim().lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
        Self { bytes: [format!("HTTP/1.1 {head}\r\n").as_bytes(), body].concat(), end: End::Clean, late: None }
    }

    /// These bytes, head and all.
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), end: End::Clean, late: None }
    }

    /// A whole file.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::new(&format!("200 OK\nContent-Length: {}", body.len()), body)
    }

    /// A whole file with a tag.
    pub(crate) fn tagged(tag: &str, body: &[u8]) -> Self {
        Self::new(&format!("200 OK\nETag: \"{tag}\"\nContent-Length: {}", body.len()), body)
    }

    /// The rest of a file with a tag.
    pub(crate) fn rest(tag: &str, from: usize, body: &[u8]) -> Self {
        let (rest, total) = (&body[from..], body.len());
        let range = format!("bytes {from}-{}/{total}", total - 1);
        let length = rest.len();
        Self::new(
            &format!("206 Partial Content\nETag: \"{tag}\"\nContent-Range: {range}\nContent-Length: {length}"),
            rest,
        )
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self::new(&format!("302 Found\nLocation: {location}\nContent-Length: 0"), b"")
    }

    /// The same without its last bytes, cut off.
    #[must_use]
    pub(crate) fn cut(mut self, missing: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - missing);
        Self { end: End::Cut, ..self }
    }

    /// The same without its last bytes, for which the client waits.
    #[must_use]
    pub(crate) fn stalled(mut self, missing: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - missing);
        Self { end: End::Silence, ..self }
    }
}

impl Reply {
    /// The same, whose last bytes come later.
    #[must_use]
    pub(crate) fn slowed(self, count: usize, pause: Duration) -> Self {
        Self { late: Some((count, pause)), ..self }
    }
}

/// The server. Its end is waited for when it is dropped: it expects as many clients as it has answers.
pub(crate) struct Site {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    /// Whether the clients have shown a certificate.
    shown: Arc<Mutex<Vec<bool>>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// One for `localhost` that gives these answers.
    pub(crate) fn new(world: &World, replies: impl Into<Vec<Reply>>) -> Self {
        let files = world.good();
        let identity = Identity::from_pem_files(&files.chain, &files.key).unwrap();
        let builder = Context::builder().identity(identity);
        let context = builder.client_roots(world.roots()).client_auth(ClientAuth::Optional).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, shown) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (replies, asked, seen) = (replies.into(), requests.clone(), shown.clone());
        let play = move || {
            let machine = watched_machine();
            let played = machine.run(async {
                let listener = lem_ssl_rs::Listener::adopt(listener).unwrap();
                let server = Server::over(context, listener, ServerOptions::default()).unwrap();
                for reply in replies {
                    let answered = async {
                        let stream = server.accept().await.unwrap();
                        seen.lock().unwrap().push(stream.info().is_some_and(|info| !info.peer_certificates.is_empty()));
                        answer(stream, reply, &asked).await;
                    };
                    timeout(WATCHDOG, answered).await.expect("a client comes, and goes");
                }
            });
            played.unwrap();
        };
        Self { port, requests, shown, thread: Some(thread::spawn(play)) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Waits until all answers were given; what was asked.
    #[track_caller]
    pub(crate) fn requests(mut self) -> Vec<String> {
        self.join();
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// Waits until all answers were given; which clients have shown a certificate.
    #[track_caller]
    pub(crate) fn shown(mut self) -> Vec<bool> {
        self.join();
        std::mem::take(&mut self.shown.lock().unwrap())
    }

    #[track_caller]
    fn join(&mut self) {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A test that fails has not asked for everything.
        if !thread::panicking() {
            self.join();
        }
    }
}

async fn answer(stream: Stream, reply: Reply, asked: &Mutex<Vec<String>>) {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        request.push_str(&String::from_utf8(stream.read(ReadMode::Line).await.unwrap()).unwrap());
    }
    asked.lock().unwrap().push(request);
    // A client that has seen enough does not wait for the rest.
    let written = match reply.late {
        None => stream.write(&reply.bytes).await,
        Some((count, pause)) => {
            let (early, late) = reply.bytes.split_at(reply.bytes.len() - count);
            stream.write(early).await.unwrap();
            sleep(pause).await;
            stream.write(late).await
        }
    };
    match reply.end {
        End::Clean => drop(stream.shutdown().await),
        End::Silence => drop(stream.read(ReadMode::All).await),
        // FIN behind everything, and no goodbye; the client's end is awaited, so that no reset overtakes it.
        End::Cut => {
            written.unwrap();
            stream
                .with_transport(|tls| lem_ssl_rs::lem_rs::transport::Transport::source(tls).finish())
                .unwrap()
                .unwrap();
            let _ = stream.read(ReadMode::All).await;
            stream.abort();
        }
    }
}
