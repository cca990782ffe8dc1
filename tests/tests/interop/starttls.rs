//! From plain text to TLS on one connection (RFC 3207), with Python's mail client and a mail server in Python.

use lem_ssl_rs::{Context, Listener, Plain, ReadMode, Roots, TcpStream, TlsError, Version};

use crate::support::certificates::{Certificates, Flaw};
use crate::support::{VERSIONS, client, python, run, text};

#[test]
fn our_client_goes_over_to_tls_with_a_python_mail_server() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        let (server, port) = python::server("serve_mail", &certificates.server, &[]);
        run(async {
            let plain = ready_for_tls(port).await;
            let stream = client(&certificates.roots_pem, version).upgrade(plain, "localhost").await.unwrap();
            stream.write("EHLO again.example\r\n").await.unwrap();
            assert_eq!(stream.read_line_trimmed().await.unwrap(), "250 python, encrypted");
            stream.write("QUIT\r\n").await.unwrap();
            assert_eq!(text(stream.read(ReadMode::All).await.unwrap()), "221 bye\r\n");
            stream.shutdown().await.unwrap();
            assert!(server.succeeds().await.contains("SECRETLY b'EHLO again.example\\r\\n'"));
        });
    }
}

#[test]
fn a_python_mail_server_with_a_bad_certificate_is_refused_after_starttls() {
    let certificates = Certificates::new();
    let (server, port) = python::server("serve_mail", &certificates.flawed(Flaw::WrongName), &[]);
    run(async {
        let plain = ready_for_tls(port).await;
        let upgraded = client(&certificates.roots_pem, Version::Tls13).upgrade(plain, "localhost").await;
        let error = upgraded.unwrap_err();
        let problem = TlsError::certificate(&error).unwrap();
        assert!(Flaw::WrongName.is_told_by(problem.fault()), "{error}");
        server.says(Flaw::WrongName.alert()).await;
    });
}

#[test]
fn a_python_mail_client_goes_over_to_tls_with_our_server() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        let identity = certificates.server.identity();
        let context = Context::builder().roots(Roots::None).identity(identity).versions([version]).build().unwrap();
        run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().ip().unwrap().port();
            let peer = python::client("client_mail", port, &certificates.roots_file, &[]);
            let plain = listener.accept().await.unwrap();
            plain.write("220 ours ready\r\n").await.unwrap();
            assert_eq!(plain.read_line_trimmed().await.unwrap(), "ehlo python.example");
            plain.write("250-ours\r\n250 STARTTLS\r\n").await.unwrap();
            assert_eq!(plain.read_line_trimmed().await.unwrap(), "STARTTLS");
            plain.write("220 go ahead\r\n").await.unwrap();
            let stream = context.upgrade_server(plain).await.unwrap();
            assert_eq!(stream.read_line_trimmed().await.unwrap(), "noop");
            stream.write("250 all is well\r\n").await.unwrap();
            assert_eq!(stream.read_line_trimmed().await.unwrap(), "QUIT");
            stream.write("221 bye\r\n").await.unwrap();
            stream.close().unwrap();
            assert!(peer.succeeds().await.contains("NOOP (250, b'all is well')"));
        });
    }
}

/// Has the mail server's permission to begin with TLS.
async fn ready_for_tls(port: u16) -> lem_rs::Stream<Plain> {
    let plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "220 python ready");
    plain.write("EHLO test.example\r\n").await.unwrap();
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "250-python");
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "250 STARTTLS");
    plain.write("STARTTLS\r\n").await.unwrap();
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "220 go ahead");
    plain
}
