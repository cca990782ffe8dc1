//! Answers to a request for the rest that do not bring exactly that, and answers that call a part the whole.

use crate::support::{Downloads, Reply, Site, World, pattern};

/// Where the first try was cut off.
const THERE: usize = 600;

/// A body and the answer that was cut off.
fn begun(headers: &str) -> (Vec<u8>, Reply) {
    let body = pattern(1000, 1);
    let reply = Reply::new(&format!("200 OK\n{headers}\nContent-Length: 1000"), &body).cut(1000 - THERE);
    (body, reply)
}

/// A 206 with the rest and these headers.
fn rest(headers: &str, body: &[u8]) -> Reply {
    Reply::new(&format!("206 Partial Content\n{headers}"), body)
}

#[test]
fn an_answer_that_is_not_surely_the_rest_is_not_joined_to_what_is_there() {
    const TAG: &str = "ETag: \"v1\"\nContent-Length: 400";
    const RANGE: &str = "Content-Range: bytes 600-999/1000";
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, first) = begun("ETag: \"v1\"");
    let tail = &body[THERE..];
    let other = pattern(400, 9);
    let chunked = [b"190\r\n", tail, b"\r\n0\r\n\r\n"].concat();
    for doubtful in [
        // The rest, called the whole.
        Reply::new(&format!("200 OK\n{TAG}\n{RANGE}"), tail),
        Reply::new(&format!("200 OK\n{TAG}"), tail),
        Reply::new("200 OK\nContent-Length: 400", tail),
        Reply::new("200 OK\nETag: \"of the rest\"\nContent-Length: 400", tail),
        Reply::new("200 OK\nETag: \"v2\"\nTransfer-Encoding: chunked", &chunked),
        Reply::new("200 OK\nETag: \"v1\"", tail),
        Reply::new(&format!("203 Non-Authoritative Information\n{TAG}"), tail),
        Reply::new(&format!("200 OK\nETag: \"v2\"\nContent-Length: 500\n{RANGE}"), &body[500..]),
        // Another start, end, length, total or unit.
        rest("ETag: \"v1\"\nContent-Length: 399\nContent-Range: bytes 601-999/1000", &body[601..]),
        rest("ETag: \"v1\"\nContent-Length: 100\nContent-Range: bytes 600-699/1000", &tail[..100]),
        rest("ETag: \"v1\"\nContent-Length: 100\nContent-Range: bytes 600-699/*", &tail[..100]),
        rest("ETag: \"v1\"\nContent-Length: 100\nContent-Range: bytes 600-699/700", &tail[..100]),
        rest("ETag: \"v1\"\nContent-Length: 401\nContent-Range: bytes 600-999/1000", &body[599..]),
        rest("ETag: \"v1\"\nContent-Length: 400\nContent-Range: bytes 600-999/1001", tail),
        rest("ETag: \"v1\"\nContent-Length: 400\nContent-Range: chunks 600-999/1000", tail),
        rest("ETag: \"v1\"\nContent-Length: 400\nContent-Range: bytes +600-999/1000", tail),
        rest("ETag: \"v1\"\nContent-Range: bytes 0-18446744073709551615/*", tail),
        rest("ETag: \"v1\"\nContent-Range: bytes 600-18446744073709551615/*", tail),
        // Two things at once.
        rest(&format!("{TAG}\n{RANGE}\nContent-Range: bytes 500-999/1000"), tail),
        rest(&format!("{TAG}\n{RANGE}\nETag: \"v2\""), &other),
        rest(&format!("{TAG}\n{RANGE}\nContent-Type: multipart/byteranges; boundary=x"), tail),
        rest("ETag: \"v1\"\nContent-Length: 400\nContent-Type: multipart/byteranges; boundary=x", tail),
        // Something else, or nobody knows.
        rest(&format!("ETag: W/\"v1\"\nContent-Length: 400\n{RANGE}"), &other),
        rest(&format!("ETag: \"v2\"\nContent-Length: 400\n{RANGE}"), &other),
        rest(&format!("Content-Length: 400\n{RANGE}"), &other),
        rest(&format!("{TAG}\n{RANGE}\nContent-Encoding: gzip"), &other),
        // No answer to that at all.
        Reply::new("204 No Content", b""),
        Reply::new("400 Bad Request\nContent-Length: 0", b""),
        Reply::new("412 Precondition Failed\nContent-Length: 0", b""),
        Reply::new("416 Range Not Satisfiable\nContent-Range: bytes */1000\nContent-Length: 0", b""),
        Reply::new("501 Not Implemented\nContent-Length: 0", b""),
    ] {
        let shown = format!("{doubtful:.120?}");
        let site = Site::new(&world, [first.clone(), doubtful, Reply::tagged("v1", &body)]);
        downloads.get(&site).expect(10);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{shown}");
        assert_eq!(downloads.names(), ["file"], "{shown}");
        let asked = site.requests();
        assert!(asked[1].contains("Range: bytes=600-") && !asked[2].contains("Range"), "{asked:?}");
    }
}

#[test]
fn the_rest_is_joined_in_every_form_that_is_surely_it() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, first) = begun("ETag: \"v1\"");
    let tail = &body[THERE..];
    let chunked = [b"190\r\n", tail, b"\r\n0\r\n\r\n"].concat();
    for good in [
        rest("ETag: \"v1\"\nContent-Range: bytes 600-999/1000\nTransfer-Encoding: chunked", &chunked),
        rest("ETag: \"v1\"\nContent-Range: bytes 600-999/1000", tail),
        rest("ETag: \"v1\"\nContent-Range: bytes 600-999/*\nContent-Length: 400", tail),
        Reply::raw(
            &[
                b"HTTP/1.1 206 Partial Content\r\nETag:\r\n \"v1\"\r\nContent-Range: bytes\r\n 600-999/1000\r\n"
                    .as_slice(),
                b"Content-Encoding: identity\r\n\r\n",
                tail,
            ]
            .concat(),
        ),
    ] {
        let shown = format!("{good:.120?}");
        let site = Site::new(&world, [first.clone(), good]);
        downloads.get(&site).expect(10);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{shown}");
    }
}

#[test]
fn an_answer_that_contradicts_itself_leaves_nothing_of_itself_behind() {
    const RANGE: &str = "ETag: \"v1\"\nContent-Range: bytes 600-999/1000";
    const CHUNKED: &str = "Transfer-Encoding: chunked";
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, first) = begun("ETag: \"v1\"");
    let too_long = [b"ZZZ", &body[THERE..]].concat();
    let chunks = |data: &[u8], end: &str| {
        let split = data.len() / 2;
        let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        [chunk(&data[..split]), chunk(&data[split..]), end.as_bytes().to_vec()].concat()
    };
    for (headers, content, rc) in [
        // Longer than it said, or shorter, and ended as it should be.
        (CHUNKED, chunks(&too_long, "0\r\n\r\n"), 10),
        ("Server: x", too_long.clone(), 10),
        (CHUNKED, chunks(b"ZZZ", "0\r\n\r\n"), 10),
        (CHUNKED, chunks(&too_long[..399], "0\r\n\r\n"), 10),
        ("Server: x", b"ZZZ".to_vec(), 10),
        ("Server: x", Vec::new(), 10),
        // Too long, and cut off behind that.
        (CHUNKED, chunks(&too_long, ""), 10),
        // No chunks any more after a few good ones.
        (CHUNKED, chunks(b"ZZZ", "nonsense\r\n"), 12),
        (CHUNKED, chunks(b"ZZZ", "-1\r\n"), 12),
    ] {
        let shown = format!("{headers}: {:.60?}", content);
        let wrong = rest(&format!("{RANGE}\n{headers}"), &content);
        let site = Site::new(&world, [first.clone(), wrong.clone(), wrong, Reply::rest("v1", THERE, &body)]);
        downloads.get(&site).expect(10);
        for _ in 0..2 {
            let ended = downloads.get(&site).expect(rc);
            assert!(ended.stderr.contains("600 bytes of it are in "), "{shown}: {}", ended.stderr);
            assert!(downloads.read("file.part") == body[..THERE], "{shown}");
        }
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{shown}");
        assert!(site.requests()[1..].iter().all(|asked| asked.contains("Range: bytes=600-")), "{shown}");
    }
    // So does the first answer of all.
    let wrong = Reply::new(&format!("200 OK\nETag: \"v1\"\n{CHUNKED}"), &chunks(b"ZZZ", "nonsense\r\n"));
    let site = Site::new(&world, [wrong, Reply::tagged("v1", &body)]);
    std::fs::remove_file(downloads.path("file")).unwrap();
    downloads.get(&site).expect(12);
    assert!(downloads.names().is_empty(), "{:?}", downloads.names());
    downloads.get(&site).expect(0);
    assert!(!site.requests()[1].contains("Range"));
    // What a connection brought that broke off is as good as before.
    let cut = rest(&format!("{RANGE}\n{CHUNKED}"), &chunks(&body[THERE..800], "")).cut(0);
    let site = Site::new(&world, [first, cut, Reply::rest("v1", 800, &body)]);
    downloads.get(&site).expect(10);
    downloads.get(&site).expect(10);
    assert!(downloads.read("file.part") == body[..800]);
    downloads.get(&site).expect(0);
    assert!(downloads.read("file") == body);
}

#[test]
fn a_date_alone_is_believed_only_with_a_mark_that_agrees() {
    const DATE: &str = "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT";
    const LATER: &str = "Last-Modified: Tue, 15 Nov 1994 12:45:27 GMT";
    const RANGE: &str = "Content-Range: bytes 600-999/1000\nContent-Length: 400";
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, first) = begun(&format!("{DATE}\nETag: W/\"v1\"\nDate: Tue, 15 Nov 1994 12:45:28 GMT"));
    for (headers, joined) in [
        (format!("{DATE}\n{RANGE}"), true),
        (format!("ETag: W/\"v1\"\n{RANGE}"), true),
        (format!("{DATE}\nETag: W/\"v2\"\n{RANGE}"), false),
        (format!("{LATER}\nETag: W/\"v1\"\n{RANGE}"), false),
        (format!("{LATER}\n{RANGE}"), false),
        (RANGE.to_owned(), false),
    ] {
        let tail = if joined { body[THERE..].to_vec() } else { pattern(400, 9) };
        let mut answers = vec![first.clone(), rest(&headers, &tail)];
        if !joined {
            answers.push(Reply::ok(&body));
        }
        let site = Site::new(&world, answers);
        downloads.get(&site).expect(10);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{headers}");
    }
}

#[test]
fn a_part_is_not_taken_for_the_whole_because_the_status_says_so() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for (head, body, told) in [
        ("200 OK\nContent-Length: 4\nContent-Range: bytes 6-9/10", &b"6789"[..], "calls it the whole"),
        ("200 OK\nContent-Length: 4\nContent-Range: bytes 0-3/10", b"0123", "calls it the whole"),
        ("200 OK\nContent-Range: bytes 0-9/10", b"0123", "calls it the whole"),
        ("200 OK\nContent-Length: 4\nContent-Range: bytes */10", b"0123", "calls it the whole"),
        (
            "206 Partial Content\nContent-Length: 10\nContent-Range: bytes 0-9/10",
            b"0123456789",
            "the whole was asked for",
        ),
        ("202 Accepted\nContent-Length: 5", b"later", "202 Accepted: that is no answer with a file in it"),
        ("204 No Content", b"", "204 No Content: "),
        ("205 Reset Content\nContent-Length: 0", b"", "205 Reset Content: "),
        ("226 IM Used\nContent-Length: 5", b"delta", "226 IM Used: "),
    ] {
        let ended = downloads.get(&Site::new(&world, [Reply::new(head, body)])).expect(12);
        assert!(ended.stderr.contains(told), "{head}: {}", ended.stderr);
        assert!(downloads.names().is_empty(), "{head}");
    }
    let whole = Reply::new("200 OK\nContent-Length: 10\nContent-Range: bytes 0-9/10", b"0123456789");
    downloads.get(&Site::new(&world, [whole])).expect(0);
    assert_eq!(downloads.read("file"), b"0123456789");
}

#[test]
fn a_redirect_to_elsewhere_does_not_bring_the_rest_of_what_was_begun() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, first) = begun("ETag: \"v1\"");
    let (new, tail) = (pattern(1000, 2), Reply::rest("v1", THERE, &body));
    for (before, now, joined) in [
        ("/a", "/b", false),
        ("/a?x=1", "/b?x=1", false),
        // A link that is signed anew each time.
        ("/a?signed=1", "/a?signed=2", true),
    ] {
        let mut answers = vec![Reply::redirect(before), first.clone(), Reply::redirect(now)];
        if joined {
            answers.push(tail.clone());
        } else {
            answers.extend([Reply::rest("v1", THERE, &new), Reply::redirect(now), Reply::tagged("v1", &new)]);
        }
        let site = Site::new(&world, answers);
        downloads.get(&site).expect(10);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == if joined { body.clone() } else { new.clone() }, "{now}");
    }
}

#[test]
fn what_a_server_has_packed_unasked_is_kept_as_it_comes_and_said() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let packed = Reply::new("200 OK\nContent-Encoding: gzip\nETag: \"v1\"\nContent-Length: 6", b"\x1f\x8bpack");
    let ended = downloads.get(&Site::new(&world, [packed.clone()])).expect(0);
    assert_eq!(downloads.read("file"), b"\x1f\x8bpack");
    assert!(ended.stderr.contains("file: 6 bytes as the server has packed them (gzip); "), "{}", ended.stderr);
    // The rest of the same, not packed, is no rest of it.
    let rest = Reply::new("206 Partial Content\nETag: \"v1\"\nContent-Range: bytes 3-5/6\nContent-Length: 3", b"xyz");
    let site = Site::new(&world, [packed.cut(3), rest, Reply::ok(b"plain!")]);
    downloads.get(&site).expect(10);
    downloads.get(&site).expect(0);
    assert_eq!(downloads.read("file"), b"plain!");
}
