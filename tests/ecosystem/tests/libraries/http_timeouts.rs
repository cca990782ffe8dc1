//! hyper's own timeouts, on the machine's clock: in a simulated world they take no time, and exactly theirs.

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use lem_ssl_ecosystem::http::{Body, full};
use lem_ssl_rs::hyper::{Executor, Io, Timer};
use lem_ssl_rs::sim::{Net, Sim};
use lem_ssl_rs::{Context, Identity, ReadMode, Roots, Server, Stream, now, spawn};

const ALLOWED: Duration = Duration::from_secs(30);
/// What the simulated network takes.
const AND: Duration = Duration::from_secs(1);

/// Runs a test of a server and a client's stream.
fn in_sim(test: impl AsyncFnOnce(Stream, Stream)) {
    let sim = Sim::builder(1).host("web.test", ["10.0.0.1"]).check_wakers(true).build();
    let world = async {
        let identity = Identity::self_signed_ed25519(["web.test"]).unwrap();
        let context = Context::builder().roots(Roots::Pem(identity.chain_pem().into())).identity(identity);
        let context = context.build().unwrap();
        let server: Server = context.listen("web.test:443").await.unwrap();
        let (near, far) = futures_util::join!(server.accept(), context.connect("web.test:443"));
        test(near.unwrap(), far.unwrap()).await;
    };
    sim.run(world).expect("nothing waits in vain");
    let _: Net = sim.net();
}

async fn hello(_: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(full("hello")))
}

#[test]
fn a_client_that_does_not_finish_its_headers_is_cut_off_in_time() {
    in_sim(async |near, far| {
        let began = now();
        let server = spawn(async move {
            let mut builder = http1::Builder::new();
            let builder = builder.timer(Timer).header_read_timeout(ALLOWED);
            builder.serve_connection(Io::new(near), service_fn(hello)).await
        });
        far.write("GET / HTTP/1.1\r\nhost: web.test\r\n").await.unwrap();
        let error = server.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        let took = now() - began;
        assert!((ALLOWED..ALLOWED + AND).contains(&took), "{took:?}");
        assert!(far.read(ReadMode::All).await.is_ok(), "the end is clean");
    });
}

#[test]
fn headers_in_time_are_answered_however_slowly_they_come() {
    in_sim(async |near, far| {
        let server = spawn(async move {
            let mut builder = http1::Builder::new();
            let builder = builder.timer(Timer).header_read_timeout(ALLOWED).keep_alive(false);
            builder.serve_connection(Io::new(near), service_fn(hello)).await
        });
        for line in ["GET / HTTP/1.1\r\n", "host: web.test\r\n", "\r\n"] {
            lem_ssl_rs::sleep(ALLOWED / 4).await;
            far.write(line).await.unwrap();
        }
        let answer = far.read(ReadMode::All).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"hello"));
        server.await.unwrap().unwrap();
    });
}

#[test]
fn an_http2_client_that_answers_no_ping_is_cut_off_in_time() {
    in_sim(async |near, far| {
        let began = now();
        let server = spawn(async move {
            let mut builder = http2::Builder::new(Executor);
            let builder = builder.timer(Timer).keep_alive_interval(ALLOWED).keep_alive_timeout(ALLOWED);
            builder.serve_connection(Io::new(near), service_fn(hello)).await
        });
        // The preface and empty settings (RFC 9113 section 3.4), and not a word more.
        far.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let error = server.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        let took = now() - began;
        assert!((ALLOWED * 2..ALLOWED * 2 + AND).contains(&took), "{took:?}");
    });
}
