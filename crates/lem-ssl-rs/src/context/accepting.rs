//! What a builder lets a program choose of identities and servers.
//!
//! Only these methods name what servers are made of; see [`serving`](super::serving).

use std::sync::Arc;

use super::builder::ContextBuilder;
use crate::identity::{ClientHello, Identity, IdentityChoice, UnknownName};
use crate::tickets::Tickets;
use crate::trust::{ClientAuth, RevocationLists, Roots};

impl ContextBuilder {
    /// Who we are: what a server shows to its clients, and a client to a server that asks. Called again, it adds: a
    /// server then chooses by the name that its client asks for; a client shows the first.
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, Identity, Roots};
    ///
    /// // Chosen by the name that a client asks for.
    /// let context = Context::builder()
    ///     .roots(Roots::None)
    ///     .identity(Identity::self_signed(["one.example"])?)
    ///     .identity(Identity::self_signed(["two.example", "*.two.example"])?)
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn identity(mut self, identity: Identity) -> Self {
        self.wanted().identities.push(identity);
        self
    }

    /// What a server shows to a client that asks for a name that no identity is for. Default: the first identity.
    pub fn unknown_name(mut self, unknown: UnknownName) -> Self {
        self.wanted().unknown_name = unknown;
        self
    }

    /// Makes a server ask every client for a certificate that leads to these roots, and refuse a client without one.
    /// Called again, it adds. Without a call clients are not asked.
    ///
    /// The client is told the roots' names, so that one with several certificates can choose. If the names take more than
    /// 63 KiB, which is more than a message of the protocol holds, it is told none of them: that is allowed, and means that
    /// it may show any.
    pub fn client_roots(mut self, roots: Roots) -> Self {
        self.wanted().client_roots.push(roots);
        self
    }

    /// Whether a client that has no certificate is refused. Default: it is, if clients are asked at all.
    ///
    /// ```
    /// use lem_ssl_rs::{ClientAuth, Context, Error, Identity, Roots};
    ///
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let authority = Identity::self_signed(["client.example"])?.chain_pem();
    /// let context = Context::builder()
    ///     .identity(identity)
    ///     .client_roots(Roots::Pem(authority.into()))
    ///     .client_auth(ClientAuth::Required)
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.wanted().client_auth = Some(auth);
        self
    }

    /// Makes a server refuse clients whose certificate, or whose issuer's, is on one of these lists. Called again, it
    /// adds.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.wanted().revocation_lists.push(lists);
        self
    }

    /// Lets a function choose what a server shows to a client, when it has seen what the client says of itself in its first
    /// message: the name that it asks for, protocols (ALPN), cipher suites, signature schemes, groups.
    ///
    /// It is asked in every handshake, twice if the client has to try again, on the machine's thread, and must not block: look
    /// things up in memory, and load files elsewhere. An identity is checked, and its key loaded, when it is shown first: keep identities, and hand out clones.
    /// One that cannot be used refuses the handshake, with a [`TlsError::Config`](crate::TlsError::Config).
    ///
    /// A client that resumes a session is asked about too, and shown nothing: the choice decides about certificates, not about
    /// who is let in. Which versions a client speaks is not reported by rustls, and its cipher suites do not tell either.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, IdentityChoice};
    /// # use std::collections::HashMap;
    /// # use std::sync::{Arc, Mutex};
    /// // Customers come and go while the server runs.
    /// let customers: Arc<Mutex<HashMap<String, Identity>>> = Arc::default();
    /// customers.lock().unwrap().insert("one.example".into(), Identity::self_signed(["one.example"])?);
    ///
    /// let known = customers.clone();
    /// let context = Context::builder()
    ///     .identity(Identity::self_signed(["localhost"])?)
    ///     .identity_resolver(move |hello| {
    ///         let identity = hello.server_name().and_then(|name| known.lock().unwrap().get(name).cloned());
    ///         // Everybody else is shown what the context has.
    ///         IdentityChoice::from(identity)
    ///     })
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn identity_resolver(
        mut self,
        resolve: impl Fn(&ClientHello<'_>) -> IdentityChoice + Send + Sync + 'static,
    ) -> Self {
        self.wanted().resolve = Some(Arc::new(resolve));
        self
    }

    /// Which servers can resume a session that a server of this context has begun. Default: only this process's.
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, FleetSecret, Identity, Tickets};
    ///
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// let secret = FleetSecret::new("at least 32 bytes, the same on each machine")?;
    /// let context = Context::builder().identity(identity).tickets(Tickets::Fleet(secret)).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn tickets(mut self, tickets: Tickets) -> Self {
        self.wanted().tickets = tickets;
        self
    }

    /// Lets servers receive early data (0-RTT, RFC 8446 section 2.3) from clients that come back: at most `most` bytes
    /// each before the handshake is finished. Default 0: none is received.
    ///
    /// It takes two more steps, so that no code meets early data unprepared: open the server with
    /// [`ServerOptions::early_data`](crate::ServerOptions::early_data), and accept with
    /// [`Server::accept_early`](crate::Server::accept_early). Every other server of this context refuses early data; the
    /// client then sends it again after the handshake, and nothing is lost.
    ///
    /// Early data that are refused, for example after a restart, are skipped if they are no more than `most` bytes, without
    /// what each record adds; a server that receives none skips 16 KiB. With more of them the handshake fails (section
    /// 4.2.10), and the client has to connect again. So let `most` not become less while clients have sessions. Two cases are
    /// rustls' alone, which counts 17 bytes more for each record: a client that has to send a second hello, and the first record
    /// of one whose session is resumed without its early data.
    ///
    /// # Replay
    /// Early data come before the client has shown that it is there: anyone who has recorded them can send them again
    /// (RFC 8446 sections 8 and E.5). What is done about it here is single use (section 8.1): sessions for early data
    /// are remembered in this context, some thousands of them, and each is resumed once. A first flight that is sent
    /// again finds its session gone, its early data are refused, and the handshake, which only the client can finish,
    /// comes to nothing.
    ///
    /// That holds for one context and its clones, on any number of threads, and for those that take its place in a
    /// [`LiveContext`](crate::LiveContext). Contexts that were built apart, other processes, other machines, and this
    /// one after a restart do not know of each other's sessions: they refuse the early data, and then the client, or
    /// somebody who made it fail, may get the same request carried out here and there. No server can prevent that (section 8), so let early
    /// data do only what may be done twice.
    ///
    /// Session tickets that a [`Fleet`](Tickets::Fleet) shares are opened by any of its machines any number of times,
    /// which is no single use: the two exclude each other.
    pub fn early_data(mut self, most: u32) -> Self {
        self.wanted().early_data = most;
        self
    }
}
