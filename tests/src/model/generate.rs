//! Programs, drawn from a seed or dealt by a fuzzer.

use std::time::Duration;

use lem_rs::sim::{Link, Rng};
use lem_rs::{Direction, Limits, ReadMode};

use super::draw::{Dealt, Draw};
use super::program::{Carrier, Climate, Guard, How, Op, Program, Setting};
use super::verb::Side;

/// Long enough for everything to come to rest, and to be found at rest.
const LONG: Duration = Duration::from_secs(500);

/// The part of a seed that programs are drawn from.
const PROGRAM: u64 = 3;

impl Program {
    /// The program of this seed.
    pub fn of(seed: u64) -> Self {
        Self::drawn(seed, Rng::new(seed).fork(PROGRAM))
    }

    /// The program that these bytes describe. Any do; the first two are the seed of its world.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut dealt = Dealt(bytes);
        Self::drawn(dealt.number(2), dealt)
    }

    fn drawn(seed: u64, mut rng: impl Draw) -> Self {
        let setting = Setting::any(&mut rng);
        let most = largest(&mut rng, &setting.link);
        let mut writer = Writer { rng, most, setting: &setting, scripted: false, echoes: false };
        let one_talks = writer.rng.chance(0.15);
        let mut tasks = Side::BOTH.map(|side| {
            writer.scripted = setting.carrier == Carrier::Scripted(side);
            writer.echoes = side == Side::Server;
            match side {
                _ if !one_talks || writer.scripted => writer.tasks(),
                Side::Client => writer.talk(),
                Side::Server => writer.listen(),
            }
        });
        let scripted = matches!(setting.carrier, Carrier::Scripted(_));
        if one_talks && !scripted && writer.rng.chance(0.5) {
            tasks.reverse();
        }
        Self { seed, setting, tasks }
    }
}

impl Setting {
    fn any(rng: &mut impl Draw) -> Self {
        let carrier = match rng.between(0..=99) {
            0..=49 => Carrier::Plain,
            50..=64 => Carrier::Tls12,
            65..=76 => Carrier::Tls13,
            77..=84 => Carrier::Tls13OnRustls,
            85..=92 => Carrier::Scripted(Side::Client),
            _ => Carrier::Scripted(Side::Server),
        };
        let climate = match rng.between(0..=99) {
            0..=19 => Climate::Calm,
            20..=69 => Climate::Rough,
            70..=84 if carrier.is_encrypted() => Climate::Tampered,
            _ => Climate::Hostile,
        };
        let link = if rng.chance(0.2) { Link::default() } else { rng.link() };
        // A record that does not fit into the socket is what makes an encrypted stream wait with something to send.
        let tight = carrier.is_encrypted() && rng.chance(0.3);
        let link = if tight { link.buffers(rng.magnitude(64..=4_096), link.receive_buffer) } else { link };
        let limits = if rng.chance(0.7) {
            Limits::default()
        } else {
            Limits::default().line(rng.magnitude(1..=2_000)).all(rng.magnitude(1..=50_000))
        };
        let close_deadline = match rng.between(0..=9) {
            0 => Duration::from_millis(rng.between(1..=100)),
            1 | 2 => Duration::from_secs(5),
            _ => Duration::from_secs(3_600),
        };
        let line = rng.magnitude(1..=4_000) as u64;
        let v6 = rng.chance(0.3);
        let resumes = matches!(carrier, Carrier::Tls12 | Carrier::Tls13 | Carrier::Tls13OnRustls) && rng.chance(0.2);
        Self { carrier, climate, link, v6, limits, close_deadline, line, resumes }
    }
}

/// The most that one write hands over: mostly little, because little is fast.
fn largest(rng: &mut impl Draw, link: &Link) -> usize {
    let most = match rng.between(0..=99) {
        0..=44 => 200,
        45..=74 => 5_000,
        75..=92 => 70_000,
        _ => 400_000,
    };
    let smallest = link.send_buffer.min(link.receive_buffer).min(link.segment);
    if smallest < 1_024 { most.min(20_000) } else { most }
}

struct Writer<'a, D> {
    rng: D,
    most: usize,
    setting: &'a Setting,
    scripted: bool,
    /// It may send back what comes: only one end does, or they would go on for ever.
    echoes: bool,
}

impl<D: Draw> Writer<'_, D> {
    /// What one end does.
    fn tasks(&mut self) -> Vec<Vec<Op>> {
        if self.scripted {
            return vec![self.script()];
        }
        match self.rng.between(0..=9) {
            // One task, a step after the other.
            0..=2 => {
                let mut only = self.steps(1..=10, Self::any_step);
                only.extend(self.ending());
                vec![only]
            }
            // A task for each direction, and at times one that disturbs them.
            3..=6 => {
                let mut reader = vec![Op::Split];
                reader.extend(self.steps(1..=8, Self::read_step));
                reader.extend(self.ending());
                let mut writer = vec![Op::Yield];
                writer.extend(self.steps(1..=6, Self::write_step));
                let mut tasks = vec![reader, writer];
                if self.rng.chance(0.4) {
                    tasks.push(self.steps(1..=5, Self::disturbance));
                }
                tasks
            }
            // Two or three tasks that know nothing of each other.
            7 | 8 => {
                let more = self.rng.size(1..=2);
                let mut first = self.steps(1..=6, Self::any_step);
                first.extend(self.ending());
                let others: Vec<_> = (0..more).map(|_| self.steps(1..=6, Self::any_step)).collect();
                [vec![first], others].concat()
            }
            // One that works, and one that disturbs it.
            _ => {
                let mut first = self.steps(1..=6, Self::any_step);
                first.extend(self.ending());
                vec![first, self.steps(1..=6, Self::disturbance)]
            }
        }
    }

    fn steps(&mut self, count: std::ops::RangeInclusive<usize>, step: fn(&mut Self) -> Op) -> Vec<Op> {
        let mut steps = Vec::new();
        for _ in 0..self.rng.size(count) {
            let next = step(self);
            steps.push(next);
            // What a write that was ended early has handed over must go by itself: nothing follows for a long time.
            let ended_early = matches!(next, Op::Write(_, guard) if guard != Guard::None);
            if ended_early && self.rng.chance(0.2) {
                steps.push(Op::Sleep(LONG));
            }
        }
        steps
    }

    /// One who writes, is ended early, and is silent then: what was handed over must go by itself.
    fn talk(&mut self) -> Vec<Vec<Op>> {
        let mut steps = self.steps(0..=3, Self::write_step);
        let size = self.rng.magnitude(1..=self.setting.link.send_buffer.clamp(2, 100_000) * 4);
        let guard = match self.rng.between(0..=2) {
            0 => Guard::Drop(self.rng.magnitude(1..=8) as u32),
            1 => Guard::Timeout(self.moment()),
            _ => Guard::Interrupt(self.moment()),
        };
        steps.extend([Op::Write(size, guard), Op::Sleep(LONG)]);
        steps.extend(self.ending());
        let mut tasks = vec![steps];
        if self.rng.chance(0.3) {
            tasks.push(self.steps(1..=3, Self::disturbance));
        }
        tasks
    }

    /// One who reads whatever comes.
    fn listen(&mut self) -> Vec<Vec<Op>> {
        let mut steps = self.steps(0..=4, Self::read_step);
        steps.push(Op::Read(ReadMode::All, How::Owned, Guard::None));
        steps.extend(self.ending());
        vec![steps]
    }

    /// What a script does: rustls' part of it is simple.
    fn script(&mut self) -> Vec<Op> {
        self.steps(1..=8, |this| match this.rng.between(0..=9) {
            0..=3 => Op::Write(this.size(), Guard::None),
            4..=7 => Op::KeyUpdate,
            _ => Op::Sleep(this.pause()),
        })
    }

    fn any_step(&mut self) -> Op {
        match self.rng.between(0..=9) {
            0..=3 => self.read_step(),
            4..=7 => self.write_step(),
            _ => self.disturbance(),
        }
    }

    fn read_step(&mut self) -> Op {
        if self.rng.chance(0.1) {
            return if self.rng.chance(0.2) { Op::Unblock } else { Op::Sleep(self.pause()) };
        }
        if self.rng.chance(0.15) {
            return self.lines();
        }
        if self.echoes && self.rng.chance(0.08) {
            return Op::Copy(self.guard());
        }
        if self.rng.chance(0.15) {
            return self.look();
        }
        let mode = match self.rng.between(0..=99) {
            0..=39 => ReadMode::Available,
            40..=64 => ReadMode::Exact(self.size()),
            65..=94 => ReadMode::Line,
            _ => ReadMode::All,
        };
        let how = match self.rng.between(0..=9) {
            0..=5 => How::Owned,
            6..=7 => How::Into,
            _ if mode == ReadMode::Line => How::Trimmed,
            _ => How::Owned,
        };
        Op::Read(mode, how, self.guard())
    }

    /// Up to a delimiter, or without taking anything.
    fn look(&mut self) -> Op {
        const DELIMITERS: [&[u8]; 6] = [b"\n", b"a", b"\"", b"ab", b"!!", b""];
        if self.rng.chance(0.5) {
            return Op::Peek(self.size(), self.guard());
        }
        let choice = self.rng.size(0..=DELIMITERS.len() - 1);
        Op::Until(DELIMITERS[choice], self.guard())
    }

    fn lines(&mut self) -> Op {
        let how = if self.rng.chance(0.5) { How::Trimmed } else { How::Owned };
        let pause = if self.rng.chance(0.3) { self.moment() } else { Duration::ZERO };
        Op::Lines(self.rng.magnitude(1..=40) as u8, how, pause, self.guard())
    }

    fn write_step(&mut self) -> Op {
        match self.rng.between(0..=19) {
            0 => Op::Sleep(self.pause()),
            1 => Op::Spend,
            _ => Op::Write(self.size(), self.guard()),
        }
    }

    fn disturbance(&mut self) -> Op {
        let direction = if self.rng.chance(0.5) { Direction::Read } else { Direction::Write };
        match self.rng.between(0..=99) {
            0..=29 => Op::Interrupt(direction),
            30..=50 => Op::Sleep(self.pause()),
            51 | 52 => Op::Partition(Duration::from_millis(self.rng.magnitude(1..=30_000) as u64)),
            53..=56 => Op::Yield,
            57 | 58 => Op::Spend,
            59..=63 => Op::Split,
            64..=68 => Op::Join,
            69..=76 => Op::CloseWrite,
            77..=78 => Op::DropWriter,
            79..=81 => Op::EndWriting(self.guard()),
            82..=84 => Op::Close,
            85..=87 => Op::Shutdown(self.guard()),
            88..=89 => Op::Abort,
            90 => Op::HandleAbort,
            91 | 92 => Op::Reset,
            93 if self.setting.carrier.is_encrypted() => Op::Cut,
            _ => Op::Stall(Duration::from_millis(self.rng.between(1..=3_000))),
        }
    }

    /// How a task that goes on to the end comes to it.
    fn ending(&mut self) -> Vec<Op> {
        let all = Op::Read(ReadMode::All, How::Owned, Guard::None);
        let rest = Op::Read(ReadMode::Available, How::Owned, Guard::None);
        match self.rng.between(0..=9) {
            0..=3 => vec![Op::CloseWrite, all, rest],
            4 | 5 => vec![all, rest, Op::Shutdown(self.guard())],
            6 => vec![Op::Shutdown(Guard::None)],
            7 => vec![Op::CloseWrite, all, rest, Op::Shutdown(Guard::None)],
            8 => vec![Op::EndWriting(Guard::None), all],
            _ => Vec::new(),
        }
    }

    fn size(&mut self) -> usize {
        if self.rng.chance(0.05) { 0 } else { self.rng.magnitude(1..=self.most) }
    }

    fn pause(&mut self) -> Duration {
        if self.rng.chance(0.05) {
            return LONG;
        }
        Duration::from_micros(self.rng.magnitude(1..=3_000_000) as u64)
    }

    fn guard(&mut self) -> Guard {
        match self.rng.between(0..=9) {
            0 => Guard::Drop(self.rng.magnitude(1..=8) as u32),
            1 | 2 => Guard::Timeout(if self.rng.chance(0.1) { Duration::ZERO } else { self.moment() }),
            3 => Guard::Interrupt(self.moment()),
            _ => Guard::None,
        }
    }

    /// Some time: often about as long as the link takes for an answer, when most is under way.
    fn moment(&mut self) -> Duration {
        if self.rng.chance(0.5) { self.rng.within(self.setting.link.latency * 6) } else { self.pause() }
    }
}
