//! The command `lem`: runs Lua scripts on the event machine.

#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use lem_lua::{Program, Source};
use mimalloc::MiMalloc;

/// Scripts make and drop small strings at the speed of the network; libc's own takes a sixth of the time of a line.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "\
Runs Lua scripts on an event machine: code that reads as if it blocked, TLS included.

usage: lem [OPTIONS] SCRIPT [ARGUMENTS...]
       lem [OPTIONS] -e CODE [ARGUMENTS...]
       lem                       an interactive prompt, whose lines may wait

  -e CODE            run this text
  -                  run what standard input has
  --simulate SEED    run in a simulated world: its network and its clock follow from the seed
  --faults           let that network fail, as the seed says
  --version          say which versions this is
  --help             say this

A script requires 'lem.ssl', 'lem.io', 'lem.utils', 'lem.queue', 'lem.io.queue', 'lem.signal', 'lem.http', 'lem.lfs'.
Exit codes: 0, 1 after an error that no coroutine has caught, 2 for wrong usage, or what utils.exit was given.
";

fn main() -> ExitCode {
    match program() {
        Ok(Some(program)) => program.run().into(),
        Ok(None) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "lem: {problem}\nlem --help says how it is used");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for; `None` if that was done here.
fn program() -> Result<Option<Program>, String> {
    let mut given = std::env::args_os();
    let interpreter = given.next().unwrap_or_else(|| "lem".into());
    let (mut simulate, mut faults) = (None, false);
    let source = loop {
        let Some(argument) = given.next() else { break (Source::Prompt, None) };
        // What is no text is no option either.
        match argument.to_str().unwrap_or_default() {
            "--help" | "-h" => return say(USAGE),
            "--version" | "-v" => return say(&lem_lua::version()),
            "--simulate" => {
                let seed = given.next().ok_or("--simulate needs a seed, a number")?;
                let number = seed.to_str().and_then(|text| text.parse().ok());
                simulate = Some(number.ok_or_else(|| format!("the seed '{}' is no number", seed.display()))?);
            }
            "--faults" => faults = true,
            "-e" => {
                let text = given.next().ok_or("-e needs a text")?;
                break (Source::Text { name: "(command line)".into(), text: text.into_encoded_bytes() }, None);
            }
            "-" => {
                let mut text = Vec::new();
                let read = std::io::stdin().read_to_end(&mut text);
                read.map_err(|error| format!("cannot read standard input: {error}"))?;
                break (Source::Text { name: "stdin".into(), text }, Some(argument));
            }
            "--" => {
                let path = given.next().ok_or("there is no script behind '--'")?;
                break (Source::File(path.clone().into()), Some(path));
            }
            // A file of that name comes first, as in the original.
            option if option.starts_with('-') && !Path::new(option).exists() => {
                return Err(format!("there is no option '{option}'"));
            }
            _ => break (Source::File(argument.clone().into()), Some(argument)),
        }
    };
    let (source, name) = source;
    let mut arguments = vec![interpreter];
    // Without a script there is no `arg[0]`, but the arguments begin at 1 all the same.
    let has_name = name.is_some();
    arguments.push(name.unwrap_or_default());
    arguments.extend(given);
    if faults && simulate.is_none() {
        return Err("--faults is for a simulated world: --simulate SEED".into());
    }
    Ok(Some(Program { source, arguments, has_name, simulate: simulate.map(|seed| (seed, faults)) }))
}

fn say(text: &str) -> Result<Option<Program>, String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(None)
}
