//! Another context for a server that runs.

use std::rc::Rc;

use lem_ssl_rs::{Context, Identity, LiveContext, ReadMode, Server, ServerOptions, Stream, spawn};
use lem_ssl_tests::pki::Issued;

use crate::support::{
    certificates_of, check, client_context, identity, is_echoed, issue, says, serve_with, server_builder, until,
};

fn context_of(issued: &Issued) -> Context {
    server_builder().identity(identity(issued)).build().unwrap()
}

async fn connect(server: &Server) -> Stream {
    client_context().connect_as(server.local_addr(), "localhost").await.unwrap()
}

async fn serves(server: &Server, issued: &Issued) {
    let client = connect(server).await;
    assert_eq!(certificates_of(&client), issued.chain_der);
    is_echoed(&client, "hello\n").await;
}

#[test]
fn a_new_context_counts_for_the_next_connection_and_open_streams_keep_theirs() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        let open = connect(&server).await;
        is_echoed(&open, "before\n").await;
        server.context().replace(context_of(&new)).unwrap();
        is_echoed(&open, "after\n").await;
        assert_eq!(certificates_of(&open), old.chain_der);
        serves(&server, &new).await;
    });
}

#[test]
fn replacing_gives_back_the_context_before() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        let before = server.context().replace(context_of(&new)).unwrap();
        serves(&server, &new).await;
        server.context().replace(before).unwrap();
        serves(&server, &old).await;
    });
}

#[test]
fn a_reload_under_load_loses_nobody() {
    check(async {
        const CLIENTS: usize = 200;
        const LINES: usize = 5;
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let options = ServerOptions::default().handshakes(CLIENTS).handshakes_per_peer(CLIENTS);
        let server = serve_with(&context_of(&old), options).await;
        let context = client_context();
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (context, server) = (context.clone(), server.clone());
                spawn(async move {
                    let client = context.connect_as(server.local_addr(), "localhost").await.unwrap();
                    for line in 0..LINES {
                        is_echoed(&client, &format!("{number} {line}\n")).await;
                    }
                    client.shutdown().await.unwrap();
                })
            })
            .collect();
        // Some are through, some shake hands, some wait in the kernel's queue.
        until(|| server.counters().handshakes_finished >= CLIENTS as u64 / 4).await;
        assert!(server.counters().handshakes_finished < CLIENTS as u64, "all were through");
        server.context().replace(context_of(&new)).unwrap();
        let next = connect(&server).await;
        assert_eq!(certificates_of(&next), new.chain_der);
        for task in tasks {
            task.await.unwrap();
        }
        let counters = server.counters();
        assert_eq!((counters.handshakes_finished, counters.failed.total()), (CLIENTS as u64 + 1, 0));
        assert_eq!(counters.refused, 0);
    });
}

#[test]
fn many_reloads_under_load_lose_nobody() {
    check(async {
        const CLIENTS: usize = 60;
        let issued = [issue(&["localhost"]), issue(&["localhost", "new.test"])];
        let server = serve_with(&context_of(&issued[0]), ServerOptions::default()).await;
        let live = server.context().clone();
        let contexts = issued.each_ref().map(context_of);
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (server, live, context) = (server.clone(), live.clone(), contexts[number % 2].clone());
                spawn(async move {
                    live.replace(context).unwrap();
                    let client = connect(&server).await;
                    is_echoed(&client, "hello\n").await;
                    certificates_of(&client)
                })
            })
            .collect();
        for task in tasks {
            let shown = task.await.unwrap();
            assert!(issued.iter().any(|issued| issued.chain_der == shown), "never half of each");
        }
        assert_eq!(server.counters().failed.total(), 0);
    });
}

#[test]
fn a_mismatched_key_leaves_the_old_set_serving_and_says_why() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        let open = connect(&server).await;
        let build = || {
            let mixed = Identity::from_pem(&new.chain_pem, &old.key_pem)?;
            server_builder().identity(mixed).build()
        };
        says(server.context().reload(build), &["does not belong to the first certificate", "certificate"]);
        serves(&server, &old).await;
        is_echoed(&open, "still here\n").await;
        server.context().reload(|| Ok(context_of(&new))).unwrap();
        serves(&server, &new).await;
    });
}

#[test]
fn a_context_without_an_identity_is_refused_and_changes_nothing() {
    check(async {
        let old = issue(&["localhost"]);
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        says(server.context().replace(client_context()), &["no identity", "certificate and key"]);
        says(server.context().reload(|| Ok(client_context())), &["no identity", "certificate and key"]);
        serves(&server, &old).await;
        assert_eq!(server.counters().failed.total(), 0);
    });
}

#[test]
fn a_panic_in_a_reload_changes_nothing() {
    check(async {
        let old = issue(&["localhost"]);
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        let live = server.context().clone();
        let task = spawn(async move { live.reload(|| panic!("this panic is part of the test")) });
        task.await.unwrap_err();
        serves(&server, &old).await;
    });
}

#[test]
fn one_live_context_serves_several_servers() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let live = LiveContext::new(context_of(&old));
        let mut servers = Vec::new();
        for _ in 0..2 {
            let server = Server::listen(live.clone(), "127.0.0.1:0", ServerOptions::default()).await.unwrap();
            let server = Rc::new(server);
            let accepting = server.clone();
            spawn(async move { accepting.autospawn(crate::support::echo).await }).detach();
            servers.push(server);
        }
        live.replace(context_of(&new)).unwrap();
        for server in &servers {
            serves(server, &new).await;
        }
    });
}

#[test]
fn a_connection_that_was_accepted_before_a_reload_is_not_torn_in_two() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let server = serve_with(&context_of(&old), ServerOptions::default()).await;
        let early = crate::support::raw(&server).await;
        until(|| server.counters().handshakes_started == 1).await;
        server.context().replace(context_of(&new)).unwrap();
        // Its session was begun with the old set, and goes on with it.
        let client = client_context().upgrade(early, "localhost").await.unwrap();
        assert_eq!(certificates_of(&client), old.chain_der);
        client.write("hello\n").await.unwrap();
        assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"hello\n");
    });
}
