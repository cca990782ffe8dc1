//! The server's side of the protocols of lines: SMTP, IMAP, POP3. Until TLS is there a client may look around and leave,
//! and nothing else.

use super::lines::take_line;
use super::{Dialogue, Refusal, Step, quoted};

/// A server in plain text that is there to be asked for TLS.
#[derive(Debug)]
pub(super) struct Welcome {
    style: Style,
    has_greeted: bool,
    /// How many commands were answered.
    commands: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Smtp,
    Imap,
    Pop3,
}

/// What comes of a command.
enum Reply {
    Say(String),
    /// The words that come before TLS.
    Begin(String),
    /// The client leaves.
    Leave(String),
}

/// So many commands are answered before TLS. A client sends two or three; an answer may be far longer than its command.
const MAX_COMMANDS: usize = 100;

/// IMAP's tags are short (RFC 9051 section 2.2.1); a longer one is no tag.
const MAX_TAG: usize = 64;

impl Welcome {
    pub(super) fn smtp() -> Self {
        Self { style: Style::Smtp, has_greeted: false, commands: 0 }
    }

    pub(super) fn imap() -> Self {
        Self { style: Style::Imap, has_greeted: false, commands: 0 }
    }

    pub(super) fn pop3() -> Self {
        Self { style: Style::Pop3, has_greeted: false, commands: 0 }
    }

    fn reply(&self, line: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split_whitespace().collect();
        match self.style {
            Style::Smtp => smtp(&words),
            Style::Imap => imap(&words),
            Style::Pop3 => pop3(&words),
        }
    }
}

/// Greetings, for clients that come without TLS, and for those whose TLS has eaten the back end's.
pub(super) const SMTP_GREETING: &str = "220 localhost ESMTP\r\n";
pub(super) const IMAP_GREETING: &str = "* OK ready\r\n";
pub(super) const POP3_GREETING: &str = "+OK ready\r\n";

fn smtp(words: &[&str]) -> Reply {
    let command = words.first().unwrap_or(&"").to_ascii_uppercase();
    match (command.as_str(), words.len()) {
        ("STARTTLS", 1) => Reply::Begin("220 2.0.0 go ahead\r\n".into()),
        ("STARTTLS", _) => Reply::Say("501 5.5.4 no parameters are allowed\r\n".into()),
        ("EHLO", _) => Reply::Say("250-localhost\r\n250 STARTTLS\r\n".into()),
        ("HELO", _) => Reply::Say("250 localhost\r\n".into()),
        ("NOOP" | "RSET", _) => Reply::Say("250 2.0.0 ok\r\n".into()),
        ("QUIT", _) => Reply::Leave("221 2.0.0 bye\r\n".into()),
        _ => Reply::Say("530 5.7.0 STARTTLS comes first\r\n".into()),
    }
}

fn imap(words: &[&str]) -> Reply {
    let is_tag = |tag: &&&str| {
        tag.len() <= MAX_TAG && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let Some(tag) = words.first().filter(is_tag) else { return Reply::Say("* BAD no tag\r\n".into()) };
    let command = words.get(1).unwrap_or(&"").to_ascii_uppercase();
    match (command.as_str(), words.len()) {
        ("STARTTLS", 2) => Reply::Begin(format!("{tag} OK begin\r\n")),
        ("CAPABILITY", _) => Reply::Say(format!("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n{tag} OK done\r\n")),
        ("NOOP", _) => Reply::Say(format!("{tag} OK done\r\n")),
        ("LOGOUT", _) => Reply::Leave(format!("* BYE\r\n{tag} OK done\r\n")),
        ("LOGIN" | "AUTHENTICATE", _) => Reply::Say(format!("{tag} NO [PRIVACYREQUIRED] STARTTLS comes first\r\n")),
        _ => Reply::Say(format!("{tag} BAD STARTTLS comes first\r\n")),
    }
}

fn pop3(words: &[&str]) -> Reply {
    let command = words.first().unwrap_or(&"").to_ascii_uppercase();
    match (command.as_str(), words.len()) {
        ("STLS", 1) => Reply::Begin("+OK begin\r\n".into()),
        ("CAPA", _) => Reply::Say("+OK\r\nSTLS\r\n.\r\n".into()),
        ("NOOP", _) => Reply::Say("+OK\r\n".into()),
        ("QUIT", _) => Reply::Leave("+OK bye\r\n".into()),
        _ => Reply::Say("-ERR STLS comes first\r\n".into()),
    }
}

impl Dialogue for Welcome {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        if !std::mem::replace(&mut self.has_greeted, true) {
            let greeting = match self.style {
                Style::Smtp => SMTP_GREETING,
                Style::Imap => "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n",
                Style::Pop3 => POP3_GREETING,
            };
            return Ok(Step::Say(greeting.into()));
        }
        // Replies to what has come together go together.
        let mut replies = String::new();
        while let Some(line) = take_line(received)? {
            let reply = match self.reply(&line) {
                Reply::Say(words) => words,
                // What was asked before is answered before.
                _ if !replies.is_empty() => {
                    received.splice(..0, line);
                    break;
                }
                Reply::Begin(words) => return Ok(Step::GoAhead(words.into_bytes())),
                Reply::Leave(words) => return Err(Refusal::new(quoted(&line)).with_farewell(words)),
            };
            self.commands += 1;
            if self.commands > MAX_COMMANDS {
                return Err(Refusal::new(format!("it sent {MAX_COMMANDS} commands, and none of them asks for TLS")));
            }
            replies.push_str(&reply);
        }
        Ok(if replies.is_empty() { Step::More } else { Step::Say(replies.into_bytes()) })
    }

    /// Clients may send commands ahead, but for the one that asks for TLS.
    fn may_be_told_more(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these lines to a dialogue; what it says, and how it ends.
    fn play(mut dialogue: Welcome, lines: &str) -> (String, Result<Step, Refusal>) {
        let (mut said, mut received) = (Vec::new(), lines.as_bytes().to_vec());
        loop {
            match dialogue.handle(&mut received) {
                Ok(Step::Say(words)) => said.extend(words),
                end => return (String::from_utf8(said).unwrap(), end),
            }
        }
    }

    #[test]
    fn a_client_may_look_around_and_then_ask_for_tls() {
        let (said, end) = play(Welcome::smtp(), "EHLO me\r\nnoop\r\nSTARTTLS\r\n");
        assert_eq!(said, "220 localhost ESMTP\r\n250-localhost\r\n250 STARTTLS\r\n250 2.0.0 ok\r\n");
        assert_eq!(end, Ok(Step::GoAhead(b"220 2.0.0 go ahead\r\n".to_vec())));
        let (said, end) = play(Welcome::imap(), "a.1 capability\r\nA2 starttls\r\n");
        assert!(said.ends_with("a.1 OK done\r\n") && said.contains("STARTTLS LOGINDISABLED"), "{said}");
        assert_eq!(end, Ok(Step::GoAhead(b"A2 OK begin\r\n".to_vec())));
        let (said, end) = play(Welcome::pop3(), "CAPA\r\nstls\r\n");
        assert_eq!(said, "+OK ready\r\n+OK\r\nSTLS\r\n.\r\n");
        assert_eq!(end, Ok(Step::GoAhead(b"+OK begin\r\n".to_vec())));
    }

    #[test]
    fn commands_without_end_are_not_answered_without_end() {
        let (said, end) = play(Welcome::smtp(), &"\n".repeat(60_000));
        assert!(said.len() < 100 && end.unwrap_err().why.contains("100 commands"), "{said}");
        let mut dialogue = Welcome::smtp();
        let mut received = Vec::new();
        dialogue.handle(&mut received).unwrap();
        received.extend(b"EHLO me\r\nNOOP\r\nSTARTTLS\r\n");
        let together = "250-localhost\r\n250 STARTTLS\r\n250 2.0.0 ok\r\n";
        assert_eq!(dialogue.handle(&mut received), Ok(Step::Say(together.into())));
        assert_eq!(dialogue.handle(&mut received), Ok(Step::GoAhead("220 2.0.0 go ahead\r\n".into())));
        assert!(received.is_empty());
    }

    #[test]
    fn nothing_that_is_secret_is_taken_in_plain_text() {
        assert!(play(Welcome::smtp(), "AUTH PLAIN AGEAYg==\r\n").0.ends_with("530 5.7.0 STARTTLS comes first\r\n"));
        assert!(play(Welcome::smtp(), "MAIL FROM:<a@b>\r\n").0.ends_with("530 5.7.0 STARTTLS comes first\r\n"));
        assert!(play(Welcome::smtp(), "STARTTLS now\r\n").0.ends_with("501 5.5.4 no parameters are allowed\r\n"));
        assert!(play(Welcome::imap(), "a login a b\r\n").0.contains("a NO [PRIVACYREQUIRED]"));
        assert!(play(Welcome::pop3(), "USER a\r\n").0.ends_with("-ERR STLS comes first\r\n"));
    }

    #[test]
    fn a_client_that_leaves_is_let_go_and_one_that_says_no_line_is_not_heard_for_ever() {
        for (dialogue, line, farewell) in [
            (Welcome::smtp(), "QUIT\r\n", "221 2.0.0 bye\r\n"),
            (Welcome::imap(), "a logout\r\n", "* BYE\r\na OK done\r\n"),
            (Welcome::pop3(), "quit\r\n", "+OK bye\r\n"),
        ] {
            assert_eq!(play(dialogue, line).1.unwrap_err().farewell, farewell.as_bytes());
        }
        assert!(play(Welcome::smtp(), &"x".repeat(9000)).1.is_err());
        // A tag of a client's is no place for lines of its own.
        assert!(play(Welcome::imap(), "{a} starttls\r\n").0.ends_with("* BAD no tag\r\n"));
    }
}
