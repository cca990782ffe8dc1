//! A program of axum's, served over our TLS by HTTP/1 and by HTTP/2.

use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::BodyExt;
use lem_ssl_ecosystem::app::{self, Sum};
use lem_ssl_ecosystem::http::{Client, HTTP1, HTTP2, full, get};
use lem_ssl_ecosystem::{Ends, pattern};
use lem_ssl_rs::{now, spawn};

use crate::http::by_both_protocols;

by_both_protocols! {
    paths_queries_and_bodies_are_extracted,
    state_is_shared_by_all_connections,
    a_streamed_body_arrives_whole,
    handlers_that_wait_hold_up_nobody,
    what_has_no_route_is_told_and_the_connection_goes_on,
}

/// The program on a machine of its own, and a client that speaks one protocol.
async fn with_app(protocol: &str, test: impl AsyncFnOnce(&Ends)) {
    let mut ends = Ends::new(&[HTTP1, HTTP2]).await;
    ends.speak(protocol);
    let router = app::router();
    let serving = ends.server.autospawn(|stream| {
        let router = router.clone();
        async { app::serve(stream, router, pending::<()>()).await.expect("clients leave in order") }
    });
    let serving = std::pin::pin!(serving);
    let test = std::pin::pin!(test(&ends));
    match futures_util::future::select(test, serving).await {
        futures_util::future::Either::Left(_) => {}
        futures_util::future::Either::Right((error, _)) => panic!("the server ends: {error:?}"),
    }
}

async fn client(ends: &Ends) -> Client {
    let (client, connection) = Client::new(ends.connect().await).await.expect("HTTP begins");
    connection.detach();
    client
}

async fn paths_queries_and_bodies_are_extracted(protocol: &str) {
    with_app(protocol, async |ends| {
        let mut client = client(ends).await;
        assert_eq!(client.get("/hi/K%C3%A4the").await.unwrap(), "hi Käthe");
        assert_eq!(client.get("/body?bytes=7").await.unwrap(), "xxxxxxx");
        let sum = client.post("/sum", full(r#"{"numbers":[1,2,39]}"#)).await.unwrap();
        assert_eq!(serde_json::from_slice::<Sum>(&sum).unwrap(), Sum { numbers: vec![1, 2, 39], sum: Some(42) });
        let length = client.post("/length", full(pattern(3_000_000))).await.unwrap();
        assert_eq!(length, "3000000");
    })
    .await;
}

async fn state_is_shared_by_all_connections(protocol: &str) {
    with_app(protocol, async |ends| {
        let visits = join_all((0..20).map(async |_| {
            let visit = client(ends).await.get("/visits").await.unwrap();
            std::str::from_utf8(&visit).unwrap().parse::<u32>().unwrap()
        }));
        let mut visits = visits.await;
        visits.sort_unstable();
        assert!(visits.into_iter().eq(1..=20));
    })
    .await;
}

async fn a_streamed_body_arrives_whole(protocol: &str) {
    with_app(protocol, async |ends| {
        let mut client = client(ends).await;
        let response = client.send(get("/body?bytes=20000&pieces=50")).await.unwrap();
        assert!(!response.headers().contains_key("content-length"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.len() == 1_000_000 && body.iter().all(|byte| *byte == b'x'));
    })
    .await;
}

async fn handlers_that_wait_hold_up_nobody(protocol: &str) {
    with_app(protocol, async |ends| {
        let began = now();
        let slow: Vec<_> = join_all((0..10).map(|_| client(ends)))
            .await
            .into_iter()
            .map(|mut client| spawn(async move { (client.get("/slow").await, now()) }))
            .collect();
        let mut quick = client(ends).await;
        assert_eq!(quick.get("/").await.unwrap(), "Hello, world!");
        for task in slow {
            let (answer, at) = task.await.unwrap();
            assert_eq!(answer.unwrap(), "slow");
            // One after the other they would take three seconds.
            assert!(at - began < Duration::from_millis(2500));
        }
    })
    .await;
}

async fn what_has_no_route_is_told_and_the_connection_goes_on(protocol: &str) {
    with_app(protocol, async |ends| {
        let mut client = client(ends).await;
        for (path, status) in [("/none", 404), ("/body", 400), ("/sum", 405), ("/", 200)] {
            let response = client.send(get(path)).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            response.into_body().collect().await.unwrap();
        }
    })
    .await;
}
