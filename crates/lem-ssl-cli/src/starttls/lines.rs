//! The protocols of lines: SMTP, POP3, FTP, IMAP.

use super::{Dialogue, Refusal, Step, quoted};

/// The longest line. SMTP allows 512 bytes, IMAP's capabilities are a few thousand at most.
const MAX_LINE: usize = 8 * 1024;

/// Takes a line with its end off the front; `None` if there is none yet.
pub(super) fn take_line(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Refusal> {
    match received.iter().position(|byte| *byte == b'\n') {
        Some(at) if at < MAX_LINE => Ok(Some(received.drain(..=at).collect())),
        None if received.len() < MAX_LINE => Ok(None),
        _ => Err(Refusal::new(format!("it sent a line of more than {MAX_LINE} bytes"))),
    }
}

/// A dialogue of commands and replies, one reply each; the first reply is the greeting.
#[derive(Debug)]
pub(super) struct Lines {
    style: Style,
    /// What is said after each good reply; after the last reply it is time for TLS.
    commands: std::vec::IntoIter<Command>,
    /// The reply under way.
    lines: Vec<Vec<u8>>,
    /// What a reply must begin with.
    wanted: &'static [u8],
    /// What must stand in the reply.
    keyword: Option<&'static str>,
}

/// How replies look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Three digits; a hyphen behind them says that more follows (RFC 5321 section 4.2.1).
    SmtpReply,
    /// As above, but only the number that began the reply ends it (RFC 959 section 4.2).
    FtpReply,
    /// `+OK` or `-ERR`, on one line (RFC 1939 section 3).
    OneLine,
}

#[derive(Debug)]
struct Command {
    text: String,
    wanted: &'static [u8],
    keyword: Option<&'static str>,
}

impl Lines {
    pub(super) fn smtp(we_are: &str) -> Self {
        let hello = Command { text: format!("EHLO {we_are}\r\n"), wanted: b"250", keyword: Some("STARTTLS") };
        let start = Command { text: "STARTTLS\r\n".into(), wanted: b"220", keyword: None };
        Self::new(Style::SmtpReply, b"220", vec![hello, start])
    }

    pub(super) fn pop3() -> Self {
        Self::new(Style::OneLine, b"+OK", vec![Command { text: "STLS\r\n".into(), wanted: b"+OK", keyword: None }])
    }

    pub(super) fn ftp() -> Self {
        Self::new(Style::FtpReply, b"220", vec![Command { text: "AUTH TLS\r\n".into(), wanted: b"234", keyword: None }])
    }

    fn new(style: Style, wanted: &'static [u8], commands: Vec<Command>) -> Self {
        Self { style, commands: commands.into_iter(), lines: Vec::new(), wanted, keyword: None }
    }

    /// Whether `line` is the last of its reply.
    fn is_last(&self, line: &[u8]) -> Result<bool, Refusal> {
        let digits = |line: &[u8]| line.len() > 3 && line[..3].iter().all(u8::is_ascii_digit);
        match self.style {
            Style::OneLine => Ok(true),
            Style::SmtpReply if digits(line) => Ok(line[3] != b'-'),
            Style::FtpReply => match self.lines.first() {
                Some(first) => Ok(digits(line) && line[..3] == first[..3] && line[3] != b'-'),
                None if digits(line) => Ok(line[3] != b'-'),
                None => Err(Refusal::new(quoted(line))),
            },
            Style::SmtpReply => Err(Refusal::new(quoted(line))),
        }
    }

    /// Whether one of the reply's lines is this keyword, perhaps with parameters.
    fn offers(&self, keyword: &str) -> bool {
        self.lines.iter().any(|line| {
            let said = line.get(4..).unwrap_or_default().trim_ascii();
            let first = said.split(|byte| *byte == b' ').next().unwrap_or_default();
            first.eq_ignore_ascii_case(keyword.as_bytes())
        })
    }
}

impl Dialogue for Lines {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        loop {
            let Some(line) = take_line(received)? else { return Ok(Step::More) };
            let last = self.is_last(&line)?;
            if !line.starts_with(self.wanted) && (self.lines.is_empty() || last) {
                return Err(Refusal::new(quoted(&line)));
            }
            self.lines.push(line);
            if last {
                break;
            }
        }
        if let Some(keyword) = self.keyword
            && !self.offers(keyword)
        {
            return Err(Refusal::new(format!("it does not offer {keyword}")));
        }
        self.lines.clear();
        let Some(command) = self.commands.next() else { return Ok(Step::GoAhead(Vec::new())) };
        self.wanted = command.wanted;
        self.keyword = command.keyword;
        Ok(Step::Say(command.text.into_bytes()))
    }
}

/// IMAP (RFC 9051 section 6.2.1): lines that nobody asked for begin with a star, the answer with our tag.
#[derive(Debug, Default)]
pub(super) struct Imap {
    asked: bool,
}

impl Dialogue for Imap {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        while let Some(line) = take_line(received)? {
            let said = String::from_utf8_lossy(&line).to_ascii_uppercase();
            match (self.asked, said.split_whitespace().collect::<Vec<_>>().as_slice()) {
                (false, ["*", "OK", ..]) => {
                    self.asked = true;
                    return Ok(Step::Say(b"a1 STARTTLS\r\n".to_vec()));
                }
                // After that there can be no STARTTLS; who is on the way says so to keep us from it.
                (false, ["*", "PREAUTH", ..]) => return Err(Refusal::new("it takes us for logged in already")),
                (true, ["A1", "OK", ..]) => return Ok(Step::GoAhead(Vec::new())),
                (true, ["*", what, ..]) if *what != "BYE" => {}
                _ => return Err(Refusal::new(quoted(&line))),
            }
        }
        Ok(Step::More)
    }

    fn may_be_told_more(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one answer after the other to a dialogue; what it says, and how it ends.
    fn play(mut dialogue: impl Dialogue, answers: &[&str]) -> (Vec<String>, Result<Step, Refusal>) {
        let mut said = Vec::new();
        let mut received = Vec::new();
        let mut answers = answers.iter();
        loop {
            match dialogue.handle(&mut received) {
                Ok(Step::More) => match answers.next() {
                    Some(answer) => received.extend(answer.as_bytes()),
                    None => return (said, Ok(Step::More)),
                },
                Ok(Step::Say(words)) => said.push(String::from_utf8(words).unwrap()),
                end => return (said, end),
            }
        }
    }

    #[test]
    fn a_mail_server_that_offers_starttls_is_asked_for_it() {
        let (said, end) = play(
            Lines::smtp("[127.0.0.1]"),
            &["220-hel", "lo\r\n220 there\r\n", "250-mail\r\n250-SIZE 1\r\n250 starttls\r\n", "220 go\r\n"],
        );
        assert_eq!(said, ["EHLO [127.0.0.1]\r\n", "STARTTLS\r\n"]);
        assert_eq!(end, Ok(Step::GoAhead(Vec::new())));
    }

    #[test]
    fn a_mail_server_that_refuses_is_quoted() {
        let refusal = |answers: &[&str]| play(Lines::smtp("x"), answers).1.unwrap_err().why;
        assert_eq!(refusal(&["554 go away\r\n"]), "it says \"554 go away\"");
        assert_eq!(refusal(&["220 a\r\n", "250 mail\r\n"]), "it does not offer STARTTLS");
        assert_eq!(refusal(&["220 a\r\n", "250 XSTARTTLS\r\n"]), "it does not offer STARTTLS");
        assert_eq!(refusal(&["220 a\r\n", "250 STARTTLS\r\n", "454 not now\r\n"]), "it says \"454 not now\"");
        assert_eq!(refusal(&["HTTP/1.1 400 Bad Request\r\n"]), "it says \"HTTP/1.1 400 Bad Request\"");
        assert_eq!(refusal(&["220-a\r\n", "550 b\r\n"]), "it says \"550 b\"");
        assert!(refusal(&[&"2".repeat(9000)]).contains("8192"));
    }

    #[test]
    fn mailboxes_and_files_go_over_too() {
        assert_eq!(play(Lines::pop3(), &["+OK hi\r\n", "+OK go\r\n"]).1, Ok(Step::GoAhead(Vec::new())));
        assert!(play(Lines::pop3(), &["+OK hi\r\n", "-ERR no\r\n"]).1.is_err());
        let (said, end) = play(Lines::ftp(), &["220-a\r\nfree text\r\n220 b\r\n", "234 go\r\n"]);
        assert_eq!((said.as_slice(), end), (["AUTH TLS\r\n".to_owned()].as_slice(), Ok(Step::GoAhead(Vec::new()))));
    }

    #[test]
    fn an_imap_server_may_chat_but_only_the_tagged_answer_counts() {
        let (said, end) = play(Imap::default(), &["* OK hi\r\n", "* CAPABILITY IMAP4rev1\r\n", "a1 OK begin\r\n"]);
        assert_eq!((said.as_slice(), end), (["a1 STARTTLS\r\n".to_owned()].as_slice(), Ok(Step::GoAhead(Vec::new()))));
        for answers in [
            &["* PREAUTH hi\r\n"][..],
            &["* BYE\r\n"],
            &["* OK hi\r\n", "a1 NO never\r\n"],
            &["* OK hi\r\n", "a1 BAD what\r\n"],
            &["* OK hi\r\n", "a2 OK\r\n"],
            &["* OK hi\r\n", "* BYE\r\n"],
        ] {
            assert!(play(Imap::default(), answers).1.is_err(), "{answers:?}");
        }
    }
}
