//! XMPP (RFC 6120 section 5): a stream is opened, its features offer TLS, and `proceed` is the go-ahead.
//!
//! Only as much XML is understood as these three need, and what is not understood is no go-ahead.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::{Dialogue, Refusal, Step, quoted};

/// The client's side.
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

/// So long features, or an answer, may be.
const MAX_SAID: usize = 32 * 1024;

impl Xmpp {
    pub(super) fn new(server: &str) -> Self {
        Self { server: server.to_owned(), state: State::Begin }
    }

    fn features(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        let Some(end) = end_of(received, b"</stream:features>").or_else(|| end_of(received, b"<stream:features/>"))
        else {
            return if find(received, b"<stream:error").is_some() {
                Err(Refusal::new(quoted(received)))
            } else {
                more(received)
            };
        };
        let features: Vec<u8> = received.drain(..end).collect();
        skip_spaces(received);
        if find(&features, b"<starttls").is_none() || find(&features, NAMESPACE.as_bytes()).is_none() {
            return Err(Refusal::new("it does not offer STARTTLS"));
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
                skip_spaces(received);
                let Some(end) = received.iter().position(|byte| *byte == b'>') else { return more(received) };
                let tag = String::from_utf8_lossy(&received[..=end]).into_owned();
                let proceeds = tag.strip_prefix("<proceed").is_some_and(|rest| rest.starts_with([' ', '/', '>']));
                if !proceeds || !tag.contains(NAMESPACE) {
                    return Err(Refusal::new(quoted(received)));
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
                Ok(Step::GoAhead(Vec::new()))
            }
        }
    }
}

/// The server's side.
#[derive(Debug, Default)]
pub(super) struct XmppServer {
    said: Said,
}

/// What a client has said.
#[derive(Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    /// `<?xml`, of which there is one at most (XML 1.0 section 2.8).
    Declaration,
    Opening,
}

/// Namespaces of the stream's contents: of a client, of another server.
const OF_CLIENTS: &str = "jabber:client";
const OF_SERVERS: &str = "jabber:server";

impl Dialogue for XmppServer {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        skip_spaces(received);
        if self.said == Said::Nothing && received.starts_with(b"<?xml") {
            let Some(end) = end_of(received, b"?>") else { return more(received) };
            received.drain(..end);
            self.said = Said::Declaration;
            skip_spaces(received);
        }
        let Some(end) = end_of_tag(received) else { return more(received) };
        let tag = String::from_utf8_lossy(&received[..end]).into_owned();
        if self.said != Said::Opening {
            if !is_tag(&tag, "<stream:stream") {
                return Err(Refusal::new(quoted(tag.as_bytes())));
            }
            received.drain(..end);
            self.said = Said::Opening;
            return Ok(Step::Say(opening(&tag).into_bytes()));
        }
        if !is_tag(&tag, "<starttls") || !tag.contains(NAMESPACE) {
            let farewell = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
            return Err(Refusal::new(quoted(tag.as_bytes())).with_farewell(farewell));
        }
        let end = if tag.ends_with("/>") { Some(end) } else { end_of(received, b"</starttls>") };
        let Some(end) = end else { return more(received) };
        received.drain(..end);
        Ok(Step::GoAhead(format!("<proceed xmlns='{NAMESPACE}'/>").into_bytes()))
    }

    /// A client may write line by line.
    fn may_be_told_more(&self) -> bool {
        true
    }
}

/// The server's opening of a stream: its features are TLS, which is required.
fn opening(theirs: &str) -> String {
    let namespace = if theirs.contains(OF_SERVERS) { OF_SERVERS } else { OF_CLIENTS };
    let from = attribute(theirs, "to").map(|name| format!(" from='{name}'")).unwrap_or_default();
    let id = RandomState::new().build_hasher().finish();
    format!(
        "<?xml version='1.0'?><stream:stream{from} id='{id:016x}' version='1.0' xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams'><stream:features><starttls xmlns='{NAMESPACE}'><required/>\
         </starttls></stream:features>"
    )
}

/// The value of an attribute, if it is a domain, which can be written as it is.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (value, _) = rest[1..].split_once(quote)?;
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']');
    (!value.is_empty() && value.chars().all(allowed)).then_some(value)
}

fn is_tag(tag: &str, name: &str) -> bool {
    tag.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '\n', '\r', '\t', '/', '>']))
}

/// The end of the tag at the front; what stands in quotes ends none.
fn end_of_tag(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// White space between elements means nothing.
fn skip_spaces(received: &mut Vec<u8>) {
    let spaces = received.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    received.drain(..spaces);
}

fn more(received: &[u8]) -> Result<Step, Refusal> {
    if received.len() < MAX_SAID {
        Ok(Step::More)
    } else {
        Err(Refusal::new(format!("it said more than {MAX_SAID} bytes")))
    }
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
            assert_eq!(answered(FEATURES, answer), Ok((Step::GoAhead(Vec::new()), Vec::new())));
            for length in 0..answer.len() {
                assert_eq!(answered(FEATURES, &answer[..length]).unwrap().0, Step::More, "{}", &answer[..length]);
            }
        }
    }

    #[test]
    fn white_space_between_elements_is_nothing_that_was_said() {
        let (features, proceed) = (format!("{FEATURES}\n"), "\r\n <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        let mut dialogue = Xmpp::new("a.example");
        dialogue.handle(&mut Vec::new()).unwrap();
        let mut received = format!("<stream:stream>{features}").into_bytes();
        assert!(matches!(dialogue.handle(&mut received), Ok(Step::Say(_))));
        assert!(received.is_empty());
        assert_eq!(dialogue.handle(&mut b"\n".to_vec()), Ok(Step::More));
        assert_eq!(dialogue.handle(&mut proceed.into()), Ok(Step::GoAhead(Vec::new())));
        // Behind it TLS begins, and nothing else is there.
        let answer = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n";
        assert_eq!(answered(FEATURES, answer), Ok((Step::GoAhead(Vec::new()), b"\n".to_vec())));
    }

    #[test]
    fn what_follows_the_go_ahead_is_left_to_be_seen() {
        let answer = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message/>";
        assert_eq!(answered(FEATURES, answer), Ok((Step::GoAhead(Vec::new()), b"<message/>".to_vec())));
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

    const STREAM: &str = "<?xml version='1.0'?>\n<stream:stream to='a.example' xmlns='jabber:client' version='1.0'>";
    const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

    #[test]
    fn a_client_opens_a_stream_is_offered_tls_and_takes_it() {
        for starttls in [STARTTLS, "\n<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></starttls>"] {
            let (mut dialogue, mut received) = (XmppServer::default(), STREAM.as_bytes().to_vec());
            let Ok(Step::Say(said)) = dialogue.handle(&mut received) else { panic!("it is answered") };
            let said = String::from_utf8(said).unwrap();
            assert!(said.contains("<stream:stream from='a.example' id='") && said.contains("<required/>"), "{said}");
            assert!(received.is_empty());
            for length in 0..starttls.len() {
                assert_eq!(dialogue.handle(&mut starttls[..length].into()), Ok(Step::More), "{length}");
            }
            let proceed = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec();
            let mut received = format!("{starttls}<message/>").into_bytes();
            assert_eq!(dialogue.handle(&mut received), Ok(Step::GoAhead(proceed)));
            assert_eq!(received, b"<message/>");
        }
    }

    #[test]
    fn a_client_that_goes_on_in_plain_text_is_refused_and_its_name_is_not_echoed_as_xml() {
        let mut dialogue = XmppServer::default();
        let opening = "<stream:stream to='a'/><x b='>' xmlns:stream='x'>";
        let Ok(Step::Say(_)) = dialogue.handle(&mut opening.into()) else { panic!("it is answered") };
        assert!(
            dialogue.handle(&mut b"<auth>secret</auth>".to_vec()).unwrap_err().farewell.ends_with(b"</stream:stream>")
        );
        assert_eq!(attribute("<a to='b\"<x>'>", "to"), None);
        assert_eq!(attribute("<a to=\"b.example\">", "to"), Some("b.example"));
        assert!(XmppServer::default().handle(&mut b"<html>".to_vec()).is_err());
        assert!(XmppServer::default().handle(&mut b"<?xml?><?xml?><stream:stream>".to_vec()).is_err());
        assert!(XmppServer::default().handle(&mut vec![b'<'; 40_000]).is_err());
    }
}
