//! hyper as server and client, by HTTP/1 and by HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use lem_ssl_ecosystem::http::{Body, Client, Connection, HTTP1, HTTP2, empty, full, get, is_http2, pieces, serve};
use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::{Queue, spawn, yield_now};

/// Makes a test of each named function for both protocols.
macro_rules! by_both_protocols {
    ($($name:ident,)*) => {
        crate::http::by_protocol! { http1: lem_ssl_ecosystem::http::HTTP1 => $($name,)* }
        crate::http::by_protocol! { http2: lem_ssl_ecosystem::http::HTTP2 => $($name,)* }
    };
}

macro_rules! by_protocol {
    ($module:ident: $protocol:expr => $($name:ident,)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    lem_ssl_ecosystem::run(super::$name($protocol));
                }
            )*
        }
    };
}

pub(crate) use {by_both_protocols, by_protocol};

by_both_protocols! {
    requests_share_a_connection,
    the_protocol_that_was_agreed_is_spoken,
    large_bodies_go_both_ways_at_once,
    a_piece_of_a_body_arrives_before_the_next_is_made,
    many_requests_at_once_are_all_answered,
    a_request_without_a_body_and_an_answer_without_one_are_whole,
}

/// Answers with what the request brings, and its headers' protocol.
async fn echo(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let response = Response::builder().header("spoken", format!("{:?}", request.version()));
    let body: Body = match request.uri().path() {
        "/echo" => Box::pin(request.into_body()),
        "/nothing" => empty(),
        path => full(path.to_owned()),
    };
    Ok(response.body(body).expect("an answer"))
}

/// A server that speaks both, and whose client speaks one of them.
async fn served(protocol: &str) -> Ends {
    let mut ends = Ends::new(&[HTTP1, HTTP2]).await;
    ends.speak(protocol);
    ends
}

async fn with_echo<T>(protocol: &str, test: impl AsyncFnOnce(&Ends) -> T) -> T {
    let ends = served(protocol).await;
    let serving = ends.server.autospawn(|stream| async {
        serve(stream, service_fn(echo), pending::<()>()).await.expect("clients leave in order");
    });
    futures_util::select_biased! {
        result = Box::pin(futures_util::FutureExt::fuse(test(&ends))) => result,
        error = Box::pin(futures_util::FutureExt::fuse(serving)) => panic!("the server ends: {error:?}"),
    }
}

async fn client(ends: &Ends) -> (Client, Connection) {
    Client::new(ends.connect().await).await.expect("HTTP begins")
}

async fn requests_share_a_connection(protocol: &str) {
    with_echo(protocol, async |ends| {
        let (mut client, connection) = client(ends).await;
        for number in 0..50 {
            assert_eq!(client.get(&format!("/{number}")).await.unwrap(), format!("/{number}"));
        }
        assert_eq!(ends.server.counters().accepted, 1);
        drop(client);
        connection.await.unwrap().expect("the end is clean");
    })
    .await;
}

async fn the_protocol_that_was_agreed_is_spoken(protocol: &str) {
    with_echo(protocol, async |ends| {
        let stream = ends.connect().await;
        assert_eq!(is_http2(&stream), protocol == HTTP2);
        let (mut client, _connection) = Client::new(stream).await.unwrap();
        let response = client.send(get("/")).await.unwrap();
        let expected = if protocol == HTTP2 { Version::HTTP_2 } else { Version::HTTP_11 };
        assert_eq!(response.version(), expected);
        assert_eq!(response.headers()["spoken"], format!("{expected:?}"));
    })
    .await;
}

async fn large_bodies_go_both_ways_at_once(protocol: &str) {
    with_echo(protocol, async |ends| {
        let (mut client, _connection) = client(ends).await;
        let data = Bytes::from(pattern(4 << 20));
        assert!(client.post("/echo", full(data.clone())).await.unwrap() == data, "with its length");
        let parts: Vec<_> = data.chunks(77_777).map(|piece| data.slice_ref(piece)).collect();
        assert!(client.post("/echo", pieces(stream::iter(parts))).await.unwrap() == data, "in pieces");
    })
    .await;
}

async fn a_piece_of_a_body_arrives_before_the_next_is_made(protocol: &str) {
    with_echo(protocol, async |ends| {
        let (mut client, _connection) = client(ends).await;
        let next = Rc::new(Queue::new());
        next.put(Bytes::from("0"));
        let source = next.clone();
        let body = pieces(stream::unfold(source, |source| async {
            // An empty one is the end.
            let piece: Bytes = source.get().await.expect("the test goes on");
            (!piece.is_empty()).then_some((piece, source))
        }));
        let mut body = client.send(lem_ssl_ecosystem::http::post("/echo", body)).await.unwrap().into_body();
        for number in 0..20 {
            let frame = body.frame().await.expect("a piece is there").unwrap();
            assert_eq!(frame.into_data().unwrap(), number.to_string());
            next.put(if number == 19 { Bytes::new() } else { (number + 1).to_string().into() });
        }
        // HTTP/2 may tell of the end with an empty piece.
        assert_eq!(body.collect().await.unwrap().to_bytes(), "");
    })
    .await;
}

async fn many_requests_at_once_are_all_answered(protocol: &str) {
    const CONNECTIONS: u64 = 10;
    with_echo(protocol, async |ends| {
        let connections = (0..CONNECTIONS).map(async |number| {
            let (client, _connection) = client(ends).await;
            match client {
                // One at a time.
                Client::Http1(_) => {
                    let mut client = client;
                    for request in 0..30 {
                        ask(&mut client, number, request).await;
                    }
                }
                Client::Http2(sender) => {
                    let asks = (0..30).map(|request| {
                        let mut client = Client::Http2(sender.clone());
                        async move { ask(&mut client, number, request).await }
                    });
                    join_all(asks).await;
                }
            }
        });
        join_all(connections).await;
        assert_eq!(ends.server.counters().accepted, CONNECTIONS);
    })
    .await;
}

async fn ask(client: &mut Client, number: u64, request: usize) {
    let data = Bytes::from(pattern(1 + request * 997 + number as usize));
    yield_now().await;
    assert!(client.post("/echo", full(data.clone())).await.unwrap() == data);
}

async fn a_request_without_a_body_and_an_answer_without_one_are_whole(protocol: &str) {
    with_echo(protocol, async |ends| {
        let (mut client, _connection) = client(ends).await;
        for _ in 0..3 {
            assert_eq!(client.get("/nothing").await.unwrap(), "");
            assert_eq!(client.post("/echo", empty()).await.unwrap(), "");
        }
    })
    .await;
}

#[test]
fn a_client_that_offers_both_is_served_what_the_server_prefers() {
    run(async {
        let ends = Ends::new(&[HTTP2, HTTP1]).await;
        let both = futures_util::future::join(ends.server.accept(), ends.connect());
        let (server, client) = both.await;
        assert!(is_http2(&server.unwrap()) && is_http2(&client));
    });
}

#[test]
fn an_executor_spawns_what_is_not_send() {
    run(async {
        use hyper::rt::Executor as _;
        let done = Rc::new(Queue::new());
        let told = done.clone();
        lem_ssl_rs::hyper::Executor.execute(async move { told.put(7) });
        assert_eq!(spawn(done.get()).await.unwrap().unwrap(), 7);
    });
}
