//! The files of a folder, read-only.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lem_ssl_rs::{Error, unblock};

use super::accept::takes_gzip;
use super::answer::{Answer, Body};
use super::conditions::{Condition, Current, is_settled, may_be_joined};
use super::listing::{self, Form, Listings};
use super::packed::Packed;
use super::part::Part;
use super::path::{Astray, Way};
use super::range::{Wanted, wanted};
use super::request::Request;
use super::status::Status;
use crate::confinement::Confinement;
use crate::exit::Failure;
use crate::options::wrong;
use crate::platform::{changed, file_number, modified};

/// A folder whose files are served.
#[derive(Debug)]
pub(in crate::serve) struct Folder {
    /// Canonical: without links.
    root: PathBuf,
    style: Style,
    listings: Arc<Listings>,
}

/// What is done beside serving files as they are.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Style {
    /// Folders without an index are listed.
    pub(in crate::serve) lists: bool,
    /// What is text is packed for who takes that.
    pub(in crate::serve) packs: bool,
}

/// A shorter file becomes no shorter.
const MIN_PACKED: u64 = 256;

/// A file that was found.
struct Found {
    file: File,
    metadata: Metadata,
    path: PathBuf,
}

/// What a look at the folder came to.
enum Looked {
    File(Found),
    Listing(Arc<str>, Form),
    /// It is a folder, and its address ends in a slash.
    FolderWithoutSlash,
    Astray(Astray),
    Failed(io::Error),
}

impl Folder {
    pub(super) fn open(path: &Path, style: Style) -> Result<Self, Failure> {
        let root = path.canonicalize().and_then(|root| root.read_dir().map(|_| root));
        let root = root.map_err(|error| Error::io(format!("serve the files in {}", path.display()), error))?;
        Ok(Self { root, style, listings: Arc::default() })
    }

    /// The same, where it is seen once the root folder is another one.
    pub(super) fn moved(self, confinement: &Confinement) -> Result<Self, Failure> {
        let outside = || wrong(format!("{} (--files) is not inside of the --chroot folder", self.root.display()));
        let root = confinement.inside(&self.root).ok_or_else(outside)?;
        Ok(Self { root, ..self })
    }

    /// Where it is.
    pub(super) fn root(&self) -> &PathBuf {
        &self.root
    }

    pub(super) async fn answer(&self, request: &Request) -> Answer {
        let way = match Way::parse(&request.target) {
            Ok(way) => way,
            Err(astray) => return lost(astray),
        };
        let url = way.to_url();
        let root = self.root.clone();
        let listings = self.style.lists.then(|| (self.listings.clone(), Form::of(request)));
        match unblock(move || look(&root, way, listings)).await {
            Ok(Looked::File(found)) => found.answer(request, self.style.packs),
            Ok(Looked::Listing(text, form)) => listing::answer(&text, form, request),
            Ok(Looked::FolderWithoutSlash) => Answer::error(Status::MovedPermanently).with("Location", url),
            Ok(Looked::Astray(astray)) => lost(astray),
            Ok(Looked::Failed(error)) => lost(Astray::Failed(error.kind())),
            Err(_) => Answer::error(Status::InternalServerError),
        }
    }
}

fn lost(astray: Astray) -> Answer {
    match astray {
        Astray::Wrong => Answer::error(Status::BadRequest),
        Astray::Nowhere => Answer::error(Status::NotFound),
        Astray::Failed(io::ErrorKind::PermissionDenied) => Answer::error(Status::Forbidden),
        Astray::Failed(_) => Answer::error(Status::InternalServerError),
    }
}

/// Blocks.
fn look(root: &Path, mut way: Way, listings: Option<(Arc<Listings>, Form)>) -> Looked {
    let found = match way.find(root) {
        Ok(found) => found,
        Err(astray) => return Looked::Astray(astray),
    };
    let found = match (found.is_dir(), way.into_folder) {
        (true, false) if !way.names.is_empty() => return Looked::FolderWithoutSlash,
        (true, _) => {
            way.names.push("index.html".to_owned());
            match way.find(root) {
                Ok(index) => index,
                Err(astray) => {
                    let Some((listings, form)) = listings.filter(|_| astray == Astray::Nowhere) else {
                        return Looked::Astray(astray);
                    };
                    way.names.pop();
                    let listed = listings.text(root, &way, &found, form, Instant::now());
                    return listed.map_or_else(Looked::Failed, |text| Looked::Listing(text, form));
                }
            }
        }
        (false, true) => return Looked::Astray(Astray::Nowhere),
        (false, false) => found,
    };
    // To open a named pipe would block until somebody writes to it.
    match found.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Looked::Astray(Astray::Nowhere),
        Err(error) => return Looked::Failed(error),
    }
    let opened = File::open(&found).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((metadata, file)) if metadata.is_file() => Looked::File(Found { file, metadata, path: found }),
        Ok(_) => Looked::Astray(Astray::Nowhere),
        Err(error) => Looked::Failed(error),
    }
}

impl Found {
    fn answer(self, request: &Request, packs: bool) -> Answer {
        let length = self.metadata.len();
        let kind = content_type(&self.path);
        let may_be_packed = packs && length >= MIN_PACKED && is_compressible(kind);
        // A part is one of the plain file; HTTP/1.0 has no chunks.
        let packed = may_be_packed && takes_gzip(request) && !request.has("range") && request.is_http_1_1();
        let tag = self.tag(packed);
        // A time that HTTP cannot write is none.
        let modified = self.metadata.modified().ok().filter(|time| *time >= SystemTime::UNIX_EPOCH);
        // RFC 9110 section 8.8.2.1: no file was changed later than now.
        let modified = modified.map(|time| time.min(SystemTime::now()));
        let current = Current { tag: Some(&tag), modified };
        let described = |answer: Answer| {
            let mut answer = answer.with("ETag", tag.clone());
            if !packed {
                answer = answer.with("Accept-Ranges", "bytes");
            }
            if may_be_packed {
                answer = answer.with("Vary", "Accept-Encoding");
            }
            match current.date() {
                Some(time) => answer.with("Last-Modified", httpdate::fmt_http_date(time)),
                None => answer,
            }
        };
        match Condition::of(request, current) {
            Condition::Holds => {}
            Condition::Unchanged => return described(Answer::new(Status::NotModified, Body::None)),
            Condition::Failed => return Answer::error(Status::PreconditionFailed).with("ETag", tag.clone()),
        }
        let range = request.header("range").filter(|_| request.is_get() && may_be_joined(request, current));
        if packed {
            let body = Body::Packed(Box::new(Packed::new(Part::new(self.file, 0, length))));
            let answer = Answer::new(Status::Ok, body).with("Content-Encoding", "gzip");
            return described(answer.with("Content-Type", kind));
        }
        let part = |from, length| Body::Part(Part::new(self.file, from, length));
        match wanted(range, length) {
            Wanted::Everything => described(Answer::new(Status::Ok, part(0, length)).with("Content-Type", kind)),
            Wanted::Part { from, length: some } => {
                let span = format!("bytes {from}-{}/{length}", from + some - 1);
                let answer = Answer::new(Status::PartialContent, part(from, some));
                described(answer.with("Content-Type", kind).with("Content-Range", span))
            }
            Wanted::Nothing => {
                let answer = Answer::error(Status::RangeNotSatisfiable);
                answer.with("Content-Range", format!("bytes */{length}")).with("ETag", tag.clone())
            }
        }
    }

    /// What changes when the file does. As long as another change could have the same times, it is weak, and another
    /// tag than the one of later: a cache that has got the content between two such changes does not keep it.
    fn tag(&self, packed: bool) -> String {
        let Self { metadata, .. } = self;
        let (written, touched) = (modified(metadata), changed(metadata));
        let is_settled = [written, touched].into_iter().all(|time| since_1970(time).is_none_or(is_settled));
        let mark = if packed || !is_settled { "W/" } else { "" };
        let state = if is_settled { "" } else { "-new" };
        let form = if packed { "-gzip" } else { "" };
        let times = [written, touched].map(|(seconds, nanos)| format!("{seconds:x}.{nanos:x}")).join("-");
        format!("{mark}\"{:x}-{:x}-{times}{state}{form}\"", file_number(metadata), metadata.len())
    }
}

/// `None`: it was before 1970.
fn since_1970((seconds, nanos): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// By the name's ending; what is not known is to be kept and not shown.
fn content_type(path: &Path) -> &'static str {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" | "log" | "pem" | "crt" => "text/plain; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "mp4" => "video/mp4",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// Whether files of this type become shorter by packing; pictures and archives are packed already.
fn is_compressible(kind: &str) -> bool {
    const OTHERS: [&str; 4] = ["application/json", "application/xml", "image/svg+xml", "application/wasm"];
    kind.starts_with("text/") || OTHERS.contains(&kind)
}

/// The folder that `--files` names.
pub(super) fn folder(path: &Path, style: Style) -> Result<Folder, Failure> {
    if !path.is_dir() {
        return Err(wrong(format!("--files {} is not a folder", path.display())));
    }
    Folder::open(path, style)
}
