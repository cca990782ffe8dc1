//! The command line, also that of the processes that a soak consists of.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: soak [--minutes M | --seconds S] [--connections N] [--seed S] [--json]

  --minutes M       for so long; default 10
  --seconds S       for so long
  --connections N   so many are open at a time; default 1000
  --seed S          default 1
  --json            the result as one JSON object, too";

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that was started by hand.
    Supervisor,
    Server,
    Client,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) time: Duration,
    pub(crate) connections: u64,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    /// Where a server and its clients find their certificates.
    pub(crate) directory: PathBuf,
    /// Where a client connects to.
    pub(crate) ways: Vec<SocketAddr>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            role: Role::Supervisor,
            time: Duration::from_secs(600),
            connections: 1_000,
            seed: 1,
            json: false,
            directory: PathBuf::new(),
            ways: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--minutes" => options.time = Duration::from_secs(60 * number(&argument, &value()?)?),
                "--seconds" => options.time = Duration::from_secs(number(&argument, &value()?)?),
                "--connections" => options.connections = number(&argument, &value()?)?.max(1),
                "--seed" => options.seed = number(&argument, &value()?)?,
                "--json" => options.json = true,
                // What the supervisor tells the others.
                "--server" => (options.role, options.directory) = (Role::Server, value()?.into()),
                "--client" => (options.role, options.directory) = (Role::Client, value()?.into()),
                "--way" => {
                    let way = value()?;
                    options.ways.push(way.parse().map_err(|_| format!("invalid address {way:?}"))?);
                }
                other => return Err(format!("{other:?} is no option")),
            }
        }
        Ok(options)
    }
}

fn number(of: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("{of} needs a number, and {value:?} is none"))
}
