//! `lem-ssl serve --files` with `--list` and `--gzip`, and `--check-config`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{Client, Server, World, lem_ssl};

/// A folder with something of everything, and its server.
fn site(world: &World, further: &[&str]) -> Server {
    let site = world.folder("site");
    let outside = world.folder("outside");
    fs::write(outside.join("secret.txt"), "secret").unwrap();
    for (name, content) in [("b.txt", "0123456789".repeat(100)), ("a & <b>.txt", "a".into()), (".hidden", "h".into())] {
        fs::write(site.join(name), content).unwrap();
    }
    fs::write(site.join("picture.png"), "0123456789".repeat(100)).unwrap();
    fs::write(site.join("short.txt"), "short").unwrap();
    for folder in ["z folder", ".git", "with-index"] {
        fs::create_dir(site.join(folder)).unwrap();
    }
    fs::write(site.join("with-index/index.html"), "index").unwrap();
    symlink(outside.join("secret.txt"), site.join("link-out")).unwrap();
    symlink("nowhere", site.join("link-nowhere")).unwrap();
    symlink("b.txt", site.join("link-in")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(site.join("pipe")).status().unwrap().success());
    Server::start(&[&["--files", site.to_str().unwrap()][..], further, &world.good().arguments()].concat())
}

#[test]
fn a_folder_is_listed_sorted_and_shows_nothing_that_cannot_be_had() {
    let world = World::new();
    let server = site(&world, &["--list"]);
    let get = |target: &str, headers: &str| Client::get(&world, &server.address, target, headers);
    let page = get("/", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("content-security-policy"), Some("default-src 'none'"));
    assert_eq!(page.header("vary"), Some("Accept"));
    let text = page.text();
    let links: Vec<_> = text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let expected =
        ["with-index/", "z%20folder/", "a%20%26%20%3Cb%3E.txt", "b.txt", "link-in", "picture.png", "short.txt"];
    assert_eq!(links, expected, "{text}");
    assert!(text.contains(">a &amp; &lt;b&gt;.txt</a></td><td>1</td>"), "{text}");
    for link in expected {
        assert_eq!(get(&format!("/{link}"), "").status, 200, "{link}");
    }
    // One below has a way up, and may be empty; an index goes before.
    assert!(get("/z%20folder/", "").text().contains("<h1>/z%20folder/</h1>\n<table>\n<tr><td><a href=\"../\">"));
    assert_eq!(get("/z%20folder", "").header("location"), Some("/z%20folder/"));
    assert_eq!(get("/with-index/", "").text(), "index");
    for target in ["/.git/", "/link-out", "/nowhere/", "/b.txt/", "/../"] {
        assert!(matches!(get(target, "").status, 400 | 404), "{target}");
    }
}

#[test]
fn a_folder_is_read_up_to_a_limit_whatever_of_it_is_shown() {
    let world = World::new();
    let server = site(&world, &["--list"]);
    let many = world.folder("site").join("z folder");
    for number in 0..10_001 {
        fs::write(many.join(format!(".{number}")), "").unwrap();
    }
    let ask = |method: &str, accept: &str| {
        let request = format!("{method} /z%20folder/ HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
        Client::ask(&world, &server.address, &request)
    };
    let listing: Value = serde_json::from_str(&ask("GET", "application/json").text()).unwrap();
    assert_eq!((&listing["complete"], listing["entries"].as_array().unwrap().len()), (&false.into(), 0));
    let page = ask("GET", "text/html");
    assert!(page.text().contains("There are more than 10000 names, and not all are shown."), "{}", page.text());
    let head = ask("HEAD", "text/html");
    assert_eq!((head.header("content-length"), head.body.len()), (page.header("content-length"), 0));
}

#[test]
fn a_listing_is_json_for_who_would_rather_have_that() {
    let world = World::new();
    let server = site(&world, &["--list"]);
    let get = |headers: &str| Client::get(&world, &server.address, "/", headers);
    let answer = get("Accept: application/json\r\n");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let listing: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!((&listing["folder"], &listing["complete"]), (&"/".into(), &true.into()));
    let entries = listing["entries"].as_array().unwrap();
    assert_eq!((&entries[0]["name"], &entries[0]["kind"]), (&"with-index".into(), &"folder".into()));
    assert_eq!((&entries[3]["name"], &entries[3]["bytes"]), (&"b.txt".into(), &1000.into()));
    assert!(entries[3]["modified"].as_str().unwrap().ends_with('Z') && entries[0]["bytes"].is_null(), "{listing}");
    assert_eq!(
        get("Accept: text/html, application/json;q=0.9\r\n").header("content-type"),
        Some("text/html; charset=utf-8")
    );
}

#[test]
fn without_being_asked_for_nothing_is_listed_or_packed() {
    let world = World::new();
    let server = site(&world, &[]);
    let get = |target: &str| Client::get(&world, &server.address, target, "Accept-Encoding: gzip\r\n");
    assert_eq!(get("/").status, 404);
    let plain = get("/b.txt");
    assert_eq!((plain.header("content-encoding"), plain.header("vary"), plain.body.len()), (None, None, 1000));
    for alone in ["--list", "--gzip"] {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--self-signed", "a", "--http", alone];
        assert!(lem_ssl(arguments, b"").expect(2).stderr.contains("--files"));
    }
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn text_is_packed_for_who_takes_it() {
    let world = World::new();
    let server = site(&world, &["--gzip"]);
    let get = |target: &str, headers: &str| Client::get(&world, &server.address, target, headers);
    let packed = get("/b.txt", "Accept-Encoding: br, gzip\r\n");
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    assert_eq!((packed.header("content-length"), packed.header("transfer-encoding")), (None, Some("chunked")));
    assert_eq!((packed.header("vary"), packed.header("accept-ranges")), (Some("Accept-Encoding"), None));
    assert_eq!(packed.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(packed.body.len() < 100);
    assert_eq!(unpacked(&packed.body), "0123456789".repeat(100));
    // Another form has another mark, and both say that there are two.
    let plain = get("/b.txt", "Accept-Encoding: gzip;q=0\r\n");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));
    let (tag, plain_tag) = (packed.header("etag").unwrap(), plain.header("etag").unwrap());
    assert!(
        tag.starts_with("W/\"") && tag != plain_tag && !tag.contains(&format!("{plain_tag} ")),
        "{tag} {plain_tag}"
    );
    let same = get("/b.txt", &format!("Accept-Encoding: gzip\r\nIf-None-Match: {tag}\r\n"));
    assert_eq!((same.status, same.header("etag"), same.header("vary")), (304, Some(tag), Some("Accept-Encoding")));
    assert_eq!(get("/b.txt", &format!("If-None-Match: {tag}\r\n")).status, 200);
    // What is packed already or short, and who says nothing, get it as it is.
    for (target, headers) in
        [("/picture.png", "Accept-Encoding: gzip\r\n"), ("/short.txt", "Accept-Encoding: gzip\r\n"), ("/b.txt", "")]
    {
        assert_eq!(get(target, headers).header("content-encoding"), None, "{target} {headers}");
    }
}

#[test]
fn a_part_is_one_of_the_plain_file() {
    let world = World::new();
    let server = site(&world, &["--gzip"]);
    let get = |headers: &str| Client::get(&world, &server.address, "/b.txt", headers);
    let tag = get("Accept-Encoding: gzip\r\n").header("etag").unwrap().to_owned();
    let plain = get("").header("etag").unwrap().to_owned();
    let part = get("Accept-Encoding: gzip\r\nRange: bytes=5-7\r\n");
    assert_eq!((part.status, part.text().as_str(), part.header("content-encoding")), (206, "567", None));
    assert_eq!(part.header("etag"), Some(plain.as_str()));
    // Bytes of the plain file are not joined to packed ones.
    let whole = get(&format!("Accept-Encoding: gzip\r\nRange: bytes=5-7\r\nIf-Range: {tag}\r\n"));
    assert_eq!((whole.status, whole.body.len(), whole.header("content-encoding")), (200, 1000, None));
}

#[test]
fn packed_answers_follow_each_other_on_one_connection() {
    let world = World::new();
    let server = site(&world, &["--gzip"]);
    let large: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    fs::write(world.folder("site").join("large.txt"), &large).unwrap();
    Client::with(&world, &server.address, async |client| {
        let request =
            |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        client.send(request("HEAD", "/large.txt") + &request("GET", "/large.txt") + &request("GET", "/b.txt")).await;
        let head = client.answer(true).await.unwrap();
        assert_eq!((head.header("content-encoding"), head.header("content-length")), (Some("gzip"), None));
        assert!(unpacked(&client.answer(false).await.unwrap().body) == large);
        assert_eq!(unpacked(&client.answer(false).await.unwrap().body).len(), 1000);
        // HTTP/1.0 knows no chunks.
        client.send("GET /b.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n").await;
        let old = client.answer(false).await.unwrap();
        assert_eq!((old.header("content-encoding"), old.body.len()), (None, 1000));
    });
}

#[test]
fn a_check_names_every_problem_of_a_server_at_once_and_opens_nothing() {
    let world = World::new();
    let good = world.good();
    let check = |text: &str, code: i32| {
        let file = world.scratch.write("serve.toml", text);
        lem_ssl(["serve", "--config", file.to_str().unwrap(), "--check-config"], b"").expect(code)
    };
    let text = format!(
        "listen = \":443\"\nfiles = \"/nowhere\"\ncert = [\n  {:?},\n  \"/nowhere/b.pem\"]\nkey = [{:?}, \"/nowhere/b.key\"]\n\
         client-ca = \"/nowhere/ca.pem\"\n",
        good.chain, good.key
    );
    let failed = check(&text, 2).stderr;
    for said in ["line 2: --files /nowhere is not a folder", "line 5: ", "line 7: ", "3 problems"] {
        assert!(failed.contains(said), "{said}: {failed}");
    }
    let identity = format!("cert = {:?}\nkey = {:?}\n", good.chain, good.key);
    let checked = check(&format!("listen = \":443\"\nfiles = \"/tmp\"\nlist = true\ngzip = true\n{identity}"), 0);
    assert_eq!(checked.text(), "everything can be loaded\n");
    let failed = check(&format!("files = \"/tmp\"\nlisten = \"192.0.2.1:443\"\n{identity}"), 2).stderr;
    assert!(failed.contains("serve.toml, line 2: cannot listen on 192.0.2.1:443: "), "{failed}");
    let failed = check(&format!("listen = \":443\"\n\nlits = true\n{identity}"), 2).stderr;
    assert!(failed.contains("serve.toml, line 3: "), "{failed}");
}
