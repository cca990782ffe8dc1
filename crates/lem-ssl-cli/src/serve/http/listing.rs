//! What is in a folder, as a page or as JSON.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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

/// As what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Json,
}

/// The last listing, for clients that ask for it again and again: to read a large folder costs much more than to ask.
#[derive(Debug, Default)]
pub(super) struct Listings {
    last: Mutex<Option<Last>>,
}

#[derive(Debug)]
struct Last {
    folder: PathBuf,
    read: Instant,
    listing: Listing,
    page: Option<Arc<str>>,
    json: Option<Arc<str>>,
}

/// So many entries are looked at, and shown if they may be; a page with more is of no use.
const MAX_ENTRIES: usize = 10_000;

/// So long a listing is as good as a new one.
const MAX_AGE: Duration = Duration::from_secs(1);

impl Listings {
    /// What can be asked for in the folder `found`, to which `way` leads below `root`. Blocks, but keeps no other folder
    /// waiting for one that does not answer.
    pub(super) fn text(&self, root: &Path, way: &Way, found: &Path, form: Form, now: Instant) -> io::Result<Arc<str>> {
        let url = way.to_url();
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |last: &Last| {
            let age = now.saturating_duration_since(last.read);
            last.folder == found && last.listing.folder == url && age < MAX_AGE
        };
        let before = last().take();
        let mut kept = match before.filter(is_fresh) {
            Some(kept) => kept,
            None => {
                let listing = Listing::read(root, way, found)?;
                Last { folder: found.to_owned(), read: now, listing, page: None, json: None }
            }
        };
        let text = match form {
            Form::Page => kept.page.get_or_insert_with(|| kept.listing.page().into()),
            // Nothing in it can fail to be written: strings, numbers, lists.
            Form::Json => kept
                .json
                .get_or_insert_with(|| (serde_json::to_string(&kept.listing).unwrap_or_default() + "\n").into()),
        };
        let text = text.clone();
        *last() = Some(kept);
        Ok(text)
    }
}

impl Form {
    /// What the client would rather have.
    pub(super) fn of(request: &Request) -> Self {
        if prefers_json(request) { Self::Json } else { Self::Page }
    }
}

/// Answers with a listing.
pub(super) fn answer(text: &str, form: Form, request: &Request) -> Answer {
    match Condition::of(request, Current { tag: None, modified: None }) {
        Condition::Holds => {}
        Condition::Unchanged => return Answer::new(Status::NotModified, Body::None),
        Condition::Failed => return Answer::error(Status::PreconditionFailed),
    }
    let kind = match form {
        Form::Json => "application/json",
        Form::Page => "text/html; charset=utf-8",
    };
    let answer = Answer::new(Status::Ok, Body::Text(text.as_bytes().to_vec())).with("Content-Type", kind);
    // Nothing in it is to be run or loaded, whatever a name contains.
    let answer = answer.with("Content-Security-Policy", "default-src 'none'");
    answer.with("Cache-Control", "no-cache").with("Vary", "Accept")
}

impl Listing {
    /// What can be asked for in the folder `found`, to which `way` leads below `root`. Blocks.
    fn read(root: &Path, way: &Way, found: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        let mut complete = true;
        for (number, entry) in found.read_dir()?.enumerate() {
            let entry = entry?;
            // Those that are not shown take time, too.
            if number == MAX_ENTRIES {
                complete = false;
                break;
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !is_visible(&name) {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            let metadata = if kind.is_symlink() {
                // One that leads out of the folder, or nowhere, is not there.
                let Ok(path) = way.below(&name).find(root) else { continue };
                path.metadata()
            } else {
                entry.metadata()
            };
            let Ok(metadata) = metadata else { continue };
            let kind = match metadata.is_dir() {
                true => Kind::Folder,
                false if metadata.is_file() => Kind::File,
                false => continue,
            };
            let modified = metadata.modified().ok().filter(|time| *time >= SystemTime::UNIX_EPOCH);
            let bytes = (kind == Kind::File).then_some(metadata.len());
            entries.push(Entry { kind, name, bytes, modified: modified.map(timestamp) });
        }
        entries.sort();
        Ok(Self { folder: way.to_url(), entries, complete })
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
            let _ = writeln!(page, "<p>There are more than {MAX_ENTRIES} names, and not all are shown.</p>");
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

    #[test]
    fn a_folder_is_read_once_a_second_however_often_it_is_asked_for() {
        let scratch = lem_ssl_tests::scratch::Scratch::new("listing");
        let root = scratch.path().canonicalize().unwrap();
        let listings = Listings::default();
        let begun = Instant::now();
        let text = |names: &[&str], later: u64| {
            let way = Way { names: names.iter().map(|&name| name.to_owned()).collect(), into_folder: true };
            let found = way.find(&root).unwrap();
            listings.text(&root, &way, &found, Form::Page, begun + Duration::from_millis(later)).unwrap()
        };
        let first = text(&[], 0);
        std::fs::create_dir(root.join("new")).unwrap();
        assert!(Arc::ptr_eq(&first, &text(&[], 999)));
        assert!(text(&[], 1000).contains(">new/</a>"));
        // Another folder is another one.
        assert!(text(&["new"], 1001).contains("<h1>/new/</h1>"));
    }
}
