//! The supervisor: starts the others, samples how they are, and judges in the end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::scratch::Scratch;

use crate::doors::Doors;
use crate::options::Options;
use crate::process::Process;
use crate::status::{Line, Status};
use crate::verdict::{Log, Sample, Verdict};

/// So often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

/// After so long without a word a process hangs.
const SILENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let scratch = Scratch::new("soak");
    let root = Authority::new("Soak Root");
    scratch.write("root.pem", root.certificate_pem());
    scratch.write_identity("server", &root.issue(Leaf::server(&["localhost"])));
    let directory = scratch.path().display().to_string();
    let seed = ["--seed".to_owned(), options.seed.to_string()];

    let mut server = Process::start(&[&["--server".to_owned(), directory.clone()][..], &seed].concat())?;
    let server_ready = ready(&server)?;
    let port = |name| SocketAddr::from((Ipv4Addr::LOCALHOST, server_ready.of(name) as u16));
    let doors = Doors::open(options.seed, port("encrypted"), port("plain"))?;

    let mut arguments = vec!["--client".to_owned(), directory];
    arguments.extend(seed);
    arguments.extend(["--seconds".into(), options.time.as_secs().to_string()]);
    arguments.extend(["--connections".into(), options.connections.to_string()]);
    arguments.extend(doors.ways.iter().flat_map(|way| ["--way".into(), way.to_string()]));
    let client = Process::start(&arguments)?;
    let client_ready = ready(&client)?;

    let mut log = Log::new(server_ready, client_ready);
    let client_over = watch(&server, &client, &mut log)?;
    server.stop();
    let server_over = last(&server, &mut log)?;
    let verdict = Verdict::of(options, &log, &server_over, &client_over);
    println!("{verdict}");
    if options.json {
        println!("{}", verdict.to_json());
    }
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ready(process: &Process) -> io::Result<Status> {
    match process.line(SILENCE) {
        Ok(Some(Line::Ready(status))) => Ok(status),
        other => Err(io::Error::other(format!("a process does not begin: {other:?}"))),
    }
}

/// Samples both until the clients are done.
fn watch(server: &Process, client: &Process, log: &mut Log) -> io::Result<Status> {
    let begun = Instant::now();
    let mut told = begun;
    loop {
        let of_client = match client.line(SILENCE) {
            Ok(Some(Line::Now(status))) => status,
            Ok(Some(Line::Over(status))) => return Ok(status),
            Ok(Some(Line::Say(text))) => {
                log.say("client", &text);
                continue;
            }
            other => return Err(io::Error::other(format!("the clients have come to a bad end: {other:?}"))),
        };
        let Some(of_server) = newest(server, log)? else { continue };
        let sample = Sample { after: begun.elapsed(), server: of_server, client: of_client };
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            println!("{sample}");
        }
        log.samples.push(sample);
    }
}

/// What the server has told last, if it has told something new.
fn newest(server: &Process, log: &mut Log) -> io::Result<Option<Status>> {
    let mut newest = None;
    loop {
        match server.line(Duration::ZERO) {
            Ok(Some(Line::Now(status))) => newest = Some(status),
            Ok(Some(Line::Say(text))) => log.say("server", &text),
            Ok(None) => return Ok(newest),
            other => return Err(io::Error::other(format!("the server has come to a bad end: {other:?}"))),
        }
    }
}

/// Waits for its last word.
fn last(server: &Process, log: &mut Log) -> io::Result<Status> {
    loop {
        match server.line(SILENCE) {
            Ok(Some(Line::Over(status))) => return Ok(status),
            Ok(Some(Line::Say(text))) => log.say("server", &text),
            Ok(Some(_)) => {}
            other => return Err(io::Error::other(format!("the server has come to a bad end: {other:?}"))),
        }
    }
}
