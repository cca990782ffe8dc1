//! `lem-ssl serve --files`: what is in the folder, in whole and in parts, and nothing that is not.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use lem_ssl_rs::Error;

use crate::support::{Answer, Client, Server, World};

/// A folder to serve beside one with a secret, and its server.
fn site(world: &World) -> Server {
    let site = world.folder("site");
    let outside = world.folder("outside");
    fs::write(outside.join("secret.txt"), "secret").unwrap();
    fs::write(site.join("hello.txt"), "0123456789").unwrap();
    fs::write(site.join("empty"), "").unwrap();
    fs::write(site.join("with space.html"), "<p>").unwrap();
    fs::create_dir(site.join("sub")).unwrap();
    fs::write(site.join("sub/index.html"), "index").unwrap();
    fs::create_dir(site.join("bare")).unwrap();
    fs::create_dir(site.join(".git")).unwrap();
    fs::write(site.join(".git/config"), "secret").unwrap();
    symlink("hello.txt", site.join("inside-link")).unwrap();
    symlink(outside.join("secret.txt"), site.join("file-link")).unwrap();
    symlink(&outside, site.join("folder-link")).unwrap();
    symlink("../outside", site.join("relative-link")).unwrap();
    symlink(".git/config", site.join("hidden-link")).unwrap();
    symlink("loop", site.join("loop")).unwrap();
    // Its date is told as soon as its second is over.
    let file = fs::File::options().write(true).open(site.join("hello.txt")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(site.join("pipe")).status().unwrap();
    assert!(made.success());
    Server::start(&[&["--files", site.to_str().unwrap()][..], &world.good().arguments()].concat())
}

/// Asks for hello.txt until its last change is so long ago that its tag tells one content from another.
fn settled(world: &World, server: &Server) -> Answer {
    loop {
        let answer = Client::get(world, &server.address, "/hello.txt", "");
        if !answer.header("etag").is_some_and(|tag| tag.starts_with("W/")) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn files_are_served_with_their_type_and_their_marks() {
    let world = World::new();
    let server = site(&world);
    let answer = Client::get(&world, &server.address, "/hello.txt", "");
    assert_eq!((answer.status, answer.text().as_str()), (200, "0123456789"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert!(answer.header("etag").is_some() && answer.header("last-modified").is_some());
    let get = |target: &str| Client::get(&world, &server.address, target, "");
    assert_eq!(get("/with%20space.html?x=y").text(), "<p>");
    assert_eq!(get("/empty").body, b"");
    assert_eq!(get("/inside-link").text(), "0123456789");
    assert_eq!(get("/sub/").text(), "index");
    assert_eq!(get("https://localhost/hello.txt").text(), "0123456789");
    let answer = get("/sub");
    assert_eq!((answer.status, answer.header("location")), (301, Some("/sub/")));
    assert_eq!(get("/bare/").status, 404);
    assert_eq!(get("/").status, 404);
    assert_eq!(get("/hello.txt/").status, 404);
    let head = Client::ask(&world, &server.address, "HEAD /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let world = World::new();
    let server = site(&world);
    for target in [
        "/../outside/secret.txt",
        "/sub/../../outside/secret.txt",
        "/%2e%2e/outside/secret.txt",
        "/%2E%2E%2Foutside/secret.txt",
        "/..%2foutside%2fsecret.txt",
        "/..%5coutside%5csecret.txt",
        "/%252e%252e/outside/secret.txt",
        "/.%00./outside/secret.txt",
        "/hello.txt%00.html",
        "//etc/passwd",
        "/%2fetc/passwd",
        "///etc/passwd",
        "https://localhost/../outside/secret.txt",
        "/file-link",
        "/folder-link/secret.txt",
        "/relative-link/secret.txt",
        "/hidden-link",
        "/.git/config",
        "/sub/.hidden",
        "/loop",
        "/pipe",
        "/%",
        "/%c0%ae%c0%ae/outside/secret.txt",
        "hello.txt",
        "*",
    ] {
        let answer = Client::get(&world, &server.address, target, "");
        assert!(matches!(answer.status, 400 | 404), "{target}: {}", answer.status);
        assert!(!answer.text().contains("secret"), "{target}");
    }
}

#[test]
fn a_part_is_206_and_one_that_is_not_there_416() {
    let world = World::new();
    let server = site(&world);
    let part = |range: &str| Client::get(&world, &server.address, "/hello.txt", &format!("Range: {range}\r\n"));
    for (range, body, span) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-500", "56789", "bytes 5-9/10"),
    ] {
        let answer = part(range);
        assert_eq!((answer.status, answer.text().as_str()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), Some(span), "{range}");
    }
    for range in ["bytes=10-", "bytes=-0"] {
        let answer = part(range);
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")), "{range}");
    }
    for range in ["bytes=3-1", "bytes=0-1,5-6", "rows=1-2", "bytes=x"] {
        let answer = part(range);
        assert_eq!((answer.status, answer.body.len()), (200, 10), "{range}");
    }
}

#[test]
fn a_part_of_a_file_that_has_changed_is_the_whole_file() {
    let world = World::new();
    let server = site(&world);
    let get = |headers: &str| Client::get(&world, &server.address, "/hello.txt", headers);
    let before = settled(&world, &server);
    let (tag, date) = (before.header("etag").unwrap(), before.header("last-modified").unwrap());
    assert_eq!(get(&format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n")).status, 206);
    assert_eq!(get(&format!("Range: bytes=0-0\r\nIf-Range: {date}\r\n")).status, 206);
    assert_eq!(get("Range: bytes=0-0\r\nIf-Range: \"other\"\r\n").status, 200);
    assert_eq!(get(&format!("If-None-Match: \"x\", {tag}\r\n")).status, 304);
    assert_eq!(get(&format!("If-Modified-Since: {date}\r\n")).status, 304);
    assert_eq!(get("If-None-Match: \"x\"\r\n").status, 200);
    fs::write(world.folder("site").join("hello.txt"), "changed, and longer").unwrap();
    let after = get(&format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n"));
    assert_eq!((after.status, after.text().as_str()), (200, "changed, and longer"));
    assert_eq!(get(&format!("If-None-Match: {tag}\r\n")).status, 200);
}

#[test]
fn nothing_is_joined_to_a_file_that_may_change_again_in_the_same_second() {
    let world = World::new();
    let server = site(&world);
    let get = |headers: &str| Client::get(&world, &server.address, "/hello.txt", headers);
    let path = world.folder("site").join("hello.txt");
    // The second of a change that is yet to come is not over, however long this takes.
    let later = SystemTime::now() + Duration::from_secs(3600);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let fresh = get("");
    assert_eq!(fresh.header("last-modified"), None);
    let tag = fresh.header("etag").unwrap();
    let strong = tag.strip_prefix("W/").unwrap();
    let dates = [later, SystemTime::now()].map(httpdate::fmt_http_date);
    for mark in [tag, strong, &dates[0], &dates[1]] {
        assert_eq!(get(&format!("Range: bytes=0-0\r\nIf-Range: {mark}\r\n")).status, 200, "{mark}");
    }
    assert_eq!(get(&format!("If-Match: {tag}\r\n")).status, 412);
    assert_eq!(get(&format!("If-None-Match: {tag}\r\n")).status, 304);
}

#[test]
fn a_change_whose_time_is_set_back_is_a_change() {
    let world = World::new();
    let server = site(&world);
    let get = |headers: &str| Client::get(&world, &server.address, "/hello.txt", headers);
    let before = settled(&world, &server);
    let tag = before.header("etag").unwrap();
    let path = world.folder("site").join("hello.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    // As many bytes, in the same file.
    fs::write(&path, "abcdefghij").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let after = get(&format!("Range: bytes=5-\r\nIf-Range: {tag}\r\n"));
    assert_eq!((after.status, after.text().as_str()), (200, "abcdefghij"));
    assert_eq!(get(&format!("If-None-Match: {tag}\r\n")).status, 200);
    // What was only just changed has another tag than later: what came between two changes at once is not kept.
    assert_ne!(settled(&world, &server).header("etag"), Some(tag));
}

#[test]
fn a_request_on_a_condition_is_done_when_it_holds() {
    let world = World::new();
    let server = site(&world);
    let get = |headers: &str| Client::get(&world, &server.address, "/hello.txt", headers);
    let before = settled(&world, &server);
    let (tag, date) = (before.header("etag").unwrap(), before.header("last-modified").unwrap());
    let long_ago = "Tue, 15 Nov 1994 12:45:26 GMT";
    for (headers, status) in [
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Match: \"x\", {tag}\r\nRange: bytes=0-0\r\n"), 206),
        ("If-Match: *\r\n".to_owned(), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        (format!("If-Match: W/{tag}\r\n"), 412),
        ("If-Match: \"x\"\r\nRange: bytes=0-0\r\n".to_owned(), 412),
        (format!("If-Unmodified-Since: {date}\r\n"), 200),
        (format!("If-Unmodified-Since: {long_ago}\r\n"), 412),
        (format!("If-Match: {tag}\r\nIf-Unmodified-Since: {long_ago}\r\n"), 200),
        (format!("If-Match: \"x\"\r\nIf-None-Match: {tag}\r\n"), 412),
        (format!("If-Match: {tag}\r\nIf-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}\r\n"), 304),
        (format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\nIf-Range: {tag}\r\n"), 200),
        (format!("Range: bytes=0-0\r\nIf-Range: W/{tag}\r\n"), 200),
        ("Range: bytes=99-\r\nIf-Match: \"x\"\r\n".to_owned(), 412),
    ] {
        let answer = get(&headers);
        assert_eq!(answer.status, status, "{headers}");
        if status == 412 {
            assert!(!answer.text().contains("0123"), "{headers}");
        }
        let request = format!("HEAD /hello.txt HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let head = Client::ask(&world, &server.address, &request).status;
        // A range is a matter of GET.
        assert_eq!(head, if matches!(status, 206 | 416) { 200 } else { status }, "{headers}");
    }
    assert_eq!(Client::get(&world, &server.address, "/nothing", "If-Match: \"x\"\r\n").status, 404);
}

#[test]
fn a_page_that_is_made_up_has_no_version_that_a_client_could_know() {
    let world = World::new();
    let server = Server::start(&[&["--http"][..], &world.good().arguments()].concat());
    for (headers, status) in [
        ("If-Match: \"x\"\r\n", 412),
        ("If-Match: *\r\n", 200),
        ("If-None-Match: \"x\"\r\n", 200),
        ("If-Unmodified-Since: Tue, 15 Nov 1994 12:45:26 GMT\r\n", 200),
        ("If-Modified-Since: Tue, 15 Nov 2094 12:45:26 GMT\r\n", 200),
    ] {
        assert_eq!(Client::get(&world, &server.address, "/", headers).status, status, "{headers}");
    }
}

#[test]
fn a_large_file_arrives_whole_and_in_parts() {
    let world = World::new();
    let server = site(&world);
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 253) as u8).collect();
    fs::write(world.folder("site").join("large.bin"), &content).unwrap();
    assert!(Client::get(&world, &server.address, "/large.bin", "").body == content);
    let answer = Client::get(&world, &server.address, "/large.bin", "Range: bytes=1000000-3999999\r\n");
    assert_eq!(answer.status, 206);
    assert!(answer.body == content[1_000_000..4_000_000]);
}

#[test]
fn a_client_that_does_not_take_its_answer_is_let_go() {
    let world = World::new();
    let site = world.folder("site");
    // More than the kernel keeps for somebody who does not read; it takes no room on the disk.
    fs::File::create(site.join("endless")).unwrap().set_len(1 << 30).unwrap();
    let arguments = ["--files", site.to_str().unwrap(), "--idle-timeout", "0.2"];
    let server = Server::start(&[&arguments[..], &world.good().arguments()].concat());
    Client::with(&world, &server.address, async |client| {
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
        server.running.wait_for("timed out");
    });
}

#[test]
fn a_file_that_became_shorter_is_cut_off_and_not_filled_up() {
    let world = World::new();
    let site = world.folder("site");
    let file = fs::File::create(site.join("shrinks")).unwrap();
    file.set_len(1 << 30).unwrap();
    let server = Server::start(&[&["--files", site.to_str().unwrap()][..], &world.good().arguments()].concat());
    Client::with(&world, &server.address, async |client| {
        client.send("GET /shrinks HTTP/1.1\r\nHost: a\r\n\r\n").await;
        // It is under way, and waits for us.
        client.expect("HTTP/1.1 200 OK").await;
        file.set_len(1000).unwrap();
        assert!(matches!(client.drained().await, Error::Truncated(_)));
    });
}

#[test]
fn after_every_answer_the_connection_goes_on() {
    let world = World::new();
    let server = site(&world);
    Client::with(&world, &server.address, async |client| {
        for (target, headers, status) in [
            ("/hello.txt", "", 200),
            ("/nothing", "", 404),
            ("/hello.txt", "Range: bytes=99-\r\n", 416),
            ("/sub", "", 301),
            ("/hello.txt", "If-None-Match: *\r\n", 304),
            ("/hello.txt", "Range: bytes=1-2\r\n", 206),
        ] {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
            assert_eq!(client.answer(false).await.unwrap().status, status, "{target}");
        }
    });
}
