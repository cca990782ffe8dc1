//! A script as a program: what the command `lem` does.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use lem_ssl_rs::Machine;
use lem_ssl_rs::sim::{Faults, Sim};
use mlua::Function;

use crate::error::Error;
use crate::lua::Lua;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A text, and its name in messages.
    Text {
        /// Where it comes from.
        name: String,
        /// The script.
        text: Vec<u8>,
    },
    /// Lines from a terminal, each as soon as it is there.
    Prompt,
}

/// A script with its arguments, and the world that it runs in.
#[derive(Debug, Clone)]
pub struct Program {
    /// The script.
    pub source: Source,
    /// The global `arg` of the script: the interpreter's name first, then the script's, then its arguments.
    pub arguments: Vec<OsString>,
    /// Whether there is a script's name among them; if not, its place holds an empty text.
    pub has_name: bool,
    /// A simulated world, by its seed; with faults or without.
    pub simulate: Option<(u64, bool)>,
}

impl Program {
    /// Runs it to its end, and says what the process's exit code is. Errors go to standard error.
    pub fn run(&self) -> u8 {
        match self.run_in_world() {
            Ok(()) => 0,
            Err(Error::Exit(status)) => status as u8,
            Err(error) => {
                // Where standard error is closed, the code says it.
                let _ = writeln!(std::io::stderr(), "lem: {error}");
                1
            }
        }
    }

    fn run_in_world(&self) -> Result<(), Error> {
        let Some((seed, hostile)) = self.simulate else {
            let machine = Machine::new()?;
            return self.run_on(&machine, |main| machine.run(main));
        };
        let faults = if hostile { Faults::hostile() } else { Faults::none() };
        let sim = Sim::builder(seed).faults(faults).check_wakers(false).build();
        self.run_on(sim.machine(), |main| sim.run(main))
    }

    fn run_on(
        &self,
        machine: &Machine,
        run: impl FnOnce(
            std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + '_>>,
        ) -> Result<Result<(), Error>, lem_ssl_rs::Error>,
    ) -> Result<(), Error> {
        let lua = Lua::new(machine)?;
        lua.scheduler().is_simulated.set(self.simulate.is_some());
        if let Some((seed, _)) = self.simulate {
            // The script's own chance is the seed's, too.
            lua.load("math.randomseed(...)").call::<()>(seed & 0x7fff_ffff)?;
        }
        let main = self.load(&lua)?;
        let arguments = self.arguments.get(2..).unwrap_or_default().to_vec();
        // What is left of it when nothing can happen any more says where it waits.
        let mut kept = Some(lua);
        let ended = run(Box::pin(async {
            let Some(lua) = &kept else { return Ok(()) };
            lua.spawn(&main, mlua::Variadic::from_iter(arguments))?;
            let ended = lua.finished().await;
            if let Some(lua) = kept.take() {
                lua.close().await;
            }
            ended
        }));
        match (ended, kept) {
            (Ok(ended), _) => ended,
            // The world is the script: what it waits for will never come. Outside, it would wait on.
            (Err(lem_ssl_rs::Error::Stalled { .. }), Some(lua)) if self.simulate.is_some() => Err(standstill(&lua)),
            // Coroutines that wait for each other: the end, as in the original.
            (Err(lem_ssl_rs::Error::Stalled { .. }), _) => Ok(()),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// The main function, with the global `arg` set.
    fn load(&self, lua: &Lua<'_>) -> Result<Function, Error> {
        let arg = lua.create_table()?;
        for (index, argument) in self.arguments.iter().enumerate() {
            if index == 1 && !self.has_name {
                continue;
            }
            arg.set(i64::try_from(index).unwrap_or(0) - 1, argument.as_os_str())?;
        }
        lua.globals().set("arg", arg)?;
        let (name, text) = match &self.source {
            Source::File(path) => {
                let text = fs::read(path).map_err(|error| {
                    Error::Raised(format!("cannot open {}: {}", path.display(), crate::answer::strerror(&error)))
                })?;
                (format!("@{}", path.display()), text)
            }
            Source::Text { name, text } => (format!("={name}"), text.clone()),
            Source::Prompt => {
                let prompt = include_str!("lua/prompt.lua");
                let made: Function = lua.load(prompt).set_name("=lem").into_function()?;
                return Ok(made.call(lua.core())?);
            }
        };
        Ok(lua.load(without_shebang(&text)).set_name(name).into_function()?)
    }
}

/// What is told of a simulated world in which nothing can happen any more.
fn standstill(lua: &Lua<'_>) -> Error {
    let places = lua.load(include_str!("lua/waits.lua")).set_name("=lem").call::<String>(lua.core());
    let places = places.unwrap_or_else(|error| format!(" ({error})"));
    Error::Internal(format!("stalled: nothing can happen any more, and these coroutines still wait:{places}"))
}

/// A first line that begins with `#` is the shell's; its end stays, so that lines keep their numbers.
fn without_shebang(text: &[u8]) -> &[u8] {
    // What some editors put in front of a text in UTF-8.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if !text.starts_with(b"#") {
        return text;
    }
    &text[text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())..]
}
