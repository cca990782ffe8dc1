//! XMPP (RFC 6120 section 5): a stream is opened, its features offer TLS, and `proceed` is the go-ahead.
//!
//! Only as much XML is understood as these three need, and what is not understood is no go-ahead.

use super::{Dialogue, Refusal, Step, quoted};

#[derive(Debug)]
pub(super) struct Xmpp {
    server: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Features,
    Answer,
}

const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// The longest that features, or an answer, may be.
const LONGEST: usize = 32 * 1024;

impl Xmpp {
    pub(super) fn new(server: &str) -> Self {
        Self { server: server.to_owned(), state: State::Begin }
    }

    fn features(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        let Some(end) = end_of(received, b"</stream:features>").or_else(|| end_of(received, b"<stream:features/>"))
        else {
            return if find(received, b"<stream:error").is_some() {
                Err(Refusal(quoted(received)))
            } else {
                more(received)
            };
        };
        let features: Vec<u8> = received.drain(..end).collect();
        if find(&features, b"<starttls").is_none() || find(&features, NAMESPACE.as_bytes()).is_none() {
            return Err(Refusal("it does not offer STARTTLS".into()));
        }
        self.state = State::Answer;
        Ok(Step::Say(format!("<starttls xmlns='{NAMESPACE}'/>").into_bytes()))
    }
}

impl Dialogue for Xmpp {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        match self.state {
            State::Begin => {
                self.state = State::Features;
                let server = self.server.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
                Ok(Step::Say(
                    format!(
                        "<?xml version='1.0'?><stream:stream to='{server}' version='1.0' xmlns='jabber:client' \
                         xmlns:stream='http://etherx.jabber.org/streams'>"
                    )
                    .into_bytes(),
                ))
            }
            State::Features => self.features(received),
            State::Answer => {
                let Some(end) = received.iter().position(|byte| *byte == b'>') else { return more(received) };
                let tag = String::from_utf8_lossy(&received[..=end]).into_owned();
                let proceeds = tag.strip_prefix("<proceed").is_some_and(|rest| rest.starts_with([' ', '/', '>']));
                if !proceeds || !tag.contains(NAMESPACE) {
                    return Err(Refusal(quoted(received)));
                }
                let end = if tag.ends_with("/>") {
                    end + 1
                } else {
                    match end_of(received, b"</proceed>") {
                        Some(end) => end,
                        None => return more(received),
                    }
                };
                received.drain(..end);
                Ok(Step::GoAhead)
            }
        }
    }
}

fn more(received: &[u8]) -> Result<Step, Refusal> {
    if received.len() < LONGEST { Ok(Step::More) } else { Err(Refusal(format!("it said more than {LONGEST} bytes"))) }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn end_of(text: &[u8], what: &[u8]) -> Option<usize> {
    find(text, what).map(|at| at + what.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";

    fn answered(features: &str, answer: &str) -> Result<(Step, Vec<u8>), Refusal> {
        let mut dialogue = Xmpp::new("a'b.example");
        let Ok(Step::Say(opening)) = dialogue.handle(&mut Vec::new()) else { panic!("it begins") };
        assert!(String::from_utf8(opening).unwrap().contains("to='a&apos;b.example'"));
        match dialogue.handle(&mut format!("<stream:stream>{features}").into_bytes())? {
            Step::Say(said) => assert_eq!(said, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            other => return Ok((other, Vec::new())),
        }
        let mut received = answer.as_bytes().to_vec();
        let step = dialogue.handle(&mut received)?;
        Ok((step, received))
    }

    #[test]
    fn proceed_is_the_go_ahead_in_either_way_of_writing_it() {
        for answer in [
            "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></proceed>",
        ] {
            assert_eq!(answered(FEATURES, answer), Ok((Step::GoAhead, Vec::new())));
            for length in 0..answer.len() {
                assert_eq!(answered(FEATURES, &answer[..length]).unwrap().0, Step::More, "{}", &answer[..length]);
            }
        }
    }

    #[test]
    fn what_follows_the_go_ahead_is_left_to_be_seen() {
        let answer = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message/>";
        assert_eq!(answered(FEATURES, answer), Ok((Step::GoAhead, b"<message/>".to_vec())));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(answered("<stream:features/>", "").is_err());
        assert!(answered("<stream:features><bind/></stream:features>", "").is_err());
        assert!(answered("<stream:error>", "").is_err());
        for answer in ["<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed/>", "<proceeds xmlns=''/>", "x>"]
        {
            assert!(answered(FEATURES, answer).is_err(), "{answer}");
        }
    }
}
