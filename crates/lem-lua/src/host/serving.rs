//! The verbs of servers, as one table of functions for each kind of server.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::{Endpoint, Error, Limits, Listener, Plain, Server, Tls};
use mlua::{IntoLua, Lua, Table, UserData, UserDataRef, Value};

use crate::answer::Answer;
use crate::io::conn::{Conn, Kind};
use crate::io::duplex::Handle;
use crate::scheduler::{Open, Scheduler};

/// A server in Lua's hands.
pub(super) struct ServerHandle<A> {
    accepting: Rc<A>,
    limits: Limits,
    _open: Open,
}

impl<A: Accepting> ServerHandle<A> {
    pub(super) fn new(scheduler: &Scheduler, accepting: A, limits: Limits) -> Self {
        Self { accepting: Rc::new(accepting), limits, _open: Open::new(scheduler) }
    }
}

impl<A: 'static> UserData for ServerHandle<A> {}

/// What accepts connections.
pub(super) trait Accepting: 'static {
    type Kind: Kind;

    fn accept(&self) -> impl Future<Output = Result<Stream<Self::Kind>, Error>>;
    fn close(&self) -> Result<(), Error>;
    fn interrupt(&self) -> Result<(), Error>;
    fn is_busy(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn local(&self) -> Endpoint;
}

/// Both kinds of servers have the same verbs under the same names, and no trait for them.
macro_rules! accepting {
    ($server:ty, $kind:ty) => {
        impl Accepting for $server {
            type Kind = $kind;

            async fn accept(&self) -> Result<Stream<$kind>, Error> {
                Self::accept(self).await
            }

            fn close(&self) -> Result<(), Error> {
                Self::close(self)
            }

            fn interrupt(&self) -> Result<(), Error> {
                Self::interrupt(self)
            }

            fn is_busy(&self) -> bool {
                Self::is_busy(self)
            }

            fn is_closed(&self) -> bool {
                Self::is_closed(self)
            }

            fn local(&self) -> Endpoint {
                self.local_addr().clone()
            }
        }
    };
}

accepting!(Listener, Plain);
accepting!(Server, Tls);

/// The functions for one kind of server. Each takes its handle first.
pub(super) fn verbs<A: Accepting>(lua: &Lua, scheduler: &Rc<Scheduler>) -> mlua::Result<Table> {
    let verbs = lua.create_table()?;
    let shared = scheduler.clone();
    verbs.set(
        "accept",
        lua.create_function(move |lua, handle: UserDataRef<ServerHandle<A>>| {
            let (accepting, limits) = (handle.accepting.clone(), handle.limits);
            let scheduler = shared.clone();
            shared.start(lua, async move {
                match accepting.accept().await {
                    Ok(stream) => stream_answer(&scheduler, stream, limits),
                    Err(error) => Answer::Fail(error.to_string()),
                }
            })
        })?,
    )?;
    let close = |lua: &Lua, handle: UserDataRef<ServerHandle<A>>| Answer::done(handle.accepting.close()).into_pair(lua);
    verbs.set("close", lua.create_function(close)?)?;
    let interrupt =
        |lua: &Lua, handle: UserDataRef<ServerHandle<A>>| Answer::done(handle.accepting.interrupt()).into_pair(lua);
    verbs.set("interrupt", lua.create_function(interrupt)?)?;
    verbs
        .set("busy", lua.create_function(|_, handle: UserDataRef<ServerHandle<A>>| Ok(handle.accepting.is_busy()))?)?;
    verbs.set(
        "closed",
        lua.create_function(|_, handle: UserDataRef<ServerHandle<A>>| Ok(handle.accepting.is_closed()))?,
    )?;
    let local = |lua: &Lua, handle: UserDataRef<ServerHandle<A>>| match handle.accepting.local() {
        Endpoint::Ip(address) => Ok((address.ip().to_string().into_lua(lua)?, Some(address.port()))),
        Endpoint::Unix(path) => Ok((path.unwrap_or_default().into_lua(lua)?, None)),
        other => Ok((other.to_string().into_lua(lua)?, None)),
    };
    verbs.set("address", lua.create_function(local)?)?;
    Ok(verbs)
}

/// A new stream for Lua. A wait that is given up before Lua had it closes it.
pub(super) fn stream_answer<K: Kind>(scheduler: &Rc<Scheduler>, stream: Stream<K>, limits: Limits) -> Answer {
    let scheduler = scheduler.clone();
    let conn = RefCell::new(Some(Conn::new(stream, limits)));
    Answer::made(move |lua| match conn.take() {
        Some(conn) => lua.create_userdata(Handle::new(&scheduler, conn)).map(Value::UserData),
        None => Ok(Value::Nil),
    })
}
