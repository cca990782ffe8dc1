//! How the two ends find each other.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions, Transport, connect_source};
use lem_rs::{
    Address, Deadline, Endpoint, Error, Inbox, JoinHandle, Listener, Plain, Stream, ToAddress, spawn, timeout,
};

use super::end::End;
use super::is_permitted;
use super::stage::Stage;
use crate::model::program::{Climate, Op, Program};
use crate::model::verb::Side;

/// Ends that were accepted, with their peers' addresses as far as they are known.
pub(super) type Accepted<S> = Inbox<(S, Option<Endpoint>)>;

/// What plays one end of a connection.
pub(super) trait Acts: 'static {
    /// Does what the tasks say.
    fn act(self, side: Side, stage: Rc<Stage>, tasks: Vec<Vec<Op>>) -> impl Future<Output = ()>;

    /// Its own address, by which the other end knows it.
    fn address(&self) -> Option<Endpoint>;
}

impl<T: Transport> Acts for Stream<T> {
    async fn act(self, side: Side, stage: Rc<Stage>, tasks: Vec<Vec<Op>>) {
        End::new(side, stage, self).run(tasks).await;
    }

    fn address(&self) -> Option<Endpoint> {
        self.local_addr().ok()
    }
}

/// In hostile worlds it is tried so often.
const ATTEMPTS: usize = 4;

/// How long a connection may take to be accepted, once it stands: more than any fault lasts.
const ACCEPTING: Duration = Duration::from_secs(300);

/// Nothing that only costs time may make a connection fail.
pub(super) const PATIENCE: Duration = Duration::from_secs(3_600);

/// Both ends of a plain connection.
pub(super) async fn plain(stage: &Rc<Stage>, program: Program) {
    let climate = program.setting.climate;
    let options =
        StreamOptions::default().limits(program.setting.limits).close_deadline(program.setting.close_deadline);
    let stream = move |source| Stream::new(Plain::new(source), InputBuffer::default(), options);
    let Some(listener) = listen(stage, climate).await else { return };
    let accepted = Rc::new(Accepted::new());
    let accepting = {
        let (stage, listener, accepted) = (stage.clone(), listener.clone(), accepted.clone());
        spawn(async move {
            while let Some((source, peer)) = next(&stage, &listener).await {
                // It is open as long as somebody waits.
                drop(accepted.put((stream(source), Some(peer))));
            }
        })
    };
    match attempt(climate, || connect("server.test:7")).await {
        Ok(source) => both(stage, program, stream(source), &accepted).await,
        Err(error) => refuse(stage, climate, "connecting", &error),
    }
    hang_up(stage, &listener, accepting).await;
}

/// A plain listener; `None` if the world refuses it.
pub(super) async fn listen(stage: &Stage, climate: Climate) -> Option<Rc<Listener>> {
    match attempt(climate, || Listener::bind("server.test:7")).await {
        Ok(listener) => Some(Rc::new(listener)),
        Err(error) => {
            refuse(stage, climate, "listening", &error);
            None
        }
    }
}

/// The next connection; `None` when the listener is closed.
pub(super) async fn next(stage: &Stage, listener: &Listener) -> Option<(Source, Endpoint)> {
    match listener.accept_source().await {
        Ok(connection) => Some(connection),
        Err(Error::Interrupted | Error::Closed) => None,
        Err(error) => {
            stage.fail(format!("accepting failed: {error}"));
            None
        }
    }
}

pub(super) async fn hang_up(stage: &Stage, listener: &Listener, accepting: JoinHandle<()>) {
    if let Err(error) = listener.close() {
        stage.fail(format!("closing the listener failed: {error}"));
    }
    if let Err(error) = accepting.await {
        stage.fail(format!("the accepting task ended with: {error}"));
    }
}

pub(super) async fn connect(address: &str) -> Result<Source, Error> {
    let address: Address = address.to_address()?;
    connect_source(&address, &Deadline::after(PATIENCE)).await
}

/// Tries again where the world may be the reason.
pub(super) async fn attempt<S, F: Future<Output = Result<S, Error>>>(
    climate: Climate,
    connect: impl Fn() -> F,
) -> Result<S, Error> {
    let mut result = connect().await;
    for _ in 1..ATTEMPTS {
        match &result {
            Err(error) if is_permitted(climate, error) => result = connect().await,
            _ => break,
        }
    }
    result
}

pub(super) fn refuse(stage: &Stage, climate: Climate, what: &str, error: &Error) {
    if !is_permitted(climate, error) {
        stage.fail(format!("{what} failed: {error}"));
    }
}

/// Runs both ends, now that there is a client.
pub(super) async fn both<C: Acts, S: Acts>(stage: &Rc<Stage>, program: Program, client: C, accepted: &Accepted<S>) {
    let [client_tasks, server_tasks] = program.tasks;
    let address = client.address();
    let client = spawn(client.act(Side::Client, stage.clone(), client_tasks));
    if let Some(server) = server(stage, accepted, address, program.setting.climate).await {
        server.act(Side::Server, stage.clone(), server_tasks).await;
    }
    if let Err(error) = client.await {
        stage.fail(format!("the client ended with: {error}"));
    }
}

/// The server's end of the connection that the client has. There may be others, which the client gave up.
async fn server<S: Acts>(
    stage: &Rc<Stage>,
    accepted: &Accepted<S>,
    client: Option<Endpoint>,
    climate: Climate,
) -> Option<S> {
    loop {
        match timeout(ACCEPTING, accepted.take()).await {
            Ok(Ok((server, peer))) => {
                if peer.is_none() || client.is_none() || peer == client {
                    return Some(server);
                }
            }
            Ok(Err(error)) => {
                stage.fail(format!("the inbox failed: {error}"));
                return None;
            }
            Err(_) => {
                if !climate.refuses() && !stage.ask(|model| model.is_broken()) {
                    stage.fail("the connection was never accepted".into());
                }
                return None;
            }
        }
    }
}
