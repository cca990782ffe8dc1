//! What a download has to be: its SHA-256, as it is told.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use graviola::hashing::{Hash, HashContext, Sha256};

use crate::bounded;
use crate::exit::{Exit, Failure};
use crate::options::wrong;
use crate::text::hex;

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum([u8; 32]);

/// One under way.
#[derive(Clone)]
pub(super) struct Running(<Sha256 as Hash>::Context);

/// A longer list is none.
const MAX_FILE: usize = 4 << 20;

impl Checksum {
    /// The one for the file of one of these names, in a list as `sha256sum` writes it. A list with one line, of whatever kind,
    /// needs no name.
    pub(super) fn read(file: &Path, names: &[String]) -> Result<Self, Failure> {
        let shown = file.display();
        let text = bounded::read(file, MAX_FILE).map_err(|error| wrong(format!("cannot read {shown}: {error}")))?;
        let text = text.ok_or_else(|| wrong(format!("{shown} is too long for a list of checksums")))?;
        Self::find(&String::from_utf8_lossy(&text), names).map_err(|why| wrong(format!("{shown}: {why}")))
    }

    fn find(text: &str, names: &[String]) -> Result<Self, String> {
        // Some editors put a mark at the beginning, which is no text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines: Vec<_> = text.lines().filter_map(line).collect();
        let is_alone = text.lines().filter(|line| !line.trim().is_empty()).count() == 1;
        let mut found: Vec<Self> = match lines.as_slice() {
            [] => return Err("there is no SHA-256 in it".to_owned()),
            [(one, _)] if is_alone => vec![*one],
            several => {
                let is_ours = |name: &str| names.iter().any(|ours| ours == name.rsplit('/').next().unwrap_or_default());
                several.iter().filter(|(_, name)| is_ours(name)).map(|(one, _)| *one).collect()
            }
        };
        found.dedup();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(format!("there is no line for {}", names.join(" or "))),
            _ => Err(format!("there are several checksums for {}", names.join(" or "))),
        }
    }

    pub(super) fn start() -> Running {
        Running(Sha256::new())
    }

    /// Whether that is what has come; says so if not.
    pub(super) fn check(self, running: Running) -> Result<(), Failure> {
        let mut found = [0; 32];
        found.copy_from_slice(running.0.finish().as_ref());
        let found = Self(found);
        if found == self {
            return Ok(());
        }
        Err(Failure::new(Exit::Checksum, format!("what has come has the checksum {found}, and not {self}")))
    }
}

impl Running {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

/// A line of a list: a checksum, and the name of its file. Others are comments, or of another kind.
fn line(line: &str) -> Option<(Checksum, String)> {
    // A name with a line feed in it is escaped, and the line begins with a backslash.
    let line = line.trim_start().strip_prefix('\\').unwrap_or(line).trim();
    if let Some(tagged) = line.strip_prefix("SHA256 (") {
        let (name, digits) = tagged.rsplit_once(") = ")?;
        return Some((digest(digits)?, name.to_owned()));
    }
    let (digits, name) = line.split_once(|letter: char| letter.is_ascii_whitespace()).unwrap_or((line, ""));
    let name = name.trim_start();
    Some((digest(digits)?, name.strip_prefix('*').unwrap_or(name).to_owned()))
}

fn digest(digits: &str) -> Option<Checksum> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? * 16 + digit(1)?;
    }
    Some(Checksum(bytes))
}

impl FromStr for Checksum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.split_once(':').filter(|(kind, _)| kind.eq_ignore_ascii_case("sha256"));
        let sound = digits.and_then(|(_, digits)| digest(digits));
        sound.ok_or_else(|| "write sha256: and 64 hexadecimal digits".to_owned())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_sha256sum_writes_it() {
        let (one, other) = ("ab".repeat(32), "CD".repeat(32));
        let list = format!("{one}  x/a.iso\n{other} *b.iso\nSHA256 (c (1).iso) = {one}\n# no checksum\n\n");
        let find = |name: &str| Checksum::find(&list, &[name.to_owned()]).map(|found| found.to_string());
        assert_eq!(find("a.iso"), Ok(format!("sha256:{one}")));
        assert_eq!(find("b.iso"), Ok(format!("sha256:{}", other.to_lowercase())));
        assert_eq!(find("c (1).iso"), Ok(format!("sha256:{one}")));
        assert!(find("d.iso").unwrap_err().contains("no line for d.iso"));
        // One line needs no name.
        assert!(Checksum::find(&one, &[]).is_ok() && Checksum::find(&format!("{one}  x\n"), &[]).is_ok());
        // One of several lines does, also if nothing else can be read, and whatever an editor has put before the first.
        assert!(Checksum::find(&format!("x\n{one}  x\n"), &["a".to_owned()]).unwrap_err().contains("no line for a"));
        let marked = format!("\u{feff}{one}  a\n{other}  b\n");
        let found = Checksum::find(&marked, &["a".to_owned()]).map(|found| found.to_string());
        assert_eq!(found, Ok(format!("sha256:{one}")));
        let twice = format!("{one}  a\n{other}  a\n");
        assert!(Checksum::find(&twice, &["a".to_owned()]).unwrap_err().contains("several"));
        assert!(Checksum::find("nothing\n", &[]).is_err());
    }

    #[test]
    fn a_checksum_is_64_digits_and_its_kind() {
        assert!(format!("SHA256:{}", "aB".repeat(32)).parse::<Checksum>().is_ok());
        for wrong in [
            "",
            "sha256:",
            "sha256:ab",
            &"ab".repeat(32),
            &format!("md5:{}", "ab".repeat(32)),
            &format!("sha256:{}", "xy".repeat(32)),
        ] {
            assert!(wrong.parse::<Checksum>().is_err(), "{wrong}");
        }
    }
}
