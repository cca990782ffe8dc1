//! The command line: what there is, in one place, from which help texts, completions and the man page come.

use std::fmt::Write as _;

use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{self, Origin};
use crate::exit::{Exit, Failure};
use crate::say::{self, Color};
use crate::{check, connect, get, serve, stdio, tunnel};

/// TLS from the command line: verified by default, failures explained, one static file.
#[derive(Debug, Parser)]
#[command(name = "lem-ssl", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// Whether to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "General")]
    color: Color,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Connect(connect::ConnectArgs),
    Serve(Box<serve::ServeArgs>),
    Check(check::CheckArgs),
    Tunnel(Box<tunnel::TunnelArgs>),
    Get(Box<get::GetArgs>),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the man page, in troff
    #[command(after_help = MAN_HELP)]
    Man {
        /// Of this subcommand; without it, of the whole command
        subcommand: Option<String>,
    },
}

const COMPLETIONS_HELP: &str = "\
Examples:
  lem-ssl completions bash > ~/.local/share/bash-completion/completions/lem-ssl
  lem-ssl completions zsh > \"${fpath[1]}/_lem-ssl\"
  lem-ssl completions fish > ~/.config/fish/completions/lem-ssl.fish";

const MAN_HELP: &str = "\
Examples:
  lem-ssl man | man -l -
  lem-ssl man connect > /usr/local/share/man/man1/lem-ssl-connect.1";

/// What the command line asks for, done.
pub(crate) fn run() -> Result<(), Failure> {
    // Help texts come out while the arguments are read.
    let wanted = color_in(std::env::args_os().filter_map(|argument| argument.into_string().ok()));
    say::set_color(wanted);
    let choice = match wanted {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let mut known = command().color(choice);
    let (arguments, origin) = config::expand(std::env::args_os().collect(), &known)?;
    if origin.is_some() {
        // What stands on the command line comes after what stands in the file, and counts.
        for name in ["serve", "tunnel"] {
            known = known.mut_subcommand(name, |subcommand| subcommand.args_override_self(true));
        }
    }
    let parsed = known.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return complain(&error, origin.as_ref()),
    };
    say::set_color(cli.color);
    match cli.task {
        Task::Connect(arguments) => connect::run(arguments),
        Task::Serve(arguments) => serve::run(*arguments, &origin.unwrap_or_default()),
        Task::Check(arguments) => check::run(arguments),
        Task::Tunnel(arguments) => tunnel::run(*arguments, &origin.unwrap_or_default()),
        Task::Get(arguments) => get::run(*arguments),
        Task::Completions { shell } => {
            stdio::ensure_open()?;
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "lem-ssl", &mut script);
            stdio::print(&script)?;
            Ok(())
        }
        Task::Man { subcommand } => man(subcommand.as_deref()),
    }
}

pub(crate) fn command() -> clap::Command {
    let mut codes = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        let _ = writeln!(codes, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    let codes = codes.trim_end().to_owned();
    Cli::command().after_help(codes)
}

/// What --color says, before anything else is understood.
fn color_in(arguments: impl Iterator<Item = String>) -> Color {
    let mut before = String::new();
    for argument in arguments {
        let value = match argument.strip_prefix("--color=") {
            Some(value) => value,
            None if before == "--color" => argument.as_str(),
            None => "",
        };
        match value {
            "always" => return Color::Always,
            "never" => return Color::Never,
            _ => before = argument,
        }
    }
    Color::Auto
}

/// Help and version are no errors; errors get one line.
fn complain(error: &clap::Error, origin: Option<&Origin>) -> Result<(), Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        stdio::ensure_open()?;
        // A pager may be left before the end.
        return match error.print().and_then(|()| std::io::Write::flush(&mut std::io::stdout())) {
            Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(lem_ssl_rs::Error::io("write standard output", failed).into())
            }
            _ => Ok(()),
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return Err(Failure::silent(Exit::Usage));
    }
    let text = error.render().to_string();
    let mut said = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        if !line.is_empty() {
            said.push(line);
        }
    }
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let place = origin.and_then(|origin| origin.in_message(said)).unwrap_or_default();
    Err(Failure::new(Exit::Usage, format!("{place}{said}; see --help")))
}

fn man(subcommand: Option<&str>) -> Result<(), Failure> {
    stdio::ensure_open()?;
    let mut whole = command().disable_help_subcommand(true);
    whole.build();
    let page = match subcommand {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).cloned();
            let found = found.ok_or_else(|| Failure::new(Exit::Usage, format!("there is no subcommand {name:?}")))?;
            found.display_name(format!("lem-ssl-{name}"))
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot write the man page: {error}")))?;
    stdio::print(&text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_colour_is_known_before_the_arguments_are_read() {
        let color = |arguments: &[&str]| color_in(arguments.iter().map(|&argument| argument.to_owned()));
        assert_eq!(color(&["lem-ssl", "--color=never", "--help"]), Color::Never);
        assert_eq!(color(&["lem-ssl", "connect", "--color", "always"]), Color::Always);
        assert_eq!(color(&["lem-ssl", "--help"]), Color::Auto);
    }
}
