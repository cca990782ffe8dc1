//! STARTTLS: how the protocols that begin in plain text go over to TLS.
//!
//! Anybody on the way can answer in the server's place until TLS is there. So nothing that was said in plain text
//! counts afterwards, and a byte that stands between the server's go-ahead and TLS is an error: it would otherwise be
//! read as if it had come encrypted (CVE-2011-0411, CVE-2021-23222).

use std::time::Duration;

use clap::ValueEnum;
use lem_ssl_rs::{Deadline, Endpoint, Error, Phase, ReadMode, TcpStream};

use crate::exit::{Exit, Failure};
use crate::text::count;

mod ldap;
mod lines;
mod postgres;
mod xmpp;

/// A protocol that begins in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// Mail, RFC 3207
    Smtp,
    /// Mailboxes, RFC 9051
    Imap,
    /// Mailboxes, RFC 2595
    Pop3,
    /// Files, RFC 4217
    Ftp,
    /// Directories, RFC 4511
    Ldap,
    /// PostgreSQL's SSLRequest
    Postgres,
    /// Messages, RFC 6120
    Xmpp,
}

/// What a dialogue does next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It waits for more from the server.
    More,
    /// It says this.
    Say(Vec<u8>),
    /// The server goes over to TLS now.
    GoAhead,
}

/// A server that does not go over to TLS: what it does instead, as the rest of a sentence.
#[derive(Debug, PartialEq, Eq)]
struct Refusal(String);

/// One side of a dialogue that ends in TLS, or in a refusal.
trait Dialogue {
    /// Takes what it understands from the front of `received`. Called first with nothing.
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal>;

    /// Whether the server may speak without being asked.
    fn may_be_told_more(&self) -> bool {
        false
    }
}

/// The most that a server may say before TLS; greetings and capabilities are a few hundred bytes.
const MAX_SAID: usize = 64 * 1024;

impl Protocol {
    /// The port that these servers listen on, if they begin in plain text.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Ldap => 389,
            Self::Postgres => 5432,
            Self::Xmpp => 5222,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Ftp => "FTP",
            Self::Ldap => "LDAP",
            Self::Postgres => "PostgreSQL",
            Self::Xmpp => "XMPP",
        }
    }

    fn dialogue(self, we_are: &str, server: &str) -> Box<dyn Dialogue> {
        match self {
            Self::Smtp => Box::new(lines::Lines::smtp(we_are)),
            Self::Imap => Box::new(lines::Imap::default()),
            Self::Pop3 => Box::new(lines::Lines::pop3()),
            Self::Ftp => Box::new(lines::Lines::ftp()),
            Self::Ldap => Box::new(ldap::Ldap::default()),
            Self::Postgres => Box::new(postgres::Postgres::default()),
            Self::Xmpp => Box::new(xmpp::Xmpp::new(server)),
        }
    }

    /// Asks the server on `stream` to go over to TLS. After it the handshake is due.
    pub(crate) async fn ask(self, stream: &TcpStream, server: &str, within: Duration) -> Result<(), Failure> {
        let we_are = stream.local_addr().map_or_else(|_| "localhost".to_owned(), |address| literal(&address));
        let dialogue = self.dialogue(&we_are, server);
        let asked = async { Ok(converse(dialogue, stream).await) };
        let name = self.name();
        match Deadline::after(within).limit(Phase::Operation, server, asked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refusal(why))) => {
                Err(Failure::new(Exit::Starttls, format!("the server does not go over to TLS ({name}): {why}")))
            }
            Err(error) => {
                Err(Failure::new(Exit::Starttls, format!("the server does not go over to TLS ({name}): {error}")))
            }
        }
    }
}

async fn converse(mut dialogue: Box<dyn Dialogue>, stream: &TcpStream) -> Result<(), Refusal> {
    let mut received = Vec::new();
    let mut said = 0;
    loop {
        match dialogue.handle(&mut received)? {
            Step::GoAhead if received.is_empty() && stream.buffered() == 0 => return Ok(()),
            Step::GoAhead => {
                let early = count(u32::try_from(received.len() + stream.buffered()).unwrap_or(u32::MAX), "byte");
                let why = format!("{early} came after its go-ahead and before TLS; somebody may have slipped them in");
                return Err(Refusal(why));
            }
            Step::Say(_) if !received.is_empty() && !dialogue.may_be_told_more() => {
                return Err(Refusal(
                    "it goes on talking before it was asked; somebody may have slipped that in".into(),
                ));
            }
            Step::Say(words) => stream.write(&words).await.map_err(|error| ended(&error))?,
            Step::More => {
                let more = stream.read(ReadMode::Available).await.map_err(|error| ended(&error))?;
                said += more.len();
                if said > MAX_SAID {
                    return Err(Refusal(format!("it said more than {MAX_SAID} bytes")));
                }
                received.extend(more);
            }
        }
    }
}

fn ended(error: &Error) -> Refusal {
    match error {
        Error::Closed => Refusal("it ended the connection".into()),
        error => Refusal(error.to_string()),
    }
}

/// Our address as mail servers want it (RFC 5321 section 4.1.3).
fn literal(address: &Endpoint) -> String {
    match address.ip() {
        Some(address) if address.is_ipv4() => format!("[{}]", address.ip()),
        Some(address) => format!("[IPv6:{}]", address.ip()),
        None => "localhost".to_owned(),
    }
}

/// What a server said, as the end of a sentence.
fn quoted(words: &[u8]) -> String {
    const MAX_SHOWN: usize = 200;
    let text: String = String::from_utf8_lossy(words).trim().chars().take(MAX_SHOWN).collect();
    format!("it says {text:?}")
}
