//! The ends of connections: said, cut and reset, seen from our side and from the other.

use std::ffi::OsStr;

use lem_ssl_rs::{CloseCause, Context, Cut, EndOfStream, Error, ReadMode, Roots, Stream};

use crate::support::certificates::Certificates;
use crate::support::openssl::{s_client, s_server};
use crate::support::{VERSIONS, client, listen, pattern, python, run, sha256, text};

#[test]
fn python_s_goodbye_is_a_clean_end() {
    let certificates = Certificates::new();
    let (server, port) = python::server("serve_unwrap", &certificates.server, &[]);
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            ends_cleanly(&stream).await;
            stream.shutdown().await.unwrap();
            server.says("UNWRAPPED").await;
        });
    }
}

#[test]
fn python_s_client_s_goodbye_is_a_clean_end() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = python::client("client_unwrap", port, &certificates.roots_file, &[]);
            let stream = server.accept().await.unwrap();
            ends_cleanly(&stream).await;
            stream.shutdown().await.unwrap();
            assert!(peer.succeeds().await.contains("UNWRAPPED"));
        });
    }
}

#[test]
fn a_python_that_closes_without_goodbye_has_cut_the_stream() {
    let certificates = Certificates::new();
    let (_server, port) = python::server("serve_cut", &certificates.server, &[]);
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            let error = stream.read(ReadMode::All).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(Cut::Fin)), "{error}");
            assert_eq!(text(stream.read(ReadMode::Available).await.unwrap()), LAST_WORDS);
            assert!(matches!(stream.close_cause(), Some(CloseCause::Peer(EndOfStream::Cut(Cut::Fin)))));
            assert!(stream.is_closed());
        });
    }
}

#[test]
fn a_missing_goodbye_can_be_accepted_from_python() {
    let certificates = Certificates::new();
    let (_server, port) = python::server("serve_cut", &certificates.server, &[]);
    for version in VERSIONS {
        run(async {
            let builder = Context::builder().roots(Roots::Pem(certificates.roots_pem.clone().into()));
            let context = builder.versions([version]).accept_missing_close_notify(true).build().unwrap();
            let stream = context.connect(("localhost", port)).await.unwrap();
            assert_eq!(text(stream.read(ReadMode::All).await.unwrap()), LAST_WORDS);
        });
    }
}

#[test]
fn a_python_client_that_closes_without_goodbye_has_cut_the_stream() {
    python_client_cuts("client_cut", Cut::Fin);
}

#[test]
fn a_python_client_s_reset_is_told_as_one() {
    python_client_cuts("client_reset", Cut::Reset);
}

#[test]
fn a_python_server_s_reset_is_told_as_one() {
    let certificates = Certificates::new();
    let (_server, port) = python::server("serve_reset", &certificates.server, &[]);
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
            stream.write("go on").await.unwrap();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
        });
    }
}

#[test]
fn our_abort_is_a_cut_for_python_and_our_drop_is_none() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            for aborts in [true, false] {
                let peer = python::client("client_greet", port, &certificates.roots_file, &[]);
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.read_line_trimmed().await.unwrap(), "hello from python");
                stream.write("not all of").await.unwrap();
                if aborts {
                    stream.abort();
                }
                drop(stream);
                let (content, said) = peer.ends().await;
                assert_eq!(content, !aborts, "{said}");
                assert_eq!(said.contains("EOF occurred in violation of protocol"), aborts, "{said}");
                assert_eq!(said.contains("ANSWER b'not all of'"), !aborts, "{said}");
            }
        });
    }
}

#[test]
fn an_openssl_server_that_is_killed_has_cut_the_stream() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        let (mut server, port) = s_server(&certificates.server, &[]);
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            server.says("CIPHER is ").await;
            server.tell(LAST_WORDS);
            assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
            server.kill();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(Cut::Fin)), "{error}");
        });
    }
}

#[test]
fn an_openssl_client_that_is_killed_has_cut_the_stream() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof"]);
            let stream = server.accept().await.unwrap();
            // When it shows this, it has read all that we sent: its end is then a FIN and no RST.
            stream.write("still there?\n").await.unwrap();
            peer.says("still there?").await;
            peer.kill();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(Cut::Fin)), "{error}");
        });
    }
}

#[test]
fn an_openssl_client_whose_input_ends_says_goodbye() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let mut peer = s_client(port, &certificates.roots_file, &["-no_ign_eof"]);
            peer.tell(LAST_WORDS);
            let stream = server.accept().await.unwrap();
            assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
            peer.end_input();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert_eq!(error.to_string(), "closed");
            stream.shutdown().await.unwrap();
            peer.succeeds().await;
        });
    }
}

#[test]
fn a_half_closed_stream_still_reads_a_python_server_s_answer() {
    let certificates = Certificates::new();
    let (server, port) = python::server("serve_after_end", &certificates.server, &[] as &[&OsStr]);
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            asks_and_closes_its_side(&stream).await;
            server.says("ANSWERED").await;
        });
    }
}

#[test]
fn a_half_closed_stream_still_reads_a_python_client_s_answer() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = python::client("client_after_end", port, &certificates.roots_file, &[]);
            asks_and_closes_its_side(&server.accept().await.unwrap()).await;
            assert!(peer.succeeds().await.contains("ANSWERED"));
        });
    }
}

#[test]
fn an_openssl_client_answers_our_half_close_with_its_goodbye() {
    // s_client ends when the other side does; that we can still read is all that there is to see.
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof"]);
            peer.tell(LAST_WORDS);
            let stream = server.accept().await.unwrap();
            assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
            stream.write("mine\n").await.unwrap();
            stream.close_write().unwrap();
            assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"");
            assert!(peer.succeeds().await.contains("mine\n"));
        });
    }
}

#[test]
fn a_peer_that_leaves_after_its_goodbye_is_no_failure_of_shutdown() {
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen(&certificates.server, lem_ssl_rs::Version::Tls13).await;
        let peer = python::client("client_leave", port, &certificates.roots_file, &[]);
        let stream = server.accept().await.unwrap();
        assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
        stream.write("got").await.unwrap();
        assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
        stream.shutdown().await.unwrap();
        peer.succeeds().await;
    });
}

async fn ends_cleanly(stream: &Stream) {
    assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
    let error = stream.read(ReadMode::Available).await.unwrap_err();
    assert_eq!(error.to_string(), "closed");
    assert!(matches!(stream.close_cause(), Some(CloseCause::Peer(EndOfStream::Clean))));
}

async fn asks_and_closes_its_side(stream: &Stream) {
    let question = pattern(300_000, 1);
    stream.write(&question).await.unwrap();
    stream.close_write().unwrap();
    let answer = text(stream.read(ReadMode::All).await.unwrap());
    assert_eq!(answer.trim_end(), sha256(&question));
    assert!(matches!(stream.write("more").await, Err(Error::Closed)));
}

#[track_caller]
fn python_client_cuts(role: &str, expected: Cut) {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = python::client(role, port, &certificates.roots_file, &[]);
            let stream = server.accept().await.unwrap();
            assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), LAST_WORDS);
            stream.write("got").await.unwrap();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(cut) if cut == expected), "{error}");
            peer.succeeds().await;
        });
    }
}

const LAST_WORDS: &str = "last words\n";
