//! Runs a program on real streams in the simulated world.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::sim::{Fault, FaultCounts, Faults, Sim, Trace};
use lem_rs::{Error, sleep, spawn};

use super::content::Content;
use super::contract::Model;
use super::program::{Carrier, Climate, Program};
use super::verb::{Terms, Weather};
use stage::Stage;

mod connect;
mod end;
mod reader;
mod script;
mod stage;
mod tls;
mod watch;

/// What came of a run.
#[derive(Debug)]
pub struct Played {
    /// What went wrong, if something did.
    pub failure: Option<String>,
    /// What the world has done.
    pub faults: FaultCounts,
    /// How many bytes were read and compared.
    pub bytes: u64,
    /// Everything that happened.
    pub trace: Trace,
}

/// More turns of the loop than any program needs.
const MAX_TURNS: u64 = 5_000_000;

/// When nothing has happened for so long, nothing is under way: the longest fault lasts some seconds.
const QUIET: Duration = Duration::from_secs(100);

/// Runs `program` and checks everything that can be seen. With `notes`, the trace tells what the tasks do.
pub fn play(program: &Program, notes: bool) -> Played {
    let (seed, setting) = (program.seed, &program.setting);
    let sim = Sim::builder(seed)
        .host("server.test", [if setting.v6 { "2001:db8::7" } else { "10.0.0.1" }])
        .link(setting.link)
        .faults(setting.climate.faults())
        .most_turns(MAX_TURNS)
        .build();
    let terms = Terms {
        encrypted: setting.carrier.is_encrypted(),
        line: setting.limits.line,
        all: setting.limits.all,
        close_deadline: setting.close_deadline,
    };
    let contents = [1, 2].map(|number| Content::new(seed.wrapping_mul(2) + number, setting.line));
    let stage = Stage::new(Model::new([terms; 2], setting.climate.weather()), sim.net(), contents, notes);
    let run = AssertUnwindSafe(|| sim.run(main(stage.clone(), program.clone())));
    match catch_unwind(run) {
        Ok(Ok(())) => {
            if !sim.leftovers().is_empty() {
                stage.fail(format!("left behind: {}", sim.leftovers()));
            }
        }
        Ok(Err(error)) => stage.fail(format!("the machine says: {error}")),
        Err(_) => stage.fail("the main task panicked".into()),
    }
    let bytes = stage.ask(|model| model.checked());
    Played { failure: stage.failure(), faults: sim.faults(), bytes, trace: sim.trace() }
}

/// The program, and somebody who looks whether it gets on.
async fn main(stage: Rc<Stage>, program: Program) {
    let watchdog = spawn(guard(stage.clone()));
    let both = {
        let stage = stage.clone();
        spawn(async move {
            match program.setting.carrier {
                Carrier::Plain => connect::plain(&stage, program).await,
                Carrier::Scripted(side) => script::scripted(&stage, program, side).await,
                _ => tls::encrypted(&stage, program).await,
            }
            stage
        })
    };
    let (alarm, ended) = (stage.clone(), stage.clone());
    let waiting = spawn(async move {
        if let Err(error) = both.await {
            ended.fail(format!("the main task ended with: {error}"));
        }
        // Whether it has failed or not: the run is over.
        ended.over();
    });
    // It is never interrupted.
    let _ = alarm.alarmed().await;
    watchdog.cancel();
    waiting.cancel();
}

/// Finds tasks that are stuck; ends waits that the peer is to blame for.
async fn guard(stage: Rc<Stage>) {
    let mut before = None;
    loop {
        sleep(QUIET).await;
        let (version, waiting) = stage.ask(|model| (model.version(), model.waiting()));
        if before.replace(version) != Some(version) {
            continue;
        }
        if let Some((stuck, why)) = waiting.iter().find_map(|one| Some((one, one.wrong?))) {
            stage.fail(format!("{:?}: {} waits for ever, although {why}", stuck.side, stuck.what));
            return;
        }
        if let Some((one, direction)) = waiting.iter().find_map(|one| Some((one, one.direction?))) {
            stage.note(one.side, || format!("{} waits for its peer and is interrupted", one.what));
            stage.interrupt(one.side, direction);
        }
    }
}

impl Climate {
    fn faults(self) -> Faults {
        match self {
            Self::Calm => Faults::none(),
            Self::Rough => Faults::rough(),
            Self::Hostile => Faults::hostile(),
            Self::Tampered => Faults::hostile().with(Fault::Cut, 0.005).with(Fault::Corrupt, 0.005),
        }
    }

    fn weather(self) -> Weather {
        Weather { breaks: matches!(self, Self::Hostile | Self::Tampered), corrupts: self == Self::Tampered }
    }

    /// Whether a connection may fail to come about.
    fn refuses(self) -> bool {
        matches!(self, Self::Hostile | Self::Tampered)
    }
}

/// No descriptor is left, on Linux and on macOS.
const EMFILE: i32 = 24;

/// Why a connection was not made, if that is a reason that the world may give.
fn is_permitted(climate: Climate, error: &Error) -> bool {
    climate.refuses()
        && match error {
            Error::Resolve { .. } | Error::Connect(_) => true,
            Error::Timeout(timeout) => !matches!(timeout.phase(), lem_rs::Phase::Operation | lem_rs::Phase::Close),
            Error::Protocol(_) => true,
            Error::Io { source, .. } => source.raw_os_error() == Some(EMFILE),
            _ => false,
        }
}
