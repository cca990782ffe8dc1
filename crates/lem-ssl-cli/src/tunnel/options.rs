//! The arguments, and what they come to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use lem_ssl_rs::{Address, Context, ContextBuilder, ServerOptions, ToAddress, UnknownName};

use super::carry::Destination;
use super::dial::BackEnd;
use super::host::Hosts;
use super::pool::Pool;
use super::proxies::Proxies;
use super::route::Routes;
use super::traffic::Traffic;
use crate::config::Setting;
use crate::descriptors::Demand;
use crate::exit::Failure;
use crate::log::Log;
use crate::networks::Network;
use crate::options::{CertificateEnd, ClientArgs, Loaded, ProtocolArgs, ServerArgs, TlsVersion, seconds, wrong};
use crate::reload::Notices;
use crate::target;

mod access;

pub(super) use access::AccessArgs;

/// How we verify the back end, and show ourselves to it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS with the back end (--tls-out)")]
pub(super) struct OutArgs {
    /// Trust the certificates in this PEM file, and no others; may be repeated
    #[arg(long, value_name = "FILE")]
    out_ca: Vec<PathBuf>,
    /// Trust the operating system's roots, beside those of --out-ca; without either, Mozilla's, which are built in
    #[arg(long)]
    out_system_roots: bool,
    /// The name that every back end's certificate must be valid for, if it is not its address's
    #[arg(long, value_name = "NAME")]
    out_server_name: Option<String>,
    /// Our own certificate chain, PEM, for back ends that ask for one
    #[arg(long, value_name = "FILE", requires = "out_key")]
    out_cert: Option<PathBuf>,
    /// The private key of --out-cert, PEM
    #[arg(long, value_name = "FILE", requires = "out_cert")]
    out_key: Option<PathBuf>,
    /// Application protocols to offer, the best first
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    out_alpn: Vec<String>,
    /// Speak only this version of TLS
    #[arg(long, value_name = "VERSION")]
    out_tls: Option<TlsVersion>,
    /// Accept ANY certificate of a back end: everyone on the way to it can read and change everything
    #[arg(long, conflicts_with_all = ["out_ca", "out_system_roots"])]
    out_danger_accept_any_certificate: bool,
}

/// What one address, or all of them, may take of us.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Carry so many connections at once; further ones wait. Each takes two descriptors: the limit of the process is raised
    /// as far as it may be, and if that is not enough, a warning says how many connections there may be
    #[arg(long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_connections: u32,
    /// Have so many handshakes with clients under way at once; further ones wait
    #[arg(long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    max_handshakes: u32,
    /// And so many of them from one address; a further one is dropped. Behind --proxy-from the client's address counts
    #[arg(long, value_name = "NUMBER", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    max_handshakes_per_address: u32,
    /// Have so many connections of one proxy (--proxy-from) whose header has not come; a further one is dropped. Keep it
    /// below --max-connections and --max-handshakes, or one proxy that says nothing takes every place
    #[arg(long, value_name = "NUMBER", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    max_proxy_headers: u32,
    /// Give the header of a proxy so many seconds; --handshake-timeout counts beside it
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    proxy_header_timeout: Duration,
    /// Give a client's handshake so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) handshake_timeout: Duration,
    /// Give resolving, connecting and the handshake with a back end so many seconds in all
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) connect_timeout: Duration,
    /// Try so many addresses of back ends for one client, each with its share of --connect-timeout
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    connect_tries: u32,
    /// Leave a back end that has failed alone for so many seconds, if there are others; by chance it is between half and
    /// all of that, so that many tunnels do not come back at once
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) fail_time: Duration,
    /// Look every so many seconds whether each back end answers: connect, and shake hands with --tls-out; the first time
    /// after a part of that by chance, so that many tunnels are not in step
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) health_interval: Option<Duration>,
    /// Cut a connection on which nothing has moved for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(super) idle_timeout: Duration,
    /// After SIGTERM or Ctrl-C, let connections finish for so many seconds; closing what is left may take 5 more
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) drain: Duration,
}

/// What a client gets that asks for a name that no certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Unknown {
    /// The first --cert
    First,
    /// An alert
    Refuse,
}

impl From<Unknown> for UnknownName {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::First => Self::First,
            Unknown::Refuse => Self::Refuse,
        }
    }
}

/// One `--route`.
#[derive(Debug, Clone)]
pub(super) struct Route {
    name: String,
    addresses: Vec<String>,
}

impl Route {
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(super) fn addresses_mut(&mut self) -> &mut [String] {
        &mut self.addresses
    }
}

impl std::str::FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, addresses)) if !name.is_empty() && !addresses.split(',').any(str::is_empty) => {
                Ok(Self { name: name.to_owned(), addresses: addresses.split(',').map(str::to_owned).collect() })
            }
            _ => Err("it is not of the form NAME=ADDRESS[,ADDRESS]".to_owned()),
        }
    }
}

/// The contexts of the two sides; `None` for a side in plain text.
#[derive(Debug)]
pub(super) struct Contexts {
    pub(super) inward: Option<Context>,
    pub(super) outward: Option<Context>,
    /// The certificates that clients are shown.
    pub(super) certificates: Vec<CertificateEnd>,
    /// What the log should say of the files.
    pub(super) notices: Notices,
}

/// What is asked for on the two sides.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    inward: Option<ServerArgs>,
    outward: Option<ClientArgs>,
    /// What a client gets that asks for a name that no certificate is for.
    unknown_name: Unknown,
    handshake_timeout: Duration,
}

impl Sides {
    pub(super) fn new(
        inward: Option<&ServerArgs>,
        outward: Option<&OutArgs>,
        limits: &LimitArgs,
        unknown_name: Unknown,
    ) -> Self {
        Self {
            inward: inward.cloned(),
            outward: outward.map(|out| out.client_args(limits.connect_timeout)),
            unknown_name,
            handshake_timeout: limits.handshake_timeout,
        }
    }

    /// Reads the files, each time anew.
    pub(super) fn contexts(&self) -> Result<Contexts, Failure> {
        let (mut warnings, mut certificates, mut expiries) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |loaded: Loaded<Context>| {
            warnings.extend(loaded.warnings);
            certificates.extend(loaded.certificates);
            expiries.extend(loaded.expiries);
            loaded.value
        };
        let inward = match &self.inward {
            None => None,
            Some(arguments) => {
                let builder = arguments.builder(&[], self.unknown_name.into())?;
                let limited = |builder: ContextBuilder| builder.handshake_deadline(self.handshake_timeout);
                Some(take(builder.map(limited).build()?))
            }
        };
        let outward = self.outward.as_ref().map(ClientArgs::load).transpose()?.map(take);
        Ok(Contexts { inward, outward, certificates, notices: Notices { warnings, expiries } })
    }

    /// What is wrong on either side, one by one: what an option is set to, and why.
    pub(super) fn problems(&self) -> Vec<(Setting, Failure)> {
        let mut problems = self.inward.as_ref().map(ServerArgs::problems).unwrap_or_default();
        let outward = self.outward.iter().flat_map(ClientArgs::problems);
        problems.extend(outward.map(|(setting, failure)| (setting.of_back_end(), failure)));
        problems
    }

    /// The files that a reload reads again.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let inward = self.inward.iter().flat_map(ServerArgs::files);
        inward.chain(self.outward.iter().flat_map(ClientArgs::files)).cloned().collect()
    }

    /// From now on a reload reads them where they are seen in the end.
    pub(super) fn move_files(&mut self, seen: impl Fn(&Path) -> PathBuf) {
        let inward = self.inward.iter_mut().flat_map(ServerArgs::files_mut);
        inward.chain(self.outward.iter_mut().flat_map(ClientArgs::files_mut)).for_each(|file| *file = seen(file));
    }

    /// Whether a reload reads the operating system's roots.
    pub(super) fn has_system_roots(&self) -> bool {
        self.outward.as_ref().is_some_and(|client| client.system_roots)
    }
}

impl OutArgs {
    /// Whether any of them was given.
    pub(super) fn is_given(&self) -> bool {
        let Self { out_ca, out_system_roots, out_server_name, out_cert, out_key, out_alpn, out_tls, .. } = self;
        let files = !out_ca.is_empty() || out_cert.is_some() || out_key.is_some();
        let rest = *out_system_roots || out_server_name.is_some() || !out_alpn.is_empty() || out_tls.is_some();
        files || rest || self.out_danger_accept_any_certificate
    }

    fn client_args(&self, timeout: Duration) -> ClientArgs {
        ClientArgs {
            ca: self.out_ca.clone(),
            system_roots: self.out_system_roots,
            server_name: self.out_server_name.clone(),
            cert: self.out_cert.clone(),
            key: self.out_key.clone(),
            protocol: ProtocolArgs { alpn: self.out_alpn.clone(), tls: self.out_tls, key_log: false },
            timeout,
            danger_accept_any_certificate: self.out_danger_accept_any_certificate,
        }
    }

    /// A back end at this address.
    pub(super) fn back_end(&self, text: &str, secured: bool) -> Result<BackEnd, Failure> {
        let address: Address = text.to_address().map_err(lem_ssl_rs::Error::from)?;
        if !secured {
            return Ok(BackEnd { address, name: None });
        }
        match self.out_server_name.clone().or_else(|| target::name_of(&address)) {
            Some(name) => Ok(BackEnd { address, name: Some(name) }),
            None => Err(wrong(format!(
                "{address} has no name that a certificate could be valid for: give --out-server-name"
            ))),
        }
    }
}

impl LimitArgs {
    pub(super) fn server_options(&self) -> ServerOptions {
        let at_most = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let options = ServerOptions::default().handshakes(at_most(self.max_handshakes));
        options.handshakes_per_peer(at_most(self.max_handshakes_per_address))
    }

    /// Makes them fit below the limit of open files and sockets, which is raised as far as it may be; `listeners` have
    /// handshakes.
    pub(super) fn fit(&mut self, listeners: usize, log: &Log) {
        let (connections, handshakes) = (self.max_connections, self.max_handshakes);
        let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
        // One with the client, one with the back end.
        let allowance = Demand { connections, per_connection: 2, handshakes, listeners }.provide(log);
        (self.max_connections, self.max_handshakes) = (allowance.connections, allowance.handshakes);
    }

    /// Proxies from these networks.
    pub(super) fn proxies(&self, networks: &[Network]) -> Proxies {
        Proxies::new(networks, self.max_proxy_headers, self.proxy_header_timeout)
    }
}

/// Where names lead to. `secured` if we speak TLS with the back ends.
pub(super) fn routes(
    connect: &[String],
    routes: &[Route],
    access: &AccessArgs,
    (out, secured): (&OutArgs, bool),
    limits: &LimitArgs,
) -> Result<Routes<Destination>, Failure> {
    if let Some(name) = access.without_route(routes.iter().map(|route| route.name.as_str())) {
        return Err(wrong(format!("there is a --route-allow for {name}, and no --route")));
    }
    let mut hosts = Hosts::default();
    let mut destination = |label: &str, addresses: &[String], access| -> Result<_, Failure> {
        let back_ends = addresses.iter().map(|address| out.back_end(address, secured)).collect::<Result<_, _>>()?;
        let tries = usize::try_from(limits.connect_tries).unwrap_or(usize::MAX);
        let pool = Pool::new(back_ends, &mut hosts, tries, limits.fail_time);
        Ok(Destination { label: label.to_owned(), pool, access, traffic: Traffic::new() })
    };
    let default = Some(connect).filter(|connect| !connect.is_empty());
    let default = default.map(|addresses| destination("default", addresses, access.general())).transpose()?;
    let mut table = Routes::new(default);
    for Route { name, addresses } in routes {
        table.add(name, destination(name, addresses, access.of_route(name))?).map_err(wrong)?;
    }
    Ok(table)
}
