//! What the tests of this group share: programs under guard, certificates as files, machines under a watchdog.

pub(crate) mod certificates;
pub(crate) mod curl;
pub(crate) mod nginx;
pub(crate) mod openssl;
pub(crate) mod program;
pub(crate) mod python;

use std::future::Future;
use std::time::Duration;

use graviola::hashing::{Hash, Sha256};
use lem_ssl_rs::{Context, ContextBuilder, Error, ReadMode, Roots, Server, Stream, Version, timeout};
use lem_ssl_tests::{BoxedTest, watched_machine};

use certificates::OnFile;

/// Runs a test's future on a machine of its own; a test that hangs fails.
#[track_caller]
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    run_boxed(Box::pin(test))
}

#[track_caller]
fn run_boxed<T>(mut test: BoxedTest<'_, T>) -> T {
    let machine = watched_machine();
    let guarded = machine.run(async {
        let done = timeout(WATCHDOG, test.as_mut()).await;
        // While this panics the test's future still lives, so that its programs can say what they said.
        done.expect("the test does not hang")
    });
    guarded.expect("the machine does not stall")
}

/// A client that trusts this PEM text and speaks only this version.
pub(crate) fn client(roots: &str, version: Version) -> Context {
    let builder = Context::builder().roots(Roots::Pem(roots.into())).versions([version]);
    builder.build().expect("the client's configuration is good")
}

/// A server of ours on a free port of the loopback address, speaking only this version, and the port.
pub(crate) async fn listen(identity: &OnFile, version: Version) -> (Server, u16) {
    listen_with(Context::builder().versions([version]), identity).await
}

/// The same with a configuration of the test's.
pub(crate) async fn listen_with(builder: ContextBuilder, identity: &OnFile) -> (Server, u16) {
    let builder = builder.roots(Roots::None).identity(identity.identity());
    let context = builder.build().expect("the server's configuration is good");
    let server = context.listen("127.0.0.1:0").await.expect("loopback has a free port");
    let port = server.local_addr().ip().expect("it has an IP address").port();
    (server, port)
}

/// Answers one line, and says goodbye.
pub(crate) async fn greet(stream: &Stream) -> String {
    let line = stream.read_line_trimmed().await.expect("the peer sends a line");
    stream.write(&format!("you said: {line}\n")).await.expect("the peer reads");
    stream.shutdown().await.expect("the peer says goodbye too");
    line
}

/// What a peer sent, as text.
#[track_caller]
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the peer sends text")
}

/// Asks for a page as the simplest of browsers does, and reads the answer to its end.
pub(crate) async fn get(stream: &Stream, path: &str) -> Result<String, Error> {
    stream.write(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")).await?;
    Ok(text(stream.read(ReadMode::All).await?))
}

/// `len` bytes that do not repeat soon, so that a lost or doubled piece shows; other seeds, other bytes.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // A linear congruential generator (Knuth, MMIX); the low bits are the poor ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 24).to_le_bytes()[..5]);
    }
    bytes.truncate(len);
    bytes
}

/// SHA-256 as other programs print it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::hash(bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The versions that every scenario is played in.
pub(crate) const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// No step of a test takes so long on any machine.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);
