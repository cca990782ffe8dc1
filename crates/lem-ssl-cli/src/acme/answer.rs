//! One request to an authority and its answer, bounded in size and in time.

use std::time::{Duration, SystemTime};

use lem_ssl_rs::{Context, timeout};
use serde::de::DeserializeOwned;

use super::problem::{Fault, Problem, shortened};
use crate::http::{Broken, Exchange, Piece, Response, Url};

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    status_line: String,
    pub(super) location: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    Get,
    /// With this body, signed (RFC 8555 section 6.2).
    Post(&'a str),
}

/// Chains have some thousands of bytes, all else has less.
const MAX_BODY: usize = 256 * 1024;

/// A request and its answer take at most so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// The longest that an authority can make us wait. Some name the end of a week.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest nonce, and the longest URL.
const MAX_WORD: usize = 2048;

/// Asks `url`. A status that is no success is an answer, too.
pub(super) async fn ask(context: &Context, url: &Url, request: Request<'_>) -> Result<Answer, Fault> {
    match timeout(DEADLINE, exchange(context, url, request)).await {
        Ok(answered) => answered.map_err(|why| Fault::new(format!("{url}: {why}"))),
        Err(_) => Err(Fault::new(format!("{url}: no answer for {} s", DEADLINE.as_secs()))),
    }
}

async fn exchange(context: &Context, url: &Url, request: Request<'_>) -> Result<Answer, String> {
    let (method, body) = match request {
        Request::Get => ("GET", ""),
        Request::Post(body) => ("POST", body),
    };
    let mut text = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n\
         Connection: close\r\n",
        url.target(),
        url.authority(),
        concat!("lem-ssl/", env!("CARGO_PKG_VERSION")),
    );
    if let Request::Post(_) = request {
        text += &format!("Content-Type: application/jose+json\r\nContent-Length: {}\r\n", body.len());
    }
    let text = text + "\r\n" + body;
    let mut exchange =
        Exchange::begin(context, url, None, &text, DEADLINE).await.map_err(|failure| failure.to_string())?;
    let mut received = Vec::new();
    loop {
        match exchange.next(Vec::new()).await {
            Ok(Piece::Data(data)) if received.len() + data.len() > MAX_BODY => {
                return Err(format!("the answer has more than {} KiB", MAX_BODY / 1024));
            }
            Ok(Piece::Data(data)) => received.extend(data),
            Ok(Piece::End) => break,
            Err(Broken::Contradiction(failure) | Broken::Cut(failure)) => return Err(failure.to_string()),
        }
    }
    Ok(Answer::of(&exchange.response, received))
}

impl Answer {
    fn of(response: &Response, body: Vec<u8>) -> Self {
        let word = |name: &str| response.text(name).filter(|text| text.len() <= MAX_WORD).map(str::to_owned);
        // RFC 8555 section 6.5.1: what is not base64url is ignored.
        let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let nonce = word("replay-nonce").filter(|nonce| !nonce.is_empty() && nonce.bytes().all(digit));
        let retry_after = response.retry_after(SystemTime::now()).map(|wait| wait.min(MAX_RETRY_AFTER));
        let (status, status_line) = (response.status, shortened(&response.status_line()));
        Self { status, status_line, location: word("location"), nonce, retry_after, body }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem that it describes, if it is one.
    pub(super) fn problem(&self) -> Option<Problem> {
        if self.is_success() {
            return None;
        }
        let mut problem: Problem = serde_json::from_slice(&self.body).ok()?;
        problem.retry_after = self.retry_after;
        Some(problem)
    }

    /// Why it is no success.
    pub(super) fn fault(self, wanted: &str) -> Fault {
        let retry_after = self.retry_after;
        match self.problem() {
            // What the server is to blame for is no answer to what was asked.
            Some(problem) if self.status < 500 => Fault::Refused(Box::new(problem.about(wanted))),
            Some(problem) => {
                let message = format!("the authority fails ({}): {}", self.status_line, problem.about(wanted));
                Fault::Failed { message, retry_after }
            }
            None => {
                let message = format!("the authority answers \"{}\" to a request for {wanted}", self.status_line);
                Fault::Failed { message, retry_after }
            }
        }
    }

    /// What it says, as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Fault> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Fault::new(format!("the answer about {what} is odd: {error}")))
    }

    /// What it says, as text.
    pub(super) fn text(self, what: &str) -> Result<String, Fault> {
        String::from_utf8(self.body).map_err(|_| Fault::useless(format!("the answer about {what} is no text")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Parsed, parse};

    fn answer(head: &str, body: &str) -> Answer {
        let Ok(Parsed::Whole(response, _)) = parse(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()) else {
            panic!("it is one")
        };
        Answer::of(&response, body.as_bytes().to_vec())
    }

    #[test]
    fn waiting_is_asked_for_and_is_bounded() {
        let wait = |text| {
            let answered = answer(&format!("503 Service Unavailable\r\nRetry-After: {text}"), "");
            answered.retry_after.map(|wait| wait.as_secs())
        };
        assert_eq!((wait("120"), wait("Tue, 15 Nov 1994 12:00:00 GMT")), (Some(120), Some(0)));
        assert_eq!(wait("99999999999999999999999"), Some(MAX_RETRY_AFTER.as_secs()));
        assert_eq!(["", " ", "soon", "-1", "+1"].map(wait), [None; 5]);
    }

    #[test]
    fn a_nonce_that_is_none_is_ignored() {
        assert_eq!(answer("204 No Content\r\nReplay-Nonce: aB-_9", "").nonce.as_deref(), Some("aB-_9"));
        for nonce in ["a b", "a\"b", "ü", "", &"a".repeat(3000)] {
            assert_eq!(answer(&format!("204 No Content\r\nReplay-Nonce: {nonce}"), "").nonce, None, "{nonce}");
        }
    }

    #[test]
    fn a_refusal_and_a_failure_are_told_apart() {
        let document = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"}"#;
        let limited = answer("429 Too Many Requests\r\nRetry-After: 77", document).fault("an order");
        assert_eq!((limited.label(), limited.retry_after()), ("rate_limited", Some(Duration::from_secs(77))));
        let failing = answer("503 Service Unavailable\r\nRetry-After: 5", document).fault("an order");
        assert_eq!((failing.label(), failing.retry_after()), ("failed", Some(Duration::from_secs(5))));
        assert_eq!(answer("502 Bad Gateway", "<html>").fault("an order").label(), "failed");
    }
}
