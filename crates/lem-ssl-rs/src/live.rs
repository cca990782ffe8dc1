//! A context that can be changed while it is in use.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use lem_rs::{sleep, unblock};

use crate::context::Context;
use crate::error::Error;

/// Holds the context that new connections get, for servers whose certificates, trust or revocation lists change while
/// they run. Clones hold the same one, on every thread.
///
/// A change is whole or not at all: the new context was built, and so checked, before it takes the old one's place. Open
/// streams keep what they began with.
#[derive(Clone)]
pub struct LiveContext {
    current: Arc<RwLock<Context>>,
}

impl LiveContext {
    /// Holds `context` until it is [replaced](Self::replace).
    pub fn new(context: Context) -> Self {
        Self { current: Arc::new(RwLock::new(context)) }
    }

    /// The context that a new connection gets now.
    pub fn current(&self) -> Context {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives `context` to all new connections from now on; returns the one before.
    ///
    /// Clients resume their sessions as before, unless what the server trusts and offers has changed.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, LiveContext, Machine, Roots, Server, ServerOptions};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// let live = LiveContext::new(context);
    /// let server = Server::listen(live.clone(), "localhost:0", ServerOptions::default()).await?;
    /// let next = Context::builder().identity(Identity::self_signed(["localhost"])?).build()?;
    /// // New connections get the next one.
    /// let before = live.replace(next)?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the context in place can accept connections and `context`
    /// cannot, because it has no identity: every client of a running server would fail. The old one stays in place.
    pub fn replace(&self, context: Context) -> Result<Context, Error> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.server().is_ok() {
            context.server()?;
        }
        let context = context.with_tickets_of(&current);
        Ok(std::mem::replace(&mut *current, context))
    }

    /// Builds a new context and puts it in place. If that fails, the old one stays in place.
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, Identity, LiveContext};
    ///
    /// let build = || Context::builder().identity(Identity::self_signed(["localhost"])?).build();
    /// let live = LiveContext::new(build()?);
    /// live.reload(build)?;
    ///
    /// // What cannot serve leaves the old one in place.
    /// assert!(live.reload(Context::new).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What `build` said; otherwise as [`replace`](Self::replace).
    pub fn reload(&self, build: impl FnOnce() -> Result<Context, Error>) -> Result<(), Error> {
        self.replace(build()?).map(drop)
    }

    /// Loads at once, looks at `files` every `interval` from then on, and reloads when one has changed; calls
    /// `on_reload` each time with how that went. Never returns: spawn it.
    ///
    /// It loads at once because the files may have changed since the context in place was built; nothing that happens
    /// after the call is missed.
    ///
    /// `build` runs on a worker thread, because it reads files. A set that cannot work - a key that is not yet the new
    /// certificate's, because the second file is still being written - leaves the old context in place, and is tried
    /// again when the files change again.
    ///
    /// ```no_run
    /// # use lem_ssl_rs::{Context, Error, Identity, LiveContext, Machine, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let load = || {
    ///     let identity = Identity::from_pem_files("/etc/service/chain.pem", "/etc/service/key.pem")?;
    ///     Context::builder().identity(identity).build()
    /// };
    /// let live = LiveContext::new(load()?);
    /// let files = vec!["/etc/service/chain.pem".into(), "/etc/service/key.pem".into()];
    /// let watched = live.clone();
    /// let watching = spawn(async move {
    ///     let report = |outcome: Result<(), Error>| match outcome {
    ///         Ok(()) => println!("reloaded"),
    ///         Err(error) => println!("not reloaded: {error}"),
    ///     };
    ///     watched.watch(files, Duration::from_secs(10), load, report).await;
    /// });
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// **Cancel safety:** dropping it ends the watch.
    ///
    /// # Panics
    /// Outside of [`Machine::run`](lem_rs::Machine::run).
    pub async fn watch(
        &self,
        files: Vec<PathBuf>,
        interval: Duration,
        build: impl Fn() -> Result<Context, Error> + Send + Sync + 'static,
        on_reload: impl Fn(Result<(), Error>),
    ) {
        let files = Arc::new(files);
        let build = Arc::new(build);
        let mut seen = None;
        loop {
            // Before they are loaded: what changes meanwhile shows at the next look.
            let now = Some(self.marks(&files).await);
            if now != seen {
                seen = now;
                let work = build.clone();
                let built = unblock(move || work()).await.map_err(Error::from).flatten();
                on_reload(built.and_then(|context| self.replace(context)).map(drop));
            }
            sleep(interval).await;
        }
    }

    /// What shows that a file has changed; one that cannot be looked at is as good as none.
    async fn marks(&self, files: &Arc<Vec<PathBuf>>) -> Vec<Option<(SystemTime, u64)>> {
        let files = files.clone();
        let mark = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        unblock(move || files.iter().map(mark).collect()).await.unwrap_or_default()
    }
}

impl From<Context> for LiveContext {
    fn from(context: Context) -> Self {
        Self::new(context)
    }
}

impl fmt::Debug for LiveContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveContext").field(&self.current()).finish()
    }
}
