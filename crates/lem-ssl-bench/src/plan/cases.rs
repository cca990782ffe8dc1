//! The cases of each scenario.

use super::{Case, Gauge, Limit, Method, Output, Scenario};
use crate::name::Name;
use crate::order::{Hostile, Order, Work};

const KIB: usize = 1024;
const MEGABYTE: f64 = 1e6;

/// The cases of a scenario; `quick` does less of each.
pub(crate) fn cases(scenario: Scenario, quick: bool) -> Vec<Case> {
    let sizes = [KIB, 16 * KIB, 256 * KIB];
    let share = if quick { 8 } else { 1 };
    match scenario {
        Scenario::Receive => {
            let mut cases: Vec<_> = sizes.map(|size| bulk(scenario, [Work::Receive, Work::Flood], size, share)).into();
            cases.push(bulk(scenario, [Work::Receive, Work::Source], 16 * KIB, share));
            cases
        }
        Scenario::Send => sizes.map(|size| bulk(scenario, [Work::Send, Work::Sink], size, share)).into(),
        Scenario::Duplex => vec![bulk(scenario, [Work::Duplex, Work::Both], 16 * KIB, share)],
        Scenario::Lines => vec![lines(share)],
        Scenario::Pingpong => vec![pingpong(1, 20_000 / share), pingpong(100, 60_000 / share)],
        Scenario::H1 => ANSWERS.map(|size| http([Work::Http1, Work::Requests1], scenario, size, 16, 1, share)).into(),
        Scenario::H2 => ANSWERS.map(|size| http([Work::Http2, Work::Requests2], scenario, size, 4, 16, share)).into(),
        Scenario::Handshake | Scenario::Resume => {
            let mut client = as_client(scenario, 2_000 / share);
            if scenario == Scenario::Resume {
                // To give OpenSSL a session back takes unsafe code.
                client.contenders.retain(|name| *name != Name::OpenSsl);
            }
            vec![as_server(scenario, 2_000 / share), client]
        }
        Scenario::Idle => vec![idle(if quick { 500 } else { 5_000 })],
        Scenario::Scale => {
            let open: &[usize] = if quick { &[100, 1_000] } else { &[100, 1_000, 8_000] };
            open.iter().map(|open| scale(*open, 50_000 / share)).collect()
        }
        Scenario::Neighbour => {
            Hostile::ALL.iter().map(|(text, hostile)| neighbour(text, *hostile, 2_000 / share)).collect()
        }
        Scenario::Timers => vec![alone(scenario, Work::Timers, "arm and cancel", "timers/CPU s", 1_000_000 / share)],
        Scenario::Spawn => vec![alone(scenario, Work::Spawn, "spawn, wake, end", "tasks/CPU s", 1_000_000 / share)],
        Scenario::Threads => [1, 2].map(|threads| self::threads(threads, 3_000 / share)).into(),
        Scenario::Startup => vec![startup(if quick { 10 } else { 40 })],
        Scenario::Size => vec![size()],
    }
}

fn everybody() -> Vec<Name> {
    Name::ALL.to_vec()
}

fn bulk(scenario: Scenario, [side, load]: [Work; 2], size: usize, share: u64) -> Case {
    let total = (256 << 20) / share;
    let common = Order { size, warm: total / 8, total, ..Order::new(side) };
    let live = if load == Work::Source { ", live" } else { "" };
    Case {
        scenario,
        outputs: vec![Output::rate(format!("{} KiB{live}", size / KIB), "MB/CPU s")],
        method: Method::Itself {
            load: Some(Order { work: load, ..common.clone() }),
            side: common,
            limit: Limit::default(),
            scale: MEGABYTE,
        },
        contenders: everybody(),
    }
}

fn lines(share: u64) -> Case {
    const SIZE: usize = 8 * KIB;
    /// The mean of 20 to 60.
    const MEAN: u64 = 40;
    let total = 4_000_000 / share;
    let side = Order { size: SIZE, warm: total / 8, total, ..Order::new(Work::Lines) };
    // The limit looks for no lines: it receives as many bytes.
    let limit = Order { warm: total * MEAN / 8, total: total * MEAN, ..Order { work: Work::Receive, ..side.clone() } };
    Case {
        scenario: Scenario::Lines,
        outputs: vec![Output::rate("20-60 bytes", "lines/CPU s")],
        method: Method::Itself {
            load: Some(Order { work: Work::Text, ..side.clone() }),
            side,
            limit: Limit { side: Some(limit), scale: 1.0 / MEAN as f64, part: None },
            scale: 1.0,
        },
        contenders: everybody(),
    }
}

fn pingpong(connections: usize, total: u64) -> Case {
    const SIZE: usize = 64;
    let side = Order { size: SIZE, connections, ..Order::new(Work::Echo) };
    Case {
        scenario: Scenario::Pingpong,
        outputs: vec![Output::rate(format!("64 B x {connections}"), "echoes/CPU s")],
        method: Method::Server {
            load: Order { work: Work::Fleet, active: connections, warm: total / 8, total, ..side.clone() },
            side,
            limit: Limit::default(),
            then: Gauge::Rate,
        },
        contenders: everybody(),
    }
}

/// "Hello, world!", and a body of sixteen records.
const ANSWERS: [usize; 2] = [13, 256 * KIB];

/// Answers by hyper, on so many connections with so many requests at once on each. There is no limit to it: it would be
/// another HTTP.
fn http(
    [side, load]: [Work; 2],
    scenario: Scenario,
    size: usize,
    connections: usize,
    requests: usize,
    share: u64,
) -> Case {
    let (text, total) = if size < KIB { (format!("{size} B"), 80_000) } else { (format!("{} KiB", size / KIB), 8_000) };
    let total = total / share;
    let side = Order { size, connections, ..Order::new(side) };
    Case {
        scenario,
        outputs: vec![Output::rate(text, "requests/CPU s")],
        method: Method::Server {
            load: Order { work: load, active: connections * requests, warm: total / 8, total, ..side.clone() },
            side,
            limit: Limit::default(),
            then: Gauge::Rate,
        },
        contenders: vec![Name::Lem, Name::Tokio],
    }
}

/// So many callers there are at once.
const CALLERS: usize = 8;

fn as_server(scenario: Scenario, total: u64) -> Case {
    let resume = scenario == Scenario::Resume;
    let side = Order { resume, ..Order::new(Work::Echo) };
    Case {
        scenario,
        outputs: vec![Output::rate("server", "connections/CPU s")],
        method: Method::Server {
            load: Order { work: Work::Callers, active: CALLERS, warm: total / 8, total, ..side.clone() },
            limit: in_memory(Work::ServerHandshake, total, resume),
            side,
            then: Gauge::Rate,
        },
        contenders: everybody(),
    }
}

fn as_client(scenario: Scenario, total: u64) -> Case {
    let resume = scenario == Scenario::Resume;
    let side = Order { active: CALLERS, warm: total / 8, total, resume, ..Order::new(Work::Connect) };
    Case {
        scenario,
        outputs: vec![Output::rate("client", "connections/CPU s")],
        method: Method::Itself {
            load: Some(Order { work: Work::Answerers, ..side.clone() }),
            side,
            limit: in_memory(Work::ClientHandshake, total, resume),
            scale: 1.0,
        },
        contenders: everybody(),
    }
}

/// The bare connections know no handshake: it is measured in memory, and added.
fn in_memory(work: Work, total: u64, resume: bool) -> Limit {
    Limit { part: Some(Order { warm: total / 8, total, resume, ..Order::new(work) }), ..Limit::default() }
}

fn idle(connections: usize) -> Case {
    const MESSAGE: usize = 16 * KIB;
    const MESSAGES: u64 = 7;
    let side = Order { size: 4 * KIB, connections, frugal: true, ..Order::new(Work::Echo) };
    Case {
        scenario: Scenario::Idle,
        outputs: vec![
            Output::cost(format!("of {connections}"), "B/connection"),
            Output::cost(format!("of {}, half of them after a rest", 2 * connections), "B/connection"),
        ],
        method: Method::Server {
            load: Order { work: Work::Crowd, size: MESSAGE, warm: MESSAGES, ..side.clone() },
            limit: Limit { side: Some(Order { connections, ..Order::new(Work::Keep) }), ..Limit::default() },
            side,
            then: Gauge::Memory,
        },
        contenders: everybody(),
    }
}

fn scale(open: usize, total: u64) -> Case {
    const SIZE: usize = KIB;
    let side = Order { size: SIZE, connections: open, ..Order::new(Work::Echo) };
    Case {
        scenario: Scenario::Scale,
        outputs: vec![
            Output::rate(format!("{open} open"), "echoes/CPU s"),
            Output::cost(format!("{open} open, p50"), "µs"),
            Output::cost(format!("{open} open, p99"), "µs"),
        ],
        method: Method::Server {
            load: Order { work: Work::Fleet, active: 100, warm: total / 8, total, ..side.clone() },
            side,
            limit: Limit::default(),
            then: Gauge::RateAndLatency,
        },
        contenders: everybody(),
    }
}

/// So many milliseconds of honest echoes.
fn neighbour(text: &str, hostile: Hostile, milliseconds: u64) -> Case {
    let side = Order { size: 64, connections: 2, ..Order::new(Work::Echo) };
    Case {
        scenario: Scenario::Neighbour,
        outputs: ["p50", "p99", "max"].map(|what| Output::cost(format!("{text}, {what}"), "µs")).into(),
        method: Method::Server {
            load: Order { work: Work::Neighbour, hostile, total: milliseconds, ..side.clone() },
            side,
            limit: Limit::default(),
            then: Gauge::Latency,
        },
        contenders: vec![Name::Lem, Name::Tokio, Name::Futures],
    }
}

/// Nothing but an event loop: no peer, and no limit.
fn alone(scenario: Scenario, work: Work, size: &str, unit: &'static str, total: u64) -> Case {
    Case {
        scenario,
        outputs: vec![Output::rate(size, unit)],
        method: Method::Itself {
            side: Order { warm: total / 8, total, ..Order::new(work) },
            load: None,
            limit: Limit::default(),
            scale: 1.0,
        },
        contenders: vec![Name::Lem, Name::Tokio, Name::Futures],
    }
}

fn threads(threads: usize, total: u64) -> Case {
    let side = Order { active: threads, ..Order::new(Work::Threads) };
    Case {
        scenario: Scenario::Threads,
        outputs: vec![
            Output::rate(format!("{threads}, wall"), "handshakes/s"),
            Output::rate(format!("{threads}, CPU"), "handshakes/CPU s"),
        ],
        method: Method::Threads {
            load: Order { work: Work::Callers, active: 2 * CALLERS, warm: total / 8, total, ..side.clone() },
            side,
        },
        contenders: vec![Name::Lem],
    }
}

fn startup(times: u64) -> Case {
    let side = Order { active: 1, ..Order::new(Work::Fetch) };
    Case {
        scenario: Scenario::Startup,
        outputs: vec![Output::cost("one fetch, CPU", "ms"), Output::cost("one fetch, wall", "ms")],
        method: Method::Process { load: Order { work: Work::Answerers, ..side.clone() }, side, times },
        contenders: Name::ALL.iter().copied().filter(|name| *name != Name::Limit).collect(),
    }
}

fn size() -> Case {
    Case {
        scenario: Scenario::Size,
        outputs: vec![
            Output::cost("usual provider", "crates"),
            Output::cost("same provider", "crates"),
            Output::cost("static binary", "KiB"),
            Output::cost("clean build", "CPU s"),
        ],
        method: Method::Build,
        contenders: vec![Name::Lem, Name::Tokio],
    }
}
