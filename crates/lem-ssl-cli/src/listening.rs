//! Where clients come in.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use lem_ssl_rs::{Address, Error, ListenOptions, Listener, Machine, ToAddress};

use crate::config::Setting;
use crate::exit::{Exit, Failure};
use crate::platform::{Needs, SocketFile, check_socket_file, listen_at, listen_inherited, listen_passed};

/// Where somebody listens, as people write it.
#[derive(Debug)]
pub(crate) enum Listened<'a> {
    /// `systemd` or `systemd:NAME`: a socket that was passed to us (`LISTEN_FDS`).
    Passed(&'a str),
    /// `stdin`: a socket that we were started with.
    Inherited,
    /// The file of a Unix-domain socket.
    Unix(PathBuf),
    At(Address),
}

impl<'a> Listened<'a> {
    pub(crate) fn at(address: &'a str) -> Result<Self, Failure> {
        let passed = address
            .strip_prefix("systemd")
            .and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') });
        if let Some(name) = passed {
            return Ok(Self::Passed(name));
        }
        if address == "stdin" {
            return Ok(Self::Inherited);
        }
        Ok(match address.to_address().map_err(Error::from)? {
            Address::Unix(path) => Self::Unix(path),
            other => Self::At(other),
        })
    }

    /// Adds what is needed to listen there.
    pub(crate) fn add_to(self, needs: &mut Needs) {
        match self {
            Self::Passed(_) | Self::Inherited => {}
            Self::Unix(path) => needs.sockets.push(path),
            Self::At(address) => {
                needs.names |= address.host().is_some();
                // The zone of an address (fe80::1%eth0) may be a name.
                needs.interfaces |= matches!(&address, Address::Ip(SocketAddr::V6(ip)) if ip.scope_id() != 0);
                needs.listened.extend(address.port());
            }
        }
    }
}

/// Listens at `address`, as [`Listened`] reads it. The file of a Unix-domain socket goes with the second value: drop it
/// before the listener.
pub(crate) async fn listen(address: &str, options: ListenOptions) -> Result<(Listener, Option<SocketFile>), Failure> {
    match Listened::at(address)? {
        Listened::Passed(name) => Ok((listen_passed(name)?, None)),
        Listened::Inherited => Ok((listen_inherited()?, None)),
        Listened::Unix(path) => listen_at(path, options).await.map(|(listener, file)| (listener, Some(file))),
        Listened::At(address) => Ok((Listener::bind_with(&address, options).await?, None)),
    }
}

/// What `--check-config` has found out about addresses.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// What an option is set to, and why it cannot work.
    pub(crate) problems: Vec<(Setting, Failure)>,
    /// What can work, but perhaps not for everybody.
    pub(crate) warnings: Vec<String>,
}

/// Looks whether one could listen at these addresses, and listens at none of them. That one is in use is no problem: by this
/// very service, say, which is to be reloaded. Nor is a missing right: the service may have it.
pub(crate) fn check<'a>(addresses: impl IntoIterator<Item = (&'static str, &'a String)>) -> Result<Checked, Failure> {
    let checking = async {
        let (mut checked, mut seen, mut files) = (Checked::default(), HashSet::new(), HashSet::new());
        for (option, text) in addresses {
            let setting = || Setting::new(option, text);
            match possible(text).await {
                Err(failure) => checked.problems.push((setting(), failure)),
                Ok(Listened::At(address)) => {
                    if address.port().is_some_and(lacks_right) {
                        checked
                            .warnings
                            .push(format!("warning: {text}: who runs this check may not listen at this port"));
                    }
                    if address.port() != Some(0) && !seen.insert(address) {
                        checked.problems.push((setting(), twice(text)));
                    }
                }
                Ok(Listened::Unix(path)) => {
                    if !files.insert(path) {
                        checked.problems.push((setting(), twice(text)));
                    }
                }
                Ok(Listened::Passed(_) | Listened::Inherited) => {}
            }
        }
        checked
    };
    Ok(Machine::new()?.run(checking)?)
}

/// Fails if there is nothing at which one could listen: the address is none, is of no interface of this machine, its name
/// cannot be resolved, the folder of its file is missing.
async fn possible(text: &str) -> Result<Listened<'_>, Failure> {
    let place = Listened::at(text)?;
    let probe = match &place {
        Listened::Passed(_) | Listened::Inherited => return Ok(place),
        Listened::Unix(path) => return check_socket_file(path).map(|()| place),
        Listened::At(Address::Ip(address)) => {
            let mut free = *address;
            free.set_port(0);
            Address::Ip(free)
        }
        Listened::At(Address::Name { host, .. }) => Address::Name { host: host.clone(), port: 0 },
        Listened::At(_) => Address::Any { port: 0 },
    };
    match Listener::bind_with(&probe, ListenOptions::default()).await {
        // Rules about ports are about the real one.
        Err(Error::Io { source, .. })
            if !matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            Err(Error::Io { doing: format!("listen on {text}"), source }.into())
        }
        Err(error @ (Error::Resolve { .. } | Error::Timeout(_))) => Err(error.into()),
        _ => Ok(place),
    }
}

fn twice(text: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{text} is given twice"))
}

/// Whether ports like this one are only for who has the right, and we have not. UDP has the same rule, and there nobody is in
/// the way who opens the port for clients at the same time.
fn lacks_right(port: u16) -> bool {
    port != 0
        && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))
            .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
