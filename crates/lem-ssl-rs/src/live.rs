//! A context that can be changed while it is in use.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lem_rs::{now, sleep, unblock};

use crate::context::Context;
use crate::error::Error;

mod mark;
mod retry;

use mark::Mark;
use retry::Retry;

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
    /// again when the files change again. What the operating system refuses, because no descriptor is free or a disk
    /// does not answer, is also tried again when they do not, after pauses that grow from a second (or `interval`, if
    /// that is shorter) to a minute (or `interval`, if that is longer); `on_reload` is not called again for the same
    /// failure.
    ///
    /// A file has changed if its length or the time of its last change differ; on Unix also if another file is in its
    /// place, or its status has changed, so that a copy with the times of the original is noticed.
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
        let mut retry: Option<Retry> = None;
        loop {
            // Before they are loaded: what changes meanwhile shows at the next look. Without a thread to look with,
            // they count as they were.
            let marks = self.marks(&files).await;
            let has_changed = match marks {
                Some(marks) => seen.replace(marks) != seen,
                None => seen.is_none() && retry.is_none(),
            };
            if has_changed || retry.as_ref().is_some_and(|retry| retry.is_due(now())) {
                let before = retry.take().filter(|_| !has_changed);
                let work = build.clone();
                let built = unblock(move || work()).await.map_err(Error::from).flatten();
                let result = built.and_then(|context| self.replace(context)).map(drop);
                let is_news = match (&result, &before) {
                    (Err(error), Some(before)) => !before.has_told(error),
                    _ => true,
                };
                retry = result.as_ref().err().and_then(|error| Retry::after(error, before, interval, now()));
                if is_news {
                    on_reload(result);
                }
            }
            sleep(retry.as_ref().map_or(interval, |retry| retry.remaining(now()).min(interval))).await;
        }
    }

    /// What shows that a file has changed; one that cannot be looked at is as good as none. `None` if there is no
    /// thread to look with.
    async fn marks(&self, files: &Arc<Vec<PathBuf>>) -> Option<Vec<Option<Mark>>> {
        let files = files.clone();
        unblock(move || files.iter().map(|path| Mark::of(path)).collect()).await.ok()
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
