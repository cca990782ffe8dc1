//! The counters, as Prometheus reads them, over HTTP on an address of their own.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Counters, Error, Listener, Queue, ReadMode, TcpStream, spawn, timeout};

use super::tally::{Outcome, Tally};

/// The longest request. A scraper's has a few hundred bytes.
const MAX_REQUEST: usize = 8 * 1024;

/// The most headers of one.
const MAX_HEADERS: usize = 32;

/// How many scrapers are served at once; further ones wait.
const MAX_SCRAPERS: usize = 8;

/// How long one may take in all.
const SCRAPE_TIME: Duration = Duration::from_secs(10);

/// Answers scrapers until the listener is closed.
pub(super) async fn serve(listener: Listener, text: Rc<dyn Fn() -> String>) -> Error {
    let places = Queue::new();
    for _ in 0..MAX_SCRAPERS {
        places.put(());
    }
    loop {
        // The queue is private: nobody resets it.
        let _ = places.get().await;
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        let (places, text) = (places.clone(), text.clone());
        spawn(async move {
            // One that takes too long, or leaves, is nobody's concern.
            let _ = timeout(SCRAPE_TIME, answer(&stream, text.as_ref())).await;
            drop(stream);
            places.put(());
        })
        .detach();
    }
}

async fn answer(stream: &TcpStream, text: &dyn Fn() -> String) -> Result<(), Error> {
    let mut received = Vec::new();
    let (status, body) = loop {
        match verdict(&received) {
            Some("200 OK") => break ("200 OK", text()),
            Some(status) => break (status, format!("{status}; the counters are at /metrics\n")),
            None => received.extend(stream.read(ReadMode::Available).await?),
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if received.starts_with(b"HEAD ") { "" } else { &body };
    stream.write(&format!("{head}{body}")).await?;
    stream.shutdown().await
}

/// The status of the answer; `None` if the request is not complete.
fn verdict(received: &[u8]) -> Option<&'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // However much has arrived at once.
    match request.parse(&received[..received.len().min(MAX_REQUEST)]) {
        Ok(httparse::Status::Partial) if received.len() < MAX_REQUEST => return None,
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Some("400 Bad Request"),
    }
    let path = request.path.unwrap_or_default();
    Some(match (request.method, path.split('?').next()) {
        (Some("GET" | "HEAD"), Some("/metrics" | "/")) => "200 OK",
        (Some("GET" | "HEAD"), _) => "404 Not Found",
        _ => "405 Method Not Allowed",
    })
}

/// All counters as text.
pub(super) fn text(tally: &Tally, tls: Option<&Counters>, lag: Duration) -> String {
    let totals = tally.totals();
    let mut page = Page::default();
    page.family(
        "connections_accepted_total",
        "counter",
        "Clients that came through, after their handshake if it is TLS.",
    );
    page.value("", totals.accepted);
    page.family("connections_open", "gauge", "Clients that are here now.");
    page.value("", totals.open);
    page.family("connections_ended_total", "counter", "Clients that have gone, by how it ended.");
    for (outcome, count) in Outcome::ALL.iter().zip(totals.ended) {
        page.value(&format!("{{outcome=\"{}\"}}", outcome.label()), count);
    }
    page.family("bytes_total", "counter", "Content that was carried: up to the back ends, down to the clients.");
    page.value("{direction=\"up\"}", totals.up);
    page.value("{direction=\"down\"}", totals.down);
    if let Some(tls) = tls {
        handshakes(&mut page, tls);
        page.family("client_connections_total", "counter", "Connections of clients with certificates, by whose it is.");
        for (client, count) in tally.clients() {
            page.value(&format!("{{client=\"{}\"}}", escaped(&client)), count);
        }
    }
    page.family("loop_lag_seconds", "gauge", "The longest that a single task has held the loop.");
    page.value("", lag.as_secs_f64());
    page.text
}

fn handshakes(page: &mut Page, tls: &Counters) {
    page.family("tcp_accepted_total", "counter", "TCP connections that were accepted.");
    page.value("", tls.accepted);
    page.family(
        "tcp_refused_total",
        "counter",
        "TCP connections that were dropped: too many handshakes of one address.",
    );
    page.value("", tls.refused);
    page.family("accept_pauses_total", "counter", "How often accepting paused because descriptors had run out.");
    page.value("", tls.pauses);
    page.family("handshakes_started_total", "counter", "Handshakes with clients that were begun.");
    page.value("", tls.handshakes_started);
    page.family("handshakes_finished_total", "counter", "Handshakes with clients that were finished.");
    page.value("{resumed=\"no\"}", tls.handshakes_finished - tls.handshakes_resumed);
    page.value("{resumed=\"yes\"}", tls.handshakes_resumed);
    page.family("handshakes_failed_total", "counter", "Handshakes with clients that failed, by reason.");
    let failed = &tls.failed;
    for (reason, count) in [
        ("timed_out", failed.timed_out),
        ("not_tls", failed.not_tls),
        ("cut", failed.cut),
        ("refused_by_peer", failed.refused_by_peer),
        ("certificate", failed.certificate),
        ("incompatible", failed.incompatible),
        ("protocol", failed.protocol),
        ("other", failed.other),
    ] {
        page.value(&format!("{{reason=\"{reason}\"}}"), count);
    }
}

/// A value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP lem_ssl_tunnel_{name} {help}");
        let _ = writeln!(self.text, "# TYPE lem_ssl_tunnel_{name} {kind}");
    }

    fn value(&mut self, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "lem_ssl_tunnel_{}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_when_it_is_complete() {
        assert_eq!(verdict(b"GET /metrics HTTP/1.1\r\nHost: a\r\n"), None);
        assert_eq!(verdict(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), Some("200 OK"));
        assert_eq!(verdict(b"GET /metrics?x=y HTTP/1.0\r\n\r\n"), Some("200 OK"));
        assert_eq!(verdict(b"GET /secret HTTP/1.1\r\n\r\n"), Some("404 Not Found"));
        assert_eq!(verdict(b"POST /metrics HTTP/1.1\r\n\r\n"), Some("405 Method Not Allowed"));
        assert_eq!(verdict(b"\x16\x03\x01\x02\0"), Some("400 Bad Request"));
        assert_eq!(verdict(&b"GET / HTTP/1.1\r\nX: ".repeat(1000)), Some("400 Bad Request"));
    }
}
