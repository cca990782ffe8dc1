//! What runs in the server's process.

use std::cell::Cell;
use std::env;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Context, Identity, ReadMode, Roots, Server, ServerEvent, ServerOptions, Stream, spawn, unblock};
use lem_ssl_tests::watched_machine;

use super::process::DIRECTORY;

/// How a test wants its server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Service {
    pub(crate) options: ServerOptions,
    /// Whether it panics when it is told of a pause, as a log that cannot be written to may.
    pub(crate) log_panics: bool,
}

/// In the server's process: serves until the test ends our standard input, and says true. In the test's: says false.
pub(crate) fn serve_if_asked_to(service: Service) -> bool {
    let Some(directory) = env::var_os(DIRECTORY) else { return false };
    watched_machine().run(serve(service, Path::new(&directory))).unwrap();
    true
}

async fn serve(service: Service, directory: &Path) {
    let identity = Identity::from_pem_files(directory.join("server.chain.pem"), directory.join("server.key.pem"));
    let context = Context::builder().roots(Roots::None).identity(identity.unwrap()).build().unwrap();
    let server = Rc::new(context.listen_with("[::]:0", service.options).await.unwrap());
    let pauses_told = Rc::new(Cell::new(0));
    let told = pauses_told.clone();
    server.on_event(move |event| {
        if matches!(event, ServerEvent::Paused(_)) {
            told.set(told.get() + 1);
            assert!(!service.log_panics, "this panic is part of the test");
        }
    });
    println!("listening on port {}", server.local_addr().ip().unwrap().port());
    let (accepting, counting) = (server.clone(), server.clone());
    spawn(async move { accepting.autospawn(|stream| answer(stream, counting.clone(), pauses_told.clone())).await })
        .detach();
    unblock(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.drain(Duration::ZERO).await;
}

/// Answers each line with the same line; or tells how the server is; or sends without end.
async fn answer(stream: Stream, server: Rc<Server>, pauses_told: Rc<Cell<u32>>) {
    while let Ok(line) = stream.read(ReadMode::Line).await {
        let answered = match &line[..] {
            b"status\n" => stream.write(&status(&server, pauses_told.get())).await,
            b"flood\n" => loop {
                if let Err(error) = stream.write(&[0; 64 * 1024]).await {
                    break Err(error);
                }
            },
            line => stream.write(line).await,
        };
        if answered.is_err() {
            return;
        }
    }
}

fn status(server: &Server, pauses_told: u32) -> String {
    let counters = server.counters();
    let fields = [
        ("accepted", counters.accepted),
        ("refused", counters.refused),
        ("pauses", counters.pauses),
        ("pauses_told", pauses_told.into()),
        ("finished", counters.handshakes_finished),
        ("failed", counters.failed.total()),
        ("timed_out", counters.failed.timed_out),
        ("not_tls", counters.failed.not_tls),
        ("cut", counters.failed.cut),
        ("protocol", counters.failed.protocol),
        ("open", counters.open),
    ];
    fields.map(|(name, value)| format!("{name}={value}")).join(" ") + "\n"
}
