//! Where clients come in.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};

use lem_ssl_rs::{Address, Error, ListenOptions, Listener, Machine, ToAddress};

use crate::exit::{Exit, Failure};
use crate::platform::{SocketFile, check_socket_file, listen_at, listen_inherited, listen_passed};

/// Listens at `address`: one as people write them, `stdin` for a socket that we were started with, `systemd` or
/// `systemd:NAME` for one that was passed to us (`LISTEN_FDS`). The file of a Unix-domain socket goes with the second value: drop it before the listener.
pub(crate) async fn listen(address: &str, options: ListenOptions) -> Result<(Listener, Option<SocketFile>), Failure> {
    match Place::of(address)? {
        Place::Passed(name) => Ok((listen_passed(name)?, None)),
        Place::Inherited => Ok((listen_inherited()?, None)),
        Place::At(Address::Unix(path)) => listen_at(path, options).await.map(|(listener, file)| (listener, Some(file))),
        Place::At(other) => Ok((Listener::bind_with(&other, options).await?, None)),
    }
}

/// What `--check-config` has found out about addresses.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The value of an option, and why it cannot work.
    pub(crate) problems: Vec<(String, Failure)>,
    /// What can work, but perhaps not for everybody.
    pub(crate) warnings: Vec<String>,
}

/// Looks whether one could listen at these addresses, and listens at none of them. That one is in use is no problem: by this
/// very service, say, which is to be reloaded. Nor is a missing right: the service may have it.
pub(crate) fn check<'a>(addresses: impl IntoIterator<Item = &'a String>) -> Result<Checked, Failure> {
    let checking = async {
        let (mut checked, mut seen) = (Checked::default(), HashSet::new());
        for text in addresses {
            match possible(text).await {
                Err(failure) => checked.problems.push((text.clone(), failure)),
                Ok(Place::At(address)) => {
                    if address.port().is_some_and(lacks_right) {
                        checked
                            .warnings
                            .push(format!("warning: {text}: who runs this check may not listen at this port"));
                    }
                    if address.port() != Some(0) && !seen.insert(address) {
                        let failure = Failure::new(Exit::Usage, format!("{text} is given twice"));
                        checked.problems.push((text.clone(), failure));
                    }
                }
                Ok(Place::Passed(_) | Place::Inherited) => {}
            }
        }
        checked
    };
    Ok(Machine::new()?.run(checking)?)
}

/// Where to listen.
enum Place<'a> {
    /// A socket of a service manager, of this name if it is not empty.
    Passed(&'a str),
    /// Standard input.
    Inherited,
    At(Address),
}

impl<'a> Place<'a> {
    fn of(text: &'a str) -> Result<Self, Failure> {
        let passed = text
            .strip_prefix("systemd")
            .and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') });
        match passed {
            Some(name) => Ok(Self::Passed(name)),
            None if text == "stdin" => Ok(Self::Inherited),
            None => Ok(Self::At(text.to_address().map_err(Error::from)?)),
        }
    }
}

/// Fails if there is nothing at which one could listen: the address is none, is of no interface of this machine, its name
/// cannot be resolved, the folder of its file is missing.
async fn possible(text: &str) -> Result<Place<'_>, Failure> {
    let place = Place::of(text)?;
    let probe = match &place {
        Place::Passed(_) | Place::Inherited => return Ok(place),
        Place::At(Address::Unix(path)) => return check_socket_file(path).map(|()| place),
        Place::At(Address::Ip(address)) => {
            let mut free = *address;
            free.set_port(0);
            Address::Ip(free)
        }
        Place::At(Address::Name { host, .. }) => Address::Name { host: host.clone(), port: 0 },
        Place::At(_) => Address::Any { port: 0 },
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

/// Whether ports like this one are only for who has the right, and we have not. UDP has the same rule, and there nobody is in
/// the way who opens the port for clients at the same time.
fn lacks_right(port: u16) -> bool {
    port != 0
        && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))
            .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
