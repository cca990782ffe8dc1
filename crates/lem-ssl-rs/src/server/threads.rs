//! More cores: a machine on each of several threads, all at one address.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lem_rs::channel::{Receiver, Sender as CommandSender, unbounded};
use lem_rs::{Endpoint, HandlerResult, JoinError, Machine, ToAddress, spawn};

use super::counters::Counters;
use super::options::{ServerEvent, ServerOptions};
use super::{Drained, Server};
use crate::error::Error;
use crate::live::LiveContext;
use crate::transport::Stream;

/// Starts `threads` machines, each on a thread of its own with a listener of its own at `address`; the kernel spreads
/// connections over them (`SO_REUSEPORT`). They share `context`: a reload reaches all of them.
///
/// `factory` is called once on each thread, with the thread's number, and makes the handler for the streams there: what it
/// captures is that thread's own state, shared by its tasks without a lock.
///
/// Returns when all of them listen.
///
/// # Errors
/// [`Error::Misuse`] for no threads, early data, or a Unix-domain socket, which cannot be shared so; otherwise as
/// [`Context::listen`](crate::Context::listen), or [`Error::Io`] if a thread cannot be started. Nothing is left running
/// then.
pub fn serve_threads<H, F>(
    threads: usize,
    address: impl ToAddress,
    context: impl Into<LiveContext>,
    options: ServerOptions,
    factory: impl Fn(usize) -> H + Clone + Send + 'static,
) -> Result<Threads, Error>
where
    H: Fn(Stream) -> F + 'static,
    F: Future<Output: HandlerResult> + 'static,
{
    if threads == 0 {
        return Err(Error::Misuse("a server on no threads serves nobody".into()));
    }
    let mut address = address.to_encrypted_address()?;
    if matches!(address, lem_rs::Address::Unix(_)) {
        return Err(Error::Misuse("a Unix-domain socket cannot be shared by several listeners".into()));
    }
    if options.early_data {
        return Err(Error::Misuse(
            "the handlers of serve_threads take streams, which have no place for early data".into(),
        ));
    }
    let mut options = options;
    options.listen.reuse_port = true;
    let live = context.into();
    let mut running = Threads { workers: Vec::new(), local: None };
    for number in 0..threads {
        let (ready, listening) = channel();
        let (sender, commands) = unbounded();
        let (live, factory, at) = (live.clone(), factory.clone(), address.clone());
        let work = move || match Machine::new() {
            Ok(machine) => machine.run(serve(number, live, at, options, factory(number), commands, ready)).flatten(),
            Err(error) => {
                let _ = ready.send(Err(error.clone()));
                Err(error)
            }
        };
        let started = thread::Builder::new().name(format!("lem-server-{number}")).spawn(work);
        let thread = started.map_err(|error| Error::io("start a thread", error))?;
        running.workers.push(Worker { commands: sender, thread: Some(thread) });
        // A thread that ends before it has sent anything has panicked, usually in the factory.
        let gone = || Error::Misuse("a server thread ended before it listened".into());
        let local = listening.recv().map_err(|_| gone())??;
        // The first one may have chosen the port; the others join it there.
        if let Some(local) = local.ip() {
            address = lem_rs::Address::Ip(local);
            running.local = Some(local);
        }
    }
    Ok(running)
}

/// Servers on several threads.
///
/// # Dropping
/// Dropping it stops them without waiting for their streams, as [`stop`](Self::stop) does with a deadline of zero: no new
/// connections, and what is open is closed gracefully, so that what was written is delivered. It waits for that, up to
/// [`close_deadline`](crate::ContextBuilder::close_deadline) (5 s) if there are clients that do not answer.
pub struct Threads {
    workers: Vec<Worker>,
    local: Option<SocketAddr>,
}

struct Worker {
    commands: CommandSender<Command>,
    /// `None` when it was joined.
    thread: Option<JoinHandle<Result<Drained, Error>>>,
}

impl Threads {
    /// Where they listen.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// The counters of all threads together. Waits for each thread to answer, so call it outside of their handlers.
    pub fn counters(&self) -> Counters {
        let (answer, answers) = channel();
        for worker in &self.workers {
            worker.send(Command::Count(answer.clone()));
        }
        drop(answer);
        let mut all = Counters::default();
        answers.iter().for_each(|counters| all += counters);
        all
    }

    /// Calls `on_event` with the number of the thread and with what happens there beside the accepted streams: for a log. It is
    /// called on that thread, while it serves nobody: let it be quick. What happened before is not reported.
    pub fn on_event(&self, on_event: impl Fn(usize, &ServerEvent<'_>) + Send + Sync + 'static) {
        let on_event: Arc<EventHandler> = Arc::new(on_event);
        for worker in &self.workers {
            worker.send(Command::OnEvent(on_event.clone()));
        }
    }

    /// Drains the servers of all threads at once, each under `deadline`, and waits for the threads to end. What is left at
    /// the deadline is closed gracefully, and the threads end after that: at most
    /// [`close_deadline`](crate::ContextBuilder::close_deadline) (5 s) later.
    ///
    /// # Errors
    /// The first error that a thread ended with; the others have ended all the same.
    pub fn stop(mut self, deadline: Duration) -> Result<Drained, Error> {
        for worker in &self.workers {
            worker.send(Command::Stop(deadline));
        }
        let mut all = Drained::default();
        let mut failed = None;
        for worker in &mut self.workers {
            match worker.join() {
                Some(Ok(drained)) => {
                    all.finished += drained.finished;
                    all.closed += drained.closed;
                    all.unclaimed += drained.unclaimed;
                    all.unfinished += drained.unfinished;
                    all.handlers_finished += drained.handlers_finished;
                    all.handlers_running += drained.handlers_running;
                }
                Some(Err(error)) => failed = failed.or(Some(error)),
                None => {}
            }
        }
        failed.map_or(Ok(all), Err)
    }
}

impl Worker {
    /// Nobody waits for an answer from a thread that has ended.
    fn send(&self, command: Command) {
        let _ = self.commands.try_send(command);
    }

    fn join(&mut self) -> Option<Result<Drained, Error>> {
        let panicked = |_| Err(JoinError::Panicked("in a server thread".into()).into());
        Some(self.thread.take()?.join().unwrap_or_else(panicked))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.send(Command::Stop(Duration::ZERO));
        }
        for worker in &mut self.workers {
            worker.join();
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads")
            .field("threads", &self.workers.len())
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// One thread's work.
async fn serve<H, F>(
    number: usize,
    live: LiveContext,
    address: lem_rs::Address,
    options: ServerOptions,
    handler: H,
    mut commands: Receiver<Command>,
    ready: Sender<Result<Endpoint, Error>>,
) -> Result<Drained, Error>
where
    H: Fn(Stream) -> F + 'static,
    F: Future<Output: HandlerResult> + 'static,
{
    let server = match Server::listen(live, address, options).await {
        Ok(server) => Rc::new(server),
        Err(error) => {
            let _ = ready.send(Err(error.clone()));
            return Err(error);
        }
    };
    // The thread that started us waits for this.
    let _ = ready.send(Ok(server.local_addr().clone()));
    drop(ready);
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(handler).await }).detach();
    loop {
        match commands.recv().await? {
            Command::Count(answer) => {
                // The thread that asked may have ended.
                let _ = answer.send(server.counters());
            }
            Command::OnEvent(on_event) => server.on_event(move |event| on_event(number, event)),
            Command::Stop(deadline) => return Ok(server.drain(deadline).await),
        }
    }
}

/// What all threads call with their events, each with its number.
type EventHandler = dyn Fn(usize, &ServerEvent<'_>) + Send + Sync;

/// What a thread is asked to do.
enum Command {
    Count(Sender<Counters>),
    OnEvent(Arc<EventHandler>),
    Stop(Duration),
}
