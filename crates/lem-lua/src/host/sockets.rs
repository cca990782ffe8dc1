//! Plain connections and listeners: TCP and Unix-domain sockets.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;

use lem_ssl_rs::{Error, Limits, ListenOptions, Listener, TcpStream, ToAddress, unblock};
use mlua::{Lua, Table, Value};

use super::serving::{ServerHandle, stream_answer, verbs};
use crate::answer::{Answer, strerror};
use crate::scheduler::Scheduler;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    host.set("listener", verbs::<Listener>(lua, scheduler)?)?;
    let shared = scheduler.clone();
    host.set(
        "connect",
        lua.create_function(move |lua, (address, shown): (String, String)| {
            let scheduler = shared.clone();
            shared.start(lua, async move {
                match TcpStream::connect(address).await {
                    Ok(stream) => stream_answer(&scheduler, stream, Limits::default()),
                    Err(error) => Answer::Fail(connect_problem(&error, &shown)),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "listen",
        lua.create_function(
            move |lua, (address, shown, backlog, mode): (String, String, Option<u32>, Option<u32>)| {
                shared.start(lua, async move {
                    let options =
                        backlog.map_or_else(ListenOptions::default, |it| ListenOptions::default().backlog(it));
                    let listener = listen_at(&address, options).await;
                    match (address.strip_prefix("unix:"), mode) {
                        (Some(path), Some(mode)) if listener.is_ok() => {
                            if let Err(error) = set_mode(path, mode) {
                                let reason = strerror(&error);
                                return Answer::Fail(format!("error setting permissions on '{shown}': {reason}"));
                            }
                        }
                        _ => {}
                    }
                    listener_answer(listener, &shown)
                })
            },
        )?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "lookup",
        lua.create_function(move |lua, (name, family): (String, String)| {
            shared.start(lua, async move {
                match unblock(move || lookup(&name, &family)).await {
                    Ok(found) => Answer::of_system(found, |address| Answer::Bytes(address.into_bytes())),
                    Err(error) => Answer::Fail(error.to_string()),
                }
            })
        })?,
    )
}

/// The first address of this family that a name has.
fn lookup(name: &str, family: &str) -> std::io::Result<String> {
    let mut found = (name, 0).to_socket_addrs()?;
    let of_family = found.find(|address| address.is_ipv6() == (family == "ipv6"));
    let none = || std::io::Error::other("Address family for hostname not supported");
    of_family.map(|address| address.ip().to_string()).ok_or_else(none)
}

#[cfg(unix)]
fn set_mode(path: &str, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &str, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// In the original's words, and what it does not say: why.
fn connect_problem(error: &Error, shown: &str) -> String {
    match error {
        Error::Resolve { source, .. } => format!("error looking up '{shown}': {}", strerror(source)),
        Error::Address(problem) => format!("error looking up '{shown}': {}", problem.problem()),
        Error::Io { source, .. } => format!("error connecting to '{shown}': {}", strerror(source)),
        other => format!("error connecting to '{shown}': {other}"),
    }
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

fn listener_answer(listener: Result<Listener, Error>, shown: &str) -> Answer {
    let problem = match listener {
        Ok(listener) => {
            return Answer::made(move |lua| {
                lua.create_userdata(ServerHandle::new(listener, Limits::default())).map(Value::UserData)
            });
        }
        Err(problem) => problem,
    };
    Answer::Fail(match problem {
        Error::Resolve { source, .. } => format!("error looking up '{shown}': {}", strerror(&source)),
        Error::Address(problem) => format!("error looking up '{shown}': {}", problem.problem()),
        Error::Io { source, .. } => format!("error binding to '{shown}': {}", strerror(&source)),
        other => format!("error binding to '{shown}': {other}"),
    })
}
