//! Whom to check: what stands on the command line, and in a file.

use std::io::{self, Read};
use std::path::Path;

use clap::ValueEnum;

use crate::exit::Failure;
use crate::options::wrong;
use crate::starttls::Protocol;

/// One server, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: String,
    pub(super) starttls: Option<Protocol>,
}

/// A longer file is no list of hosts.
const MAX_FILE: u64 = 4 << 20;

/// The servers in a file, or on standard input if it is `-`; `starttls` is for those with no protocol of their own.
pub(super) fn read(file: &Path, starttls: Option<Protocol>) -> Result<Vec<Target>, Failure> {
    let shown = file.display();
    let from: io::Result<Box<dyn Read>> = match file.to_str() {
        Some("-") => Ok(Box::new(io::stdin())),
        _ => std::fs::File::open(file).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let mut text = Vec::new();
    let read = from.and_then(|from| from.take(MAX_FILE + 1).read_to_end(&mut text));
    read.map_err(|error| wrong(format!("cannot read {shown}: {error}")))?;
    if text.len() as u64 > MAX_FILE {
        return Err(wrong(format!("{shown} is too long for a list of hosts")));
    }
    parse(&String::from_utf8_lossy(&text), starttls).map_err(|why| wrong(format!("{shown}, {why}")))
}

/// One address a line, and perhaps a protocol behind it; what follows a `#` is a comment.
fn parse(text: &str, starttls: Option<Protocol>) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    // Some editors put a mark of the byte order in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let failed = |why: String| format!("line {}: {why}", number + 1);
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next() else { continue };
        let own = words.next().map(|word| Protocol::from_str(word, true)).transpose();
        let own = own.map_err(|_| failed("behind the address there may be a protocol of --starttls".to_owned()))?;
        if words.next().is_some() {
            return Err(failed("one address a line, and perhaps a protocol behind it".to_owned()));
        }
        targets.push(Target { address: address.to_owned(), starttls: own.or(starttls) });
    }
    if targets.is_empty() { Err("there is no host in it".to_owned()) } else { Ok(targets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_an_address_a_line_and_comments() {
        let targets = parse("# ours\na.example\n\n  b.example:25 smtp # mail\r\n", Some(Protocol::Imap)).unwrap();
        let written: Vec<_> = targets.iter().map(|one| (one.address.as_str(), one.starttls)).collect();
        assert_eq!(written, [("a.example", Some(Protocol::Imap)), ("b.example:25", Some(Protocol::Smtp))]);
        assert_eq!(parse("\u{feff}a.example\n", None).unwrap()[0].address, "a.example");
        for (text, says) in
            [("", "no host"), ("# x\n", "no host"), ("a\nb c\n", "line 2: "), ("a smtp x\n", "line 1: ")]
        {
            assert!(parse(text, None).unwrap_err().contains(says), "{text}");
        }
    }
}
