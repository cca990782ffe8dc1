//! A hyper server: its streams, its tasks and its clock are the contender's, everything else is the same.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Executor, Read, Timer, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use lem_ssl_rs::{Context, Identity, Machine, Roots, Version, danger};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

use crate::control;
use crate::name::Name;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::{self, Pki};

/// What a side that speaks one of both offers.
pub(crate) fn alpn(work: Work) -> &'static str {
    match work {
        Work::Http2 | Work::Requests2 => "h2",
        _ => "http/1.1",
    }
}

pub(crate) fn run(order: &Order) -> Outcome<()> {
    control::answer();
    let pki = Pki::open(&order.pki)?;
    let answers = Answers { body: vec![b'x'; order.size].into(), is_http2: order.work == Work::Http2 };
    match order.contender {
        Name::Lem => on_lem(order, &pki, answers),
        Name::Tokio => on_tokio(order, &pki, answers),
        other => Err(format!("{other} serves no HTTP").into()),
    }
}

fn on_lem(order: &Order, pki: &Pki, answers: Answers) -> Outcome<()> {
    use lem_ssl_rs::hyper::{Executor, Io, Timer};
    Machine::new()?.run(async {
        let context = danger::provider(Context::builder(), pki::provider_with_tickets())
            .versions([Version::Tls13])
            .roots(Roots::None)
            .identity(Identity::from_der(vec![pki.certificate()], pki.key()))
            .alpn([alpn(order.work)])
            .build()?;
        let server = context.listen("127.0.0.1:0").await?;
        control::tell_port(server.local_addr().ip().map_or(0, |address| address.port()));
        Ok(server.autospawn(move |stream| answers.clone().serve(Io::new(stream), Executor, Timer)).await?)
    })?
}

fn on_tokio(order: &Order, pki: &Pki, answers: Answers) -> Outcome<()> {
    let mut config = (*pki.server_config(true)?).clone();
    config.alpn_protocols = vec![alpn(order.work).into()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        control::tell_port(listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            let (acceptor, answers) = (acceptor.clone(), answers.clone());
            spawn_local(async move {
                if stream.set_nodelay(true).is_ok()
                    && let Ok(stream) = acceptor.accept(stream).await
                {
                    answers.serve(TokioIo::new(stream), LocalExecutor, TokioTimer::new()).await;
                }
            });
        }
    }))
}

/// The same answer to every request.
#[derive(Clone)]
struct Answers {
    body: Bytes,
    is_http2: bool,
}

type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

impl Answers {
    async fn serve<I, E, T>(self, io: I, executor: E, timer: T)
    where
        I: Read + Write + Unpin + 'static,
        E: Http2ServerConnExec<Answer, Full<Bytes>>,
        T: Timer + Send + Sync + 'static,
    {
        // Clients that have measured leave as they like.
        let _ = if self.is_http2 {
            http2::Builder::new(executor).timer(timer).serve_connection(io, self).await
        } else {
            http1::Builder::new().timer(timer).serve_connection(io, self).await
        };
    }
}

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, _: Request<Incoming>) -> Answer {
        ready(Ok(Response::new(Full::new(self.body.clone()))))
    }
}

/// hyper's tasks on tokio's one thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
