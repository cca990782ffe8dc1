//! `lem-ssl serve`: an echo, a page about the session, or the files of a folder.

use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use lem_ssl_rs::{Context, Endpoint, Error, LiveContext, Machine, Server, ServerOptions, Stream, spawn, timeout};

use crate::acme::Authority;
use crate::config::Origin;
use crate::confinement::{Confinement, ConfinementArgs};
use crate::descriptors::{Allowance, Demand};
use crate::events::{Event, Events};
use crate::exit::Failure;
use crate::expiry::Expiry;
use crate::listening::{Listened, listen};
use crate::log::{Format, Log};
use crate::notify::Notifier;
use crate::options::{Loaded, Problems, ServerArgs, seconds, wrong};
use crate::places::Places;
use crate::platform::Needs;
use crate::reload::{Marks, Notices, Reloader};
use crate::say;
use crate::signals::{self, Signal, Signals};
use crate::stdio;
use crate::text::count;
use crate::words;

mod echo;
mod http;
mod idle;

use idle::Idle;

/// Serve TLS: an echo, a page that describes the session, or the files of a folder
#[derive(Debug, Args)]
#[command(after_help = HELP)]
#[command(group(ArgGroup::new("what").required(true).args(["echo", "http", "files"])))]
pub(crate) struct ServeArgs {
    /// Where to listen: 127.0.0.1:8443, :443, unix:/run/x; systemd, systemd:NAME or stdin for a socket that is
    /// there; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: String,
    /// Send back what clients send
    #[arg(long)]
    echo: bool,
    /// Answer every GET with a page that describes the session
    #[arg(long)]
    http: bool,
    /// Serve the files in this folder, read-only; names that begin with a dot are hidden
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// With --files, show what is in a folder that has no index.html: a page, or JSON for who asks for that
    #[arg(long, requires = "files")]
    list: bool,
    /// With --files, pack what is text for clients that take gzip
    #[arg(long, requires = "files")]
    gzip: bool,
    /// Serve so many clients at once; further ones wait
    #[arg(long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Let a client be idle, or hold up what it is sent, for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    idle_timeout: Duration,
    /// Let a client take so many seconds for the head of a request, from its first byte on
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    head_timeout: Duration,
    /// After SIGTERM or Ctrl-C, let clients finish for so many seconds; closing what is left may take 5 more
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    drain: Duration,
    /// Look every so many seconds whether certificates, keys and roots have changed, and read them again then
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    reload_interval: Option<Duration>,
    /// Take options from this file, too: TOML, each under its name; what stands here counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Load everything, look at --listen without listening there, name every problem, and end; a port that is in use is no
    /// problem: it may be this service that listens there
    #[arg(long)]
    check_config: bool,
    /// No access log on standard error
    #[arg(long, short)]
    quiet: bool,
    /// How the lines of the log look
    #[arg(long, value_name = "FORMAT", default_value = "plain")]
    log_format: Format,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    confinement: ConfinementArgs,
}

const HELP: &str = "\
Prints one line, \"listening on ADDRESS\", on standard output when it is ready. SIGHUP reads
certificates, keys and roots again; SIGTERM and Ctrl-C stop accepting and let clients finish, a
second one ends at once; SIGUSR1 and SIGUSR2 do nothing. Clients of --http and --files that are
between two requests go at once; those of --echo are never between two, and keep the server for
the whole time of --drain. The file of a Unix-domain socket goes when it ends; one that was left
by a server that was killed is replaced.

With --list names that begin with a dot are not shown, but for .well-known, nor are links that lead out
of the folder. With
--gzip text, scripts, JSON, XML, SVG and WebAssembly are packed while they are sent, but never a part
of a file. How long an answer is then tells something about what is in it: do not serve files with
--gzip in which a secret stands beside what others have written (BREACH).

With --acme the authority connects to port 443 of each name, which has to lead here, and its terms
are agreed to. Clients are refused until the first certificate is there; it is renewed at two
thirds of its life, and what is in place stays whatever fails. SIGHUP tries again at once.

With --user, --group and --chroot root's rights are given up before the first client is let in, when
every address is listened at and every file was read. What SIGHUP reads again has to be readable for
the user; each file that is not is told at the start, and a reload keeps what is in place. A path
inside of the --chroot folder stays the same file; any other is looked up in the new root folder as
it stands, and so are names (/etc/resolv.conf, /etc/hosts). --files and --acme-state have to be
inside of it. The file of a Unix-domain socket stays behind if the user may not remove it; the next
start replaces it. --landlock opens nothing but the folders of the files that were given, those that
their links lead to at the start, and the ports that are needed; nothing is executed. Where names
are resolved that is all of /etc, for the C library: let --user be one that may not read its secrets.

Examples:
  lem-ssl serve --listen 127.0.0.1:8443 --self-signed localhost,127.0.0.1 --http
  lem-ssl serve --listen [::]:443 --cert chain.pem --key key.pem --files /srv/www --list --gzip
  lem-ssl serve --listen 127.0.0.1:0 --cert chain.pem --key key.pem --client-ca clients.pem --echo
  lem-ssl serve --listen [::]:443 --acme example.org,www.example.org --acme-state /var/lib/lem-ssl \\
      --acme-contact admin@example.org --files /srv/www";

/// What is served.
#[derive(Debug)]
enum What {
    Echo,
    Http(http::Site),
}

/// What all connections share.
#[derive(Debug)]
struct Service {
    what: What,
    log: Log,
    idle: Idle,
    idle_timeout: Duration,
    head_timeout: Duration,
}

impl Service {
    /// The folder that is served.
    fn root(&self) -> Option<&PathBuf> {
        match &self.what {
            What::Http(site) => site.root(),
            What::Echo => None,
        }
    }
}

/// What was made of the arguments before the machine runs.
struct First {
    context: Context,
    /// What of the files that were read is good for a time only.
    expiries: Vec<Expiry>,
    /// How the files were before they were read.
    marks: Marks,
    authority: Option<Authority>,
    confinement: Confinement,
    options: ServerOptions,
}

impl ServeArgs {
    /// Makes the numbers fit below the limit of open files and sockets, which is raised as far as it may be.
    fn fit(&mut self, log: &Log) -> ServerOptions {
        let options = ServerOptions::default();
        let handshakes = u32::try_from(options.handshakes).unwrap_or(u32::MAX);
        // The client, and the file that it gets.
        let demand = Demand { connections: self.max_connections, per_connection: 2, handshakes, listeners: 1 };
        let Allowance { connections, handshakes } = demand.provide(log);
        self.max_connections = connections;
        options.handshakes(usize::try_from(handshakes).unwrap_or(usize::MAX))
    }
}

pub(crate) fn run(mut arguments: ServeArgs, origin: &Origin) -> Result<(), Failure> {
    if arguments.check_config {
        return problems(&arguments, origin);
    }
    let confinement = arguments.confinement.plan()?;
    // What is changed from now on is changed after it was read.
    let marks = Marks::of(arguments.server.files(), |file| confinement.inside(file).is_some());
    let Loaded { value: context, warnings, expiries, .. } = context(&arguments)?;
    let expiries = Expiry::moved(expiries, |file| confinement.inside(file));
    let site = site(&arguments)?.map(|site| site.moved(&confinement)).transpose()?;
    arguments.server.files_mut().for_each(|file| *file = confinement.seen(file));
    let authority = arguments.server.acme.authority(&confinement)?;
    // The log has a thread of its own.
    let restricted = confinement.restrict(needs(&arguments, site.as_ref(), &confinement)?)?;
    let what = match site {
        Some(site) => What::Http(site),
        None if arguments.http => What::Http(http::Site::Page),
        None => What::Echo,
    };
    let log = Log::new(arguments.quiet, arguments.log_format)?;
    let options = arguments.fit(&log);
    log.warnings(warnings);
    if let Some(restricted) = restricted {
        restricted.tell(&log, arguments.quiet);
    }
    let service = Service {
        what,
        log: log.clone(),
        idle: Idle::default(),
        idle_timeout: arguments.idle_timeout,
        head_timeout: arguments.head_timeout,
    };
    let first = First { context, expiries, marks, authority, confinement, options };
    Machine::new()?.run(serve(arguments, first, Rc::new(service)))?
}

/// What it needs of files and ports once it runs.
fn needs(arguments: &ServeArgs, site: Option<&http::Site>, confinement: &Confinement) -> Result<Needs, Failure> {
    let mut needs = arguments.server.needs(arguments.server.files(), confinement);
    needs.folders.extend(site.and_then(http::Site::root).cloned());
    Listened::at(&arguments.listen)?.add_to(&mut needs);
    Ok(needs)
}

/// The folder that is served, if one is.
fn site(arguments: &ServeArgs) -> Result<Option<http::Site>, Failure> {
    // clap does not insist on a required option that conflicts with one that is there.
    if arguments.files.is_none() && (arguments.list || arguments.gzip) {
        return Err(wrong("--list and --gzip are about a folder: give --files FOLDER"));
    }
    let style = http::Style { lists: arguments.list, packs: arguments.gzip };
    arguments.files.as_ref().map(|folder| http::Site::folder(folder, style)).transpose()
}

/// `--check-config`: everything is loaded, and every problem is named at once.
fn problems(arguments: &ServeArgs, origin: &Origin) -> Result<(), Failure> {
    let mut problems = Problems::new(origin);
    problems.add_listening([("listen", &arguments.listen)])?;
    let confinement = arguments.confinement.find();
    let moved = |site: http::Site| confinement.as_ref().map_or(Ok(()), |found| site.moved(found).map(drop));
    if let Err(failure) = site(arguments).and_then(|site| site.map_or(Ok(()), moved)) {
        problems.add(&failure);
    }
    let found = arguments.confinement.problems();
    found.iter().for_each(|(setting, failure)| problems.add_of(setting, failure));
    if let Ok(confinement) = &confinement
        && let Err(failure) = arguments.server.acme.check_place(confinement)
    {
        problems.add(&failure);
    }
    arguments.confinement.remark().iter().for_each(say::line);
    let found = arguments.server.problems();
    found.iter().for_each(|(setting, failure)| problems.add_of(setting, failure));
    match context(arguments) {
        Ok(loaded) => loaded.warnings.iter().for_each(say::line),
        Err(failure) if found.is_empty() => problems.add(&failure),
        // It is one of those that were found.
        Err(_) => {}
    }
    problems.conclude()
}

fn context(arguments: &ServeArgs) -> Result<Loaded<Context>, Failure> {
    let alpn: &[&str] = if arguments.echo { &[] } else { &["http/1.1"] };
    arguments.server.context(alpn)
}

async fn serve(arguments: ServeArgs, first: First, service: Rc<Service>) -> Result<(), Failure> {
    let signals = Signals::of(&signals::ALL)?;
    let First { context: first, expiries, marks, authority, confinement, options } = first;
    let live = LiveContext::new(first);
    let (listener, mut socket_file) = signals.during(listen(&arguments.listen, options.listen)).await?;
    let log = service.log.clone();
    let notifier = Notifier::from_env(&log);
    confinement.enter(&mut socket_file, &log)?;
    confinement.tell_unreadable(arguments.server.files(), "a reload keeps what is in place", &log);
    confinement.tell_unreadable(service.root(), "clients get nothing of it", &log);
    if authority.is_some() {
        confinement.tell_nameless(&log);
    }
    // Nobody is let in before.
    let server = Rc::new(Server::over(live.clone(), listener, options)?);
    log.warnings(signals::SIGNALS_MISSING.map(str::to_owned));
    server.on_event({
        let log = log.clone();
        move |event| log.line(words::event(event))
    });
    let acme = authority.map(|authority| arguments.server.acme.keep(authority, &log)).transpose()?;
    stdio::print(format!("listening on {}\n", server.local_addr()).as_bytes())?;

    let max_connections = arguments.max_connections;
    let events = Events::new();
    let (accepting, shared) = (server.clone(), service.clone());
    events.accept(async move { accept(&accepting, &shared, max_connections).await });
    events.receive(signals);

    let drain = arguments.drain;
    let has_files = arguments.server.files().next().is_some();
    let replace = move |loaded: Loaded<Context>| {
        let Loaded { value, warnings, expiries, .. } = loaded;
        live.replace(value)?;
        Ok(Notices { warnings, expiries })
    };
    let (files, interval) = (arguments.server.files().cloned().collect(), arguments.reload_interval);
    let reloader = Reloader::new(move || context(&arguments), replace, log.clone(), notifier.clone());
    if let Some(interval) = interval {
        reloader.watch(files, marks, interval);
    }
    reloader.expect(expiries);
    notifier.ready();
    loop {
        match events.next().await? {
            Event::Ended(error) => return Err(error.into()),
            Event::Signal(Signal::Hangup) if has_files || acme.is_some() => {
                if let Some(acme) = &acme {
                    acme.look_again();
                }
                reloader.request();
            }
            Event::Signal(Signal::Hangup) => log.line("nothing to reload: the certificate was made up"),
            Event::Signal(Signal::Interrupt | Signal::Terminate) => break,
            Event::Signal(signal) => log.line(signals::means_nothing(signal)),
        }
    }
    notifier.stopping();
    log.line("no more clients are accepted; those that are here may finish");
    // Whatever ends us from now on, it is not in the way of the next server.
    drop(socket_file);
    // Before the idle ones are closed, or they would come back.
    let _ = server.close();
    service.idle.drain();
    let drained = server.drain(drain).await;
    let closed = count(drained.closed, "connection");
    log.line(if drained.closed == 0 { "all clients have finished".to_owned() } else { format!("closed {closed}") });
    let cut = drained.unclaimed + drained.unfinished;
    if cut > 0 {
        log.line(format!("cut {} before their handshake was over or a place was free", count(cut, "client")));
    }
    Ok(())
}

/// Accepts until the server is closed; says why it ended.
async fn accept(server: &Server, service: &Rc<Service>, most: u32) -> Error {
    let places = Places::new(most);
    loop {
        let place = places.take().await;
        let stream = match server.accept().await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        let service = service.clone();
        spawn(async move {
            let _place = place;
            handle(&service, stream).await;
        })
        .detach();
    }
}

async fn handle(service: &Service, stream: Stream) {
    let peer = stream.peer_addr().map_or_else(|_| "a client".to_owned(), |peer| name_of(&peer));
    match &service.what {
        What::Echo => echo::converse(service, stream, &peer).await,
        What::Http(site) => http::converse(service, site, stream, &peer).await,
    }
}

/// Writes all of `data` to a client that takes at least something of it within each `idle`.
async fn write(stream: &Stream, data: &[u8], idle: Duration) -> Result<(), Error> {
    let mut writing = pin!(stream.write(data));
    loop {
        let before = stream.bytes_written();
        match timeout(idle, writing.as_mut()).await {
            Ok(written) => return written,
            Err(_) if stream.bytes_written() > before => {}
            Err(late) => return Err(late.into()),
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
