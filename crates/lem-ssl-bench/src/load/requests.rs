//! HTTP requests, by hyper on tokio for every contender.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsConnector;

use crate::control::{tell, wait};
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::{self, Pki};
use crate::scenarios::alpn;

pub(super) fn run(order: &Order) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let mut clients = connect(order).await?;
        clients = ask(clients, order.warm, order.size).await?;
        tell("warm");
        wait();
        ask(clients, order.total, order.size).await?;
        tell("done");
        wait();
        Ok(())
    }))
}

/// What sends requests, one at a time.
enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// As many clients as there are to be requests at once, on the connections that they share.
async fn connect(order: &Order) -> Outcome<Vec<Client>> {
    let mut config = (*Pki::open(&order.pki)?.client_config(false)?).clone();
    config.alpn_protocols = vec![alpn(order.work).into()];
    let connector = TlsConnector::from(Arc::new(config));
    let mut clients = Vec::new();
    for _ in 0..order.connections {
        let socket = TcpStream::connect(("127.0.0.1", order.port)).await?;
        socket.set_nodelay(true)?;
        let stream = TokioIo::new(connector.connect(pki::server_name()?, socket).await?);
        if order.work == Work::Requests2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            spawn_local(connection);
            let each = order.active / order.connections;
            clients.extend((0..each).map(|_| Client::Http2(sender.clone())));
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            spawn_local(connection);
            clients.push(Client::Http1(sender));
        }
    }
    Ok(clients)
}

/// Makes `count` requests, with all clients at once; gives them back.
async fn ask(clients: Vec<Client>, count: u64, size: usize) -> Outcome<Vec<Client>> {
    let left = Rc::new(Cell::new(count));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let left = left.clone();
            spawn_local(async move {
                while let Some(fewer) = left.get().checked_sub(1) {
                    left.set(fewer);
                    client.ask(size).await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(client)
            })
        })
        .collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await??);
    }
    Ok(clients)
}

impl Client {
    async fn ask(&mut self, size: usize) -> Outcome<()> {
        let request = Request::get("https://localhost/").header("host", "localhost").body(Empty::new())?;
        let response: Response<Incoming> = match self {
            Self::Http1(sender) => sender.send_request(request).await?,
            Self::Http2(sender) => sender.send_request(request).await?,
        };
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()).into());
        }
        let mut body = response.into_body();
        let mut got = 0;
        while !body.is_end_stream()
            && let Some(frame) = body.frame().await
        {
            got += frame?.data_ref().map_or(0, Bytes::len);
        }
        if got == size { Ok(()) } else { Err(format!("{got} bytes have come, and not {size}").into()) }
    }
}
