//! `lem-ssl tunnel`: from plain text to TLS, from TLS to plain text, from one TLS to another.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use lem_ssl_rs::lem_rs::{ListenOptions, Stream, longest_poll};
use lem_ssl_rs::{Context, Deadline, Endpoint, Error, Inbox, Info, LiveContext, Machine, Queue, now, spawn, timeout};

use crate::exit::Failure;
use crate::listening::listen;
use crate::log::Log;
use crate::options::{ServerArgs, wrong};
use crate::race::{First, race};
use crate::reload::Reloader;
use crate::signals::{self, Signal, Signals};
use crate::stdio;
use crate::text::count;
use crate::words::{self, Side};

mod dial;
mod front;
mod metrics;
mod options;
mod proxy;
mod relay;
mod route;
mod stop;
mod tally;

use dial::{BackEnd, Dialled};
use front::{Client, Front};
use options::{Contexts, LimitArgs, OutArgs, Route, Sides};
use relay::{Carried, Sever, relay};
use route::Routes;
use stop::Stop;
use tally::{Outcome, Tally};

/// Carry connections between plain text and TLS, in either direction, or between TLS and TLS
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct TunnelArgs {
    /// Where clients come in: 127.0.0.1:8443, [::]:443, unix:/run/x; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: String,
    /// The back end, for every client that no --route is for
    #[arg(long, value_name = "ADDRESS", required_unless_present = "route")]
    connect: Option<String>,
    /// The back end for clients that ask for this name (SNI): a.example=10.0.0.7:80, *.example=...; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS", requires = "tls_in")]
    route: Vec<Route>,
    /// Speak TLS with clients; needs --cert and --key
    #[arg(long)]
    tls_in: bool,
    /// Speak TLS with the back end
    #[arg(long)]
    tls_out: bool,
    /// Plain text on both sides, really
    #[arg(long, conflicts_with_all = ["tls_in", "tls_out"])]
    plain: bool,
    /// Tell the back end who the client is, by the PROXY protocol, version 2, before anything else
    #[arg(long)]
    proxy_protocol: bool,
    /// Serve counters for Prometheus over HTTP at this address, in plain text: give a local one
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// No log on standard error
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    out: OutArgs,
}

const HELP: &str = "\
Prints \"listening on ADDRESS\" on standard output when it is ready, and \"metrics on ADDRESS\" if
asked for. The options under \"TLS\" are about clients, those that begin with --out about the back
end.

An end of either side is passed on as an end, and the other direction goes on. A connection that
was cut is cut on the other side too, without close_notify, or by a reset where there is no TLS:
nobody takes for whole what is not. The same happens to a client whose back end cannot be reached.

SIGHUP reads certificates, keys and roots again; a set that cannot work leaves the old one in
place. SIGTERM and Ctrl-C stop accepting and let connections finish, a second one ends at once.
SIGUSR1 and SIGUSR2 do nothing. The file of a Unix-domain socket goes when the tunnel ends; one
that was left by a tunnel that was killed is replaced.

Examples:
  lem-ssl tunnel --listen [::]:443 --tls-in --cert chain.pem --key key.pem --connect 127.0.0.1:80
  lem-ssl tunnel --listen 127.0.0.1:5432 --connect db.example:5433 \\
      --tls-out --out-cert me.pem --out-key me.key
  lem-ssl tunnel --listen [::]:443 --tls-in --cert all.pem --key all.key --proxy-protocol \\
      --route a.example=10.0.0.1:80 --route *.b.example=10.0.0.2:80 --metrics 127.0.0.1:9100";

/// What all connections share.
struct Tunnel {
    routes: Routes<BackEnd>,
    /// What we speak with the back ends.
    outward: RefCell<Option<Context>>,
    proxy_protocol: bool,
    connect_timeout: Duration,
    idle_timeout: Duration,
    tally: Tally,
    stop: Stop,
    log: Log,
}

/// What the main task waits for.
enum Event {
    Signal(Signal),
    /// Nothing is accepted any more.
    Ended(Error),
}

pub(crate) fn run(arguments: TunnelArgs) -> Result<(), Failure> {
    let sides = check(&arguments)?;
    let contexts = sides.contexts()?;
    let log = Log::new(arguments.quiet)?;
    log.lines(contexts.warnings);
    let tunnel = Tunnel {
        routes: options::routes(arguments.connect.as_deref(), &arguments.route, &arguments.out, arguments.tls_out)?,
        outward: RefCell::new(contexts.outward),
        proxy_protocol: arguments.proxy_protocol,
        connect_timeout: arguments.limits.connect_timeout,
        idle_timeout: arguments.limits.idle_timeout,
        tally: Tally::default(),
        stop: Stop::default(),
        log,
    };
    let live = contexts.inward.map(LiveContext::new);
    Machine::new()?.run(carry_all(arguments, Rc::new(tunnel), live, sides))?
}

/// Whether the arguments belong together.
fn check(arguments: &TunnelArgs) -> Result<Sides, Failure> {
    let TunnelArgs { server, out, limits, .. } = arguments;
    if !arguments.tls_in && !arguments.tls_out && !arguments.plain {
        return Err(wrong("say --tls-in, --tls-out or both; --plain for plain text on both sides"));
    }
    if !arguments.tls_in {
        let protocol = !server.protocol.alpn.is_empty() || server.protocol.tls.is_some() || server.protocol.key_log;
        if server.files().next().is_some() || !server.self_signed.is_empty() || protocol {
            return Err(wrong("certificates and protocols for clients were given, and no --tls-in"));
        }
    }
    if !arguments.tls_out && out.is_given() {
        return Err(wrong("there are --out options, and no --tls-out"));
    }
    let inward = arguments.tls_in.then_some(server);
    let outward = arguments.tls_out.then_some(out);
    Ok(Sides::new(inward, outward, limits, arguments.connect.is_none()))
}

async fn carry_all(
    arguments: TunnelArgs,
    tunnel: Rc<Tunnel>,
    live: Option<LiveContext>,
    sides: Sides,
) -> Result<(), Failure> {
    let signals = Signals::of(&signals::ALL)?;
    tunnel.log.lines(signals::SIGNALS_MISSING.map(str::to_owned));
    let options = arguments.limits.server_options();
    let (listener, socket_file) = listen(&arguments.listen, options.listen).await?;
    let front = Rc::new(Front::open(listener, live.as_ref(), options, &tunnel.log)?);
    let (metrics, metrics_file) = match &arguments.metrics {
        Some(address) => {
            let (listener, file) = listen(address, ListenOptions::default()).await?;
            (Some(listener), file)
        }
        None => (None, None),
    };
    // From now on it is measured how long tasks hold the loop.
    longest_poll();
    stdio::print(format!("listening on {}\n", front.local_addr()).as_bytes())?;
    if let Some(listener) = metrics {
        stdio::print(format!("metrics on {}\n", listener.local_addr()).as_bytes())?;
        let (front, tunnel) = (front.clone(), tunnel.clone());
        let text = move || {
            let lag = longest_poll().unwrap_or_default();
            metrics::text(&tunnel.tally.totals(), front.counters().as_ref(), lag)
        };
        spawn(metrics::serve(listener, Rc::new(text))).detach();
    }

    let events = Rc::new(Inbox::new());
    let (inbox, accepting, shared) = (events.clone(), front.clone(), tunnel.clone());
    let most = arguments.limits.max_connections;
    spawn(async move {
        let error = accept(&accepting, &shared, most).await;
        let _ = inbox.put(Event::Ended(error));
    })
    .detach();
    let inbox = events.clone();
    spawn(async move {
        while let Ok(signal) = signals.next().await {
            let _ = inbox.put(Event::Signal(signal));
        }
    })
    .detach();

    let has_files = sides.has_files();
    let shared = tunnel.clone();
    // Both sides, or none.
    let replace = move |contexts: Contexts| {
        if let (Some(live), Some(inward)) = (&live, contexts.inward) {
            live.replace(inward)?;
        }
        let before = shared.outward.replace(contexts.outward);
        drop(before);
        Ok(contexts.warnings)
    };
    let reloader = Reloader::new(move || sides.contexts(), replace, tunnel.log.clone());
    loop {
        match events.take().await? {
            Event::Ended(error) => return Err(error.into()),
            Event::Signal(Signal::Hangup) if has_files => reloader.request(),
            Event::Signal(Signal::Hangup) => {
                tunnel.log.line("nothing to reload: no certificate, key or root is in a file");
            }
            Event::Signal(Signal::Interrupt | Signal::Terminate) => break,
            Event::Signal(signal) => tunnel.log.line(signals::means_nothing(signal)),
        }
    }
    // Whatever ends us from now on, they are not in the way of the next tunnel.
    drop((socket_file, metrics_file));
    front.close();
    tunnel.drain(arguments.limits.drain).await;
    Ok(())
}

/// Accepts until nothing comes in any more; says why.
async fn accept(front: &Front, tunnel: &Rc<Tunnel>, most: u32) -> Error {
    let places = Queue::new();
    for _ in 0..most {
        places.put(());
    }
    loop {
        // The queue is private: nobody resets it.
        let _ = places.get().await;
        let client = match front.accept().await {
            Ok(client) => client,
            Err(error) => return error,
        };
        let (tunnel, places) = (tunnel.clone(), places.clone());
        spawn(async move {
            match client {
                Client::Plain(stream) => tunnel.carry(stream, None).await,
                Client::Tls(stream) => {
                    let info = stream.info();
                    tunnel.carry(stream, info).await;
                }
            }
            places.put(());
        })
        .detach();
    }
}

impl Tunnel {
    /// Carries one connection from its beginning to its end.
    async fn carry<C: Sever>(&self, client: Stream<C>, session: Option<Info>) {
        let _open = self.tally.open();
        let begun = now();
        let peer = client.peer_addr().unwrap_or(Endpoint::Unix(None));
        let asked_for = session.as_ref().and_then(|info| info.requested_name.as_deref());
        let (route, carried) = match self.routes.choose(asked_for) {
            None => {
                C::sever(client);
                (asked_for.unwrap_or("no name").to_owned(), Carried::nothing(Outcome::NoRoute, None))
            }
            Some(back_end) => {
                (back_end.address.to_string(), self.carry_to(back_end, client, &peer, session.as_ref()).await)
            }
        };
        self.tally.ended(carried.outcome);
        let words = carried.outcome.words();
        let why =
            carried.error.map(|error| format!(" ({})", words::explain(&error, Side::BackEnd))).unwrap_or_default();
        let (up, down) = (count(carried.up, "byte"), count(carried.down, "byte"));
        let lasted = now().saturating_duration_since(begun).as_secs_f64();
        self.log.line(format!("{} to {route}: {words}{why}; {up} up, {down} down, {lasted:.1} s", name_of(&peer)));
    }

    async fn carry_to<C: Sever>(
        &self,
        back_end: &BackEnd,
        client: Stream<C>,
        peer: &Endpoint,
        session: Option<&Info>,
    ) -> Carried {
        let header = self.proxy_protocol.then(|| {
            let local = client.local_addr().unwrap_or(Endpoint::Unix(None));
            proxy::header(peer, &local, session)
        });
        let outward = self.outward.borrow().clone();
        let deadline = Deadline::after(self.connect_timeout);
        // In a box that goes when it is done: it is large, and after it a connection may be idle for long.
        let dial = Box::pin(back_end.dial(outward.as_ref(), header.as_deref(), &deadline));
        let dialled = match race(dial, self.stop.wait()).await {
            First::One(Ok(dialled)) => dialled,
            First::One(Err(error)) => {
                C::sever(client);
                return Carried::nothing(dial::outcome_of(&error), Some(error));
            }
            First::Other(()) => {
                C::sever(client);
                return Carried::nothing(Outcome::Drained, None);
            }
        };
        match dialled {
            Dialled::Plain(server) => relay(client, server, self.idle_timeout, &self.stop, &self.tally).await,
            Dialled::Tls(server) => relay(client, server, self.idle_timeout, &self.stop, &self.tally).await,
        }
    }

    /// Lets connections finish, and cuts those that are left after `time`.
    async fn drain(&self, time: Duration) {
        let left = count(self.tally.left(), "connection");
        self.log.line(format!("no more clients are accepted; {left} may finish"));
        if timeout(time, self.tally.emptied()).await.is_err() {
            let left = count(self.tally.left(), "connection");
            self.stop.now();
            self.tally.emptied().await;
            self.log.line(format!("cut {left}"));
        } else {
            self.log.line("all connections have finished");
        }
    }
}

/// A client of a Unix-domain socket has no name.
fn name_of(peer: &Endpoint) -> String {
    match peer {
        Endpoint::Unix(None) => "a local client".to_owned(),
        peer => peer.to_string(),
    }
}
