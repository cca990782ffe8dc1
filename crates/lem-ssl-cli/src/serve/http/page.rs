//! The page that describes the session.

use std::fmt::Write;

use lem_ssl_rs::Info;

use super::answer::Answer;
use super::request::Request;
use super::status::Status;
use crate::certificate::Certificate;

/// What we know about the client.
pub(super) fn about(info: &Info, peer: &str, request: &Request) -> Answer {
    let mut page = String::from("lem-ssl serves this page, over TLS.\n\n");
    // Writing into a string cannot fail.
    let _ = writeln!(page, "session:            {info}");
    let _ = writeln!(page, "you are:            {peer}");
    let asked_for = info.requested_name.as_deref().unwrap_or("(none)");
    let _ = writeln!(page, "you ask for:        {}", asked_for.escape_debug());
    let shown = match info.peer_certificates.first().map(|leaf| Certificate::read(leaf)) {
        None => "(none)".to_owned(),
        Some(Ok(certificate)) => format!("{}, from {}", certificate.subject, certificate.issuer),
        Some(Err(_)) => "(one that cannot be read)".to_owned(),
    };
    let _ = writeln!(page, "your certificate:   {shown}");
    let _ = writeln!(page, "your request:       {request}");
    Answer::text(Status::Ok, page).with("Cache-Control", "no-store")
}
