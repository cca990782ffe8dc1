//! What a server is told once it is there.

use std::future::Future;
use std::rc::Rc;

use lem_rs::{Endpoint, TcpStream};

use super::Server;
use super::options::ServerEvent;
use super::preface::Preface;
use crate::error::Error;

impl Server {
    /// Calls `on_event` with what happens beside the accepted streams: failed handshakes and handlers, pauses. For a log.
    pub fn on_event(&self, on_event: impl Fn(&ServerEvent<'_>) + 'static) {
        self.admission.monitor.on_event(Rc::new(on_event));
    }

    /// Calls `preface` with each connection before its handshake, for what comes before it on the wire: a header of the
    /// PROXY protocol, STARTTLS. It gives the stream back when the handshake is due; what was received by then and not read
    /// is taken for the beginning of the handshake. Whom a proxy speaks for is told by
    /// [`Source::proxied`](crate::lem_rs::transport::Source::proxied).
    ///
    /// It runs in a task of its own, within the deadline and the limits of handshakes; an error is a failed handshake, and
    /// the stream may be gone by then. Connections that came before the call are not asked.
    pub fn before_handshake<F>(&self, preface: impl Fn(TcpStream) -> F + 'static)
    where
        F: Future<Output = Result<TcpStream, Error>> + 'static,
    {
        let before = self.admission.preface.replace(Some(Preface::new(preface)));
        drop(before);
    }

    /// Tells which peers are proxies that say on each connection for whom they speak: what
    /// [`before_handshake`](Self::before_handshake) reads, and tells by
    /// [`Source::proxied`](crate::lem_rs::transport::Source::proxied). Their connections are those of many clients, so
    /// [`ServerOptions::handshakes_per_peer`](crate::ServerOptions::handshakes_per_peer) does not limit them by the address of
    /// the proxy, but by that of the client as soon as it is known. A proxy that speaks for itself is not limited. Nor are
    /// connections on which a proxy has said nothing yet: let what reads the header limit their number and their time, or a
    /// proxy that says nothing takes every place ([`ServerOptions::handshakes`](crate::ServerOptions::handshakes)) until the
    /// deadline of handshakes.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine};
    /// # Machine::new()?.run(async {
    /// # let context = Context::builder().identity(Identity::self_signed(["localhost"])?).build()?;
    /// let server = context.listen("127.0.0.1:0").await?;
    /// let balancer: std::net::IpAddr = [10, 0, 0, 7].into();
    /// server.proxies(move |peer| peer.ip().is_some_and(|peer| peer.ip() == balancer));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn proxies(&self, is_proxy: impl Fn(&Endpoint) -> bool + 'static) {
        let before = self.admission.proxies.replace(Some(Rc::new(is_proxy)));
        drop(before);
    }
}
