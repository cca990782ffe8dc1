//! How hyper's connections end: early, by a reset, by a drain.

use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use lem_ssl_ecosystem::Ends;
use lem_ssl_ecosystem::http::{Body, Client, HTTP1, HTTP2, full, get, pieces, post, serve};
use lem_ssl_rs::{Queue, Stream, now, sleep, spawn, timeout};
use tokio::sync::watch;

use crate::http::by_both_protocols;

by_both_protocols! {
    a_client_that_leaves_in_the_midst_of_an_answer_ends_its_connection_only,
    a_server_that_is_cut_off_in_the_midst_of_an_answer_is_an_error_and_no_end,
    a_client_that_is_cut_off_in_the_midst_of_a_request_is_an_error_and_no_end,
    a_handler_that_panics_is_an_error_for_its_client_only,
    a_drain_ends_when_hyper_has_shut_down_gracefully,
    a_drain_closes_what_does_not_end_by_itself,
}

/// Before a test is said to hang.
const SOON: Duration = Duration::from_secs(30);

async fn ends(protocol: &str) -> Ends {
    let mut ends = Ends::new(&[HTTP1, HTTP2]).await;
    ends.speak(protocol);
    ends
}

/// A body without end.
fn endless() -> Body {
    pieces(stream::repeat(Bytes::from_static(&[b'x'; 10_000])))
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let body = match request.uri().path() {
        "/endless" => endless(),
        "/panic" => panic!("on purpose"),
        "/slow" => {
            sleep(Duration::from_millis(100)).await;
            full("slow")
        }
        // The length of what came, or that it did not come.
        "/length" => match request.into_body().collect().await {
            Ok(body) => full(body.to_bytes().len().to_string()),
            Err(error) => full(error.to_string()),
        },
        _ => full("hello"),
    };
    Ok(Response::new(body))
}

async fn until(is_so: impl Fn() -> bool) {
    timeout(SOON, async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it becomes so");
}

async fn a_client_that_leaves_in_the_midst_of_an_answer_ends_its_connection_only(protocol: &str) {
    let ends = Rc::new(ends(protocol).await);
    let results = Rc::new(Queue::new());
    let (serving, told) = (ends.clone(), results.clone());
    let server = spawn(async move {
        let handler = move |stream| {
            let told = told.clone();
            async move { told.put(serve(stream, service_fn(answer), pending::<()>()).await.is_ok()) }
        };
        serving.server.autospawn(handler).await
    });
    let (mut stays, _connection) = Client::new(ends.connect().await).await.unwrap();
    assert_eq!(stays.get("/").await.unwrap(), "hello");
    for _ in 0..5 {
        let (mut leaves, connection) = Client::new(ends.connect().await).await.unwrap();
        let mut body = leaves.send(get("/endless")).await.unwrap().into_body();
        assert!(body.frame().await.unwrap().is_ok());
        drop((body, leaves));
        // HTTP/2 takes back the one request, and ends when it has no other.
        let _ = timeout(SOON, connection).await.expect("its connection ends");
        timeout(SOON, results.get()).await.expect("the server's connection ends").unwrap();
        assert_eq!(stays.get("/").await.unwrap(), "hello");
    }
    until(|| ends.server.counters().open == 1).await;
    server.cancel();
}

async fn a_server_that_is_cut_off_in_the_midst_of_an_answer_is_an_error_and_no_end(protocol: &str) {
    let ends = ends(protocol).await;
    let (stream, near) = futures_util::join!(ends.server.accept(), ends.connect());
    let stream = stream.unwrap();
    let handle = stream.handle();
    let server = spawn(serve(stream, service_fn(answer), pending::<()>()));
    let (mut client, connection) = Client::new(near).await.unwrap();
    let mut body = client.send(get("/endless")).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    handle.abort();
    let error = timeout(SOON, async {
        loop {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("a body that was cut off looks whole"),
            }
        }
    })
    .await
    .expect("the client is told");
    assert!(!error.is_user(), "{error:?}");
    assert!(server.await.unwrap().is_err(), "the server's hyper is told");
    drop(client);
    let _ = connection.await;
}

async fn a_client_that_is_cut_off_in_the_midst_of_a_request_is_an_error_and_no_end(protocol: &str) {
    let ends = ends(protocol).await;
    let (stream, near) = futures_util::join!(ends.server.accept(), ends.connect());
    let handle = near.handle();
    let heard = Rc::new(Queue::new());
    let told = heard.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let told = told.clone();
        async move {
            told.put(None);
            let result = request.into_body().collect().await;
            told.put(Some(result.map(|body| body.to_bytes().len())));
            Ok::<_, Infallible>(Response::new(full("")))
        }
    });
    let server = spawn(serve(stream.unwrap(), service, pending::<()>()));
    let (mut client, connection) = Client::new(near).await.unwrap();
    let request = spawn(async move { client.send(post("/length", endless())).await });
    assert!(heard.get().await.unwrap().is_none(), "the request has begun");
    handle.abort();
    let result = timeout(SOON, heard.get()).await.expect("the handler is told").unwrap();
    assert!(result.is_some_and(|result| result.is_err()), "a body that was cut off looks whole");
    assert!(timeout(SOON, request).await.expect("the client is told").unwrap().is_err());
    let _ = timeout(SOON, server).await.expect("the connection ends");
    let _ = connection.await;
}

async fn a_handler_that_panics_is_an_error_for_its_client_only(protocol: &str) {
    let ends = Rc::new(ends(protocol).await);
    let serving = ends.clone();
    let server = spawn(async move {
        let handler = |stream| async { drop(serve(stream, service_fn(answer), pending::<()>()).await) };
        serving.server.autospawn(handler).await
    });
    let (mut other, _connection) = Client::new(ends.connect().await).await.unwrap();
    let (mut client, connection) = Client::new(ends.connect().await).await.unwrap();
    assert_eq!(client.get("/").await.unwrap(), "hello");
    timeout(SOON, client.get("/panic")).await.expect("the client is told").expect_err("no answer looks whole");
    match client {
        // Its task was the connection's.
        Client::Http1(_) => drop(timeout(SOON, connection).await.expect("it ends")),
        // Its task was the request's.
        Client::Http2(_) => assert_eq!(client.get("/").await.unwrap(), "hello"),
    }
    assert_eq!(other.get("/").await.unwrap(), "hello");
    server.cancel();
}

/// Connections that are served until `leave` says so.
async fn serve_until(stream: Stream, mut leave: watch::Receiver<bool>) {
    let _ = serve(stream, service_fn(answer), async move { leave.wait_for(|left| *left).await.map(|_| ()) }).await;
}

async fn a_drain_ends_when_hyper_has_shut_down_gracefully(protocol: &str) {
    let ends = Rc::new(ends(protocol).await);
    let (leave, left) = watch::channel(false);
    let serving = ends.clone();
    let server = spawn(async move { serving.server.autospawn(|stream| serve_until(stream, left.clone())).await });
    let clients = join_all((0..6).map(async |number| {
        let (mut client, connection) = Client::new(ends.connect().await).await.unwrap();
        assert_eq!(client.get("/").await.unwrap(), "hello");
        // Half of them have a request under way.
        let client = spawn(async move {
            let answer = if number % 2 == 0 { Some(client.get("/slow").await) } else { None };
            let _client = client;
            (answer, connection.await.expect("hyper does not panic"))
        });
        [client]
    }))
    .await;
    sleep(Duration::from_millis(30)).await;
    let began = now();
    leave.send(true).unwrap();
    let drained = ends.server.drain(SOON).await;
    assert_eq!((drained.finished, drained.closed, drained.unclaimed), (6, 0, 0));
    assert!(now() - began < SOON);
    for client in clients.into_iter().flatten() {
        let (answer, connection) = client.await.unwrap();
        assert!(answer.is_none_or(|answer| answer.is_ok_and(|answer| answer == "slow")), "the answer was due");
        connection.expect("the end is clean");
    }
    assert!(server.await.unwrap().is_err(), "it accepts no more");
}

async fn a_drain_closes_what_does_not_end_by_itself(protocol: &str) {
    let ends = Rc::new(ends(protocol).await);
    let (_leave, left) = watch::channel(false);
    let serving = ends.clone();
    let server = spawn(async move { serving.server.autospawn(|stream| serve_until(stream, left.clone())).await });
    let mut clients = join_all((0..4).map(async |_| {
        let (mut client, connection) = Client::new(ends.connect().await).await.unwrap();
        assert_eq!(client.get("/").await.unwrap(), "hello");
        (client, connection)
    }))
    .await;
    // One has gone before.
    let (client, connection) = clients.pop().unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    until(|| ends.server.counters().open == 3).await;
    let drained = timeout(SOON, ends.server.drain(Duration::from_millis(50))).await.expect("the deadline holds");
    assert_eq!((drained.finished, drained.closed, drained.unclaimed), (0, 3, 0));
    for (mut client, connection) in clients {
        let _ = timeout(SOON, connection).await.expect("the client is told");
        assert!(client.get("/").await.is_err());
    }
    until(|| ends.server.counters().open == 0).await;
    assert!(server.await.unwrap().is_err());
}
