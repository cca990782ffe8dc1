//! Servers with old or strange habits.

use crate::support::{Downloads, Reply, Site, World, pattern};

#[test]
fn a_redirect_is_followed_byte_for_byte() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for (location, path) in [
        (&b"/caf\xe9"[..], "/caf%E9"),
        ("/café".as_bytes(), "/caf%C3%A9"),
        (b"/100%", "/100%25"),
        (b"/a b[1]", "/a%20b%5B1%5D"),
        (b"\r\n /folded", "/folded"),
    ] {
        let head = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ", location, b"\r\n\r\n"].concat();
        let site = Site::new(&world, [Reply::raw(&head), Reply::ok(b"there")]);
        assert_eq!(downloads.print(&site, "/a", &[]).expect(0).text(), "there");
        let asked = site.requests().remove(1);
        assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{asked}");
    }
    // Two ways at once are none.
    let site = Site::new(&world, [Reply::new("302 Found\nLocation: /a\nLocation: /b\nContent-Length: 0", b"")]);
    downloads.print(&site, "/a", &[]).expect(12);
}

#[test]
fn heads_of_old_servers_are_understood() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for answer in [
        &b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.0 200 OK\n\nhello",
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1  200  OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 D\xe9j\xe0 vu\r\nX: D\xe9j\xe0\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX-Long: one,\r\n two,\r\n\tthree\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello, and more",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello, and more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n  chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello, and more",
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>,\r\n <b>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let site = Site::new(&world, [Reply::raw(answer)]);
        let printed = downloads.print(&site, "/a", &[]).expect(0);
        assert_eq!(printed.text(), "hello", "{}", String::from_utf8_lossy(answer));
    }
    let cookies = "Set-Cookie: a=b; Path=/\n".repeat(400);
    let site = Site::new(&world, [Reply::new(&format!("200 OK\n{cookies}Content-Length: 5"), b"hello")]);
    assert_eq!(downloads.print(&site, "/a", &[]).expect(0).text(), "hello");
}

#[test]
fn sizes_beyond_what_there_is_are_no_end() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for (answer, code) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nhello"[..], 10),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhello", 10),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nhello", 12),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello", 10),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello", 12),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 12),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n\r\n", 12),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 10),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 12),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello", 12),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 12),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", 12),
        (b"", 10),
        (b"hello", 12),
        (b"HTTP/1.1 200 OK\r\nContent-", 10),
    ] {
        let site = Site::new(&world, [Reply::raw(answer)]);
        let ended = downloads.get(&site).expect(code);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(downloads.names().is_empty(), "{}: {:?}", String::from_utf8_lossy(answer), downloads.names());
    }
}

#[test]
fn a_resumed_size_beyond_what_there_is_is_no_rest() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(100, 1);
    let first = "200 OK\nETag: \"v1\"\nContent-Length: 18446744073709551615";
    let rest = "206 Partial Content\nETag: \"v1\"\nContent-Range: bytes 60-18446744073709551614/18446744073709551615";
    let site = Site::new(&world, [Reply::new(first, &body[..60]), Reply::new(rest, &body[60..])]);
    downloads.get(&site).expect(10);
    downloads.get(&site).expect(10);
    assert_eq!(downloads.read("file.part"), body[..60]);
}
