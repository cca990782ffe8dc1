//! One measurement of one contender.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::child::Worker;
use super::size;
use crate::meter::children_time;
use crate::name::Name;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::plan::{Case, Gauge, Limit, Method};

/// The core of the side under test, and that of the load.
const SIDE: usize = 1;
const LOAD: usize = 0;

/// Starts the processes.
pub(super) struct Bench {
    program: PathBuf,
    /// The program of [`Name::Before`].
    before: Option<PathBuf>,
    scratch: PathBuf,
    /// With one core only, nobody is kept anywhere.
    pinned: bool,
}

impl Bench {
    pub(super) fn new(scratch: &Path, before: Option<&Path>) -> Outcome<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            eprintln!("There is one core only: both sides share it, and the figures are worth little.");
        }
        let program = std::env::current_exe()?;
        Ok(Self { program, before: before.map(Into::into), scratch: scratch.into(), pinned: cores > 1 })
    }

    /// One figure for each output of the case.
    pub(super) fn measure(&self, case: &Case, name: Name) -> Outcome<Vec<f64>> {
        match &case.method {
            Method::Itself { side, load, limit, scale } => {
                Ok(vec![self.measure_itself(name, side, load.as_ref(), limit)? / scale])
            }
            Method::Server { side, load, limit, then } => match (then, &limit.side) {
                (Gauge::Memory, Some(keep)) if name == Name::Limit => {
                    let worker = self.start(keep, name, SIDE, 0)?;
                    let [bytes] = worker.numbers("memory")?;
                    // rustls' connections keep what they have.
                    Ok(vec![bytes / keep.connections as f64; 2])
                }
                _ => self.measure_server(name, side, load, limit, *then),
            },
            Method::Process { side, load, times } => self.measure_process(name, side, load, *times),
            Method::Threads { side, load } => self.measure_threads(name, side, load),
            Method::Build => size::measure(name, &self.scratch),
        }
    }

    /// Operations per CPU second.
    fn measure_itself(&self, name: Name, side: &Order, load: Option<&Order>, limit: &Limit) -> Outcome<f64> {
        let side = match &limit.side {
            Some(instead) if name == Name::Limit => instead,
            _ => side,
        };
        let mut port = 0;
        let mut running = None;
        if let Some(load) = load {
            let worker = self.start(load, name, LOAD, 0)?;
            [port] = told_port(&worker)?;
            running = Some(worker);
        }
        let worker = self.start(side, name, SIDE, port)?;
        let [nanos, count] = worker.numbers("cpu")?;
        drop(running);
        worker.join()?;
        match name {
            Name::Limit => self.with_part(nanos / (count * limit.scale), limit),
            _ => Ok(1e9 * count / nanos),
        }
    }

    /// Adds what is measured apart to the nanoseconds of an operation; returns operations per second.
    fn with_part(&self, mut nanos: f64, limit: &Limit) -> Outcome<f64> {
        if let Some(part) = &limit.part {
            let worker = self.start(part, Name::Limit, SIDE, 0)?;
            let [spent, done] = worker.numbers("cpu")?;
            nanos += spent / done;
        }
        Ok(1e9 / nanos)
    }

    fn measure_server(&self, name: Name, side: &Order, load: &Order, limit: &Limit, then: Gauge) -> Outcome<Vec<f64>> {
        let mut server = self.start(side, name, SIDE, 0)?;
        let [port] = told_port(&server)?;
        let mut clients = self.start(load, name, LOAD, port)?;
        clients.expect("warm")?;
        server.go()?;
        let [cpu_before, memory_before] = server.numbers("usage")?;
        clients.go()?;
        let times = clients.expect("done")?;
        server.go()?;
        let [cpu, memory] = server.numbers("usage")?;
        let nanos = (cpu - cpu_before) / load.total as f64;
        let rate = |nanos| if name == Name::Limit { self.with_part(nanos, limit) } else { Ok(1e9 / nanos) };
        match then {
            Gauge::Memory => {
                clients.go()?;
                clients.expect("done")?;
                server.go()?;
                let [_, rested] = server.numbers("usage")?;
                let each = |memory: f64, count: usize| (memory - memory_before).max(0.0) / count as f64;
                Ok(vec![each(memory, side.connections), each(rested, 2 * side.connections)])
            }
            Gauge::Rate => Ok(vec![rate(nanos)?]),
            Gauge::Latency => Ok(times.into_iter().map(|nanos| nanos / 1e3).collect()),
            Gauge::RateAndLatency => {
                let [p50, p99] = times.try_into().map_err(|_| "the load side told no times")?;
                Ok(vec![rate(nanos)?, p50 / 1e3, p99 / 1e3])
            }
        }
    }

    /// CPU and wall milliseconds of a process.
    fn measure_process(&self, name: Name, side: &Order, load: &Order, times: u64) -> Outcome<Vec<f64>> {
        let server = self.start(load, name, LOAD, 0)?;
        let [port] = told_port(&server)?;
        // Once, so that the program is in memory.
        self.start(side, name, SIDE, port)?.join()?;
        let before = children_time();
        let began = Instant::now();
        for _ in 0..times {
            self.start(side, name, SIDE, port)?.join()?;
        }
        let wall = began.elapsed();
        let cpu = children_time() - before;
        let each = |time: std::time::Duration| time.as_secs_f64() * 1e3 / times as f64;
        Ok(vec![each(cpu), each(wall)])
    }

    /// Handshakes per second and per CPU second.
    fn measure_threads(&self, name: Name, side: &Order, load: &Order) -> Outcome<Vec<f64>> {
        let mut server = self.start_anywhere(side, name, 0)?;
        let [port] = told_port(&server)?;
        let mut clients = self.start_anywhere(load, name, port)?;
        clients.expect("warm")?;
        server.go()?;
        let [before, _] = server.numbers("usage")?;
        let began = Instant::now();
        clients.go()?;
        clients.expect("done")?;
        let wall = began.elapsed();
        server.go()?;
        let [after, _] = server.numbers("usage")?;
        let count = load.total as f64;
        Ok(vec![count / wall.as_secs_f64(), 1e9 * count / (after - before)])
    }

    fn start(&self, order: &Order, name: Name, core: usize, port: u16) -> Outcome<Worker> {
        let core = self.pinned.then_some(core);
        self.start_on(order, name, core, port)
    }

    fn start_anywhere(&self, order: &Order, name: Name, port: u16) -> Outcome<Worker> {
        self.start_on(order, name, None, port)
    }

    fn start_on(&self, order: &Order, contender: Name, core: Option<usize>, port: u16) -> Outcome<Worker> {
        // Echoes that are measured for handshakes are told apart by nothing but their load.
        debug_assert!(order.work != Work::Fleet || order.active <= order.connections);
        let mut order = Order { contender, core, port, pki: self.scratch.clone(), ..order.clone() };
        let mut program = &self.program;
        if contender == Name::Before {
            order.contender = Name::Lem;
            // The load is this program's for everybody.
            if let Some(before) = self.before.as_ref().filter(|_| core != Some(LOAD)) {
                program = before;
            }
        }
        Worker::start(program, &order)
    }
}

fn told_port(worker: &Worker) -> Outcome<[u16; 1]> {
    let [port] = worker.numbers("port")?;
    Ok([port as u16])
}
