//! `lem-ssl check`: connects, and reports what is there and whether it is good.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use lem_ssl_rs::stdio::Stdout;
use lem_ssl_rs::{Error, JoinHandle, Machine, sleep, spawn, unblock};

use crate::dial::Goal;
use crate::exit::{Exit, Failure};
use crate::options::{ClientArgs, seconds};
use crate::race::{First, race};
use crate::signals::{self, Signal, Signals};
use crate::starttls::Protocol;
use crate::stdio;
use crate::text::printable;

mod clock;
mod nagios;
mod probe;
mod remarks;
mod report;
mod steps;
mod tally;
mod targets;

use clock::Clock;
use nagios::{Plugin, Thresholds};
use probe::Probe;
use report::Report;
use tally::Tally;
use targets::Target;

/// Check TLS servers: certificates, dates, names, versions, resumption, timings
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CheckArgs {
    /// Whom to check: example.org, example.org:imaps, https://example.org, [2001:db8::1]:443
    #[arg(required_unless_present = "hosts", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Check those in this file, too: one address a line, perhaps with a protocol of --starttls behind it; - is standard input
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// Look at so many servers side by side
    #[arg(long, value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    /// Begin in plain text, as this protocol does, and go over to TLS
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,
    /// Complain about certificates that expire within so many days
    #[arg(long, value_name = "NUMBER")]
    days: Option<u32>,
    /// Report as JSON, one object on a line for each address
    #[arg(long)]
    json: bool,
    /// Report as a plugin of Nagios does: one line with its data, and the exit codes 0, 1, 2 and 3
    #[arg(long, conflicts_with_all = ["json", "days", "watch"])]
    nagios: bool,
    /// With --nagios, warn of certificates that expire within so many days
    #[arg(long, value_name = "NUMBER", default_value = "30", requires = "nagios")]
    warn_days: u32,
    /// With --nagios, call it critical within so many days
    #[arg(long, value_name = "NUMBER", default_value = "7", requires = "nagios")]
    critical_days: u32,
    /// Check again every so many seconds, and report what has changed, until Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    watch: Option<Duration>,
    #[command(flatten)]
    client: ClientArgs,
}

const HELP: &str = "\
A server whose certificate is refused is connected to once more without verification, only to look
at it; nothing is sent to it. One that wants a client certificate is judged by its own. With several
addresses there is a line that sums them up, and the exit code is that of the worst: 8, 6, 7, 5, 11,
10, 4, 3, 1, 2 and 9, in this order.

With --nagios the exit code is 0 (OK), 1 (WARNING), 2 (CRITICAL: too few days, or a server that is not
good) or 3 (UNKNOWN: everything else, for example arguments that cannot work, a file that cannot be
read, a signal, --help), and the line on standard output says why. With --watch a change is another
result, certificate or version, and not the time that is left.

Examples:
  lem-ssl check example.org
  lem-ssl check --days 14 example.org www.example.org:8443 || mail -s 'look at this' admin
  lem-ssl check --starttls smtp mail.example.org:587
  lem-ssl check --json example.org | jq .certificates[0].days_left
  lem-ssl check --hosts ours.txt --nagios --warn-days 21 --critical-days 5
  lem-ssl check --hosts ours.txt --watch 3600 --json >>changes.json";

/// How reports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text,
    Json,
}

pub(crate) fn run(arguments: CheckArgs) -> Result<(), Failure> {
    if arguments.nagios {
        return as_plugin(&arguments);
    }
    if arguments.json {
        // A report in words is for a person, who may want the exit code alone; one as JSON is for a program that reads it.
        stdio::ensure_open()?;
    }
    let clock = Clock::default();
    let machine = Machine::builder().resolver(clock.clone()).build()?;
    let style = if arguments.json { Style::Json } else { Style::Text };
    let exit = match arguments.watch {
        None => machine.run(report(&arguments, clock, style))??,
        Some(interval) => machine.run(watch(&arguments, clock, style, interval))??,
    };
    if exit == Exit::Good { Ok(()) } else { Err(Failure::silent(exit)) }
}

/// Whether the result is for a monitoring system, even if the arguments cannot be understood otherwise.
pub(crate) fn is_plugin(arguments: impl Iterator<Item = OsString>) -> bool {
    let is_asked_for = |argument: OsString| argument.to_string_lossy().split('=').next() == Some("--nagios");
    arguments.take_while(|argument| argument != "--").any(is_asked_for)
}

/// Tells a monitoring system about an end that is not that of a check: the state is unknown, whatever the exit code
/// would otherwise be.
pub(crate) fn as_plugin_ends(ended: std::thread::Result<Result<(), Failure>>) -> Exit {
    let (line, exit) = nagios::ending(ended);
    // If it cannot be written, the exit code has to do.
    let _ = stdio::print(line.as_bytes());
    exit
}

/// Everyone who was named. A list may come from a slow disk, or from a program that takes its time.
async fn targets(arguments: &CheckArgs) -> Result<Vec<Target>, Failure> {
    let named =
        arguments.addresses.iter().map(|address| Target { address: address.clone(), starttls: arguments.starttls });
    let mut targets: Vec<_> = named.collect();
    if let Some(file) = arguments.hosts.clone() {
        let starttls = arguments.starttls;
        targets.extend(unblock(move || targets::read(&file, starttls)).await.map_err(Error::from)??);
    }
    Ok(targets)
}

/// What looks at one server; or the report, if the address is none.
type Waiting = Result<Probe, Box<Report>>;

/// Each is made when its turn comes: a list may be long, and roots take room.
fn probes<'a>(
    arguments: &'a CheckArgs,
    targets: &'a [Target],
    days: Option<u32>,
) -> impl Iterator<Item = Result<Waiting, Failure>> + 'a {
    targets.iter().map(move |Target { address, starttls }| {
        match Goal::new(address, None, &arguments.client, *starttls) {
            // A context of its own for each: sessions of one are not resumed with another.
            Ok(goal) => Ok(Ok(Probe::new(goal, &arguments.client, days)?)),
            // What is wrong with one address is nothing to the others.
            Err(failure) => {
                let mut report = Report::new(&printable(address), "", false);
                report.fail(failure.exit, failure.to_string());
                Ok(Err(Box::new(report)))
            }
        }
    })
}

/// One line for a monitoring system.
fn as_plugin(arguments: &CheckArgs) -> Result<(), Failure> {
    let clock = Clock::default();
    let machine = Machine::builder().resolver(clock.clone()).build()?;
    let (line, exit) = machine.run(look_once(arguments, clock))??;
    stdio::print(line.as_bytes())?;
    Err(Failure::silent(exit))
}

/// The line, and the exit code. A signal ends it with what is known until then.
async fn look_once(arguments: &CheckArgs, clock: Clock) -> Result<(String, Exit), Failure> {
    let signals = Signals::of(&[Signal::Interrupt, Signal::Terminate, Signal::Hangup])?;
    let thresholds = Thresholds { warn: arguments.warn_days, critical: arguments.critical_days };
    let plugin = RefCell::new(Plugin::new(thresholds));
    let looking = async {
        let targets = targets(arguments).await?;
        let probes = probes(arguments, &targets, None);
        let looked = look_at(probes, clock, arguments.parallel, async |report| {
            plugin.borrow_mut().add(&report, targets.len() == 1);
            Ok(true)
        });
        looked.await
    };
    let ended = match race(looking, signals.next()).await {
        First::One(looked) => looked.map(|_| None)?,
        First::Other(signal) => Some(signal?),
    };
    Ok(plugin.into_inner().finish(ended))
}

/// Reports on each, and sums it up; says the worst exit code.
async fn report(arguments: &CheckArgs, clock: Clock, style: Style) -> Result<Exit, Failure> {
    let targets = targets(arguments).await?;
    let probes = probes(arguments, &targets, arguments.days);
    let output = Stdout::open()?;
    let mut tally = Tally::new();
    let heard = look_at(probes, clock, arguments.parallel, async |report| {
        tally.add(&report);
        write(&output, style.of(&report)).await
    });
    if heard.await?
        && style == Style::Text
        && let Some(line) = tally.line()
    {
        write(&output, line).await?;
    }
    Ok(tally.exit())
}

/// Reports on each, and then again whenever something is another one than before, until a signal ends it.
async fn watch(arguments: &CheckArgs, clock: Clock, style: Style, interval: Duration) -> Result<Exit, Failure> {
    let targets = targets(arguments).await?;
    let signals = Signals::of(&[Signal::Interrupt, Signal::Terminate])?;
    let output = Stdout::open()?;
    let watching = async {
        let mut before: HashMap<usize, String> = HashMap::new();
        loop {
            let mut index = 0..;
            let probes = probes(arguments, &targets, arguments.days);
            let heard = look_at(probes, clock.clone(), arguments.parallel, async |report| {
                let (state, place) = (report.state(), index.next().unwrap_or_default());
                if before.get(&place) == Some(&state) {
                    return Ok(true);
                }
                before.insert(place, state);
                let time = if style == Style::Text { format!("{}\n", report.time()) } else { String::new() };
                write(&output, time + &style.of(&report)).await
            });
            if !heard.await? {
                return Ok(Exit::Good);
            }
            sleep(interval).await;
        }
    };
    match race(watching, signals.next()).await {
        First::One(ended) => ended,
        First::Other(signal) => Ok(signals::exit_of(signal?)),
    }
}

/// Looks at the servers side by side, and gives their reports in order; `false` as soon as nobody wants more of them.
async fn look_at(
    mut waiting: impl Iterator<Item = Result<Waiting, Failure>>,
    clock: Clock,
    parallel: u16,
    mut take: impl AsyncFnMut(Report) -> Result<bool, Error>,
) -> Result<bool, Failure> {
    let clock = Rc::new(clock);
    let mut running: VecDeque<JoinHandle<Report>> = VecDeque::new();
    loop {
        while running.len() < usize::from(parallel)
            && let Some(probe) = waiting.next().transpose()?
        {
            let clock = clock.clone();
            running.push_back(spawn(async move {
                match probe {
                    Ok(probe) => probe.run(&clock).await,
                    Err(report) => *report,
                }
            }));
        }
        let Some(first) = running.pop_front() else { return Ok(true) };
        if !take(first.await.map_err(Error::from)?).await? {
            return Ok(false);
        }
    }
}

/// `false`: nobody reads it any more, as after `head`.
async fn write(output: &Stdout, text: String) -> Result<bool, Error> {
    match output.write_owned(text.into_bytes()).await {
        Ok(_) => Ok(true),
        Err(Error::Closed) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Style {
    fn of(self, report: &Report) -> String {
        if self == Self::Json { report.to_json() } else { report.to_text() }
    }
}
