//! From a request's target to a file in the folder, and never out of it.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::platform::is_circle_of_links;

/// Why a target leads to no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Astray {
    /// It cannot be understood.
    Wrong,
    /// There is nothing, or nothing that may be seen.
    Nowhere,
    /// The system did not say what there is: a cache must not keep that as if there was nothing.
    Failed(io::ErrorKind),
}

/// The names on the way to a file, each a plain name; and whether the target ends in a slash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) names: Vec<String>,
    pub(super) into_folder: bool,
}

impl Astray {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
        match error.kind() {
            NotFound | NotADirectory | InvalidFilename | InvalidInput => Self::Nowhere,
            _ if is_circle_of_links(error) => Self::Nowhere,
            kind => Self::Failed(kind),
        }
    }
}

impl Way {
    /// Reads a target: an absolute path, or a whole URL (RFC 9112 section 3.2).
    pub(super) fn parse(target: &str) -> Result<Self, Astray> {
        let path = match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => rest.find('/').map_or("/", |at| &rest[at..]),
            _ => target,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_prefix('/').ok_or(Astray::Wrong)?;
        let mut names = Vec::new();
        let mut pieces = path.split('/').peekable();
        let mut into_folder = false;
        while let Some(piece) = pieces.next() {
            if piece.is_empty() && pieces.peek().is_none() {
                into_folder = true;
                break;
            }
            names.push(name(piece)?);
        }
        Ok(Self { names, into_folder })
    }

    /// The same as a URL's path, for a redirection. Begins with one slash only: two would lead to another host.
    pub(super) fn to_url(&self) -> String {
        let mut url = String::from("/");
        for name in &self.names {
            url.push_str(&encoded(name));
            url.push('/');
        }
        url
    }

    /// The way to what has this name in the folder to which this one leads.
    pub(super) fn below(&self, name: &str) -> Self {
        let names = self.names.iter().cloned().chain([name.to_owned()]).collect();
        Self { names, into_folder: false }
    }

    /// The file below `root`, which must be canonical. A link may lead anywhere but out of the root.
    ///
    /// Blocks. A user who may write to the folder could change a link meanwhile, and is trusted not to.
    pub(super) fn find(&self, root: &Path) -> Result<PathBuf, Astray> {
        let mut path = root.to_owned();
        path.extend(&self.names);
        let found = path.canonicalize().map_err(|error| Astray::of(&error))?;
        let below = found.strip_prefix(root).map_err(|_| Astray::Nowhere)?;
        // A link to something hidden shows it no more than its own name does.
        let hidden = below.components().any(|part| match part {
            Component::Normal(name) => is_hidden(&name.to_string_lossy()),
            _ => true,
        });
        if hidden { Err(Astray::Nowhere) } else { Ok(found) }
    }
}

/// A name as a part of a URL's path.
pub(super) fn encoded(name: &str) -> String {
    let mut url = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// Whether a name in a folder can be asked for.
pub(super) fn is_visible(name: &str) -> bool {
    !is_hidden(name) && !name.contains(['/', '\\', '\0'])
}

/// One name, decoded once: what is a percent sign after that is one.
fn name(piece: &str) -> Result<String, Astray> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(Astray::Wrong)?;
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (digit(digits[0]), digit(digits[1])) else { return Err(Astray::Wrong) };
        bytes.push((high << 4 | low) as u8);
        rest = after;
    }
    let name = String::from_utf8(bytes).map_err(|_| Astray::Nowhere)?;
    // Nothing but a single, plain name may reach the operating system.
    if name.contains(['/', '\\', '\0']) {
        return Err(Astray::Wrong);
    }
    let mut parts = Path::new(&name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == name.as_str() && !is_hidden(&name) => Ok(name),
        _ => Err(Astray::Nowhere),
    }
}

/// Names that begin with a dot are nobody's business (`.git`, `.htpasswd`), but for RFC 8615's.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(target: &str) -> Result<Vec<String>, Astray> {
        Way::parse(target).map(|way| way.names)
    }

    #[test]
    #[cfg(unix)]
    fn what_the_system_did_not_say_is_not_taken_for_nothing() {
        // EIO, EACCES, ENOENT, ENOTDIR.
        for (code, is_nothing) in [(5, false), (13, false), (2, true), (20, true)] {
            let astray = Astray::of(&io::Error::from_raw_os_error(code));
            assert_eq!(astray == Astray::Nowhere, is_nothing, "{astray:?}");
        }
        assert_eq!(Astray::of(&io::Error::from_raw_os_error(13)), Astray::Failed(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn a_target_is_decoded_once() {
        assert_eq!(names("/"), Ok(vec![]));
        assert_eq!(names("/a/b%20c?d=e"), Ok(vec!["a".into(), "b c".into()]));
        assert_eq!(names("/%2541"), Ok(vec!["%41".into()]));
        assert_eq!(names("https://host/a"), Ok(vec!["a".into()]));
        assert_eq!(names("https://host"), Ok(vec![]));
        assert_eq!(names("/.well-known/x"), Ok(vec![".well-known".into(), "x".into()]));
        assert!(Way::parse("/a/").unwrap().into_folder);
    }

    #[test]
    fn no_target_names_anything_above() {
        for target in [
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/%2e/x",
            "/./x",
            "//etc/passwd",
            "/a//b",
            "/a%2fb",
            "/..%2fx",
            "/%5c..%5cx",
            "/a%00b",
            "/%",
            "/%4",
            "/%zz",
            "/.git/config",
            "/a/.env",
            "x",
            "*",
            "",
            "/%ff",
            "/...",
        ] {
            assert!(names(target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_redirection_leads_to_no_other_host() {
        let way = Way { names: vec!["a b".into(), "\r\nx".into()], into_folder: false };
        assert_eq!(way.to_url(), "/a%20b/%0D%0Ax/");
        assert_eq!(Way { names: vec![], into_folder: true }.to_url(), "/");
    }
}
