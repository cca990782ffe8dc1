//! What is no file.

use crate::support::{Downloads, Reply, Site, World, pattern};

#[test]
fn an_error_of_the_server_is_told_and_nothing_is_saved() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.write("file", b"what was there before");
    for (head, told) in [
        ("404 Not Found", "/file: 404 Not Found"),
        ("500", "/file: 500 Internal Server Error"),
        ("304 Not Modified", "/file: 304 Not Modified"),
    ] {
        let reply = Reply::new(&format!("{head}\nContent-Length: 7"), b"message");
        let ended = downloads.get(&Site::new(&world, [reply])).expect(12);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert_eq!(downloads.names(), ["file"]);
    }
    assert_eq!(downloads.read("file"), b"what was there before");
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for (reply, told) in [
        (Reply::new("200 OK\nContent-Length: 1\nContent-Length: 2", b"x"), "how long it is"),
        (Reply::new("200 OK\nContent-Length: 1\nTransfer-Encoding: chunked", b"x"), "both"),
        (Reply::new("200 OK\nTransfer-Encoding: chunked", b"5\r\nhelloX\r\n"), "not well formed"),
        (Reply::new("200 OK\nTransfer-Encoding: gzip, chunked", b"x"), "Transfer-Encoding (gzip, chunked)"),
        (Reply::new(&format!("200 OK\nX: {}", "y".repeat(70_000)), b"x"), "too long"),
        (Reply::new("2OO OK", b"x"), "no HTTP/1.1"),
        (Reply::new(&"100 Continue\n\nHTTP/1.1 ".repeat(20), b"x"), "come to the point"),
        (
            Reply::new("206 Partial Content\nContent-Range: bytes 0-0/9\nContent-Length: 1", b"x"),
            "the whole was asked for",
        ),
    ] {
        let ended = downloads.get(&Site::new(&world, [reply])).expect(12);
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
        assert!(downloads.names().is_empty(), "{told}");
    }
}

#[test]
fn the_words_of_a_server_are_told_no_longer_than_they_can_be_read() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let words = Reply::new(&format!("404 {}\nContent-Length: 0", "no ".repeat(20_000)), b"");
    let ended = downloads.get(&Site::new(&world, [words])).expect(12);
    assert!(ended.stderr.contains("404 no no ") && ended.stderr.len() < 500, "{}", ended.stderr.len());
}

#[test]
fn who_is_not_who_it_should_be_is_asked_for_nothing() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, [Reply::ok(b"x")]);
    let stranger = lem_ssl_tests::pki::Authority::new("Another Root").certificate_pem();
    let ca = world.scratch.write("another.pem", stranger);
    let arguments = ["get", &site.url("/file"), "--ca", ca.to_str().unwrap(), "-o", &downloads.path("file")];
    let ended = crate::support::lem_ssl(arguments, b"").expect(8);
    assert!(ended.stderr.contains("not among the trusted roots"), "{}", ended.stderr);
    assert!(downloads.names().is_empty());
    // Only this one gets so far as to ask.
    downloads.get(&site).expect(0);
    assert_eq!(site.requests().len(), 1);
}

#[test]
fn headers_of_the_user_are_sent_and_nonsense_is_not() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, [Reply::ok(&pattern(10, 1))]);
    downloads.get_with(&site, &["-H", "Authorization: Bearer x", "--header", "User-Agent:me"]).expect(0);
    let request = site.requests().remove(0);
    assert!(request.contains("\r\nAuthorization: Bearer x\r\nUser-Agent: me\r\n"), "{request}");
    assert!(!request.contains("lem-ssl"), "{request}");
    let site = Site::new(&world, []);
    for header in ["Host: elsewhere", "X", "X: a\r\nY: b"] {
        downloads.get_with(&site, &["-H", header]).expect(2);
    }
}
