//! Errors: what they print, and what they become for callers of `std::io`.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use lem_rs::{Address, Cut, EndOfStream, Error, JoinError, Phase, ReadMode, TcpStream, Timeout};

use crate::support::run;

#[derive(Debug)]
struct Fault(io::Error);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault of the layer above")
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn fault() -> Error {
    Error::protocol(Fault(ErrorKind::AddrInUse.into()))
}

fn refused() -> Error {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Nobody listens on this address of the loopback network at a port that is taken on another.
        TcpStream::connect(("127.0.0.9", port)).await.unwrap_err()
    })
}

#[test]
fn every_error_prints_its_words_and_becomes_its_kind() {
    let os = |number: i32| Arc::new(io::Error::from_raw_os_error(number));
    let address: Error = "host".parse::<Address>().unwrap_err().into();
    let cases = [
        (Error::Busy, "busy", ErrorKind::ResourceBusy),
        (Error::NotBusy, "not busy", ErrorKind::ResourceBusy),
        (Error::Interrupted, "interrupted", ErrorKind::Interrupted),
        (Error::Closed, "closed", ErrorKind::NotConnected),
        (Error::Incomplete { left: 1 }, "closed: 1 byte of an unfinished message is left", ErrorKind::UnexpectedEof),
        (Error::AlreadyClosed, "already closed", ErrorKind::NotConnected),
        (
            Error::Truncated(Cut::Fin),
            "truncated: the peer ended the connection without saying that its data is complete",
            ErrorKind::UnexpectedEof,
        ),
        (Error::Truncated(Cut::Reset), "truncated: the connection was reset", ErrorKind::ConnectionReset),
        (
            Error::Limit { what: "line", limit: 65_536 },
            "limit: the \"line\" read is longer than its limit of 65536 bytes",
            ErrorKind::InvalidData,
        ),
        (
            Timeout::new(Phase::Connect, Duration::from_secs(30)).target("host:443").into(),
            "connect to host:443 timed out after 30 s",
            ErrorKind::TimedOut,
        ),
        (address, "invalid address \"host\": it has no port: write host:443, or host:https", ErrorKind::InvalidInput),
        (
            Error::Resolve { host: "host".into(), source: Arc::new(io::Error::other("no such name")) },
            "cannot resolve the name \"host\": no such name",
            ErrorKind::NotFound,
        ),
        (
            Error::Io { doing: "listen on [::]:443".into(), source: os(13) },
            "cannot listen on [::]:443: permission denied",
            ErrorKind::PermissionDenied,
        ),
        (
            Error::io("accept on [::]:443", io::Error::from_raw_os_error(24)),
            "cannot accept on [::]:443: too many open files",
            io::Error::from_raw_os_error(24).kind(),
        ),
        (Error::Task(JoinError::Cancelled), "the task was cancelled", ErrorKind::Other),
        (JoinError::Panicked("boom".into()).into(), "the task panicked: boom", ErrorKind::Other),
        (
            JoinError::NoThread("no memory".into()).into(),
            "no worker thread could be started: no memory",
            ErrorKind::Other,
        ),
        (
            Error::Stalled { tasks: 3, started_at: [].into() },
            "stalled: 3 task(s) wait, and no timer, socket, worker or other thread is left to wake them",
            ErrorKind::Other,
        ),
        (Error::Misuse("used in a wrong way".into()), "used in a wrong way", ErrorKind::InvalidInput),
        (
            Error::NotText { valid: 4 },
            "the peer sent a line that is not UTF-8 text: byte 5 is none of it",
            ErrorKind::InvalidData,
        ),
        (fault(), "a fault of the layer above", ErrorKind::InvalidData),
        (
            Error::protocol_of_kind(ErrorKind::InvalidInput, Fault(ErrorKind::AddrInUse.into())),
            "a fault of the layer above",
            ErrorKind::InvalidInput,
        ),
    ];
    for (error, text, kind) in cases {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.clone().to_string(), text);
        let converted = io::Error::from(error);
        assert_eq!(converted.kind(), kind, "{text}");
        // The words and the error itself are still there.
        assert_eq!(converted.to_string(), text);
        assert!(converted.get_ref().unwrap().downcast_ref::<Error>().is_some());
    }
}

#[test]
fn a_failed_connect_becomes_the_kind_of_its_last_attempt() {
    let error = refused();
    assert!(matches!(&error, Error::Connect(connect) if connect.attempts().len() == 1));
    assert!(error.to_string().ends_with(": connection refused"));
    assert_eq!(io::Error::from(error).kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn the_source_of_an_error_is_what_caused_it() {
    let cause = |error: &Error| error.source().map(ToString::to_string);
    assert_eq!(cause(&Error::io("do it", io::Error::other("the cause"))).as_deref(), Some("the cause"));
    let resolve = Error::Resolve { host: "host".into(), source: Arc::new(io::Error::other("the cause")) };
    assert_eq!(cause(&resolve).as_deref(), Some("the cause"));
    assert!(refused().source().unwrap().downcast_ref::<io::Error>().is_some());
    // What a layer above prints is our text already: behind it comes its own cause.
    assert!(fault().source().unwrap().downcast_ref::<io::Error>().is_some());
    assert!(Error::Closed.source().is_none());
}

#[test]
fn the_error_of_a_layer_above_can_be_found() {
    assert_eq!(fault().protocol_ref::<Fault>().unwrap().0.kind(), ErrorKind::AddrInUse);
    assert!(fault().protocol_ref::<io::Error>().is_none());
    assert!(Error::Closed.protocol_ref::<Fault>().is_none());
}

#[test]
fn each_end_of_a_stream_is_its_own_error() {
    assert!(matches!(Error::from(EndOfStream::Clean), Error::Closed));
    assert!(matches!(Error::from(EndOfStream::Cut(Cut::Fin)), Error::Truncated(Cut::Fin)));
    assert!(matches!(Error::from(EndOfStream::Cut(Cut::Reset)), Error::Truncated(Cut::Reset)));
    assert!(matches!(Error::from(EndOfStream::Failed(Error::Busy)), Error::Busy));
}

#[test]
fn phases_are_named() {
    let phases = [Phase::Resolve, Phase::Connect, Phase::Handshake, Phase::Close, Phase::Operation];
    let names = phases.map(|phase| phase.to_string());
    assert_eq!(names, ["resolve", "connect", "handshake", "close", "operation"]);
}

#[test]
fn a_bad_read_mode_says_what_is_expected() {
    for text in ["*x", "-1", "+1", "1.5", "99999999999999999999999", "l", " 1"] {
        let error = text.parse::<ReadMode>().unwrap_err();
        let expected = format!("invalid read mode \"{text}\": expected \"*l\", \"*a\" or a number of bytes");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_error_of_the_standard_library_keeps_its_kind_and_its_source() {
    let failed = |kind: ErrorKind| Error::from(io::Error::new(kind, "The reason"));
    for kind in [ErrorKind::NotFound, ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::Other] {
        let error = failed(kind);
        assert_eq!(error.to_string(), "the reason");
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!((source.kind(), source.to_string().as_str()), (kind, "The reason"));
        assert_eq!(io::Error::from(error).kind(), kind);
    }
    let error = Error::from(io::Error::from_raw_os_error(2));
    let Error::Io { doing, source } = &error else { panic!("{error:?}") };
    assert_eq!((doing.as_str(), source.raw_os_error()), ("", Some(2)));
}

#[test]
fn an_error_of_ours_comes_back_from_the_standard_librarys_as_it_was() {
    let ours = [Error::Closed, Error::Busy, Error::Incomplete { left: 3 }, Error::Misuse("so".into())];
    for error in ours {
        let (words, debug) = (error.to_string(), format!("{error:?}"));
        let back = Error::from(io::Error::from(error));
        assert_eq!((back.to_string(), format!("{back:?}")), (words, debug));
    }
}
