//! One end that is not our library: rustls' buffered connection on a plain stream, which asks for new keys.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Cut, Endpoint, Error, Inbox, Plain, ReadHalf, ReadMode, Stream, WriteHalf, sleep, spawn};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection, version};

use super::connect::{Accepted, Acts, attempt, both, connect, hang_up, listen, next, refuse};
use super::stage::Stage;
use super::tls::{client_context, pki, provider, serve, server_context, stop_serving};
use crate::model::program::{Op, Program};
use crate::model::verb::{Answer, Seen, Side, Verb};

/// Both ends of a connection of which one is a script.
pub(super) async fn scripted(stage: &Rc<Stage>, program: Program, script: Side) {
    let climate = program.setting.climate;
    if script == Side::Client {
        let Ok(context) = server_context(&program.setting) else { return stage.fail("no context".into()) };
        let Some((server, accepted, accepting)) = serve(stage, climate, &context).await else { return };
        match attempt(climate, client).await {
            Ok(script) => both(stage, program, script, &accepted).await,
            Err(error) => refuse(stage, climate, "connecting", &error),
        }
        stop_serving(stage, climate, &server, accepting).await;
        return;
    }
    let Ok(context) = client_context(&program.setting) else { return stage.fail("no context".into()) };
    let Some(listener) = listen(stage, climate).await else { return };
    let accepted = Rc::new(Accepted::new());
    let accepting = {
        let (stage, listener, accepted) = (stage.clone(), listener.clone(), accepted.clone());
        spawn(async move {
            while let Some((source, peer)) = next(&stage, &listener).await {
                match server(source).await {
                    // It is open as long as somebody waits.
                    Ok(script) => drop(accepted.put((script, Some(peer)))),
                    Err(Error::Closed | Error::Truncated(_)) if stage.ask(|model| model.is_broken()) => {}
                    Err(error) => refuse(&stage, climate, "the script's handshake", &error),
                }
            }
        })
    };
    match attempt(climate, || context.connect("server.test:7")).await {
        Ok(stream) => both(stage, program, stream, &accepted).await,
        Err(error) => refuse(stage, climate, "connecting", &error),
    }
    hang_up(stage, &listener, accepting).await;
}

/// A script that is a client.
async fn client() -> Result<Script, Error> {
    let source = connect("server.test:443").await?;
    let mut roots = RootCertStore::empty();
    roots.add(pki().root.certificate_der().clone()).map_err(Error::protocol)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(Error::protocol)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("server.test").map_err(Error::protocol)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(Error::protocol)?;
    // A handshake that breaks off is like one that the peer refused.
    Script::begin(connection.into(), source).await.map_err(|error| match error {
        Error::Closed | Error::Truncated(_) => Error::protocol(error),
        other => other,
    })
}

/// A script that is a server.
async fn server(source: Source) -> Result<Script, Error> {
    let server = &pki().server;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(Error::protocol)?
        .with_no_client_auth()
        .with_single_cert(server.chain_der.clone(), server.private_key())
        .map_err(Error::protocol)?;
    let connection = ServerConnection::new(Arc::new(config)).map_err(Error::protocol)?;
    Script::begin(connection.into(), source).await
}

/// rustls' connection, after its handshake.
pub(super) struct Script {
    tls: Connection,
    stream: Stream<Plain>,
    /// What came with the end of the handshake.
    early: Heard,
    /// What the handshake has left to send: tickets, for which the peer need not be listening.
    unsent: Vec<u8>,
}

/// Content, and whether the peer has ended its side behind it.
#[derive(Default)]
struct Heard {
    content: Vec<u8>,
    ended: bool,
}

impl Script {
    async fn begin(mut tls: Connection, source: Source) -> Result<Self, Error> {
        tls.set_buffer_limit(None);
        let stream = Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
        let mut early = Heard::default();
        loop {
            let bytes = ciphertext(&mut tls);
            if !tls.is_handshaking() {
                return Ok(Self { tls, stream, early, unsent: bytes });
            }
            stream.write(&bytes).await?;
            let bytes = stream.read(ReadMode::Available).await?;
            early = feed(&mut tls, &bytes).map_err(Error::protocol)?;
        }
    }
}

impl Acts for Script {
    async fn act(self, side: Side, stage: Rc<Stage>, tasks: Vec<Vec<Op>>) {
        stage.check(side, |model| model.reshape(side, true));
        let (reader, writer) = self.stream.split();
        let outgoing = Rc::new(Inbox::new());
        let actor = Rc::new(Actor {
            side,
            stage,
            tls: RefCell::new(self.tls),
            outgoing,
            heard: Cell::new(0),
            asked: Cell::new(false),
            over: Cell::new(false),
        });
        if !self.unsent.is_empty() {
            // Nobody can have closed it yet.
            let _ = actor.outgoing.put(self.unsent);
        }
        let sending = spawn(send(actor.outgoing.clone(), writer));
        let hearing = spawn(actor.clone().hear(reader, self.early));
        actor.follow(tasks.into_iter().flatten().collect()).await;
        actor.say_goodbye();
        for task in [sending, hearing] {
            if let Err(error) = task.await {
                actor.stage.fail(format!("{side:?}: a task ended with: {error}"));
            }
        }
        actor.stage.check(side, |model| model.close(side, None));
    }

    fn address(&self) -> Option<Endpoint> {
        self.stream.local_addr().ok()
    }
}

struct Actor {
    side: Side,
    stage: Rc<Stage>,
    tls: RefCell<Connection>,
    /// What the socket is to be given; nothing at all is the end.
    outgoing: Rc<Inbox<Vec<u8>>>,
    /// How many bytes of ciphertext have come.
    heard: Cell<u64>,
    /// New keys were asked for.
    asked: Cell<bool>,
    over: Cell<bool>,
}

/// A request for new keys must be answered by one who reads, and has nothing else to do, for so many seconds.
const PATIENT_SECONDS: u32 = 40;

/// How long a script waits in all, in seconds.
const MAX_SECONDS: u32 = 60;

impl Actor {
    async fn follow(&self, steps: Vec<Op>) {
        let mut written = 0;
        for step in steps {
            if self.stage.has_failed() {
                return;
            }
            self.stage.note(self.side, || format!("{step} (script)"));
            match step {
                Op::Write(size, _) => {
                    let data = self.stage.contents[self.side as usize].bytes(written, size);
                    written += size as u64;
                    let seen = Seen { written: Some(written), ..Seen::default() };
                    self.stage.check(self.side, |model| {
                        let id = model.begin(self.side, Verb::Write(data.clone()));
                        model.finished(id, &Ok(Answer::Done), &seen)
                    });
                    // Without a limit it takes everything.
                    let _ = self.tls.borrow_mut().writer().write_all(&data);
                    self.flush();
                }
                Op::KeyUpdate => self.renew_keys().await,
                Op::Sleep(duration) => sleep(duration).await,
                _ => {}
            }
        }
    }

    fn flush(&self) {
        let bytes = ciphertext(&mut self.tls.borrow_mut());
        if !bytes.is_empty() {
            // It fails when the socket has: then nobody wants it.
            let _ = self.outgoing.put(bytes);
        }
    }

    fn say_goodbye(&self) {
        self.stage.check(self.side, |model| model.close_write(self.side, None));
        self.tls.borrow_mut().send_close_notify();
        self.flush();
        let _ = self.outgoing.put(Vec::new());
    }

    /// Asks for new keys; one who only reads must answer, too. One answer is enough for all requests until it has content
    /// to send (RFC 8446 section 4.6.3), so the first is the one that is waited for.
    async fn renew_keys(&self) {
        let before = self.heard.get();
        if self.tls.borrow_mut().refresh_traffic_keys().is_err() {
            return;
        }
        self.flush();
        if self.asked.replace(true) {
            return;
        }
        let (mut idle, mut patience) = (None, PATIENT_SECONDS);
        for _ in 0..MAX_SECONDS {
            sleep(Duration::from_secs(1)).await;
            if self.heard.get() > before || self.over.get() || self.stage.has_failed() {
                return;
            }
            let (reads, broken) = self.stage.ask(|model| (model.idle_read(self.side.other()), model.is_corrupted()));
            patience = if reads.is_some() && reads == idle { patience - 1 } else { PATIENT_SECONDS };
            idle = reads;
            if patience == 0 && !broken {
                let side = self.side.other();
                return self.stage.fail(format!("{side:?}: a request for new keys (KeyUpdate) is never answered"));
            }
        }
    }

    /// Reads until the end, and compares.
    async fn hear(self: Rc<Self>, reader: ReadHalf<Plain>, mut heard: Heard) {
        let mut read = 0;
        loop {
            let id = self.stage.ask(|model| model.begin(self.side, Verb::Read(ReadMode::Available)));
            self.stage.check(self.side, |model| model.pended(id, &Seen::default(), false));
            let result = self.next(&reader, &mut heard).await;
            if let Ok(Answer::Bytes(bytes)) = &result {
                read += bytes.len() as u64;
            }
            let seen = Seen { read: Some(read), ..Seen::default() };
            self.stage.check(self.side, |model| model.finished(id, &result, &seen));
            if result.is_err() {
                self.over.set(true);
                return;
            }
        }
    }

    /// The next content, or how it ended.
    async fn next(&self, reader: &ReadHalf<Plain>, heard: &mut Heard) -> Result<Answer, Error> {
        loop {
            if !heard.content.is_empty() {
                return Ok(Answer::Bytes(std::mem::take(&mut heard.content)));
            }
            if heard.ended {
                return Err(Error::Closed);
            }
            let bytes = reader.read(ReadMode::Available).await.map_err(|error| match error {
                Error::Closed => Error::Truncated(Cut::Fin),
                other => other,
            })?;
            self.heard.set(self.heard.get() + bytes.len() as u64);
            let fed = feed(&mut self.tls.borrow_mut(), &bytes);
            // Answers, or the alert that says what is wrong.
            self.flush();
            *heard = fed.map_err(Error::protocol)?;
        }
    }
}

/// Gives the socket what it is to send, in order.
async fn send(outgoing: Rc<Inbox<Vec<u8>>>, writer: WriteHalf<Plain>) {
    while let Ok(bytes) = outgoing.take().await {
        if bytes.is_empty() || writer.write(&bytes).await.is_err() {
            break;
        }
    }
    // The rest is nobody's any more.
    let _ = outgoing.close();
}

fn ciphertext(tls: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        if tls.write_tls(&mut bytes).is_err() {
            break;
        }
    }
    bytes
}

/// Takes ciphertext.
fn feed(tls: &mut Connection, mut bytes: &[u8]) -> Result<Heard, rustls::Error> {
    let mut heard = Heard::default();
    while !bytes.is_empty() && !heard.ended {
        // A slice never fails to be read.
        let _ = tls.read_tls(&mut bytes);
        let state = tls.process_new_packets()?;
        heard.ended = state.peer_has_closed();
        let before = heard.content.len();
        heard.content.resize(before + state.plaintext_bytes_to_read(), 0);
        // So many bytes are there.
        let _ = tls.reader().read_exact(&mut heard.content[before..]);
    }
    Ok(heard)
}
