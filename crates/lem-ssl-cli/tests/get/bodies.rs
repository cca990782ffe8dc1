//! How a body comes, and how it is known to be whole.

use crate::support::{Downloads, Reply, Site, World, pattern};

#[test]
fn a_body_is_whole_by_its_length_its_chunks_or_a_proper_end() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(300_000, 1);
    let mut chunked = Vec::new();
    for chunk in body.chunks(70_001) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\nX-Trailer: y\r\n\r\n");
    for reply in [
        Reply::ok(&body),
        Reply::new("200 OK\nTransfer-Encoding: chunked", &chunked),
        Reply::new("200 OK", &body),
        // More than it says: what is behind the end is none of the body.
        Reply::new("200 OK\nContent-Length: 300000", &[&body[..], b"more"].concat()),
        Reply::new("103 Early Hints\nLink: </style>\n\nHTTP/1.1 200 OK\nContent-Length: 300000", &body),
        // It has all been there: that the connection is cut then is all the same.
        Reply::ok(&body).cut(0),
    ] {
        let shown = format!("{reply:.60?}");
        downloads.get(&Site::new(&world, [reply])).expect(0);
        assert!(downloads.read("file") == body, "{shown}");
        assert_eq!(downloads.names(), ["file"]);
    }
}

#[test]
fn a_body_that_is_cut_off_is_an_error_however_its_end_would_be_known() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.write("file", b"what was there before");
    for (reply, kept) in [
        (Reply::tagged("1", &[b'x'; 1000]).cut(1), true),
        (Reply::ok(&[b'x'; 1000]).cut(1), false),
        (Reply::new("200 OK\nTransfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n").cut(2), false),
        (Reply::new("200 OK", b"hello").cut(0), false),
        // A goodbye in the middle is no end either.
        (Reply::new("200 OK\nContent-Length: 1000", b"hello"), false),
        (Reply::new("200 OK\nTransfer-Encoding: chunked", b"5\r\nhello\r\n"), false),
    ] {
        let shown = format!("{reply:?}");
        let ended = downloads.get(&Site::new(&world, [reply])).expect(10);
        assert!(ended.stderr.contains("the connection ended in the middle of the answer"), "{shown}: {}", ended.stderr);
        assert_eq!(ended.stderr.contains("the same command goes on from there"), kept, "{shown}: {}", ended.stderr);
        assert_eq!(downloads.read("file"), b"what was there before");
        assert_eq!(downloads.names().len(), if kept { 3 } else { 1 }, "{shown}");
        if kept {
            std::fs::remove_file(downloads.path("file.part")).unwrap();
            std::fs::remove_file(downloads.path("file.part.json")).unwrap();
        }
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_waited_for_so_long() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let whole = Reply::tagged("1", &[b'x'; 1000]);
    let site = Site::new(&world, [whole.stalled(1), Reply::rest("1", 999, &[b'x'; 1000]).stalled(1)]);
    let ended = downloads.get_with(&site, &["--idle-timeout", "2"]).expect(10);
    assert!(ended.stderr.contains("nothing has come for 2 s"), "{}", ended.stderr);
    assert_eq!(downloads.read("file.part").len(), 999);
    let ended = downloads.get_with(&site, &["--max-time", "4"]).expect(10);
    assert!(ended.stderr.contains("is not complete after 4 s"), "{}", ended.stderr);
}

#[test]
fn more_than_was_allowed_is_refused_said_or_unsaid() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for reply in [
        Reply::ok(&[b'x'; 2000]).cut(0),
        Reply::new("200 OK", &[b'x'; 2000]),
        Reply::new("200 OK\nTransfer-Encoding: chunked", &[b"7D0\r\n", &[b'x'; 2000][..]].concat()),
    ] {
        let ended = downloads.get_with(&Site::new(&world, [reply]), &["--max-size", "1K"]).expect(1);
        assert!(ended.stderr.contains("larger than 1024 bytes (--max-size)"), "{}", ended.stderr);
        assert!(downloads.names().is_empty());
    }
    let fits = Site::new(&world, [Reply::ok(&[b'x'; 1024])]);
    downloads.get_with(&fits, &["--max-size", "1K"]).expect(0);
}
