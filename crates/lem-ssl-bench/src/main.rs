//! Measures lem-ssl-rs and its peers side by side: see the README beside this crate, and `--help`.
#![forbid(unsafe_code)]

mod args;
mod bare;
mod contender;
mod contenders;
mod control;
mod load;
mod meter;
mod name;
mod order;
mod outcome;
mod pki;
mod plan;
mod report;
mod runner;
mod samples;
mod scenarios;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use args::{Arguments, Command};
use contenders::{Futures, Lem, Tokio, limit};
use name::Name;
use order::{Order, Work};
use outcome::Outcome;

fn main() -> ExitCode {
    let done = match Command::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(&(args::help() + "\n")),
        Ok(Command::Measure(arguments)) => measure(arguments),
        Ok(Command::Child(arguments)) => Order::from_arguments(&arguments).and_then(|order| work(&order)),
        Err(error) => {
            eprintln!("lem-ssl-bench: {error}; see lem-ssl-bench --help");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lem-ssl-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: Arguments) -> Outcome<()> {
    runner::limit_files()?;
    let cases = arguments.scenarios.iter().flat_map(|scenario| plan::cases(*scenario, arguments.quick)).collect();
    let Arguments { contenders, rounds, quick, before, .. } = &arguments;
    let results = runner::measure(cases, contenders, *rounds, *quick, before.as_deref())?;
    if let Some(file) = &arguments.plot {
        fs::write(file, report::plot::svg(&results)).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    print(&if arguments.json { report::json::lines(&results) } else { report::table::tables(&results) })
}

fn print(text: &str) -> Outcome<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// What a child process does.
fn work(order: &Order) -> Outcome<()> {
    if let Some(core) = order.core {
        runner::stay_on(core)?;
    }
    match order.work {
        Work::Source
        | Work::Flood
        | Work::Sink
        | Work::Both
        | Work::Text
        | Work::Fleet
        | Work::Crowd
        | Work::Callers
        | Work::Answerers
        | Work::Neighbour
        | Work::Requests1
        | Work::Requests2 => load::run(order),
        Work::Threads => contenders::run_threads(order),
        Work::Http1 | Work::Http2 => scenarios::run_http(order),
        _ => match order.contender {
            Name::Lem | Name::Before => scenarios::run::<Lem>(order),
            Name::Tokio => scenarios::run::<Tokio>(order),
            Name::Futures => scenarios::run::<Futures>(order),
            #[cfg(feature = "openssl")]
            Name::OpenSsl => contenders::openssl::run(order),
            #[cfg(not(feature = "openssl"))]
            Name::OpenSsl => Err("this program was built without OpenSSL".into()),
            Name::Limit => limit::run(order),
        },
    }
}
