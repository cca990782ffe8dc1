//! hyper over our streams, as server and as client: ALPN chooses the protocol.

use std::error::Error as StdError;
use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream as Pieces, StreamExt};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::service::Service;
use hyper::{Request, Response, client, server};
use lem_ssl_rs::hyper::{Executor, Io, Timer};
use lem_ssl_rs::{JoinHandle, Stream, spawn};

/// The name of HTTP/1.1 in ALPN.
pub const HTTP1: &str = "http/1.1";
/// The name of HTTP/2 in ALPN.
pub const HTTP2: &str = "h2";

/// What a request or an answer carries: any body, which need not be `Send`.
pub type Body = Pin<Box<dyn HttpBody<Data = Bytes, Error = hyper::Error>>>;

/// No body.
pub fn empty() -> Body {
    Box::pin(Empty::new().map_err(|never| match never {}))
}

/// A body that is there, with its length.
pub fn full(content: impl Into<Bytes>) -> Body {
    Box::pin(Full::new(content.into()).map_err(|never| match never {}))
}

/// A body of pieces, whose length nobody knows.
pub fn pieces(pieces: impl Pieces<Item = Bytes> + 'static) -> Body {
    Box::pin(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))))
}

/// Whether ALPN chose HTTP/2.
pub fn is_http2(stream: &Stream) -> bool {
    stream.info().and_then(|info| info.alpn).is_some_and(|protocol| protocol == HTTP2.as_bytes())
}

/// Serves a connection until it ends, or gracefully to its end once `leave` is ready. No answer has a date: hyper takes
/// it from the system's clock, and in HTTP/2 its digits decide how long it is, which a simulated world would show.
///
/// # Errors
/// As hyper.
pub async fn serve<S, B>(stream: Stream, service: S, leave: impl Future) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: 'static>,
    B: HttpBody<Data: Send, Error: Into<BoxError>> + 'static,
{
    let leave = pin!(leave);
    if is_http2(&stream) {
        let mut builder = server::conn::http2::Builder::new(Executor);
        let builder = builder.timer(Timer).auto_date_header(false);
        let connection = builder.serve_connection(Io::new(stream), service);
        match select(pin!(connection), leave).await {
            Either::Left((result, _)) => result,
            Either::Right((_, mut connection)) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = server::conn::http1::Builder::new();
        let builder = builder.timer(Timer).auto_date_header(false);
        let connection = builder.serve_connection(Io::new(stream), service);
        match select(pin!(connection), leave).await {
            Either::Left((result, _)) => result,
            Either::Right((_, mut connection)) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// A connection that requests are sent on.
#[derive(Debug)]
pub enum Client {
    /// One at a time.
    Http1(client::conn::http1::SendRequest<Body>),
    /// Many at once.
    Http2(client::conn::http2::SendRequest<Body>),
}

/// The task that moves a client's connection.
pub type Connection = JoinHandle<hyper::Result<()>>;

impl Client {
    /// Begins HTTP on a connection.
    ///
    /// # Errors
    /// As hyper.
    pub async fn new(stream: Stream) -> hyper::Result<(Self, Connection)> {
        if is_http2(&stream) {
            let builder = client::conn::http2::Builder::new(Executor);
            let (sender, connection) = builder.handshake(Io::new(stream)).await?;
            Ok((Self::Http2(sender), spawn(connection)))
        } else {
            let (sender, connection) = client::conn::http1::handshake(Io::new(stream)).await?;
            Ok((Self::Http1(sender), spawn(connection)))
        }
    }

    /// Sends a request; the answer's body may still be on its way.
    ///
    /// # Errors
    /// As hyper.
    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// A GET, and the whole body of its answer.
    ///
    /// # Errors
    /// As hyper.
    pub async fn get(&mut self, path: &str) -> hyper::Result<Bytes> {
        let response = self.send(get(path)).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// A POST, and the whole body of its answer.
    ///
    /// # Errors
    /// As hyper.
    pub async fn post(&mut self, path: &str, body: Body) -> hyper::Result<Bytes> {
        let response = self.send(post(path, body)).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }
}

/// A GET.
///
/// # Panics
/// If `path` is none.
pub fn get(path: &str) -> Request<Body> {
    let request = Request::get(format!("https://localhost{path}")).header("host", "localhost");
    request.body(empty()).expect("a request")
}

/// A POST.
///
/// # Panics
/// If `path` is none.
pub fn post(path: &str, body: Body) -> Request<Body> {
    let request = Request::post(format!("https://localhost{path}")).header("host", "localhost");
    request.header("content-type", "application/json").body(body).expect("a request")
}
