//! When clients use up all descriptors, accepting pauses, and goes on when there are some again.

use lem_ssl_rs::{ReadMode, ServerOptions, Stream, TcpStream};

use crate::support::{Server, Service, Status, check, serve_if_asked_to};

/// Few: the shell's usual way to make a process run out of them.
const DESCRIPTORS: u32 = 64;

/// More than that; and the server would carry all of them if it could.
const CLIENTS: usize = 100;

fn service() -> Service {
    let options = ServerOptions::default().handshakes(2 * CLIENTS).handshakes_per_peer(2 * CLIENTS);
    Service { options, ..Service::default() }
}

async fn is_echoed(client: &Stream) {
    client.write("a normal request\n").await.unwrap();
    assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"a normal request\n");
}

/// Clients that say nothing, until the server has paused.
async fn exhaust(server: &Server, open: &Stream) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        // The kernel takes them, also when the server does not.
        silent.push(server.raw().await);
    }
    while Status::ask(open).await.of("pauses") == 0 {}
    // Some that it inherited may have higher numbers than the limit.
    assert!(server.descriptors() >= DESCRIPTORS as usize);
    silent
}

#[test]
fn when_descriptors_run_out_accepting_pauses_and_open_streams_go_on() {
    if serve_if_asked_to(service()) {
        return;
    }
    let name = "descriptors::when_descriptors_run_out_accepting_pauses_and_open_streams_go_on";
    let server = Server::start(name, DESCRIPTORS);
    check(async {
        let open = server.connect().await;
        is_echoed(&open).await;
        let before = server.descriptors();
        let silent = exhaust(&server, &open).await;
        for _ in 0..200 {
            is_echoed(&open).await;
        }
        let status = Status::ask(&open).await;
        assert_eq!((status.of("pauses"), status.of("pauses_told")), (1, 1), "once, however often it is tried");
        assert_eq!((status.of("open"), status.of("failed")), (1, 0));
        assert!(status.of("accepted") < CLIENTS as u64);

        drop(silent);
        let after = server.connect().await;
        is_echoed(&after).await;
        after.shutdown().await.unwrap();
        // All that were waiting have been accepted, and have gone.
        while Status::ask(&open).await.of("cut") < CLIENTS as u64 {}
        let status = Status::ask(&open).await;
        assert_eq!((status.of("accepted"), status.of("finished")), (CLIENTS as u64 + 2, 2));
        assert_eq!(status.of("pauses"), status.of("pauses_told"));
        while server.descriptors() > before {}
        is_echoed(&open).await;
    });
    server.stop();
}

#[test]
fn descriptors_can_run_out_again_and_again() {
    if serve_if_asked_to(service()) {
        return;
    }
    let server = Server::start("descriptors::descriptors_can_run_out_again_and_again", DESCRIPTORS);
    check(async {
        let open = server.connect().await;
        let mut gone = 0;
        for _ in 0..3 {
            let pauses = Status::ask(&open).await.of("pauses");
            let mut silent = Vec::new();
            for _ in 0..CLIENTS {
                silent.push(server.raw().await);
            }
            while Status::ask(&open).await.of("pauses") == pauses {}
            drop(silent);
            gone += CLIENTS as u64;
            while Status::ask(&open).await.of("cut") < gone {}
            let next = server.connect().await;
            is_echoed(&next).await;
            next.shutdown().await.unwrap();
        }
        let status = Status::ask(&open).await;
        assert_eq!(status.of("pauses"), status.of("pauses_told"));
        assert!(status.of("pauses") >= 3);
    });
    server.stop();
}

#[test]
fn a_log_that_panics_does_not_end_the_accepting() {
    if serve_if_asked_to(Service { log_panics: true, ..service() }) {
        return;
    }
    let server = Server::start("descriptors::a_log_that_panics_does_not_end_the_accepting", DESCRIPTORS);
    check(async {
        let open = server.connect().await;
        let silent = exhaust(&server, &open).await;
        drop(silent);
        while Status::ask(&open).await.of("cut") < CLIENTS as u64 {}
        is_echoed(&server.connect().await).await;
    });
    server.stop();
}
