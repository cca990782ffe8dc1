//! How the two ends find each other.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::{
    Address, Deadline, Endpoint, Error, Inbox, InputBuffer, Listener, Plain, Source, Stream, StreamOptions, ToAddress,
    Transport, connect_source, spawn, timeout,
};

use super::end::End;
use super::is_permitted;
use super::stage::Stage;
use crate::model::program::{Climate, Program};
use crate::model::verb::Side;

/// Streams that were accepted, with their peers' addresses as far as they are known.
pub(super) type Accepted<T> = Rc<Inbox<(Stream<T>, Option<Endpoint>)>>;

/// In hostile worlds it is tried so often.
const ATTEMPTS: usize = 4;

/// How long a connection may take to be accepted, once it stands: more than any fault lasts.
const ACCEPTING: Duration = Duration::from_secs(300);

/// Both ends of a plain connection.
pub(super) async fn plain(stage: &Rc<Stage>, program: Program) {
    let setting = program.setting.clone();
    let options = StreamOptions { limits: setting.limits, close_deadline: setting.close_deadline };
    let stream = move |source| Stream::new(Plain::new(source), InputBuffer::default(), options);
    let listener = match bind(setting.climate, || Listener::bind("server.test:7")).await {
        Ok(listener) => Rc::new(listener),
        Err(error) => return refuse(stage, setting.climate, "listening", &error),
    };
    let accepted: Accepted<Plain> = Rc::new(Inbox::new());
    let accepting = {
        let (stage, listener, accepted) = (stage.clone(), listener.clone(), accepted.clone());
        spawn(async move {
            loop {
                match listener.accept_source().await {
                    // It is open as long as somebody waits.
                    Ok((source, peer)) => drop(accepted.put((stream(source), Some(peer)))),
                    Err(Error::Interrupted | Error::Closed) => return,
                    Err(error) => return stage.fail(format!("accepting failed: {error}")),
                }
            }
        })
    };
    match attempt(setting.climate, connect).await {
        Ok(source) => both(stage, program, stream(source), &accepted).await,
        Err(error) => refuse(stage, setting.climate, "connecting", &error),
    }
    if let Err(error) = listener.close() {
        stage.fail(format!("closing the listener failed: {error}"));
    }
    if let Err(error) = accepting.await {
        stage.fail(format!("the accepting task ended with: {error}"));
    }
    // What nobody wanted goes with the inbox.
    drop(accepted);
}

async fn connect() -> Result<Source, Error> {
    let address: Address = "server.test:7".to_address()?;
    connect_source(&address, &Deadline::after(Duration::from_secs(3_600))).await
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

/// Opens a listener, whose name may not be found and whose descriptor may not be there.
pub(super) async fn bind<S, F: Future<Output = Result<S, Error>>>(
    climate: Climate,
    listen: impl Fn() -> F,
) -> Result<S, Error> {
    attempt(climate, listen).await
}

pub(super) fn refuse(stage: &Stage, climate: Climate, what: &str, error: &Error) {
    if !is_permitted(climate, error) {
        stage.fail(format!("{what} failed: {error}"));
    }
}

/// Runs both ends, now that the client has its stream.
pub(super) async fn both<T: Transport>(stage: &Rc<Stage>, program: Program, client: Stream<T>, accepted: &Accepted<T>) {
    let [client_tasks, server_tasks] = program.tasks;
    let address = client.local_addr().ok();
    let end = End::new(Side::Client, stage.clone(), client);
    let client = spawn(end.run(client_tasks));
    if let Some(stream) = server_stream(stage, accepted, address, program.setting.climate).await {
        End::new(Side::Server, stage.clone(), stream).run(server_tasks).await;
    }
    if let Err(error) = client.await {
        stage.fail(format!("the client ended with: {error}"));
    }
}

/// The server's stream of the connection that the client has. There may be others, which the client gave up.
pub(super) async fn server_stream<T: Transport>(
    stage: &Rc<Stage>,
    accepted: &Accepted<T>,
    client: Option<Endpoint>,
    climate: Climate,
) -> Option<Stream<T>> {
    loop {
        match timeout(ACCEPTING, accepted.take()).await {
            Ok(Ok((stream, peer))) => {
                if peer.is_none() || client.is_none() || peer == client {
                    return Some(stream);
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
