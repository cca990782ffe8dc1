//! A configuration file (TOML): whatever options can say, under their names. It becomes options, so both mean the same.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::exit::{Exit, Failure};
use crate::text::printable;

/// Subcommands that take `--config`.
const SUBCOMMANDS: [&str; 2] = ["serve", "tunnel"];

/// A longer file is none of ours.
const MAX_FILE: u64 = 1 << 20;

/// Where options come from that were in a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    file: PathBuf,
    /// The line of each option, by its name and by its value.
    lines: BTreeMap<String, usize>,
}

impl Origin {
    /// `FILE, line 7: ` for the option of this name or value, if it was in the file.
    pub(crate) fn of(&self, text: &str) -> Option<String> {
        let line = self.lines.get(text)?;
        Some(format!("{}, line {line}: ", self.file.display()))
    }

    /// The same for the first option that a message speaks of.
    pub(crate) fn in_message(&self, message: &str) -> Option<String> {
        let words = message.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        words.filter_map(|word| word.strip_prefix("--")).find_map(|name| self.of(name))
    }
}

/// The arguments with those of the file that `--config` names in front of the subcommand's own.
pub(crate) fn expand(arguments: Vec<OsString>) -> Result<(Vec<OsString>, Option<Origin>), Failure> {
    let is_subcommand = |argument: &OsString| SUBCOMMANDS.iter().any(|name| argument == OsStr::new(name));
    let Some(at) = arguments.iter().position(is_subcommand) else { return Ok((arguments, None)) };
    let Some(file) = named_in(&arguments[at + 1..]) else { return Ok((arguments, None)) };
    let (options, origin) = read(&file)?;
    let (before, own) = arguments.split_at(at + 1);
    let options = options.into_iter().map(OsString::from);
    Ok((before.iter().cloned().chain(options).chain(own.iter().cloned()).collect(), Some(origin)))
}

/// The file of the last `--config`.
fn named_in(arguments: &[OsString]) -> Option<PathBuf> {
    let mut named = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.to_str() else { continue };
        match text.strip_prefix("--config") {
            Some("") => named = arguments.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => named = Some(PathBuf::from(&rest[1..])),
            _ if text == "--" => break,
            _ => {}
        }
    }
    named
}

/// The options in a file.
fn read(file: &Path) -> Result<(Vec<String>, Origin), Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("{}: {why}", file.display()));
    let found = std::fs::metadata(file).map_err(|error| failed(&format_args!("cannot be read: {error}")))?;
    if found.len() > MAX_FILE {
        return Err(failed(&"it is too long for a configuration"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(&format_args!("cannot be read: {error}")))?;
    options_in(&text, file)
}

fn options_in(text: &str, file: &Path) -> Result<(Vec<String>, Origin), Failure> {
    let line_of = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let failed = |at: usize, why: &str| {
        let why = format!("{}, line {}: {}", file.display(), line_of(at), printable(why));
        Failure::new(Exit::Usage, why)
    };
    let table =
        DeTable::parse(text).map_err(|error| failed(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut origin = Origin { file: file.to_owned(), lines: BTreeMap::new() };
    let mut options = Vec::new();
    for (name, value) in table.get_ref() {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(failed(at, &format!("{name:?} is not the name of an option")));
        }
        if name == "config" {
            return Err(failed(at, "a configuration is one file"));
        }
        origin.lines.insert(name.to_owned(), line_of(at));
        let values = values_of(value, name).map_err(|(at, why)| failed(at, why))?;
        for (at, value) in values {
            match value {
                Value::Flag(true) => options.push(format!("--{name}")),
                Value::Flag(false) => {}
                Value::Text(value) => {
                    origin.lines.insert(value.clone(), line_of(at));
                    options.push(format!("--{name}={value}"));
                }
            }
        }
    }
    Ok((options, origin))
}

/// What one option is set to.
enum Value {
    Flag(bool),
    Text(String),
}

/// Where a value stands, and what it is.
type Placed = (usize, Value);

/// Whatever an option is set to, once or more often.
fn values_of(value: &Spanned<DeValue<'_>>, name: &str) -> Result<Vec<Placed>, (usize, &'static str)> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::Boolean(set) => Ok(vec![(at, Value::Flag(*set))]),
        DeValue::Array(values) => {
            values.iter().map(|value| Ok((value.span().start, Value::Text(text_of(value)?)))).collect()
        }
        DeValue::Table(table) => {
            let mut placed = Vec::new();
            for (key, value) in table {
                let texts = match value.get_ref() {
                    DeValue::Array(values) => values.iter().map(text_of).collect::<Result<Vec<_>, _>>()?,
                    _ => vec![text_of(value)?],
                };
                // The back ends of a route are one option; who may come in is one for each.
                let texts = if name == "route" { vec![texts.join(",")] } else { texts };
                let at = key.span().start;
                placed.extend(texts.into_iter().map(|text| (at, Value::Text(format!("{}={text}", key.get_ref())))));
            }
            Ok(placed)
        }
        _ => Ok(vec![(at, Value::Text(text_of(value)?))]),
    }
}

fn text_of(value: &Spanned<DeValue<'_>>) -> Result<String, (usize, &'static str)> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        _ => Err((value.span().start, "a text or a number is wanted here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<Vec<String>, String> {
        options_in(text, Path::new("x.toml")).map(|(options, _)| options).map_err(|failure| failure.to_string())
    }

    #[test]
    fn whatever_options_say_a_file_can_say() {
        let text = "tls-in = true\nquiet = false\nlisten = [\":443\", \"unix:/run/x\"]\nidle-timeout = 2.5\n\
                    max-connections = 7\nproxy-protocol = \"v2\"\n[route]\n\"a.example\" = [\"b:1\", \"c:2\"]\n\
                    [route-allow]\n\"a.example\" = [\"cn:x\", \"cn:y\"]\n";
        let mut found = options(text).unwrap();
        found.sort();
        let expected = [
            "--idle-timeout=2.5",
            "--listen=:443",
            "--listen=unix:/run/x",
            "--max-connections=7",
            "--proxy-protocol=v2",
            "--route-allow=a.example=cn:x",
            "--route-allow=a.example=cn:y",
            "--route=a.example=b:1,c:2",
            "--tls-in",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line) in [
            ("a = 1\nb = \n", "x.toml, line 2: "),
            ("a = 1\n\nB = 2\n", "x.toml, line 3: \"B\" is not the name of an option"),
            ("a = 1\na = 2\n", "x.toml, line 2: "),
            ("a = 1\nb = [1,\n true]\n", "x.toml, line 3: a text or a number"),
            ("a = 2020-01-01\n", "x.toml, line 1: a text or a number"),
            ("config = \"y.toml\"\n", "x.toml, line 1: a configuration is one file"),
        ] {
            let said = options(text).unwrap_err();
            assert!(said.starts_with(line), "{said}");
        }
    }

    #[test]
    fn an_option_in_a_message_is_found_where_it_stands() {
        let (_, origin) = options_in("tls-in = true\n\ncert = \"a.pem\"\n", Path::new("x.toml")).unwrap();
        let found = origin.in_message("the argument '--cert <FILE>' needs '--key <FILE>'");
        assert_eq!(found.as_deref(), Some("x.toml, line 3: "));
        assert_eq!(origin.of("a.pem").as_deref(), Some("x.toml, line 3: "));
        assert_eq!(origin.in_message("no such file"), None);
    }
}
