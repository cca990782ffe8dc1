//! Connecting.

use std::sync::Arc;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Transport, connect_source};
use lem_rs::{Address, Deadline, Endpoint, Plain, ToAddress};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};

use crate::context::Context;
use crate::error::{ConfigError, ConfigPart, Error, Explanation};
use crate::handshake::{Beginning, SecondCheck, Target, shake_hands};
use crate::session::Session;
use crate::transport::Stream;
use crate::trust::parse_name;

impl Context {
    /// Connects to `address`, verifies who is there, and returns the encrypted stream.
    ///
    /// The name in the address is resolved off the loop, its addresses are tried by RFC 8305, and the certificate must
    /// be valid for it. See [`Address`] for what can be written.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Resolve`], [`Error::Connect`] (with every address that was tried); a
    /// [`TlsError`](crate::TlsError) if the handshake fails, [`TlsError::Certificate`](crate::TlsError::Certificate)
    /// above all; [`Error::Timeout`] that names the phase, after 30 s in all or 10 s of handshake, in the phase of
    /// connecting with every attempt and every address that has not answered; [`Error::Task`] if no thread can look up a
    /// name; [`Error::Misuse`] outside of a machine. Each of the others names the address that was asked for.
    ///
    /// **Cancel safety:** dropping it ends every attempt. The error of a [`timeout`](crate::timeout) or
    /// [`within`](crate::within) around it therefore lists no attempts; that of a shorter
    /// [`connect_deadline`](crate::ContextBuilder::connect_deadline) does.
    ///
    /// ```no_run
    /// # use lem_ssl_rs::{Context, Error, Machine, ReadMode};
    /// Machine::new()?.run(async {
    ///     let stream = Context::new()?.connect("www.example.org:https").await?;
    ///     stream.write("GET / HTTP/1.0\r\nHost: www.example.org\r\n\r\n").await?;
    ///     let answer = stream.read(ReadMode::All).await?;
    ///     println!("{}", String::from_utf8_lossy(&answer));
    ///     Ok::<(), Error>(())
    /// })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub async fn connect(&self, address: impl ToAddress) -> Result<Stream, Error> {
        let address = address.to_encrypted_address()?;
        address.check_destination()?;
        let name = name_of(&address)?;
        self.connect_verified(&address, name).await
    }

    /// As [`connect`](Self::connect), but the certificate must be valid for `server_name` and not for the address:
    /// for Unix-domain sockets, tunnels, tests against one machine of many.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots, spawn};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// # let server = context.listen("127.0.0.1:0").await?;
    /// # let port = server.local_addr().ip().map_or(0, |address| address.port());
    /// # let accepting = spawn(async move { server.accept().await });
    /// // The address says where to connect, the name whom to expect there.
    /// let stream = context.connect_as(("127.0.0.1", port), "localhost").await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// **Cancel safety:** as [`connect`](Self::connect).
    pub async fn connect_as(&self, address: impl ToAddress, server_name: &str) -> Result<Stream, Error> {
        let address = address.to_encrypted_address()?;
        address.check_destination()?;
        let name = parse_name(server_name)?;
        self.connect_verified(&address, name).await
    }

    /// Explains a chain that a server presented for `server_name`, its own certificate first: the way to one of this
    /// context's roots, and what is wrong on it, today. For reports about chains that were accepted (the way tells which
    /// certificates count) as for those that were refused
    /// ([`CertificateProblem::explanation`](crate::CertificateProblem::explanation) has the same).
    ///
    /// **It verifies nothing**: that it finds nothing wrong is no permission. What is trusted is decided in the handshake.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine};
    /// # Machine::new()?.run(async {
    /// let chain = Identity::self_signed(["one.example"])?.chain().to_vec();
    /// let explanation = Context::new()?.explain(&chain, "other.example")?;
    /// for finding in &explanation.findings {
    ///     println!("{finding}");
    /// }
    /// assert!(explanation.findings.len() >= 2, "nobody vouches for it, and it has another name");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If the name is none that a certificate could be valid for, or the context trusts nobody, or everybody.
    pub fn explain(&self, chain: &[CertificateDer<'_>], server_name: &str) -> Result<Explanation, Error> {
        let name = parse_name(server_name)?;
        let explainer = self.explainer()?;
        Ok(explainer.explain(chain, Some(&name), Duration::from_secs(UnixTime::now().as_secs())))
    }

    async fn connect_verified(&self, address: &Address, name: ServerName<'static>) -> Result<Stream, Error> {
        let connected = self.connect_to(address, name).await;
        // The errors of the layers below name it already.
        connected.map_err(|error| error.doing(format!("connect to {address}")))
    }

    async fn connect_to(&self, address: &Address, name: ServerName<'static>) -> Result<Stream, Error> {
        let config = self.client()?;
        let deadline = Deadline::after(self.inner().deadlines.connect);
        let remembers = self.inner().remembers.clone().map(|remembers| (remembers, name.clone()));
        if let Some((remembers, _)) = &remembers {
            remembers.before(deadline, address.to_string()).await?;
        }
        let source = connect_source(address, &deadline).await?;
        let session = Session::client(config, name, self.inner().record_layer).map_err(cannot_begin)?;
        let (target, received) = (Target::Address(address.clone()), Vec::new());
        let second_check = SecondCheck::none();
        let beginning = Beginning { source, session, received, target, deadline, metered: None, second_check };
        let stream = shake_hands(self.clone(), beginning).await?;
        if let Some((remembers, name)) = remembers {
            // If it cannot be remembered, there is no stream.
            let remembered = remembers.after(name, certificates_of(&stream), deadline, address.to_string()).await;
            remembered.inspect_err(|_| stream.abort())?;
        }
        Ok(stream)
    }

    /// Goes over to TLS on a plain connection, as its client (STARTTLS). Call it when the peer has agreed, before
    /// anything else is read. What had been received and not read is taken as the beginning of the handshake, so that
    /// text that somebody slipped in before it is an error and never an answer (CVE-2011-0411).
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Listener, Machine, ReadMode, Roots, TcpStream, spawn};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr().clone();
    /// // The server's side of the same is upgrade_server.
    /// let (plain, theirs) = (TcpStream::connect(address).await?, listener.accept().await?);
    /// let server = context.clone();
    /// let accepting = spawn(async move { server.upgrade_server(theirs).await });
    /// let stream = context.upgrade(plain, "localhost").await?;
    /// stream.write("encrypted\n").await?;
    /// assert_eq!(accepting.await??.read(ReadMode::Line).await?, b"encrypted\n");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the plain stream is closed; otherwise as [`connect`](Self::connect).
    ///
    /// **Cancel safety:** dropping it closes the connection.
    pub async fn upgrade(&self, stream: lem_rs::Stream<Plain>, server_name: &str) -> Result<Stream, Error> {
        let name = parse_name(server_name)?;
        let config = self.client()?;
        let (plain, received) = stream.into_parts()?;
        let target = target_of(server_name, &plain);
        let upgraded = self.upgrade_to(plain, received, config, target.clone(), name).await;
        upgraded.map_err(|error| error.doing(format!("connect to {target}")))
    }

    async fn upgrade_to(
        &self,
        plain: Plain,
        mut received: InputBuffer,
        config: Arc<ClientConfig>,
        target: String,
        name: ServerName<'static>,
    ) -> Result<Stream, Error> {
        let deadline = Deadline::after(self.inner().deadlines.handshake);
        let remembers = self.inner().remembers.clone();
        if let Some(remembers) = &remembers {
            remembers.before(deadline, target.clone()).await?;
        }
        let session = Session::client(config, name.clone(), self.inner().record_layer).map_err(cannot_begin)?;
        let received = received.take_all();
        let target_of_handshake = Target::Named(target.clone());
        let second_check = SecondCheck::none();
        let stream = self.go_over(plain, session, received, target_of_handshake, deadline, second_check).await?;
        if let Some(remembers) = remembers {
            remembers.after(name, certificates_of(&stream), deadline, target).await.inspect_err(|_| stream.abort())?;
        }
        Ok(stream)
    }

    /// Goes over to TLS on a plain connection, as its server (STARTTLS). Call it when the agreement was written.
    ///
    /// # Errors
    /// [`Error::Closed`] if the plain stream is closed; a [`TlsError`](crate::TlsError) if the handshake fails, or the
    /// context has no identity; [`Error::Timeout`].
    ///
    /// **Cancel safety:** dropping it closes the connection.
    pub async fn upgrade_server(&self, stream: lem_rs::Stream<Plain>) -> Result<Stream, Error> {
        let config = self.server()?;
        let (plain, mut received) = stream.into_parts()?;
        let peer = plain.source().peer().map_or_else(|_| Target::Named("a client".into()), Target::Peer);
        let deadline = Deadline::after(self.inner().deadlines.handshake);
        let session = Session::server(config, self.inner().record_layer).map_err(cannot_begin)?;
        let received = received.take_all();
        self.go_over(plain, session, received, peer, deadline, SecondCheck::of_clients()).await
    }

    async fn go_over(
        &self,
        plain: Plain,
        session: Session,
        received: Vec<u8>,
        target: Target,
        deadline: Deadline,
        second_check: SecondCheck,
    ) -> Result<Stream, Error> {
        let (source, metered) = (plain.into_source(), None);
        let beginning = Beginning { source, session, received, target, deadline, metered, second_check };
        shake_hands(self.clone(), beginning).await
    }
}

/// With whom a handshake on a plain connection is, for messages: the name, and the port if there is one.
fn target_of(server_name: &str, plain: &Plain) -> String {
    let peer = plain.source().peer().ok();
    match peer.as_ref().and_then(Endpoint::ip).map(|peer| peer.port()) {
        Some(port) if server_name.contains(':') => format!("[{server_name}]:{port}"),
        Some(port) => format!("{server_name}:{port}"),
        None => server_name.to_owned(),
    }
}

/// What the server has shown.
fn certificates_of(stream: &Stream) -> Vec<CertificateDer<'static>> {
    stream.info().map(|info| info.peer_certificates).unwrap_or_default()
}

/// The name that the certificate must be valid for.
fn name_of(address: &Address) -> Result<ServerName<'static>, Error> {
    match address {
        Address::Name { host, .. } => Ok(parse_name(host)?),
        Address::Ip(ip) => Ok(ServerName::IpAddress(IpAddr::from(ip.ip()))),
        // Unix-domain sockets, and what a later version may add.
        _ => {
            let problem = "a Unix-domain socket has no name that a certificate could be valid for: use connect_as";
            Err(ConfigError::new(ConfigPart::ServerName, problem).into())
        }
    }
}

/// rustls refuses to begin only for a configuration that cannot work.
pub(crate) fn cannot_begin(error: rustls::Error) -> Error {
    ConfigError::new(ConfigPart::Versions, "this context cannot begin a handshake").because(error).into()
}
