//! Plain connections and listeners: TCP and Unix-domain sockets.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lem_ssl_rs::{Address, Endpoint, Error, Limits, ListenOptions, Listener, TcpStream, ToAddress, unblock};
use mlua::{BString, Lua, LuaString, Table, Value};

use super::serving::{ServerHandle, stream_answer, verbs};
use crate::answer::{Answer, strerror};
use crate::scheduler::Scheduler;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    host.set("listener", verbs::<Listener>(lua, scheduler)?)?;
    let shared = scheduler.clone();
    host.set(
        "connect",
        lua.create_function(move |lua, (address, shown, family): (LuaString, BString, Option<String>)| {
            let (address, family) = (address.to_string_lossy(), Family::of(family.as_deref()));
            let scheduler = shared.clone();
            shared.start(lua, async move {
                let connected = async {
                    let stream = TcpStream::connect(of_family(&address, family, &scheduler).await?).await?;
                    family.check(&stream.peer_addr()?)?;
                    Ok(stream)
                };
                match connected.await {
                    Ok(stream) => stream_answer(&scheduler, stream, Limits::default()),
                    Err(error) => problem("error connecting to", &error, &shown),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "listen",
        lua.create_function(
            move |lua, (address, shown, backlog, family): (LuaString, BString, Option<u32>, Option<String>)| {
                let (address, family) = (address.to_string_lossy(), Family::of(family.as_deref()));
                let scheduler = shared.clone();
                shared.start(lua, async move {
                    let listening = async {
                        if family == Family::Any {
                            return listen_at(&address, options(backlog)).await;
                        }
                        let address = of_family(&address, family, &scheduler).await?;
                        let listener = Listener::bind_with(address, options(backlog)).await?;
                        family.check(listener.local_addr())?;
                        Ok(listener)
                    };
                    match listening.await {
                        Ok(listener) => listener_answer(&scheduler, listener),
                        Err(error) => problem("error binding to", &error, &shown),
                    }
                })
            },
        )?,
    )?;
    install_unix(lua, scheduler, host)
}

/// Sockets that have paths: their names are bytes.
fn install_unix(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    host.set(
        "connect_unix",
        lua.create_function(move |lua, (path, shown): (PathBuf, BString)| {
            let scheduler = shared.clone();
            shared.start(lua, async move {
                match TcpStream::connect(Address::Unix(path)).await {
                    Ok(stream) => stream_answer(&scheduler, stream, Limits::default()),
                    Err(error) => problem("error connecting to", &error, &shown),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "listen_unix",
        lua.create_function(move |lua, (path, shown, backlog, mode): (PathBuf, BString, Option<u32>, Option<u32>)| {
            let scheduler = shared.clone();
            shared.start(lua, async move {
                let listener = match Listener::bind_with(Address::Unix(path.clone()), options(backlog)).await {
                    Ok(listener) => listener,
                    Err(error) => return problem("error binding to", &error, &shown),
                };
                if let Some(mode) = mode
                    && let Err(error) = set_mode(&path, mode)
                {
                    return about("error setting permissions on", &shown, &strerror(&error));
                }
                listener_answer(&scheduler, listener)
            })
        })?,
    )
}

fn options(backlog: Option<u32>) -> ListenOptions {
    backlog.map_or_else(ListenOptions::default, |backlog| ListenOptions::default().backlog(backlog))
}

/// Which addresses of a name count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("ipv4") => Self::V4,
            Some("ipv6") => Self::V6,
            _ => Self::Any,
        }
    }

    fn has(self, ip: IpAddr) -> bool {
        self == Self::Any || ip.is_ipv6() == (self == Self::V6)
    }

    fn check(self, end: &Endpoint) -> Result<(), Error> {
        match end {
            Endpoint::Ip(address) if !self.has(address.ip()) => Err(not_of_family()),
            _ => Ok(()),
        }
    }
}

fn not_of_family() -> Error {
    let source = std::io::Error::other("Address family for hostname not supported");
    Error::Resolve { host: "".into(), source: std::sync::Arc::new(source) }
}

/// The first address of this family that a name has. In a simulated world only that world knows names: what it has
/// chosen is checked when it is there.
async fn of_family(address: &str, family: Family, scheduler: &Scheduler) -> Result<Address, Error> {
    match address.to_address()? {
        Address::Name { host, port } if family != Family::Any && !scheduler.is_simulated.get() => {
            let name = host.clone();
            let found = unblock(move || {
                (name, port).to_socket_addrs().map(|mut all| all.find(|address| family.has(address.ip())))
            });
            match found.await? {
                Ok(Some(address)) => Ok(Address::Ip(address)),
                Ok(None) => Err(not_of_family()),
                Err(source) => Err(Error::Resolve { host, source: std::sync::Arc::new(source) }),
            }
        }
        Address::Ip(address) if !family.has(address.ip()) => Err(not_of_family()),
        other => Ok(other),
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// In the original's words, and what it does not say: why.
fn problem(what: &str, error: &Error, shown: &[u8]) -> Answer {
    match error {
        Error::Resolve { source, .. } => about("error looking up", shown, &strerror(source)),
        Error::Address(problem) => about("error looking up", shown, problem.problem()),
        Error::Io { source, .. } => about(what, shown, &strerror(source)),
        other => about(what, shown, &other.to_string()),
    }
}

/// A message about what the script has named, in the script's bytes.
fn about(what: &str, shown: &[u8], reason: &str) -> Answer {
    Answer::FailBytes([what.as_bytes(), b" '", shown, b"': ", reason.as_bytes()].concat())
}

/// Listens; a star stands for all addresses of both families, of which the system may lack the newer one.
pub(super) async fn listen_at(address: &str, options: ListenOptions) -> Result<Listener, Error> {
    let Some(port) = address.strip_prefix("*:") else {
        return Listener::bind_with(address, options).await;
    };
    // As a part of an address, so that services have their names here, too.
    let port = format!("[::]:{port}").to_address()?.port().unwrap_or(0);
    let any = |ip: IpAddr| Listener::bind_with(SocketAddr::new(ip, port), options);
    match any(Ipv6Addr::UNSPECIFIED.into()).await {
        Err(Error::Io { source, .. }) if source.kind() != std::io::ErrorKind::AddrInUse => {
            any(Ipv4Addr::UNSPECIFIED.into()).await
        }
        other => other,
    }
}

fn listener_answer(scheduler: &Rc<Scheduler>, listener: Listener) -> Answer {
    let handle = ServerHandle::new(scheduler, listener, Limits::default());
    Answer::made(move |lua| lua.create_userdata(handle).map(Value::UserData))
}
