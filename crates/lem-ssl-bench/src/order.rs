//! What a child process is told to do, as arguments of a hidden subcommand.

use std::path::PathBuf;
use std::str::FromStr;

use crate::name::Name;
use crate::outcome::Outcome;

/// The work of a child process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    // Sides under test.
    Receive,
    Send,
    Duplex,
    Lines,
    Echo,
    Connect,
    Timers,
    Spawn,
    Fetch,
    Threads,
    Http1,
    Http2,
    // Parts of the limit.
    ServerHandshake,
    ClientHandshake,
    Keep,
    // Load sides.
    Source,
    Flood,
    Sink,
    Both,
    Text,
    Fleet,
    Crowd,
    Callers,
    Answerers,
    Neighbour,
    Requests1,
    Requests2,
}

impl Work {
    const ALL: &[(&str, Self)] = &[
        ("receive", Self::Receive),
        ("send", Self::Send),
        ("duplex", Self::Duplex),
        ("lines", Self::Lines),
        ("echo", Self::Echo),
        ("connect", Self::Connect),
        ("timers", Self::Timers),
        ("spawn", Self::Spawn),
        ("fetch", Self::Fetch),
        ("threads", Self::Threads),
        ("http1", Self::Http1),
        ("http2", Self::Http2),
        ("server-handshake", Self::ServerHandshake),
        ("client-handshake", Self::ClientHandshake),
        ("keep", Self::Keep),
        ("source", Self::Source),
        ("flood", Self::Flood),
        ("sink", Self::Sink),
        ("both", Self::Both),
        ("text", Self::Text),
        ("fleet", Self::Fleet),
        ("crowd", Self::Crowd),
        ("callers", Self::Callers),
        ("answerers", Self::Answerers),
        ("neighbour", Self::Neighbour),
        ("requests1", Self::Requests1),
        ("requests2", Self::Requests2),
    ];

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(_, work)| *work == self).map_or("", |(text, _)| text)
    }
}

/// What the peer beside an honest one does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hostile {
    /// Nothing.
    Quiet,
    /// Records of 16 KiB, as fast as they are taken.
    Bulk,
    /// Thirty requests for new keys and a byte, again and again.
    NewKeys,
    /// The same, each request in records of a byte.
    Fragments,
    /// Records of one byte.
    Tiny,
    /// Thirty empty records and a byte.
    Empty,
    /// Records of one byte and as many zeros as fit.
    Padding,
    /// Records of one byte, each in a packet of its own.
    Packets,
    /// Handshakes that are begun and left.
    Hellos,
}

impl Hostile {
    pub(crate) const ALL: &[(&str, Self)] = &[
        ("quiet", Self::Quiet),
        ("bulk", Self::Bulk),
        ("new keys", Self::NewKeys),
        ("fragments", Self::Fragments),
        ("tiny", Self::Tiny),
        ("empty", Self::Empty),
        ("padding", Self::Padding),
        ("packets", Self::Packets),
        ("hellos", Self::Hellos),
    ];

    pub(crate) fn text(self) -> &'static str {
        Self::ALL.iter().find(|(_, hostile)| *hostile == self).map_or("", |(text, _)| text)
    }
}

/// What a child process is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) work: Work,
    /// The side under test, or whom the load is for: the limit's is not encrypted.
    pub(crate) contender: Name,
    /// Bytes of a write or a message.
    pub(crate) size: usize,
    /// Open connections.
    pub(crate) connections: usize,
    /// Those of them that are used, or how many callers there are at once.
    pub(crate) active: usize,
    /// How much is done before measuring.
    pub(crate) warm: u64,
    /// How much is measured.
    pub(crate) total: u64,
    /// Whether handshakes are resumed.
    pub(crate) resume: bool,
    /// Whether reading buffers are given back between messages.
    pub(crate) frugal: bool,
    /// Who is beside the connection that is measured.
    pub(crate) hostile: Hostile,
    /// Where the other side listens.
    pub(crate) port: u16,
    /// The core to stay on.
    pub(crate) core: Option<usize>,
    /// Where the certificate is.
    pub(crate) pki: PathBuf,
}

impl Order {
    pub(crate) fn new(work: Work) -> Self {
        Self {
            work,
            contender: Name::Limit,
            size: 0,
            connections: 1,
            active: 1,
            warm: 0,
            total: 0,
            resume: false,
            frugal: false,
            hostile: Hostile::Quiet,
            port: 0,
            core: None,
            pki: PathBuf::new(),
        }
    }

    /// Whether the connections are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.contender != Name::Limit
    }

    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let core = self.core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        vec![
            self.work.text().to_owned(),
            self.contender.text().to_owned(),
            self.size.to_string(),
            self.connections.to_string(),
            self.active.to_string(),
            self.warm.to_string(),
            self.total.to_string(),
            self.resume.to_string(),
            self.frugal.to_string(),
            self.hostile.text().to_owned(),
            self.port.to_string(),
            core,
            self.pki.display().to_string(),
        ]
    }

    pub(crate) fn from_arguments(arguments: &[String]) -> Outcome<Self> {
        let [work, contender, size, connections, active, warm, total, resume, frugal, hostile, port, core, pki] =
            arguments
        else {
            return Err("a child process was started with the wrong arguments".into());
        };
        let (_, work) = Work::ALL.iter().find(|(text, _)| text == work).ok_or("a child process has unknown work")?;
        let (_, hostile) =
            Hostile::ALL.iter().find(|(text, _)| text == hostile).ok_or("a child process has an unknown neighbour")?;
        Ok(Self {
            work: *work,
            contender: parse(contender)?,
            size: parse(size)?,
            connections: parse(connections)?,
            active: parse(active)?,
            warm: parse(warm)?,
            total: parse(total)?,
            resume: parse(resume)?,
            frugal: parse(frugal)?,
            hostile: *hostile,
            port: parse(port)?,
            core: core.parse().ok(),
            pki: pki.into(),
        })
    }
}

fn parse<T: FromStr>(text: &str) -> Outcome<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("a child process cannot read {text:?}: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_command_line() {
        for (_, work) in Work::ALL {
            let order = Order {
                contender: Name::Tokio,
                size: 1,
                connections: 2,
                active: 3,
                warm: 4,
                total: 5,
                resume: true,
                frugal: true,
                hostile: Hostile::NewKeys,
                port: 6,
                core: Some(1),
                pki: "/tmp/with space".into(),
                ..Order::new(*work)
            };
            assert_eq!(Order::from_arguments(&order.to_arguments()).unwrap(), order);
        }
    }

    #[test]
    fn a_child_with_too_few_arguments_says_so() {
        assert!(Order::from_arguments(&["receive".to_owned()]).is_err());
    }
}
