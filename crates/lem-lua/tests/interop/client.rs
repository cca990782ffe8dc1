//! The test program that came with the original, in our words, against `openssl s_server`.

use lem_ssl_pki::{Authority, Leaf};

use crate::support::{Folder, certificate, example, good, lem, s_server, said, serve, talk};

fn fetch(address: &str, authority: &str) -> (String, String, i32) {
    said(lem(&example("test.lua")).args([address, authority]))
}

#[test]
fn a_page_is_fetched_line_by_line() {
    let folder = Folder::new("good");
    let certificate = good(&folder);
    for version in ["-tls1_2", "-tls1_3"] {
        let (_server, port) = s_server(&certificate, &["-www", version]);
        let (out, err, code) = fetch(&format!("localhost:{port}"), &certificate.authority);
        assert!(out.starts_with("HTTP/1.0 200 ok\r\n"), "{out} {err}");
        assert!(out.contains("</html>") || out.contains("</HTML>") || out.contains("</pre>"), "{out}");
        assert_eq!((err.as_str(), code), ("", 0), "{version}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = Folder::new("unknown");
    let certificate = good(&folder);
    let other = folder.file("other.pem", &Authority::new("Another CA").certificate_pem());
    let (_server, port) = s_server(&certificate, &["-www"]);
    let (out, err, code) = fetch(&format!("localhost:{port}"), &other);
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(err.contains("error establishing SSL connection: "), "{err}");
    assert!(err.contains("not among the trusted roots"), "{err}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let folder = Folder::new("name");
    let certificate = certificate(&folder, Leaf::server(&["elsewhere.example"]));
    let (_server, port) = s_server(&certificate, &["-www"]);
    let (_, err, code) = fetch(&format!("localhost:{port}"), &certificate.authority);
    assert!(err.contains("is not valid for the name localhost; it is valid for elsewhere.example"), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn an_expired_certificate_is_refused() {
    let folder = Folder::new("expired");
    let certificate = certificate(&folder, Leaf::server(&["localhost"]).expired());
    let (_server, port) = s_server(&certificate, &["-www"]);
    let (_, err, code) = fetch(&format!("localhost:{port}"), &certificate.authority);
    assert!(err.contains("expired on "), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn a_tunnel_carries_a_plain_program_to_a_tls_server() {
    let folder = Folder::new("tunnel");
    let certificate = good(&folder);
    let (_server, port) = s_server(&certificate, &["-www"]);
    let (_tunnel, near) = serve(&example("tunnel.lua"), &["0", &format!("localhost:{port}"), &certificate.authority]);
    let answer = talk(near, "GET / HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200 ok\r\n"), "{answer}");
}
