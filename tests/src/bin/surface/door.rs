//! The one module through which a library's users see the types of another.

use std::collections::BTreeSet;

use crate::library::Library;

/// A crate whose types users see in one module only, so that another version of it changes nothing else.
pub(crate) struct Door {
    /// The crate, as paths name it.
    pub(crate) foreign: &'static str,
    /// A part of it that is a crate of its own, with a promise of its own.
    pub(crate) except: &'static str,
    /// The module, by the name that users know.
    pub(crate) module: &'static str,
}

pub(crate) const DOORS: &[Door] =
    &[Door { foreign: "rustls", except: "rustls::pki_types", module: "lem_ssl_rs::danger" }];

impl Door {
    /// The lines beside the door that name the crate.
    pub(crate) fn passed_by<'a>(&self, lines: &'a BTreeSet<String>) -> Vec<&'a str> {
        let is_beside = |line: &&str| {
            let (name, what) = line.split_once(": ").unwrap_or((line, ""));
            let is_inside = within(name, self.module);
            !is_inside && [name, what].iter().any(|text| paths(text).any(|path| self.names(path)))
        };
        lines.iter().map(String::as_str).filter(is_beside).collect()
    }

    fn names(&self, path: &str) -> bool {
        within(path, self.foreign) && !within(path, self.except)
    }
}

fn within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|below| below.is_empty() || below.starts_with("::"))
}

/// A text in which the names that stand for something of a crate with a door are written as paths from that crate.
pub(crate) fn in_full(library: &Library, module: &[String], text: &str) -> String {
    let full = |piece: &str| {
        let path = piece.trim_matches(|letter| is_between(letter) || letter == ':');
        let segments: Vec<_> = path.split("::").map(str::to_owned).collect();
        let declared = library.declared(module, &segments);
        let foreign = declared.err().map(|foreign| foreign.join("::"));
        let behind = foreign.filter(|foreign| DOORS.iter().any(|door| door.names(foreign)));
        behind.map_or_else(|| piece.to_owned(), |foreign| piece.replacen(path, &foreign, 1))
    };
    text.split_inclusive(is_between).map(full).collect()
}

fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_between).map(|path| path.trim_matches(':'))
}

/// Whether a letter is part of no path. Lifetimes are paths here, to nothing.
fn is_between(letter: char) -> bool {
    !(letter.is_alphanumeric() || "_:'".contains(letter))
}
