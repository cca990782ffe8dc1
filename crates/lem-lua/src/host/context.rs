//! Contexts: what the encrypted connections of a script share.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::rc::Rc;

use lem_ssl_rs::{
    ClientAuth, Context, ContextBuilder, Error, Identity, Limits, ListenOptions, Plain, Roots, Server, ServerEvent,
    ServerOptions, SpkiHash, Trust, Version, danger,
};
use mlua::{AnyUserData, Function, Lua, LuaString, MultiValue, Table, UserData, UserDataRef, Value, WeakLua};

use super::options::{flag, names, seconds, texts, whole_list};
use super::serving::{ServerHandle, stream_answer, verbs};
use super::sockets::listen_at;
use crate::answer::{Answer, Pair};
use crate::io::conn::Conn;
use crate::io::duplex::{Duplex, Handle};
use crate::scheduler::Scheduler;
use crate::task::{Origin, spawn};

/// A context in Lua's hands.
struct ContextHandle {
    context: Context,
    limits: Limits,
    /// The chain of a certificate that was made for this context.
    certificate: Option<String>,
}

impl UserData for ContextHandle {}

type PlainHandle = Handle<Conn<Plain>>;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    host.set("tls_server", verbs::<Server>(lua, scheduler)?)?;
    let shared = scheduler.clone();
    host.set(
        "context",
        lua.create_function(move |lua, options: Table| match build(&options, shared.is_simulated.get()) {
            Ok(handle) => Ok((Value::UserData(lua.create_userdata(handle)?), Value::Nil)),
            Err(Refused::Option(problem)) => Ok((Value::Boolean(false), Value::String(lua.create_string(problem)?))),
            Err(Refused::Context(error)) => Answer::Fail(error.to_string()).into_pair(lua),
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "tls_connect",
        lua.create_function(
            move |lua, (handle, address, port, name): (UserDataRef<ContextHandle>, LuaString, _, Option<LuaString>)| {
                let name = name.map(|name| name.to_string_lossy());
                connect(lua, &shared, &handle, address.to_string_lossy(), port, name)
            },
        )?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "tls_listen",
        lua.create_function(move |lua, (handle, address, options): (UserDataRef<ContextHandle>, LuaString, Table)| {
            listen(lua, &shared, &handle, address.to_string_lossy(), &options)
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "tls_upgrade",
        lua.create_function(
            move |lua, (handle, plain, name): (UserDataRef<ContextHandle>, AnyUserData, Option<LuaString>)| {
                upgrade(lua, &shared, &handle, &plain, name.map(|name| name.to_string_lossy()))
            },
        )?,
    )?;
    let certificate = |_: &Lua, handle: UserDataRef<ContextHandle>| Ok(handle.certificate.clone());
    host.set("certificate", lua.create_function(certificate)?)
}

fn connect(
    lua: &Lua,
    scheduler: &Rc<Scheduler>,
    handle: &ContextHandle,
    address: String,
    port: Option<u16>,
    name: Option<String>,
) -> mlua::Result<Pair> {
    let (context, limits, shared) = (handle.context.clone(), handle.limits, scheduler.clone());
    scheduler.start(lua, async move {
        let connected = match (port, name) {
            // A port beside the address wins over one in it.
            (Some(port), Some(name)) => context.connect_as((address, port), &name).await,
            (None, Some(name)) => context.connect_as(address, &name).await,
            (Some(port), None) => context.connect((address, port)).await,
            (None, None) => context.connect(address).await,
        };
        match connected {
            Ok(stream) => stream_answer(&shared, stream, limits),
            Err(error) => Answer::Fail(error.to_string()),
        }
    })
}

/// Goes over to TLS on a plain connection: to a server of this name, or as the server.
fn upgrade(
    lua: &Lua,
    scheduler: &Rc<Scheduler>,
    handle: &ContextHandle,
    plain: &AnyUserData,
    name: Option<String>,
) -> mlua::Result<Pair> {
    {
        let handle = plain.borrow::<PlainHandle>()?;
        // An interrupted read holds the stream until its coroutine has run.
        let is_held = Rc::strong_count(&handle.stream) > 1;
        if is_held || handle.stream.is_busy() {
            return Answer::Fail(Error::Busy.to_string()).into_pair(lua);
        }
    }
    let Ok(conn) = Rc::try_unwrap(plain.take::<PlainHandle>()?.stream) else {
        return Answer::Fail(Error::Closed.to_string()).into_pair(lua);
    };
    let (context, limits, shared) = (handle.context.clone(), handle.limits, scheduler.clone());
    scheduler.start(lua, async move {
        let upgraded = match (conn.into_stream(), name) {
            (Err(error), _) => Err(error),
            (Ok(stream), Some(name)) => context.upgrade(stream, &name).await,
            (Ok(stream), None) => context.upgrade_server(stream).await,
        };
        match upgraded {
            Ok(stream) => stream_answer(&shared, stream, limits),
            Err(error) => Answer::Fail(error.to_string()),
        }
    })
}

fn listen(
    lua: &Lua,
    scheduler: &Rc<Scheduler>,
    handle: &ContextHandle,
    address: String,
    options: &Table,
) -> mlua::Result<Pair> {
    let (context, limits) = (handle.context.clone(), handle.limits);
    let log = options.get::<Option<Function>>("log")?;
    // The server is the state's: it must not keep the state.
    let (shared, weak) = (scheduler.clone(), lua.weak());
    let mut chosen = ServerOptions::default();
    let listen = match options.get::<Option<u32>>("backlog")? {
        Some(backlog) => ListenOptions::default().backlog(backlog),
        None => ListenOptions::default(),
    };
    if let Some(handshakes) = options.get::<Option<usize>>("handshakes")? {
        chosen = chosen.handshakes(handshakes);
    }
    if let Some(handshakes) = options.get::<Option<usize>>("handshakes_per_peer")? {
        chosen = chosen.handshakes_per_peer(handshakes);
    }
    scheduler.start(lua, async move {
        let bound = listen_at(&address, listen).await;
        match bound.and_then(|listener| Server::over(context, listener, chosen)) {
            Ok(server) => {
                if let Some(log) = log {
                    let shared = shared.clone();
                    server.on_event(move |event| tell(&shared, &weak, &log, event));
                }
                let handle = ServerHandle::new(&shared, server, limits);
                Answer::made(move |lua| lua.create_userdata(handle).map(Value::UserData))
            }
            Err(error) => Answer::Fail(error.to_string()),
        }
    })
}

/// Tells a script of a client that failed: in a coroutine, so that it may wait, and that what it raises is told.
fn tell(scheduler: &Rc<Scheduler>, lua: &WeakLua, log: &Function, event: &ServerEvent<'_>) {
    let Some(lua) = lua.try_upgrade() else { return };
    let told = lua.create_string(event.to_string()).and_then(|text| {
        let thread = lua.create_thread(log.clone())?;
        spawn(scheduler, &lua, thread, MultiValue::from_iter([Value::String(text)]), Origin::Spawned)
    });
    if let Err(error) = told {
        scheduler.end(crate::error::Error::Internal(error.to_string()));
    }
}

/// Why there is no context.
enum Refused {
    /// The script is wrong: it is raised.
    Option(String),
    /// Something that the script names is: it is returned.
    Context(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Context(error)
    }
}

impl From<String> for Refused {
    fn from(problem: String) -> Self {
        Self::Option(problem)
    }
}

impl From<mlua::Error> for Refused {
    fn from(error: mlua::Error) -> Self {
        Self::Option(error.to_string())
    }
}

const KNOWN: &[&str] = &[
    "ca",
    "verify",
    "reason",
    "pins",
    "cert",
    "key",
    "identities",
    "selfsigned",
    "clients",
    "clientca",
    "alpn",
    "versions",
    "timeout",
    "handshake_timeout",
    "close_timeout",
    "max_line",
    "max_all",
    "accept_truncated",
];

fn build(options: &Table, is_simulated: bool) -> Result<ContextHandle, Refused> {
    for pair in options.pairs::<Value, Value>() {
        let name = pair?.0.to_string().unwrap_or_default();
        if !KNOWN.contains(&name.as_str()) {
            return Err(Refused::Option(format!("unknown option '{name}'; there are {}", KNOWN.join(", "))));
        }
    }
    let mut limits = Limits::default();
    limits.line = options.get::<Option<usize>>("max_line")?.unwrap_or(limits.line);
    limits.all = options.get::<Option<usize>>("max_all")?.unwrap_or(limits.all);
    let mut builder = Context::builder().limits(limits);
    builder = trust(builder, options)?;
    let (mut builder, certificate) = identity(builder, options, is_simulated)?;
    if let Some(alpn) = texts(options, "alpn")? {
        builder = builder.alpn(alpn);
    }
    if let Some(versions) = texts(options, "versions")? {
        builder = builder.versions(versions.iter().map(|text| version(text)).collect::<Result<Vec<_>, _>>()?);
    }
    if let Some(limit) = seconds(options, "timeout")? {
        builder = builder.connect_deadline(limit);
    }
    if let Some(limit) = seconds(options, "handshake_timeout")? {
        builder = builder.handshake_deadline(limit);
    }
    if let Some(limit) = seconds(options, "close_timeout")? {
        builder = builder.close_deadline(limit);
    }
    if let Some(accept) = flag(options, "accept_truncated")? {
        builder = builder.accept_missing_close_notify(accept);
    }
    Ok(ContextHandle { context: builder.build()?, limits, certificate })
}

/// Whom it believes: servers, and clients where it serves.
fn trust(mut builder: ContextBuilder, options: &Table) -> Result<ContextBuilder, Refused> {
    for authority in names(options, "ca")?.unwrap_or_default() {
        builder = builder.roots(roots(authority));
    }
    if let Some(pins) = texts(options, "pins")? {
        let parsed: Result<Vec<SpkiHash>, _> = pins.iter().map(|pin| pin.parse()).collect();
        let parsed = parsed.map_err(|error: lem_ssl_rs::ParseSpkiHashError| Refused::Option(error.to_string()))?;
        builder = builder.trust(Trust::Pins(parsed));
    }
    if flag(options, "verify")? == Some(false) {
        let reason: String = options.get::<Option<String>>("reason")?.unwrap_or_default();
        if reason.trim().is_empty() {
            return Err(Refused::Option("verify = false needs a reason: reason = 'why nobody is checked'".into()));
        }
        builder = danger::accept_any_certificate(builder, &reason)?;
    }
    for authority in names(options, "clientca")?.unwrap_or_default() {
        builder = builder.client_roots(roots(authority));
    }
    match options.get::<Option<String>>("clients")?.as_deref() {
        None => {}
        Some("required") => builder = builder.client_auth(ClientAuth::Required),
        Some("optional") => builder = builder.client_auth(ClientAuth::Optional),
        Some(other) => {
            return Err(Refused::Option(format!("clients = '{other}' is neither 'required' nor 'optional'")));
        }
    }
    Ok(builder)
}

/// Who it is. Certificates and keys are texts in PEM, or files with such.
fn identity(
    mut builder: ContextBuilder,
    options: &Table,
    is_simulated: bool,
) -> Result<(ContextBuilder, Option<String>), Refused> {
    let mut identities = Vec::new();
    if let Some(list) = options.get::<Option<Table>>("identities")? {
        for value in whole_list(&list, "identities")? {
            let Value::Table(table) = value else {
                return Err(Refused::Option("identities is a list of tables with cert and key".into()));
            };
            identities.push(table);
        }
    }
    if options.contains_key("cert")? || options.contains_key("key")? {
        identities.insert(0, options.clone());
    }
    for table in identities {
        let part = |name: &str| table.get::<Option<PathBuf>>(name);
        let (Some(chain), Some(key)) = (part("cert")?, part("key")?) else {
            return Err(Refused::Option("an identity is a certificate and its key: cert and key".into()));
        };
        builder = builder.identity(match (pem(&chain), pem(&key)) {
            (Some(chain), Some(key)) => Identity::from_pem(chain, key)?,
            (None, None) => Identity::from_pem_files(chain, key)?,
            _ => return Err(Refused::Option("cert and key are both files, or both texts".into())),
        });
    }
    let Some(names) = texts(options, "selfsigned")? else { return Ok((builder, None)) };
    // Signatures of this kind are always as long: what a seed has shown once it shows again.
    let made = if is_simulated { Identity::self_signed_ed25519(names)? } else { Identity::self_signed(names)? };
    let certificate = made.chain_pem();
    Ok((builder.identity(made), Some(certificate)))
}

fn roots(authority: PathBuf) -> Roots {
    match authority.to_str() {
        Some("system") => Roots::System,
        Some("mozilla") => Roots::WebPki,
        Some("none") => Roots::None,
        _ => match pem(&authority) {
            Some(text) => Roots::Pem(text.into()),
            None => Roots::PemFile(authority),
        },
    }
}

/// The text in PEM that stands in the place of a file's name. It is ASCII, where names of files may be anything.
fn pem(name: &Path) -> Option<&str> {
    name.to_str().filter(|text| text.contains("-----BEGIN "))
}

fn version(text: &str) -> Result<Version, Refused> {
    match text {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        other => Err(Refused::Option(format!("there is no version '{other}' here; there are '1.2' and '1.3'"))),
    }
}
