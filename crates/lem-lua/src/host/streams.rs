//! The verbs of streams, as one table of functions for each kind of stream.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use lem_ssl_rs::{Endpoint, Error, Info, Plain, Tls, yield_now};
use mlua::{BString, Lua, LuaString, Table, UserDataRef, Value};

use super::limit::limited;
use super::sendfile;
use crate::ahead::{Lines, Mode};
use crate::answer::{Answer, Pair};
use crate::io::conn::Conn;
use crate::io::duplex::{Duplex, Half, Handle};
use crate::io::file::FileStream;
use crate::park::duration;
use crate::scheduler::Scheduler;

/// How many lines Lua is lent at once.
const MAX_LENT: usize = 256;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    host.set("tls", verbs::<Conn<Tls>>(lua, scheduler)?)?;
    host.set("tcp", verbs::<Conn<Plain>>(lua, scheduler)?)?;
    #[cfg(unix)]
    host.set("pipe", verbs::<crate::io::pipe::Pipe>(lua, scheduler)?)?;
    host.set("file", verbs::<FileStream>(lua, scheduler)?)
}

/// The functions for one kind of stream. Each takes its handle first.
fn verbs<D: Duplex>(lua: &Lua, scheduler: &Rc<Scheduler>) -> mlua::Result<Table> {
    let verbs = lua.create_table()?;
    let shared = scheduler.clone();
    verbs.set(
        "read",
        lua.create_function(move |lua, (handle, mode, stop): (UserDataRef<Handle<D>>, Value, Option<u8>)| {
            read(lua, &shared, &handle, mode_of(&mode, stop)?)
        })?,
    )?;
    let shared = scheduler.clone();
    verbs.set(
        "lines",
        lua.create_function(move |lua, (handle, keep, can_wait): (UserDataRef<Handle<D>>, bool, bool)| {
            lend_lines(lua, &shared, &handle, keep, can_wait)
        })?,
    )?;
    verbs.set(
        "consume",
        lua.create_function(|_, (handle, count): (UserDataRef<Handle<D>>, usize)| {
            handle.use_now();
            handle.stream.ahead().consume(count.min(handle.lent.take()));
            Ok(())
        })?,
    )?;
    verbs.set("has_position", D::HAS_POSITION)?;
    let shared = scheduler.clone();
    verbs.set(
        "write",
        lua.create_function(move |lua, (handle, data): (UserDataRef<Handle<D>>, LuaString)| {
            handle.use_now();
            shared.abandon_refused();
            if let Err(error) = handle.check_write() {
                return in_words::<D>(Err(error)).into_pair(lua);
            }
            let (stream, limit) = (handle.stream.clone(), handle.limit.get());
            shared.start(lua, async move { in_words::<D>(limited(limit, stream.write(&data.as_bytes())).await) })
        })?,
    )?;
    let close = |lua: &Lua, handle: UserDataRef<Handle<D>>| {
        handle.use_now();
        let closed = handle.stream.close();
        if closed.is_ok() {
            handle.lent.set(0);
        }
        in_words::<D>(closed).into_pair(lua)
    };
    verbs.set("close", lua.create_function(close)?)?;
    verbs.set("written", lua.create_function(|_, handle: UserDataRef<Handle<D>>| Ok(handle.stream.written()))?)?;
    verbs.set("was_cut", lua.create_function(|_, handle: UserDataRef<Handle<D>>| Ok(handle.was_cut.get()))?)?;
    sendfile::install::<D>(lua, scheduler, &verbs)?;
    let interrupt = |lua: &Lua, handle: UserDataRef<Handle<D>>| {
        handle.use_now();
        in_words::<D>(handle.stream.interrupt().or_else(|_not_busy| handle.sending.interrupt())).into_pair(lua)
    };
    verbs.set("interrupt", lua.create_function(interrupt)?)?;
    simple(lua, &verbs, "split", |stream: &D| stream.half(Half::Split))?;
    simple(lua, &verbs, "close_write", |stream: &D| stream.half(Half::CloseWrite))?;
    simple(lua, &verbs, "interrupt_read", |stream: &D| stream.half(Half::InterruptRead))?;
    simple(lua, &verbs, "interrupt_write", |stream: &D| stream.half(Half::InterruptWrite))?;
    let abort = |_: &Lua, handle: UserDataRef<Handle<D>>| {
        handle.use_now();
        handle.stream.abort();
        handle.lent.set(0);
        Ok(true)
    };
    verbs.set("abort", lua.create_function(abort)?)?;
    let nodelay = |lua: &Lua, (handle, on): (UserDataRef<Handle<D>>, bool)| {
        in_words::<D>(handle.stream.set_nodelay(on)).into_pair(lua)
    };
    verbs.set("nodelay", lua.create_function(nodelay)?)?;
    verbs.set(
        "settimeout",
        lua.create_function(|_, (handle, seconds): (UserDataRef<Handle<D>>, Option<f64>)| {
            handle.limit.set(seconds.map(duration));
            Ok(true)
        })?,
    )?;
    let shared = scheduler.clone();
    let busy = move |_: &Lua, handle: UserDataRef<Handle<D>>| {
        // A read that could not wait where it was called is none.
        shared.abandon_refused();
        Ok(handle.stream.is_busy() || handle.sending.is_under_way())
    };
    verbs.set("busy", lua.create_function(busy)?)?;
    verbs.set("closed", lua.create_function(|_, handle: UserDataRef<Handle<D>>| Ok(handle.stream.is_closed()))?)?;
    verbs.set(
        "addresses",
        lua.create_function(|lua, handle: UserDataRef<Handle<D>>| match handle.stream.addresses() {
            Ok((peer, local)) => Ok((Some(endpoint(lua, &peer)?), Some(endpoint(lua, &local)?))),
            Err(_) => Ok((None, None)),
        })?,
    )?;
    verbs.set(
        "info",
        lua.create_function(|lua, handle: UserDataRef<Handle<D>>| {
            handle.stream.tls_info().map(|info| info_table(lua, &info)).transpose()
        })?,
    )?;
    Ok(verbs)
}

fn simple<D: Duplex>(
    lua: &Lua,
    verbs: &Table,
    name: &str,
    verb: impl Fn(&D) -> Result<(), Error> + 'static,
) -> mlua::Result<()> {
    let verb = move |lua: &Lua, handle: UserDataRef<Handle<D>>| {
        handle.use_now();
        in_words::<D>(verb(&handle.stream)).into_pair(lua)
    };
    verbs.set(name, lua.create_function(verb)?)
}

fn in_words<D: Duplex>(result: Result<(), Error>) -> Answer {
    match result {
        Ok(()) => Answer::True,
        Err(error) => Answer::Fail(D::words(&error)),
    }
}

/// Modes come checked: a number, a text, or `nil`.
fn mode_of(mode: &Value, stop: Option<u8>) -> mlua::Result<Mode> {
    let count = match mode {
        Value::Nil => return Ok(Mode::Available),
        Value::Integer(count) => usize::try_from(*count).ok(),
        Value::Number(count) => Some(*count as usize),
        Value::String(text) => {
            return match &*text.as_bytes() {
                b"*a" => Ok(Mode::All),
                b"*h" => Ok(Mode::Head),
                b"*l" => Ok(Mode::Line { stop: stop.unwrap_or(b'\n'), keep: false }),
                _ => Ok(Mode::Line { stop: stop.unwrap_or(b'\n'), keep: true }),
            };
        }
        _ => None,
    };
    count.map(Mode::Exact).ok_or_else(|| mlua::Error::runtime("not a read mode"))
}

fn read<D: Duplex>(lua: &Lua, scheduler: &Scheduler, handle: &Handle<D>, mode: Mode) -> mlua::Result<Pair> {
    let stream = &handle.stream;
    handle.use_now();
    if let Some(answer) = refused(lua, scheduler, handle)? {
        return Ok(answer);
    }
    // Most reads find their data: no box for them.
    let ready = scheduler.poll(|cx| pin!(stream.ahead().read(&**stream, mode)).poll(cx))?;
    match ready {
        Poll::Ready(Ok(bytes)) => Ok((Value::String(lua.create_string(&bytes)?), Value::Nil)),
        Poll::Ready(Err(error)) => failed::<D>(&handle.was_cut, &error).into_pair(lua),
        Poll::Pending => read_later(lua, scheduler, handle, mode, false),
    }
}

/// The answer to a read that must not begin. `false`: lines are lent, and have to be consumed first.
fn refused<D: Duplex>(lua: &Lua, scheduler: &Scheduler, handle: &Handle<D>) -> mlua::Result<Option<Pair>> {
    if handle.lent.get() > 0 {
        return Ok(Some((Value::Boolean(false), Value::Nil)));
    }
    // What is given up in favour of this may be a read of this stream.
    scheduler.abandon_refused();
    match handle.check_read() {
        Ok(()) => Ok(None),
        Err(error) => Answer::Fail(D::words(&error)).into_pair(lua).map(Some),
    }
}

/// Reads when there is something, or when others have run.
fn read_later<D: Duplex>(
    lua: &Lua,
    scheduler: &Scheduler,
    handle: &Handle<D>,
    mode: Mode,
    others_first: bool,
) -> mlua::Result<Pair> {
    let (stream, limit, was_cut) = (handle.stream.clone(), handle.limit.get(), handle.was_cut.clone());
    let sending = handle.sending.clone();
    scheduler.start(lua, async move {
        if others_first {
            yield_now().await;
            if let Err(error) = sending.check_read(&*stream) {
                return failed::<D>(&was_cut, &error);
            }
        }
        match limited(limit, stream.ahead().read(&*stream, mode)).await {
            Ok(bytes) => Answer::Bytes(bytes),
            Err(error) => failed::<D>(&was_cut, &error),
        }
    })
}

/// A read has failed. A lost connection is remembered, since its word may be that of an end.
fn failed<D: Duplex>(was_cut: &Cell<bool>, error: &Error) -> Answer {
    if matches!(error, Error::Truncated(_)) {
        was_cut.set(true);
    }
    Answer::Fail(D::words(error))
}

/// As a read of a line that has to wait. If there are lines, a table of them: those are lent until they are consumed.
/// `false`: others are lent already. `true`: the stream was used while Lua's strings were made, and the lines are not the
/// next ones any more.
fn lend_lines<D: Duplex>(
    lua: &Lua,
    scheduler: &Scheduler,
    handle: &Handle<D>,
    keep: bool,
    can_wait: bool,
) -> mlua::Result<Pair> {
    let stream = &handle.stream;
    let ahead = stream.ahead();
    let turn = handle.use_now();
    if let Some(answer) = refused(lua, scheduler, handle)? {
        return Ok(answer);
    }
    if can_wait && !scheduler.may_lend() {
        return read_later(lua, scheduler, handle, Mode::Line { stop: b'\n', keep }, true);
    }
    let limit = stream.limits().line;
    let ready = match ahead.line_end(b'\n', 0) {
        Some(end) if end <= limit => Poll::Ready(Ok(end)),
        _ => scheduler.poll(|cx| pin!(ahead.fill_line(&**stream, b'\n')).poll(cx))?,
    };
    match ready {
        Poll::Ready(Ok(_)) => {
            let lines = ahead.lines(MAX_LENT, limit);
            // Making strings may collect garbage, and a finalizer may read here: what it has read is its own.
            let table = table_of(lua, &lines, keep)?;
            if handle.turn.get() != turn {
                return Ok((Value::Boolean(true), Value::Nil));
            }
            handle.lent.set(lines.bytes.len());
            scheduler.lends(table.raw_len());
            Ok((Value::Table(table), Value::Nil))
        }
        Poll::Ready(Err(error)) => failed::<D>(&handle.was_cut, &error).into_pair(lua),
        Poll::Pending => read(lua, scheduler, handle, Mode::Line { stop: b'\n', keep }),
    }
}

fn table_of(lua: &Lua, lines: &Lines, keep: bool) -> mlua::Result<Table> {
    let ranges = lines.ranges(keep);
    match str::from_utf8(&lines.bytes) {
        // The quick way: mlua makes Lua's string of a `&str` where it is, and keeps no reference to it meanwhile.
        Ok(text) => lua.create_sequence_from(ranges.map(|range| &text[range])),
        Err(_) => lua.create_sequence_from(ranges.map(|range| BString::from(&lines.bytes[range]))),
    }
}

/// Where a stream ends, as Lua has it: `{host, port}` or `{path}`.
fn endpoint(lua: &Lua, endpoint: &Endpoint) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    match endpoint {
        Endpoint::Ip(address) => {
            table.set("ip", address.ip().to_string())?;
            table.set("port", address.port())?;
        }
        Endpoint::Unix(path) => {
            table.set("path", path.clone().unwrap_or_default())?;
        }
        other => table.set("path", other.to_string())?,
    }
    Ok(table)
}

/// What a handshake has agreed on.
fn info_table(lua: &Lua, info: &Info) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.set("text", info.to_string())?;
    table.set("version", info.version.map(|version| version.to_string()))?;
    table.set("cipher", info.cipher_suite.map(|suite| suite.to_string()))?;
    table.set("resumed", info.resumed)?;
    table.set("server_name", info.requested_name.clone())?;
    if let Some(alpn) = &info.alpn {
        table.set("alpn", lua.create_string(alpn)?)?;
    }
    if let Some(Ok(certificate)) = info.peer() {
        table.set("subject", certificate.subject())?;
        table.set("issuer", certificate.issuer())?;
        table.set("names", certificate.names().to_vec())?;
        table.set("not_after", certificate.not_after().seconds_since_1970())?;
    }
    Ok(table)
}
