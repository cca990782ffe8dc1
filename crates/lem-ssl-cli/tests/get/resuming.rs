//! Downloads that go on, and those that must begin anew.

use crate::support::{Downloads, Reply, Site, World, pattern, signal};

/// Answers with a body and this header, cut off behind `there` bytes.
fn interrupted(header: &str, body: &[u8], there: usize) -> Reply {
    let length = body.len();
    Reply::new(&format!("200 OK\n{header}\nContent-Length: {length}"), body).cut(length - there)
}

#[test]
fn a_download_that_was_cut_off_goes_on_where_it_was() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(500_000, 1);
    for (header, condition) in [
        ("ETag: \"v1\"", "If-Range: \"v1\"\r\n"),
        (
            "ETag: W/\"v1\"\nLast-Modified: Tue, 15 Nov 1994 12:45:26 GMT\nDate: Tue, 15 Nov 1994 12:45:28 GMT",
            "If-Range: Tue, 15 Nov 1994 12:45:26 GMT\r\n",
        ),
    ] {
        // It is cut off twice.
        let second = Reply::rest("v1", 200_000, &body).cut(100_000);
        let site = Site::new(&world, [interrupted(header, &body, 200_000), second, Reply::rest("v1", 400_000, &body)]);
        for there in [200_000, 400_000] {
            let ended = downloads.get(&site).expect(10);
            assert!(ended.stderr.contains(&format!("{there} bytes of it are in ")), "{}", ended.stderr);
            assert!(downloads.read("file.part") == body[..there]);
        }
        let ended = downloads.get(&site).expect(0);
        assert!(ended.stderr.contains("500000 bytes, 400000 bytes of them had been there"), "{}", ended.stderr);
        assert!(downloads.read("file") == body);
        assert_eq!(downloads.names(), ["file"]);
        let asked = site.requests();
        assert!(!asked[0].contains("Range"), "{}", asked[0]);
        assert!(asked[1].contains("\r\nRange: bytes=200000-\r\n") && asked[1].contains(condition), "{}", asked[1]);
        assert!(asked[2].contains("\r\nRange: bytes=400000-\r\n") && asked[2].contains(condition), "{}", asked[2]);
    }
}

#[test]
fn a_file_that_has_changed_is_fetched_anew() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (old, new) = (pattern(1000, 1), pattern(2000, 2));
    for answers in [
        // The server compares, and sends the whole.
        vec![Reply::tagged("v2", &new)],
        // It does not compare.
        vec![Reply::rest("v2", 600, &new), Reply::tagged("v2", &new)],
        // It has become so short that there is nothing to go on with.
        vec![Reply::new("416 Range Not Satisfiable\nContent-Length: 0", b""), Reply::tagged("v2", &new)],
        // It says the same tag, and another length.
        vec![Reply::rest("v1", 600, &new), Reply::tagged("v2", &new)],
        // It sends something else than it was asked for.
        vec![Reply::rest("v1", 500, &old), Reply::tagged("v2", &new)],
        vec![
            Reply::new("206 Partial Content\nETag: \"v1\"\nContent-Length: 400", &old[600..]),
            Reply::tagged("v2", &new),
        ],
    ] {
        let shown = format!("{answers:.80?}");
        let site = Site::new(&world, [vec![interrupted("ETag: \"v1\"", &old, 600)], answers].concat());
        downloads.get(&site).expect(10);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == new, "{shown}");
        assert_eq!(downloads.names(), ["file"]);
    }
}

#[test]
fn nothing_is_kept_of_what_cannot_be_told_from_something_else() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for header in ["X: y", "ETag: W/\"v1\"", "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT"] {
        let site = Site::new(&world, [interrupted(header, &[b'x'; 1000], 600)]);
        downloads.get(&site).expect(10);
        assert!(downloads.names().is_empty(), "{header}: {:?}", downloads.names());
    }
}

#[test]
fn what_came_from_another_url_is_not_gone_on_with() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (old, new) = (pattern(1000, 1), pattern(2000, 2));
    downloads.get(&Site::new(&world, [interrupted("ETag: \"v1\"", &old, 600)])).expect(10);
    // The same tag on another server is another tag.
    let other = Site::new(&world, [Reply::tagged("v1", &new)]);
    downloads.get(&other).expect(0);
    assert!(downloads.read("file") == new);
    assert!(!other.requests()[0].contains("Range"));
}

#[test]
fn a_part_that_is_whole_or_too_long_or_without_notes_does_no_harm() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    for (there, asked) in [(1000, Some("bytes=999-")), (1500, None), (0, None)] {
        let rest = if asked.is_some() { Reply::rest("v1", 999, &body) } else { Reply::tagged("v1", &body) };
        let site = Site::new(&world, [Reply::tagged("v1", &body).stalled(400), rest]);
        let running = downloads.start(&site);
        while std::fs::metadata(downloads.path("file.part")).map_or(0, |found| found.len()) < 600 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // As it is when it was killed between the last byte and the rename, or before the first.
        signal(running.id(), "KILL");
        running.finish();
        downloads.write("file.part", &[&body[..], &[b'x'; 500]].concat()[..there]);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{there}");
        let request = site.requests().remove(1);
        assert_eq!(request.contains("Range"), asked.is_some(), "{request}");
        assert!(asked.is_none_or(|asked| request.contains(asked)), "{request}");
    }
    for notes in [&b"{\"url\":"[..], b"{\"url\":null}", b"{\"url\":1}", b"{\"url\":\"x\"}"] {
        downloads.write("file.part", b"something");
        downloads.write("file.part.json", notes);
        let site = Site::new(&world, [Reply::tagged("v1", &body)]);
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body);
        assert_eq!(downloads.names(), ["file"]);
    }
}
