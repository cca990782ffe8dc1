//! `lem-ssl tunnel`: from plain text to TLS, from TLS to plain text, from one TLS to another.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use lem_ssl_rs::{LiveContext, Machine};

use crate::config::Origin;
use crate::confinement::{Confinement, ConfinementArgs};
use crate::exit::Failure;
use crate::expiry::Expiry;
use crate::log::{Format, Log};
use crate::options::{ServerArgs, seconds, wrong};
use crate::reload::{Marks, Notices};
use crate::starttls::Protocol;

mod access;
mod admin;
mod carry;
mod credentials;
mod dial;
mod front;
mod histogram;
mod host;
mod member;
mod metrics;
mod needs;
mod options;
mod pool;
mod preface;
mod problems;
mod proxied;
mod proxies;
mod proxy;
mod record;
mod relay;
mod report;
mod route;
mod service;
mod stop;
mod tally;
mod target;
mod traffic;

use crate::networks::Network;
use carry::Tunnel;
use options::{AccessArgs, LimitArgs, OutArgs, Route, Sides, Unknown};
use preface::Preface;
use service::Service;
use stop::Stop;

/// Carry connections between plain text and TLS, in either direction, or between TLS and TLS
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct TunnelArgs {
    /// Where clients come in: 127.0.0.1:8443, :443, unix:/run/x; systemd, systemd:NAME or stdin for a socket that is
    /// there; port 0 takes a free one; may be repeated
    #[arg(long, value_name = "ADDRESS", required = true)]
    listen: Vec<String>,
    /// The back end, for every client that no --route is for; of several that with the fewest connections; may be repeated
    #[arg(long, value_name = "ADDRESS[,ADDRESS]", value_delimiter = ',', required_unless_present = "route")]
    connect: Vec<String>,
    /// The back ends for clients that ask for this name (SNI): a.example=10.0.0.7:80, *.example=...; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS[,ADDRESS]", requires = "tls_in")]
    route: Vec<Route>,
    /// Speak TLS with clients; needs --cert and --key
    #[arg(long)]
    tls_in: bool,
    /// What a client gets that asks for a name that no --cert is for, or for none; without it the first --cert, and with
    /// nothing but --route an alert
    #[arg(long, value_name = "WHAT", requires = "tls_in")]
    unknown_name: Option<Unknown>,
    /// Speak TLS with the back end
    #[arg(long)]
    tls_out: bool,
    /// Plain text on both sides, really
    #[arg(long, conflicts_with_all = ["tls_in", "tls_out"])]
    plain: bool,
    /// Clients begin in plain text, as this protocol does, and ask for TLS
    #[arg(long, value_name = "PROTOCOL", requires = "tls_in")]
    starttls_in: Option<Protocol>,
    /// Back ends begin in plain text, as this protocol does, and are asked for TLS
    #[arg(long, value_name = "PROTOCOL", requires = "tls_out")]
    starttls_out: Option<Protocol>,
    /// Tell the back end who the client is, by the PROXY protocol, before anything else
    #[arg(long, value_name = "VERSION", num_args = 0..=1, require_equals = true, default_missing_value = "v2")]
    proxy_protocol: Option<proxy::Version>,
    /// Clients from this network are proxies that say first for whom they speak, by the PROXY protocol, version 1 or 2:
    /// 10.0.0.0/8, 192.0.2.7, unix; all others are clients themselves; may be repeated. A header has 107 bytes at most in
    /// version 1, and 4112 in version 2; --max-proxy-headers and --proxy-header-timeout limit those that have not come
    #[arg(long, value_name = "NETWORK")]
    proxy_from: Vec<Network>,
    /// Tell of itself over HTTP at this address, in plain text: give a local one. /metrics is for Prometheus, /healthz and
    /// /readyz for who watches it, / for people, /status.json for programs
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// Look every so many seconds whether certificates, keys and roots have changed, and read them again then
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    reload_interval: Option<Duration>,
    /// Take options from this file, too: TOML, each under its name; what stands here counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Load everything, look at --listen and --metrics without listening there, name every problem, and end; a port that is in
    /// use is no problem: it may be this service that listens there
    #[arg(long)]
    check_config: bool,
    /// No log on standard error
    #[arg(long, short)]
    quiet: bool,
    /// How the lines of the log look
    #[arg(long, value_name = "FORMAT", default_value = "plain")]
    log_format: Format,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    confinement: ConfinementArgs,
}

const HELP: &str = "\
Prints \"listening on ADDRESS\" on standard output, for each, when it is ready, and \"metrics on ADDRESS\" if
asked for. The options under \"TLS\" are about clients, those that begin with --out about the back
end.

An end of either side is passed on as an end, and the other direction goes on. A connection that
was cut is cut on the other side too, without close_notify, or by a reset where there is no TLS:
nobody takes for whole what is not. The same happens to a client whose back end cannot be reached.

A client whose certificate is on no --allow list gets the alert access_denied, and the log says what
it has shown. With --proxy-protocol the back end is told of a client's certificate: its common name
as haproxy tells it, the subject and the alternative names as values of the types 0xE0 and 0xE1.

SIGHUP reads certificates, keys, roots, revocation lists and OCSP responses again; a set that cannot work leaves the old one in
place, and a file that cannot be read is tried again. SIGTERM and Ctrl-C stop accepting and let connections finish, a second one ends at once.
SIGUSR1 and SIGUSR2 do nothing. The file of a Unix-domain socket goes when the tunnel ends; one
that was left by a tunnel that was killed is replaced.

With --acme the authority connects to port 443 of each name, which has to lead here, and its terms
are agreed to. Clients are refused until the first certificate is there; it is renewed at two
thirds of its life, and what is in place stays whatever fails. SIGHUP tries again at once.

With --user, --group and --chroot root's rights are given up before the first client is let in, when
every address is listened at and every file was read. What SIGHUP reads again has to be readable for
the user; each file that is not is told at the start, and a reload keeps what is in place. A path
inside of the --chroot folder stays the same file; any other is looked up in the new root folder as
it stands, and so are names (/etc/resolv.conf, /etc/hosts). --acme-state has to be inside
of it. The file of a Unix-domain socket stays behind if the user may not remove it; the next start
replaces it. --landlock opens nothing but the folders of the files that were given, those that their
links lead to at the start, and the ports that are needed; nothing is executed. Where names are
resolved that is all of /etc, for the C library: let --user be one that may not read its secrets.

Examples:
  lem-ssl tunnel --listen [::]:443 --tls-in --cert chain.pem --key key.pem --connect 127.0.0.1:80
  lem-ssl tunnel --listen 127.0.0.1:5432 --connect db.example:5433 \\
      --tls-out --out-cert me.pem --out-key me.key
  lem-ssl tunnel --listen [::]:443 --tls-in --cert all.pem --key all.key --proxy-protocol \\
      --route a.example=10.0.0.1:80 --route *.b.example=10.0.0.2:80 --metrics 127.0.0.1:9100
  lem-ssl tunnel --listen [::]:443 --tls-in --acme www.example.org --acme-state /var/lib/lem-ssl \\
      --connect 127.0.0.1:8080
  lem-ssl tunnel --listen [::]:443 --tls-in --cert chain.pem --key key.pem --connect 127.0.0.1:80 \\
      --user www-data --chroot /var/empty --landlock";

pub(crate) fn run(mut arguments: TunnelArgs, origin: &Origin) -> Result<(), Failure> {
    if arguments.check_config {
        return problems::report(&arguments, origin);
    }
    let mut sides = check(&arguments)?;
    let confinement = arguments.confinement.plan()?;
    // What is changed from now on is changed after it was read.
    let marks = Marks::of(&sides.files(), |file| confinement.inside(file).is_some());
    let contexts = sides.contexts()?;
    arguments.move_addresses(&confinement);
    let TunnelArgs { connect, route, access, out, limits, .. } = &arguments;
    let routes = options::routes(connect, route, access, (out, arguments.tls_out), limits)?;
    sides.move_files(|file| confinement.seen(file));
    let authority = arguments.server.acme.authority(&confinement)?;
    // The log has a thread of its own.
    let restricted = confinement.restrict(needs::of(&arguments, &sides, &confinement)?)?;
    let log = Log::new(arguments.quiet, arguments.log_format)?;
    let listeners = if arguments.tls_in { arguments.listen.len() } else { 0 };
    arguments.limits.fit(listeners, &log);
    let Notices { warnings, expiries } = contexts.notices;
    let expiries = Expiry::moved(expiries, |file| confinement.inside(file));
    log.warnings(warnings);
    if let Some(restricted) = restricted {
        restricted.tell(&log, arguments.quiet);
    }
    let tunnel = Tunnel {
        routes,
        outward: RefCell::new(contexts.outward),
        proxy_protocol: arguments.proxy_protocol,
        preface: Preface { proxies: arguments.limits.proxies(&arguments.proxy_from), starttls: arguments.starttls_in },
        starttls_out: arguments.starttls_out,
        handshake_timeout: arguments.limits.handshake_timeout,
        connect_timeout: arguments.limits.connect_timeout,
        fail_time: arguments.limits.fail_time,
        idle_timeout: arguments.limits.idle_timeout,
        tally: Rc::default(),
        stop: Stop::default(),
        log,
    };
    let live = contexts.inward.map(LiveContext::new);
    let certificates = contexts.certificates;
    let tunnel = Rc::new(tunnel);
    let service = Service { tunnel, live, certificates, expiries, sides, marks, authority, confinement };
    Machine::new()?.run(service.run(arguments))?
}

impl TunnelArgs {
    /// The back ends as they are written once the root folder is another one.
    fn move_addresses(&mut self, confinement: &Confinement) {
        let routed = self.route.iter_mut().flat_map(Route::addresses_mut);
        self.connect.iter_mut().chain(routed).for_each(|address| *address = confinement.seen_address(address));
    }
}

const NO_MYSQL: &str = "MySQL numbers its packets across the handshake, so both sides would have to be followed";

/// Whether the arguments belong together.
fn check(arguments: &TunnelArgs) -> Result<Sides, Failure> {
    let TunnelArgs { server, out, limits, .. } = arguments;
    if !arguments.tls_in && !arguments.tls_out && !arguments.plain {
        return Err(wrong("say --tls-in, --tls-out or both; --plain for plain text on both sides"));
    }
    if !arguments.tls_in {
        if server.is_given() {
            return Err(wrong("certificates and protocols for clients were given, and no --tls-in"));
        }
        // What an argument requires is not asked for beside --plain, which conflicts with it.
        let given = [
            ("--route", !arguments.route.is_empty()),
            ("--starttls-in", arguments.starttls_in.is_some()),
            ("--unknown-name", arguments.unknown_name.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            return Err(wrong(format!("there is a {option}, and no --tls-in")));
        }
    }
    if !arguments.tls_out && (out.is_given() || arguments.starttls_out.is_some()) {
        return Err(wrong("there are --out options, and no --tls-out"));
    }
    if let Some(protocol) = arguments.starttls_in.filter(|protocol| !protocol.is_answered()) {
        let why = if protocol == Protocol::Ftp { "it opens connections of its own for data" } else { NO_MYSQL };
        return Err(wrong(format!("--starttls-in does not know this protocol: {why}")));
    }
    match (arguments.starttls_in, arguments.starttls_out) {
        (_, Some(Protocol::Ftp)) => return Err(wrong("--starttls-out: FTP opens connections of its own for data")),
        (_, Some(Protocol::Mysql)) => return Err(wrong(format!("--starttls-out: {NO_MYSQL}"))),
        (Some(inward), Some(outward)) if inward != outward => {
            return Err(wrong("--starttls-in and --starttls-out are for different protocols"));
        }
        _ => {}
    }
    let inward = arguments.tls_in.then_some(server);
    let outward = arguments.tls_out.then_some(out);
    // Where there are routes alone, every name is known.
    let unknown = if arguments.connect.is_empty() { Unknown::Refuse } else { Unknown::First };
    Ok(Sides::new(inward, outward, limits, arguments.unknown_name.unwrap_or(unknown)))
}
