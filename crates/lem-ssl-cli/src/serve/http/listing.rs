//! What is in a folder, as a page or as JSON.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::accept::prefers_json;
use super::answer::{Answer, Body};
use super::conditions::{Condition, Current};
use super::path::{Way, encoded, is_visible};
use super::request::Request;
use super::status::Status;
use crate::text::{printable, timestamp};

/// What is in a folder, sorted: folders first, then files, each by name.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    /// Its path, as a URL has it.
    folder: String,
    entries: Vec<Entry>,
    /// Whether that is all there is.
    complete: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Entry {
    kind: Kind,
    name: String,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Folder,
    File,
}

/// So many entries are shown; a page with more is of no use.
const MAX_ENTRIES: usize = 10_000;

impl Listing {
    /// What can be asked for in the folder `found`, to which `way` leads below `root`. Blocks.
    pub(super) fn read(root: &Path, way: &Way, found: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        let mut complete = true;
        for entry in found.read_dir()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !is_visible(&name) {
                continue;
            }
            // A link that leads out of the folder, or nowhere, is not there.
            let Ok(path) = way.below(&name).find(root) else { continue };
            let Ok(metadata) = path.metadata() else { continue };
            let kind = match metadata.is_dir() {
                true => Kind::Folder,
                false if metadata.is_file() => Kind::File,
                false => continue,
            };
            if entries.len() == MAX_ENTRIES {
                complete = false;
                break;
            }
            let modified = metadata.modified().ok().filter(|time| *time >= SystemTime::UNIX_EPOCH);
            let bytes = (kind == Kind::File).then_some(metadata.len());
            entries.push(Entry { kind, name, bytes, modified: modified.map(timestamp) });
        }
        entries.sort();
        Ok(Self { folder: way.to_url(), entries, complete })
    }

    pub(super) fn answer(self, request: &Request) -> Answer {
        match Condition::of(request, Current { tag: None, modified: None }) {
            Condition::Holds => {}
            Condition::Unchanged => return Answer::new(Status::NotModified, Body::None),
            Condition::Failed => return Answer::error(Status::PreconditionFailed),
        }
        let (kind, text) = if prefers_json(request) {
            // Nothing in it can fail to be written: strings, numbers, lists.
            ("application/json", serde_json::to_string(&self).unwrap_or_default() + "\n")
        } else {
            ("text/html; charset=utf-8", self.page())
        };
        let answer = Answer::new(Status::Ok, Body::Text(text.into_bytes())).with("Content-Type", kind);
        // Nothing in it is to be run or loaded, whatever a name contains.
        let answer = answer.with("Content-Security-Policy", "default-src 'none'");
        answer.with("Cache-Control", "no-cache").with("Vary", "Accept")
    }

    fn page(&self) -> String {
        let title = escaped(&self.folder);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body>\n<h1>{title}</h1>\n<table>\n"
        );
        if self.folder != "/" {
            page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
        }
        for Entry { kind, name, bytes, modified } in &self.entries {
            let slash = if *kind == Kind::Folder { "/" } else { "" };
            let (href, shown) = (encoded(name), escaped(&printable(name)));
            let bytes = bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
            let modified = modified.as_deref().unwrap_or_default();
            // Writing into a string cannot fail.
            let _ = writeln!(
                page,
                "<tr><td><a href=\"{href}{slash}\">{shown}{slash}</a></td><td>{bytes}</td><td>{modified}</td></tr>"
            );
        }
        page.push_str("</table>\n");
        if !self.complete {
            let _ = writeln!(page, "<p>There are more than {MAX_ENTRIES}.</p>");
        }
        page + "</body>\n</html>\n"
    }
}

/// As text, and between quotation marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_more_than_text() {
        let entry = |kind, name: &str| Entry { kind, name: name.to_owned(), bytes: None, modified: None };
        let names =
            ["<script>alert(1)</script>", "javascript:alert(1)", "\" onclick=\"x", "&amp;", "a\u{202e}b", "//host"];
        let entries = names.iter().map(|name| entry(Kind::File, name)).collect();
        let page = Listing { folder: "/<b>/".to_owned(), entries, complete: false }.page();
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
        assert!(
            !page.contains("href=\"javascript:") && !page.contains("href=\"/") && !page.contains("\" onclick"),
            "{page}"
        );
        assert!(page.contains(">&amp;amp;</a>") && page.contains("There are more"), "{page}");
    }
}
