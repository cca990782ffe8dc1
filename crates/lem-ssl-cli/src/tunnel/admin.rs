//! What the tunnel tells of itself over HTTP, on an address of its own: counters, health, a page for people.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Error, Listener, ReadMode, TcpStream, spawn, timeout};

use super::report::Report;
use crate::places::Places;

/// So long a request may be. A scraper's has a few hundred bytes.
const MAX_REQUEST: usize = 8 * 1024;

/// So many headers it may have.
const MAX_HEADERS: usize = 32;

/// So many requests are served at once; further ones wait.
const MAX_REQUESTS: u32 = 8;

/// How long one may take in all.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// The page: it asks for `/status.json` again and again.
const PAGE: &str = include_str!("status.html");

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Page,
    Status,
    Metrics,
    /// Whether it runs.
    Health,
    /// Whether clients are accepted and have somewhere to go.
    Readiness,
    /// Nothing that there is: an error's status.
    Nothing(&'static str),
}

/// An answer.
struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

/// Answers until the listener is closed.
pub(super) async fn serve(listener: Listener, report: Rc<Report>) -> Error {
    let places = Places::new(MAX_REQUESTS);
    loop {
        let place = places.take().await;
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        let report = report.clone();
        spawn(async move {
            // One that takes too long, or leaves, is nobody's concern.
            let _ = timeout(REQUEST_TIME, answer(&stream, &report)).await;
            drop(stream);
            drop(place);
        })
        .detach();
    }
}

async fn answer(stream: &TcpStream, report: &Report) -> Result<(), Error> {
    let mut received = Vec::new();
    let asked = loop {
        match read(&received) {
            Some(asked) => break asked,
            None => received.extend(stream.read(ReadMode::Available).await?),
        }
    };
    let Answer { status, kind, body } = asked.answer(report);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
         connect-src 'self'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if received.starts_with(b"HEAD ") { "" } else { &body };
    stream.write(&format!("{head}{body}")).await?;
    stream.shutdown().await
}

/// What is asked for; `None` if the request is not complete.
fn read(received: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // However much has arrived at once.
    match request.parse(&received[..received.len().min(MAX_REQUEST)]) {
        Ok(httparse::Status::Partial) if received.len() < MAX_REQUEST => return None,
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Some(Asked::Nothing("400 Bad Request")),
    }
    let path = request.path.unwrap_or_default();
    Some(match (request.method, path.split('?').next()) {
        (Some("GET" | "HEAD"), Some("/")) => Asked::Page,
        (Some("GET" | "HEAD"), Some("/status.json")) => Asked::Status,
        (Some("GET" | "HEAD"), Some("/metrics")) => Asked::Metrics,
        (Some("GET" | "HEAD"), Some("/healthz")) => Asked::Health,
        (Some("GET" | "HEAD"), Some("/readyz")) => Asked::Readiness,
        (Some("GET" | "HEAD"), _) => Asked::Nothing("404 Not Found"),
        _ => Asked::Nothing("405 Method Not Allowed"),
    })
}

impl Asked {
    fn answer(self, report: &Report) -> Answer {
        let text = |status, body| Answer { status, kind: "text/plain", body };
        match self {
            Self::Page => Answer { status: "200 OK", kind: "text/html", body: PAGE.to_owned() },
            Self::Status => Answer { status: "200 OK", kind: "application/json", body: report.status() },
            Self::Metrics => Answer { status: "200 OK", kind: "text/plain; version=0.0.4", body: report.metrics() },
            Self::Health => text("200 OK", "ok\n".to_owned()),
            Self::Readiness => match report.unready() {
                None => text("200 OK", "ready\n".to_owned()),
                Some(why) => text("503 Service Unavailable", format!("not ready: {why}\n")),
            },
            Self::Nothing(status) => {
                text(status, format!("{status}; there are /, /status.json, /metrics, /healthz and /readyz\n"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_when_it_is_complete() {
        assert_eq!(read(b"GET /metrics HTTP/1.1\r\nHost: a\r\n"), None);
        assert_eq!(read(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), Some(Asked::Metrics));
        assert_eq!(read(b"GET /metrics?x=y HTTP/1.0\r\n\r\n"), Some(Asked::Metrics));
        assert_eq!(read(b"HEAD / HTTP/1.0\r\n\r\n"), Some(Asked::Page));
        assert_eq!(read(b"GET /readyz HTTP/1.0\r\n\r\n"), Some(Asked::Readiness));
        assert_eq!(read(b"GET /secret HTTP/1.1\r\n\r\n"), Some(Asked::Nothing("404 Not Found")));
        assert_eq!(read(b"POST /metrics HTTP/1.1\r\n\r\n"), Some(Asked::Nothing("405 Method Not Allowed")));
        assert_eq!(read(b"\x16\x03\x01\x02\0"), Some(Asked::Nothing("400 Bad Request")));
        assert_eq!(read(&b"GET / HTTP/1.1\r\nX: ".repeat(1000)), Some(Asked::Nothing("400 Bad Request")));
    }
}
