//! A configuration file (TOML): whatever options can say, under their names. It becomes options, so both mean the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Command;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::bounded;
use crate::exit::{Exit, Failure};
use crate::text::printable;

/// Subcommands that take `--config`.
const SUBCOMMANDS: [&str; 2] = ["serve", "tunnel"];

/// A longer file is none of ours.
const MAX_FILE: usize = 1 << 20;

/// An option, and what it is set to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    /// Without the dashes.
    option: Cow<'static, str>,
    value: String,
}

impl Setting {
    pub(crate) fn new(option: &'static str, value: impl Into<String>) -> Self {
        Self { option: option.into(), value: value.into() }
    }

    /// One whose value is a file.
    pub(crate) fn file(option: &'static str, file: &Path) -> Self {
        Self::new(option, file.to_string_lossy())
    }

    /// The same of the option that is called so for back ends.
    pub(crate) fn of_back_end(self) -> Self {
        Self { option: format!("out-{}", self.option).into(), ..self }
    }
}

/// Where options come from that were in a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    file: PathBuf,
    /// The line of each option, by its name.
    options: BTreeMap<String, usize>,
    /// The line of each value; of two that are the same, the second.
    settings: BTreeMap<Setting, usize>,
}

impl Origin {
    /// `FILE, line 7: ` for what an option is set to, if that was in the file.
    pub(crate) fn of(&self, setting: &Setting) -> Option<String> {
        self.settings.get(setting).map(|line| self.at(*line))
    }

    /// The same for the first option that a message speaks of.
    pub(crate) fn in_message(&self, message: &str) -> Option<String> {
        let words = message.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        words.filter_map(|word| word.strip_prefix("--")).find_map(|name| Some(self.at(*self.options.get(name)?)))
    }

    fn at(&self, line: usize) -> String {
        format!("{}, line {line}: ", self.file.display())
    }
}

/// The arguments with those of the file that `--config` names in front of the subcommand's own. `known` has the options.
pub(crate) fn expand(arguments: Vec<OsString>, known: &Command) -> Result<(Vec<OsString>, Option<Origin>), Failure> {
    let is_subcommand = |argument: &OsString| SUBCOMMANDS.iter().any(|name| argument == OsStr::new(name));
    let Some(at) = arguments.iter().position(is_subcommand) else { return Ok((arguments, None)) };
    let Some(file) = named_in(&arguments[at + 1..]) else { return Ok((arguments, None)) };
    let subcommand = arguments[at].to_str().and_then(|name| known.find_subcommand(name));
    let (options, origin) = read(&file, |name| kind_of(subcommand.into_iter().chain([known]), name))?;
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

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionKind {
    /// None, or one that may be left out.
    Flag,
    Value,
}

/// What the option of this name takes, if one of the commands has it.
fn kind_of<'a>(mut commands: impl Iterator<Item = &'a Command>, name: &str) -> Option<OptionKind> {
    let argument = commands.find_map(|command| command.get_arguments().find(|known| known.get_long() == Some(name)))?;
    let needs_value =
        argument.get_action().takes_values() && argument.get_num_args().is_none_or(|count| count.min_values() > 0);
    Some(if needs_value { OptionKind::Value } else { OptionKind::Flag })
}

/// The options in a file.
fn read(file: &Path, kind_of: impl Fn(&str) -> Option<OptionKind>) -> Result<(Vec<String>, Origin), Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("{}: {why}", file.display()));
    let text = bounded::read(file, MAX_FILE).map_err(|error| failed(&format_args!("cannot be read: {error}")))?;
    let text = text.ok_or_else(|| failed(&"it is too long for a configuration"))?;
    let text = String::from_utf8(text).map_err(|_| failed(&"it is not text in UTF-8"))?;
    options_in(&text, file, kind_of)
}

fn options_in(
    text: &str,
    file: &Path,
    kind_of: impl Fn(&str) -> Option<OptionKind>,
) -> Result<(Vec<String>, Origin), Failure> {
    let line_of = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let failed = |at: usize, why: &str| {
        let why = format!("{}, line {}: {}", file.display(), line_of(at), printable(why));
        Failure::new(Exit::Usage, why)
    };
    let table =
        DeTable::parse(text).map_err(|error| failed(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut origin = Origin { file: file.to_owned(), ..Origin::default() };
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
        origin.options.insert(name.to_owned(), line_of(at));
        let values = values_of(value, name).map_err(|(at, why)| failed(at, why))?;
        // Of an option that is there, its own reader tells. One that is left out would vanish.
        if values.iter().all(|(_, value)| matches!(value, Value::Flag(false))) {
            match kind_of(name) {
                None => return Err(failed(at, &format!("there is no option --{name}"))),
                Some(OptionKind::Value) if !values.is_empty() => return Err(failed(value.span().start, WANTS_TEXT)),
                Some(_) => {}
            }
        }
        for (at, value) in values {
            match value {
                Value::Flag(true) => options.push(format!("--{name}")),
                Value::Flag(false) => {}
                Value::Text(value) => {
                    options.push(format!("--{name}={value}"));
                    let setting = Setting { option: name.to_owned().into(), value };
                    origin.settings.insert(setting, line_of(at));
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

const WANTS_TEXT: &str = "a text or a number is wanted here";

fn text_of(value: &Spanned<DeValue<'_>>) -> Result<String, (usize, &'static str)> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        _ => Err((value.span().start, WANTS_TEXT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<(Vec<String>, Origin), String> {
        let kind_of = |name: &str| match name {
            "tls-in" | "quiet" => Some(OptionKind::Flag),
            "cert" | "client-ca" | "client-crl" => Some(OptionKind::Value),
            _ => None,
        };
        options_in(text, Path::new("x.toml"), kind_of).map_err(|failure| failure.to_string())
    }

    fn options(text: &str) -> Result<Vec<String>, String> {
        read_text(text).map(|(options, _)| options)
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
    fn whatever_may_be_true_may_be_false() {
        let command = crate::cli::command();
        for name in SUBCOMMANDS {
            let subcommand = command.find_subcommand(name).unwrap();
            let kind = |name: &str| kind_of([subcommand, &command].into_iter(), name);
            for option in subcommand.get_arguments().filter_map(clap::Arg::get_long) {
                let takes =
                    |value: &str| options_in(&format!("{option} = {value}\n"), Path::new("x.toml"), kind).is_ok();
                let stands_alone = kind(option) == Some(OptionKind::Flag);
                assert_eq!(takes("false"), stands_alone, "{name} --{option}");
            }
        }
        let tunnel = command.find_subcommand("tunnel").unwrap();
        assert_eq!(kind_of([tunnel].into_iter(), "proxy-protocol"), Some(OptionKind::Flag));
        assert_eq!(kind_of([tunnel].into_iter(), "cert"), Some(OptionKind::Value));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line) in [
            ("a = 1\nb = \n", "x.toml, line 2: "),
            ("a = 1\n\nB = 2\n", "x.toml, line 3: \"B\" is not the name of an option"),
            ("a = 1\na = 2\n", "x.toml, line 2: "),
            ("a = 1\nb = [1,\n true]\n", "x.toml, line 3: a text or a number"),
            ("a = 2020-01-01\n", "x.toml, line 1: a text or a number"),
            (
                "tls-in = false\nclient-cert-required = false\n",
                "x.toml, line 2: there is no option --client-cert-required",
            ),
            ("\nclient-cas = []\n", "x.toml, line 2: there is no option --client-cas"),
            ("[routs]\n", "x.toml, line 1: there is no option --routs"),
            ("quiet = true\ncert = false\n", "x.toml, line 2: a text or a number"),
            ("config = \"y.toml\"\n", "x.toml, line 1: a configuration is one file"),
        ] {
            let said = options(text).unwrap_err();
            assert!(said.starts_with(line), "{said}");
        }
    }

    #[test]
    fn an_option_in_a_message_is_found_where_it_stands() {
        let text = "tls-in = true\n\ncert = \"a.pem\"\nclient-ca = \"b.pem\"\nclient-crl = [\n\"b.pem\", \"tls-in\"]\nquiet = false\n";
        let (_, origin) = read_text(text).unwrap();
        let found = origin.in_message("the argument '--cert <FILE>' needs '--key <FILE>'");
        assert_eq!(found.as_deref(), Some("x.toml, line 3: "));
        for (option, value, line) in
            [("cert", "a.pem", 3), ("client-ca", "b.pem", 4), ("client-crl", "b.pem", 6), ("client-crl", "tls-in", 6)]
        {
            let found = origin.of(&Setting::new(option, value));
            assert_eq!(found, Some(format!("x.toml, line {line}: ")), "{option}, {value}");
        }
        assert_eq!(origin.of(&Setting::new("ca", "b.pem")), None);
        assert_eq!(origin.in_message("--tls-in is not for this").as_deref(), Some("x.toml, line 1: "));
        assert_eq!(origin.in_message("no such file"), None);
    }
}
