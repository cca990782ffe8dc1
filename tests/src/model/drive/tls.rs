//! Encrypted connections.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use lem_rs::{Error, JoinHandle, ReadMode, sleep, spawn, timeout};
use lem_ssl_rs::{Context, ContextBuilder, Identity, Roots, Server, Stream, Version, danger};
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;

use super::connect::{Accepted, PATIENCE, attempt, both, refuse};
use super::stage::Stage;
use crate::model::program::{Carrier, Climate, Program, Setting};
use crate::pki::{Authority, Issued, KeyKind, Leaf};

pub(super) struct Pki {
    pub(super) root: Authority,
    pub(super) server: Issued,
    /// Signatures by Ed25519 are for TLS 1.3 only.
    server12: Issued,
}

/// One authority and one identity for all runs, with signatures of one length.
pub(super) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::with_key("Test Root", KeyKind::Ed25519);
        let server = root.issue(Leaf::server(&["server.test"]).with_key(KeyKind::Ed25519));
        let server12 = root.issue(Leaf::server(&["server.test"]).with_key(KeyKind::Rsa2048));
        Pki { root, server, server12 }
    })
}

/// One key exchange, the fastest: many handshakes are made.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        let mut provider = rustls_graviola::default_provider();
        provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

/// Contexts remember sessions, so each run has its own.
fn context(setting: &Setting, builder: ContextBuilder) -> Result<Context, Error> {
    let version = if setting.carrier == Carrier::Tls12 { Version::Tls12 } else { Version::Tls13 };
    danger::provider(builder, provider())
        .rustls_records(setting.carrier == Carrier::Tls13OnRustls)
        .versions([version])
        .limits(setting.limits)
        .close_deadline(setting.close_deadline)
        .connect_deadline(PATIENCE)
        .handshake_deadline(PATIENCE)
        .build()
}

pub(super) fn client_context(setting: &Setting) -> Result<Context, Error> {
    context(setting, Context::builder().roots(Roots::Pem(pki().root.certificate_pem().into_bytes())))
}

pub(super) fn server_context(setting: &Setting) -> Result<Context, Error> {
    let server = if setting.carrier == Carrier::Tls12 { &pki().server12 } else { &pki().server };
    let identity = Identity::from_der(server.chain_der.clone(), server.private_key());
    context(setting, Context::builder().roots(Roots::None).identity(identity))
}

/// Both ends of an encrypted connection.
pub(super) async fn encrypted(stage: &Rc<Stage>, program: Program) {
    let climate = program.setting.climate;
    let (client, server) = match (client_context(&program.setting), server_context(&program.setting)) {
        (Ok(client), Ok(server)) => (client, server),
        (Err(error), _) | (_, Err(error)) => return stage.fail(format!("a context was refused: {error}")),
    };
    let Some((server, accepted, accepting)) = serve(stage, climate, &server).await else { return };
    let resumes = program.setting.resumes && make_known(&client, &accepted).await.is_some();
    match attempt(climate, || client.connect("server.test:443")).await {
        Ok(stream) => {
            if resumes && !stream.info().is_some_and(|info| info.resumed) && !climate.refuses() {
                stage.fail("the session was not resumed".into());
            }
            both(stage, program, stream, &accepted).await;
        }
        Err(error) => refuse(stage, climate, "connecting", &error),
    }
    stop_serving(stage, climate, &server, accepting).await;
}

/// A connection before the one that matters, so that its session can be resumed; `None` if the world did not permit it.
async fn make_known(client: &Context, accepted: &Accepted<Stream>) -> Option<()> {
    const FAREWELL: &str = "until later\n";
    let near = client.connect("server.test:443").await.ok()?;
    let (far, _) = timeout(PATIENCE, accepted.take()).await.ok()?.ok()?;
    let said = spawn(async move {
        far.write(FAREWELL).await?;
        far.shutdown().await
    });
    // The tickets of TLS 1.3 come before the first content.
    let heard = near.read(ReadMode::Line).await.ok()?;
    near.shutdown().await.ok()?;
    said.await.ok()?.ok()?;
    (heard == FAREWELL.as_bytes()).then_some(())
}

/// A server, what it accepts, and the task that does; `None` if the world refuses it.
pub(super) async fn serve(
    stage: &Rc<Stage>,
    climate: Climate,
    context: &Context,
) -> Option<(Rc<Server>, Rc<Accepted<Stream>>, JoinHandle<()>)> {
    let server = match attempt(climate, || context.listen("server.test:443")).await {
        Ok(server) => Rc::new(server),
        Err(error) => {
            refuse(stage, climate, "listening", &error);
            return None;
        }
    };
    let accepted = Rc::new(Accepted::new());
    let accepting = {
        let (stage, server, accepted) = (stage.clone(), server.clone(), accepted.clone());
        spawn(async move {
            loop {
                match server.accept().await {
                    Ok(stream) => {
                        let peer = stream.peer_addr().ok();
                        // It is open as long as somebody waits.
                        drop(accepted.put((stream, peer)));
                    }
                    Err(Error::Interrupted | Error::Closed) => return,
                    Err(error) => return stage.fail(format!("accepting failed: {error}")),
                }
            }
        })
    };
    Some((server, accepted, accepting))
}

pub(super) async fn stop_serving(stage: &Stage, climate: Climate, server: &Server, accepting: JoinHandle<()>) {
    if let Err(error) = server.close() {
        stage.fail(format!("closing the server failed: {error}"));
    }
    if let Err(error) = accepting.await {
        stage.fail(format!("the accepting task ended with: {error}"));
    }
    if climate.refuses() {
        // A handshake that broke off at the other end has its deadline.
        sleep(PATIENCE * 2).await;
    }
}
