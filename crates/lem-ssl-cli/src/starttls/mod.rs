//! STARTTLS: how the protocols that begin in plain text go over to TLS.
//!
//! Anybody on the way can speak in the peer's place until TLS is there. So nothing that was said in plain text counts
//! afterwards, and a byte that comes in plain text when TLS is due is an error, on either side: it would otherwise be read
//! as if it had come encrypted (CVE-2011-0411, CVE-2021-23222).

use std::io;
use std::time::Duration;

use clap::ValueEnum;
use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{Deadline, Endpoint, Error, Phase, ReadMode, TcpStream};

use crate::exit::{Exit, Failure};
use crate::text::count;

mod ldap;
mod lines;
mod mysql;
mod postgres;
mod welcome;
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
    /// MySQL's SSLRequest
    Mysql,
    /// PostgreSQL's SSLRequest
    Postgres,
    /// Messages, RFC 6120
    Xmpp,
}

/// What a dialogue does next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It waits for more from the peer.
    More,
    /// It says this.
    Say(Vec<u8>),
    /// It says this, if it is not empty, and TLS begins.
    GoAhead(Vec<u8>),
    /// TLS has begun: what was received is a part of it.
    Begun,
}

/// A peer with which there is no TLS.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    /// What it does instead, as the rest of a sentence.
    why: String,
    /// What it is told before the connection ends.
    farewell: Vec<u8>,
}

impl Refusal {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), farewell: Vec::new() }
    }

    fn with_farewell(self, farewell: impl Into<Vec<u8>>) -> Self {
        Self { farewell: farewell.into(), ..self }
    }
}

/// One side of a dialogue that ends in TLS, or in a refusal.
trait Dialogue {
    /// Takes what it understands from the front of `received`. Called first with nothing.
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal>;

    /// Whether the peer may speak without being asked.
    fn may_be_told_more(&self) -> bool {
        false
    }
}

/// So much a peer may say before TLS; greetings and capabilities are a few hundred bytes.
const MAX_SAID: usize = 64 * 1024;

/// A greeting of more lines is none.
const MAX_GREETING_LINES: usize = 100;

impl Protocol {
    /// The port that these servers listen on, if they begin in plain text.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Ldap => 389,
            Self::Mysql => 3306,
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
            Self::Mysql => "MySQL",
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
            Self::Mysql => Box::new(mysql::Mysql),
            Self::Postgres => Box::new(postgres::Postgres::default()),
            Self::Xmpp => Box::new(xmpp::Xmpp::new(server)),
        }
    }

    /// The server's side, for those protocols that have one here.
    fn server_dialogue(self) -> Option<Box<dyn Dialogue>> {
        Some(match self {
            Self::Smtp => Box::new(welcome::Welcome::smtp()),
            Self::Imap => Box::new(welcome::Welcome::imap()),
            Self::Pop3 => Box::new(welcome::Welcome::pop3()),
            Self::Ldap => Box::new(ldap::LdapServer),
            Self::Postgres => Box::new(postgres::PostgresServer),
            Self::Xmpp => Box::new(xmpp::XmppServer::default()),
            // FTP opens connections of its own for data. MySQL's greeting holds the server's part of the login.
            Self::Ftp | Self::Mysql => return None,
        })
    }

    /// Whether clients can be [answered](Self::answer).
    pub(crate) fn is_answered(self) -> bool {
        self.server_dialogue().is_some()
    }

    /// What a server of this protocol says first, in words of ours; `None` if the client does.
    pub(crate) fn greeting(self) -> Option<&'static str> {
        match self {
            Self::Smtp => Some(welcome::SMTP_GREETING),
            Self::Imap => Some(welcome::IMAP_GREETING),
            Self::Pop3 => Some(welcome::POP3_GREETING),
            Self::Ftp | Self::Ldap | Self::Mysql | Self::Postgres | Self::Xmpp => None,
        }
    }

    /// Takes a server's greeting off `stream`, for a client that was greeted before.
    pub(crate) async fn skip_greeting<T: Transport>(self, stream: &Stream<T>) -> Result<(), Error> {
        if self.greeting().is_none() {
            return Ok(());
        }
        for _ in 0..MAX_GREETING_LINES {
            let line = stream.read(ReadMode::Line).await?;
            let is_good = match self {
                Self::Smtp => line.starts_with(b"220"),
                Self::Imap => line.starts_with(b"* OK") || line.starts_with(b"* PREAUTH"),
                _ => line.starts_with(b"+OK"),
            };
            if !is_good {
                return Err(Error::io("skip the greeting", io::Error::other(quoted(&line))));
            }
            if self != Self::Smtp || line.get(3) != Some(&b'-') {
                return Ok(());
            }
        }
        Err(Error::io("skip the greeting", io::Error::other("it does not end")))
    }

    /// Asks the server on `stream` to go over to TLS. After it the handshake is due.
    ///
    /// # Errors
    /// A sentence that says what it does instead.
    pub(crate) async fn ask(self, stream: &TcpStream, server: &str, within: Duration) -> Result<(), Failure> {
        let we_are = stream.local_addr().map_or_else(|_| "localhost".to_owned(), |address| literal(&address));
        let dialogue = self.dialogue(&we_are, server);
        let asked = async { Ok(converse(dialogue, stream).await) };
        let why = match Deadline::after(within).limit(Phase::Operation, server, asked).await {
            Ok(Ok(early)) if early.is_empty() => return Ok(()),
            Ok(Ok(_)) => "it begins with TLS unasked".to_owned(),
            Ok(Err(refusal)) => refusal.why,
            Err(error) => error.to_string(),
        };
        let why = format!("the server does not go over to TLS ({}): {why}", self.name());
        Err(Failure::new(Exit::Starttls, why))
    }

    /// Answers the client on `stream` until it asks to go over to TLS. After it the handshake is due, of which the bytes
    /// that are given back have come already.
    ///
    /// # Errors
    /// A sentence that says what it does instead.
    pub(crate) async fn answer(self, stream: &TcpStream) -> Result<Vec<u8>, String> {
        let refused = |why: String| format!("the client does not go over to TLS ({}): {why}", self.name());
        let Some(dialogue) = self.server_dialogue() else { return Err(refused("it cannot be asked to".into())) };
        match converse(dialogue, stream).await {
            Ok(early) => Ok(early),
            Err(Refusal { why, farewell }) => {
                // It may be gone, and then there is nobody to tell.
                if stream.write(&farewell).await.is_ok() {
                    let _ = stream.close();
                }
                Err(refused(why))
            }
        }
    }
}

/// Speaks until TLS is due; gives back what has come of it.
async fn converse(mut dialogue: Box<dyn Dialogue>, stream: &TcpStream) -> Result<Vec<u8>, Refusal> {
    let mut received = Vec::new();
    let mut said = 0;
    loop {
        match dialogue.handle(&mut received)? {
            Step::GoAhead(words) if received.is_empty() && stream.buffered() == 0 => {
                stream.write(&words).await.map_err(|error| ended(&error))?;
                return Ok(received);
            }
            Step::GoAhead(_) => {
                let early = count(u32::try_from(received.len() + stream.buffered()).unwrap_or(u32::MAX), "byte");
                return Err(Refusal::new(format!(
                    "{early} came in plain text when TLS was due; somebody may have slipped them in"
                )));
            }
            Step::Begun => return Ok(received),
            Step::Say(_) if !received.is_empty() && !dialogue.may_be_told_more() => {
                return Err(Refusal::new("it goes on talking before it was asked; somebody may have slipped that in"));
            }
            Step::Say(words) => stream.write(&words).await.map_err(|error| ended(&error))?,
            Step::More => {
                let more = stream.read(ReadMode::Available).await.map_err(|error| ended(&error))?;
                said += more.len();
                if said > MAX_SAID {
                    return Err(Refusal::new(format!("it said more than {MAX_SAID} bytes")));
                }
                received.extend(more);
            }
        }
    }
}

fn ended(error: &Error) -> Refusal {
    match error {
        Error::Closed => Refusal::new("it ended the connection"),
        error => Refusal::new(error.to_string()),
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
