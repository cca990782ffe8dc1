//! A proxy between us and a server: it is asked for a connection (CONNECT, RFC 9110 section 9.3.6) and sees nothing but TLS.

use std::fmt;
use std::time::Duration;

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, connect_source};
use lem_ssl_rs::{Address, Context, Deadline, Error, Phase, Plain, ReadMode, Stream, TcpStream, ToAddress};

use super::url::{Url, decoded};
use crate::base64;
use crate::exit::{Exit, Failure};
use crate::target;
use crate::text::printable;

/// A proxy that is spoken to in plain text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    address: Address,
    /// What it wants to know of us, as `Proxy-Authorization` has it.
    authorization: Option<String>,
}

/// The longest head of a proxy's answer.
const MAX_HEAD: usize = 16 * 1024;

/// The most headers of a proxy's answer.
const MAX_HEADERS: usize = 64;

/// The most heads before the one that counts.
const MAX_INTERIM: usize = 8;

impl Proxy {
    /// Reads `http://user:password@host:port`; the scheme may be missing. What is said of one that is wrong does not have
    /// the password in it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !scheme.eq_ignore_ascii_case("http") {
            let scheme = printable(scheme);
            return Err(format!("a proxy of the kind {scheme}:// is not known: write http://HOST:PORT"));
        }
        let (user, host) = match rest.trim_end_matches('/').rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest.trim_end_matches('/')),
        };
        let wrong = |why: &str| format!("invalid proxy {:?}: {why}", printable(host));
        let address = host.to_address().map_err(|_| wrong("write http://HOST:PORT"))?;
        if !matches!(address, Address::Name { .. } | Address::Ip(_)) {
            return Err(wrong("write http://HOST:PORT"));
        }
        let authorization = user.map(|user| basic(user).ok_or_else(|| wrong("its user or password cannot be sent")));
        Ok(Self { address, authorization: authorization.transpose()? })
    }

    /// Connects to the server of `url` by way of this proxy, and shakes hands with the server, in at most `limit`.
    pub(crate) async fn connect(
        &self,
        context: &Context,
        url: &Url,
        server_name: Option<&str>,
        limit: Duration,
    ) -> Result<Stream, Failure> {
        let address = url.address().map_err(Error::from)?;
        let name = server_name.map(str::to_owned).or_else(|| target::name_of(&address)).unwrap_or_default();
        let (deadline, server) = (Deadline::after(limit), url.host_and_port());
        let plain = self.reach(&server, &deadline).await?;
        let shaken = deadline.limit(Phase::Handshake, &server, context.upgrade(plain, &name)).await;
        shaken.map_err(|error| Failure::from(error).within(format_args!("through the proxy {self}")))
    }

    /// A connection to `server`, on which the next byte is TLS.
    async fn reach(&self, server: &str, deadline: &Deadline) -> Result<TcpStream, Failure> {
        let ours = |failure: Failure| failure.within(format_args!("the proxy {self}"));
        let source = connect_source(&self.address, deadline).await.map_err(|error| ours(error.into()))?;
        let stream = TcpStream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
        let asked = self.ask(&stream, server);
        let answered = deadline.limit(Phase::Connect, server, async { Ok(asked.await) }).await;
        answered.map_err(Failure::from).flatten().map_err(ours)?;
        Ok(stream)
    }

    /// Asks for a connection to `server`, and waits until there is one.
    async fn ask(&self, stream: &TcpStream, server: &str) -> Result<(), Failure> {
        let mut head = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n");
        head.push_str(concat!("User-Agent: lem-ssl/", env!("CARGO_PKG_VERSION"), "\r\n"));
        if let Some(authorization) = &self.authorization {
            head.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        head.push_str("\r\n");
        stream.write(&head).await?;
        let (mut received, mut interim) = (Vec::new(), 0);
        loop {
            match Verdict::of(&received)? {
                Verdict::Partial => match stream.read(ReadMode::Available).await {
                    Ok(more) => received.extend(more),
                    Err(Error::Closed) => return Err(failed("it ended the connection without an answer")),
                    Err(error) => return Err(failed(&error.to_string())),
                },
                Verdict::Interim(used) if interim < MAX_INTERIM => {
                    interim += 1;
                    received.drain(..used);
                }
                Verdict::Interim(_) => return Err(failed("its answer does not come to the point")),
                // The server has not been spoken to, and what a proxy slips in is not from it.
                Verdict::Done(used) if used < received.len() => {
                    return Err(failed("it sends something of its own where TLS has to begin").lasting());
                }
                Verdict::Done(_) => return Ok(()),
                Verdict::Refused(failure) => return Err(failure.within(format_args!("it refuses {server}"))),
            }
        }
    }
}

/// Without the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// What a proxy's answer is.
enum Verdict {
    Partial,
    /// Another head follows.
    Interim(usize),
    /// There is a connection; the head was so many bytes long.
    Done(usize),
    Refused(Failure),
}

impl Verdict {
    fn of(received: &[u8]) -> Result<Self, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(&received[..received.len().min(MAX_HEAD)]) {
            // What it says of a length means nothing here.
            Ok(httparse::Status::Complete(used)) => Ok(match parsed.code.unwrap_or_default() {
                100..200 => Self::Interim(used),
                200..300 => Self::Done(used),
                code => Self::Refused(refused(code, parsed.reason.unwrap_or_default())),
            }),
            Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => Ok(Self::Partial),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                Err(failed("the head of its answer is too long").lasting())
            }
            Err(error) => Err(failed(&format!("its answer is no HTTP/1.1 ({error})")).lasting()),
        }
    }
}

fn refused(code: u16, reason: &str) -> Failure {
    const MAX_SHOWN: usize = 200;
    let reason: String = reason.chars().take(MAX_SHOWN).collect();
    let said = format!("{code} {reason}");
    let said = said.trim_end();
    match code {
        407 => failed(&format!("{said}: give --proxy http://USER:PASSWORD@HOST:PORT")).lasting(),
        429 | 502 | 503 | 504 => failed(said),
        _ => failed(said).lasting(),
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::Connect, why)
}

/// `user:password`, percent-encoded or not, as RFC 7617 has it.
fn basic(text: &str) -> Option<String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (decoded(user)?, decoded(password)?);
    let sound = !user.contains(':') && !user.chars().chain(password.chars()).any(char::is_control);
    sound.then(|| format!("Basic {}", base64::standard(format!("{user}:{password}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Outlook;

    #[test]
    fn a_proxy_may_have_a_user_and_shows_no_password() {
        let proxy = Proxy::parse("http://Aladdin:open%20sesame@proxy.example:3128/").unwrap();
        // The example of RFC 7617 section 2.
        assert_eq!(proxy.authorization.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(
            (proxy.to_string().as_str(), format!("{proxy:?}").as_str()),
            ("proxy.example:3128", "Proxy(proxy.example:3128)")
        );
        assert_eq!(Proxy::parse("[::1]:3128").unwrap().to_string(), "[::1]:3128");
        for wrong in
            ["", "http://", "https://a:1", "socks5://a:1", "http://secret:secret@a", "secret%00:x@a:1", "unix:/secret"]
        {
            let said = Proxy::parse(wrong).unwrap_err();
            assert!(said.contains("proxy") && (!said.contains("secret") || wrong.starts_with("unix")), "{said}");
        }
    }

    #[test]
    fn an_answer_has_limits_and_must_be_http() {
        let verdict = |text: &str| Verdict::of(text.as_bytes());
        assert!(matches!(verdict("HTTP/1.1 200 OK\r\n"), Ok(Verdict::Partial)));
        assert!(matches!(verdict("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), Ok(Verdict::Done(38))));
        assert!(matches!(verdict("HTTP/1.1 102 Wait\r\n\r\n"), Ok(Verdict::Interim(21))));
        assert!(verdict(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(MAX_HEAD))).is_err());
        assert!(verdict(&format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(MAX_HEADERS + 1))).is_err());
        assert!(verdict("SSH-2.0-OpenSSH\r\n").is_err());
        for (text, outlook) in [
            ("HTTP/1.1 407 Who are you\r\n\r\n", Outlook::Lasting),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", Outlook::Lasting),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Outlook::Passing { after: None }),
        ] {
            let Ok(Verdict::Refused(failure)) = verdict(text) else { panic!("{text}") };
            assert_eq!((failure.exit, failure.outlook), (Exit::Connect, outlook), "{text}");
        }
    }
}
