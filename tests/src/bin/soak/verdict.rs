//! What a soak has shown.

use std::fmt;
use std::time::Duration;

use crate::options::Options;
use crate::status::Status;

/// How both processes were at one moment.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) after: Duration,
    pub(crate) server: Status,
    pub(crate) client: Status,
}

/// Everything that was observed.
#[derive(Debug)]
pub(crate) struct Log {
    server_ready: Status,
    client_ready: Status,
    pub(crate) samples: Vec<Sample>,
    said: usize,
}

/// So many problems are shown; the others are counted.
const SHOWN: usize = 20;

/// What a soak has shown.
#[derive(Debug)]
pub(crate) struct Verdict {
    seconds: u64,
    connections: u64,
    seed: u64,
    server: Side,
    client: Side,
}

/// What was shown of one process.
#[derive(Debug)]
struct Side {
    name: &'static str,
    memory: Memory,
    descriptors: [u64; 2],
    over: Status,
}

/// Resident memory in KiB, each the median of a part of the time: behind the beginning, in the middle, at the end.
#[derive(Debug, Clone, Copy)]
struct Memory {
    start: u64,
    middle: u64,
    end: u64,
}

impl Memory {
    /// Buffers are as many as the traffic of the moment wants, and the allocator does not give everything back at once:
    /// so much more than at the start is still flat. A leak of a hundred bytes for each connection is more after ten
    /// minutes.
    fn is_flat(self) -> bool {
        self.end <= self.start + (self.start / 10).max(4 * 1024)
    }

    /// Of the time in which all connections were open.
    fn of(samples: &[Sample], time: Duration, of: fn(&Sample) -> &Status) -> Self {
        let full = samples.iter().filter(|sample| sample.after <= time).count();
        let median = |from: usize, to: usize| {
            let (first, last) = (full * from / 100, full * to / 100);
            let mut part: Vec<u64> = samples[first..last].iter().map(|sample| of(sample).of("resident")).collect();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or_default()
        };
        Self { start: median(20, 40), middle: median(50, 70), end: median(80, 100) }
    }
}

impl Log {
    pub(crate) fn new(server_ready: Status, client_ready: Status) -> Self {
        Self { server_ready, client_ready, samples: Vec::new(), said: 0 }
    }

    /// Shows what a process has to say.
    pub(crate) fn say(&mut self, who: &str, text: &str) {
        self.said += 1;
        if self.said <= SHOWN {
            println!("{who}: {text}");
        }
    }
}

impl Verdict {
    pub(crate) fn of(options: &Options, log: &Log, server_over: &Status, client_over: &Status) -> Self {
        let side = |name, of: fn(&Sample) -> &Status, ready: &Status, over: &Status| Side {
            name,
            memory: Memory::of(&log.samples, options.time, of),
            descriptors: [ready.of("descriptors"), over.of("descriptors")],
            over: over.clone(),
        };
        Self {
            seconds: options.time.as_secs(),
            connections: options.connections,
            seed: options.seed,
            server: side("server", |sample| &sample.server, &log.server_ready, server_over),
            client: side("client", |sample| &sample.client, &log.client_ready, client_over),
        }
    }

    /// What is wrong.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for side in [&self.server, &self.client] {
            let Side { name, memory, descriptors: [start, end], over } = side;
            if !memory.is_flat() {
                faults.push(format!("the memory of the {name} is not flat"));
            }
            if start != end {
                faults.push(format!("the {name} had {start} descriptors and has {end}"));
            }
            for (what, problem) in [
                ("wrong", "connections with a wrong byte or end"),
                ("unexpected", "connections broke that nobody had broken"),
                ("left", "tasks, timers or sockets are left over"),
                ("open", "connections are left over"),
            ] {
                match over.of(what) {
                    0 => {}
                    count => faults.push(format!("{name}: {count} {problem}")),
                }
            }
            if over.of("whole") == 0 {
                faults.push(format!("the {name} has seen no whole connection"));
            }
        }
        faults
    }

    pub(crate) fn is_good(&self) -> bool {
        self.faults().is_empty()
    }

    pub(crate) fn to_json(&self) -> String {
        let side = |side: &Side| {
            let Side { memory: Memory { start, middle, end }, descriptors, over, .. } = side;
            let errors: Vec<String> =
                over.beginning("error:").map(|(kind, count)| format!("\"{kind}\": {count}")).collect();
            let fields = ["over", "whole", "resumed", "sent", "checked", "wrong", "unexpected"];
            let counts: Vec<String> = fields.map(|name| format!("\"{name}\": {}", over.of(name))).into();
            format!(
                "{{\"resident_kib\": [{start}, {middle}, {end}], \"descriptors\": [{}, {}], {}, \"errors\": {{{}}}}}",
                descriptors[0],
                descriptors[1],
                counts.join(", "),
                errors.join(", ")
            )
        };
        format!(
            "{{\"seconds\": {}, \"connections\": {}, \"seed\": {}, \"good\": {}, \"server\": {}, \"client\": {}}}",
            self.seconds,
            self.connections,
            self.seed,
            self.is_good(),
            side(&self.server),
            side(&self.client)
        )
    }
}

/// One line of progress.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, server, client } = self;
        write!(
            f,
            "{:>5} s: {} connections over, {} open, {} bytes checked; server {} KiB, {} descriptors; client {} KiB, {} descriptors",
            after.as_secs(),
            client.of("over"),
            client.of("open"),
            client.of("checked") + server.of("checked"),
            server.of("resident"),
            server.of("descriptors"),
            client.of("resident"),
            client.of("descriptors"),
        )
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, memory: Memory { start, middle, end }, descriptors, over } = self;
        let errors: Vec<String> = over.beginning("error:").map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(
            f,
            "{name}: {} connections, {} of them whole; {} bytes sent, {} received and checked",
            over.of("over"),
            over.of("whole"),
            over.of("sent"),
            over.of("checked")
        )?;
        writeln!(f, "  errors: {}", errors.join(", "))?;
        writeln!(f, "  resident memory: {start} KiB at the start, {middle} in the middle, {end} at the end")?;
        writeln!(f, "  descriptors: {} before, {} after", descriptors[0], descriptors[1])?;
        let (wrong, unexpected) = (over.of("wrong"), over.of("unexpected"));
        writeln!(f, "  checksum failures: {wrong}; broken by nobody: {unexpected}")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}{}", self.client, self.server)?;
        let Self { seconds, connections, seed, .. } = self;
        let resumed = self.client.over.of("resumed");
        write!(f, "{seconds} s, {connections} open at a time, seed {seed}, {resumed} sessions resumed: ")?;
        match self.faults() {
            faults if faults.is_empty() => f.write_str("good"),
            faults => write!(f, "FAILED: {}", faults.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fields: &[(&str, u64)]) -> Status {
        let mut status = Status::default();
        fields.iter().for_each(|(name, value)| status.set(name, *value));
        status
    }

    /// A minute of samples; the server's memory at each second is `resident`.
    fn judged(resident: impl Fn(u64) -> u64, server_over: &[(&str, u64)]) -> Vec<String> {
        let ready = || status(&[("descriptors", 10)]);
        let mut log = Log::new(ready(), ready());
        for second in 0..60 {
            let server = status(&[("resident", resident(second))]);
            let client = status(&[("resident", 30_000)]);
            log.samples.push(Sample { after: Duration::from_secs(second), server, client });
        }
        let options = Options::parse(["--seconds", "60"].map(String::from).into_iter()).unwrap();
        let over = |more: &[(&str, u64)]| status(&[&[("descriptors", 10), ("whole", 1)], more].concat());
        Verdict::of(&options, &log, &over(server_over), &over(&[])).faults()
    }

    #[test]
    fn memory_that_comes_to_a_rest_is_flat() {
        assert_eq!(judged(|second| 20_000 + 1_000 * second.min(6), &[]), [""; 0]);
        assert_eq!(judged(|second| 20_000 + 2_000 * (second % 3), &[]), [""; 0]);
    }

    #[test]
    fn memory_that_grows_is_not_flat() {
        assert_eq!(judged(|second| 20_000 + 200 * second, &[]), ["the memory of the server is not flat"]);
    }

    #[test]
    fn a_descriptor_too_many_is_a_fault() {
        assert_eq!(judged(|_| 1, &[("descriptors", 11)]), ["the server had 10 descriptors and has 11"]);
    }

    #[test]
    fn one_wrong_byte_is_a_fault_and_so_is_what_nobody_has_broken() {
        assert_eq!(judged(|_| 1, &[("wrong", 1)]), ["server: 1 connections with a wrong byte or end"]);
        assert_eq!(judged(|_| 1, &[("unexpected", 2)]), ["server: 2 connections broke that nobody had broken"]);
        assert_eq!(judged(|_| 1, &[("whole", 0)]), ["the server has seen no whole connection"]);
    }
}
