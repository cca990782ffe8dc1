//! `lem-ssl check`: connects, and reports what is there and whether it is good.

use std::collections::VecDeque;
use std::rc::Rc;

use clap::Args;
use lem_ssl_rs::stdio::Stdout;
use lem_ssl_rs::{Error, JoinHandle, Machine, spawn};

use crate::dial::Goal;
use crate::exit::{Exit, Failure};
use crate::options::ClientArgs;
use crate::starttls::Protocol;
use crate::stdio;
use crate::text::printable;

mod clock;
mod probe;
mod remarks;
mod report;
mod steps;

use clock::Clock;
use probe::Probe;
use report::Report;

/// Check TLS servers: certificates, dates, names, versions, resumption, timings
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CheckArgs {
    /// Whom to check: example.org, example.org:imaps, https://example.org, [2001:db8::1]:443
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Begin in plain text, as this protocol does, and go over to TLS
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,
    /// Complain about certificates that expire within so many days
    #[arg(long, value_name = "NUMBER")]
    days: Option<u32>,
    /// Report as JSON, one object on a line for each address
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

const HELP: &str = "\
A server whose certificate is refused is connected to once more without verification, only to look
at it; nothing is sent to it. With several addresses the exit code is that of the first which is
not good.

Examples:
  lem-ssl check example.org
  lem-ssl check --days 14 example.org www.example.org:8443 || mail -s 'look at this' admin
  lem-ssl check --starttls smtp mail.example.org:587
  lem-ssl check --json example.org | jq .certificates[0].days_left";

/// So many addresses are looked at side by side: a dead one costs its whole timeout.
const AT_ONCE: usize = 8;

pub(crate) fn run(arguments: CheckArgs) -> Result<(), Failure> {
    if arguments.json {
        // A report in words is for a person, who may want the exit code alone; one as JSON is for a program that reads it.
        stdio::ensure_open()?;
    }
    let mut probes = VecDeque::new();
    for address in &arguments.addresses {
        probes.push_back(match Goal::new(address, None, &arguments.client, arguments.starttls) {
            // A context of its own for each: sessions of one are not resumed with another.
            Ok(goal) => Ok(Probe::new(goal, &arguments.client, arguments.days)?),
            // What is wrong with one address is nothing to the others.
            Err(failure) => {
                let mut report = Report::new(&printable(address), "", false);
                report.fail(failure.exit, failure.to_string());
                Err(Box::new(report))
            }
        });
    }
    let clock = Clock::default();
    let machine = Machine::builder().resolver(clock.clone()).build()?;
    let worst = machine.run(check_all(probes, clock, arguments.json))??;
    if worst == Exit::Good { Ok(()) } else { Err(Failure::silent(worst)) }
}

/// Reports in the order in which the addresses were given, of those that are none at once; says the first exit code that is not good.
async fn check_all(mut waiting: VecDeque<Result<Probe, Box<Report>>>, clock: Clock, json: bool) -> Result<Exit, Error> {
    let output = Stdout::open()?;
    let clock = Rc::new(clock);
    let mut running: VecDeque<JoinHandle<Report>> = VecDeque::new();
    let mut exit = Exit::Good;
    loop {
        while running.len() < AT_ONCE
            && let Some(probe) = waiting.pop_front()
        {
            let clock = clock.clone();
            running.push_back(spawn(async move {
                match probe {
                    Ok(probe) => probe.run(&clock).await,
                    Err(report) => *report,
                }
            }));
        }
        let Some(first) = running.pop_front() else { return Ok(exit) };
        let report = first.await?;
        if exit == Exit::Good {
            exit = report.exit();
        }
        let text = if json { report.to_json() } else { report.to_text() };
        match output.write_owned(text.into_bytes()).await {
            Ok(_) => {}
            // Nobody reads it any more, as after `head`.
            Err(Error::Closed) => return Ok(exit),
            Err(error) => return Err(error),
        }
    }
}
