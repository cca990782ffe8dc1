//! What a call from Lua costs beside the same one from Rust, in processor time of the receiving thread.
//!
//! ```text
//! cargo run --release --example measure [-- MEGABYTES [CONNECTIONS]]
//! ```
//!
//! One thread sends over TLS 1.3 on the loopback interface; the other one receives, in Rust or in Lua, by turns.
//! The best of three is taken.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use lem_lua::Lua;
use lem_ssl_rs::{Context, Identity, Machine, ReadMode, Roots, Stream};
use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const LINE: usize = 64;
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: usize = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let connections: usize = arguments.next().map_or(Ok(300), |text| text.parse())?;
    println!("{:26} {:>10} {:>10} {:>7} {:>14}", "", "Rust", "Lua", "ratio", "us more a call");
    for case in [Case::Available, Case::Exact, Case::Lines] {
        let bytes = megabytes << 20;
        let (rust, calls) = best(|| receive(case, bytes, false))?;
        let (lua, _) = best(|| receive(case, bytes, true))?;
        let gigabytes = bytes as f64 / 1e9;
        row(case.name(), rust / gigabytes, lua / gigabytes, "s/GB", (lua - rust) / calls * 1e6);
    }
    let each = connections as f64;
    let (rust, _) = best(|| connect(connections, false))?;
    let (lua, _) = best(|| connect(connections, true))?;
    row("connect + line + close", rust / each * 1e6, lua / each * 1e6, "us", (lua - rust) / each / 3.0 * 1e6);
    Ok(())
}

fn row(name: &str, rust: f64, lua: f64, unit: &str, more: f64) {
    println!("{name:26} {rust:>5.3} {unit:4} {lua:>5.3} {unit:4} {:>7.2} {more:>14.3}", lua / rust);
}

#[derive(Debug, Clone, Copy)]
enum Case {
    Available,
    Exact,
    Lines,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Available => "read()",
            Self::Exact => "read(16384)",
            Self::Lines => "*l, lines of 64 bytes",
        }
    }

    /// Reads to the end: how many calls and bytes that were.
    fn script(self) -> &'static str {
        match self {
            Self::Available => {
                "local calls, bytes = 0, 0
                 while true do
                     local data = stream:read()
                     if not data then return calls, bytes end
                     calls, bytes = calls + 1, bytes + #data
                 end"
            }
            Self::Exact => {
                "local calls, bytes = 0, 0
                 while true do
                     local data = stream:read(16384)
                     if not data then return calls, bytes end
                     calls, bytes = calls + 1, bytes + #data
                 end"
            }
            Self::Lines => {
                "local calls, bytes = 0, 0
                 while true do
                     local line = stream:read '*l'
                     if not line then return calls, bytes end
                     calls, bytes = calls + 1, bytes + #line
                 end"
            }
        }
    }
}

/// The least processor time of some rounds, and the calls of the last.
fn best(mut round: impl FnMut() -> Result<(f64, f64)>) -> Result<(f64, f64)> {
    let mut best = (f64::MAX, 0.0);
    for _ in 0..ROUNDS {
        let (seconds, calls) = round()?;
        best = (best.0.min(seconds), calls);
    }
    Ok(best)
}

fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A server on a thread of its own, for so many connections: its port and its certificate.
fn serve(connections: usize, answer: impl AsyncFn(Stream) + Send + 'static) -> Result<(u16, String)> {
    let identity = Identity::self_signed(["localhost"])?;
    let chain = identity.chain_pem();
    let (ready, port) = mpsc::channel();
    thread::spawn(move || {
        let machine = Machine::new().expect("a machine");
        machine
            .run(async {
                let context = Context::builder().identity(identity).build().expect("a context");
                let server = context.listen("127.0.0.1:0").await.expect("a server");
                ready.send(server.local_addr().ip().expect("an address").port()).expect("somebody listens");
                for _ in 0..connections {
                    answer(server.accept().await.expect("a client")).await;
                }
            })
            .expect("no stall");
    });
    Ok((port.recv()?, chain))
}

fn receive(case: Case, bytes: usize, by_lua: bool) -> Result<(f64, f64)> {
    let (port, chain) = serve(1, async move |stream| {
        let line = [b"x".repeat(LINE - 1), b"\n".to_vec()].concat();
        let block = line.repeat((256 << 10) / LINE);
        for _ in 0..bytes / block.len() {
            stream.write(&block).await.expect("written");
        }
        stream.shutdown().await.expect("said goodbye");
    })?;
    let machine = Machine::new()?;
    let context = Context::builder().roots(Roots::Pem(chain.clone().into_bytes())).build()?;
    if by_lua {
        let lua = Lua::new(&machine)?;
        lua.globals().set("chain", chain)?;
        let open = "stream = assert(require 'lem.ssl'.newcontext { ca = chain }:connect('localhost', ...))";
        return machine.run(async {
            lua.eval::<()>(open, port).await?;
            let before = processor_time();
            let (calls, got): (usize, usize) = lua.eval(case.script(), ()).await?;
            assert_eq!(got, bytes, "all has arrived");
            Ok((processor_time() - before, calls as f64))
        })?;
    }
    machine.run(async {
        let stream = context.connect(("localhost", port)).await?;
        let before = processor_time();
        let (calls, got) = read_all(case, &stream).await;
        assert_eq!(got, bytes, "all has arrived");
        Ok((processor_time() - before, calls as f64))
    })?
}

async fn read_all(case: Case, stream: &Stream) -> (usize, usize) {
    let (mut calls, mut bytes) = (0, 0);
    let mode = match case {
        Case::Available => ReadMode::Available,
        Case::Exact => ReadMode::Exact(16384),
        Case::Lines => ReadMode::Line,
    };
    while let Ok(data) = stream.read(mode).await {
        calls += 1;
        bytes += data.len();
    }
    (calls, bytes)
}

fn connect(connections: usize, by_lua: bool) -> Result<(f64, f64)> {
    let (port, chain) = serve(connections, async |stream| {
        let _ = stream.write("a line of an answer\n").await;
        let _ = stream.read(ReadMode::All).await;
    })?;
    let machine = Machine::new()?;
    let context = Context::builder().roots(Roots::Pem(chain.clone().into_bytes())).build()?;
    if by_lua {
        let lua = Lua::new(&machine)?;
        lua.globals().set("chain", chain)?;
        let script = "local context, port, count = require 'lem.ssl'.newcontext { ca = chain }, ...
            return function()
                for i = 1, count do
                    local stream = assert(context:connect('localhost', port))
                    assert(stream:read '*l')
                    stream:close()
                end
            end";
        let main: mlua::Function = lua.load(script).call((port, connections))?;
        return machine.run(async {
            let before = processor_time();
            lua.call::<()>(&main, ()).await?;
            Ok((processor_time() - before, connections as f64))
        })?;
    }
    let count = Rc::new(Cell::new(0));
    machine.run(async {
        let before = processor_time();
        for _ in 0..connections {
            let stream = context.connect(("localhost", port)).await?;
            stream.read(ReadMode::Line).await?;
            stream.close()?;
            count.set(count.get() + 1);
        }
        Ok((processor_time() - before, f64::from(count.get())))
    })?
}
