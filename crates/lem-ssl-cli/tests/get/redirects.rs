//! Where redirects lead, and where not.

use lem_ssl_tests::pki::Leaf;

use crate::support::{Downloads, Reply, Site, World};

#[test]
fn redirects_are_followed_to_the_end() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let elsewhere = Site::new(&world, [Reply::ok(b"there")]);
    let away = elsewhere.url("/there");
    let site = Site::new(&world, [Reply::redirect("/b/c?d"), Reply::redirect("../e"), Reply::redirect(&away)]);
    let printed = downloads.print(&site, "/a", &["-H", "X-Key: secret", "--quiet"]).expect(0);
    assert_eq!(printed.text(), "there");
    assert_eq!(printed.stderr, "");
    let asked = site.requests();
    for (request, path) in asked.iter().zip(["/a", "/b/c?d", "/e"]) {
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\nHost: localhost:")), "{request}");
        assert!(request.contains("\r\nX-Key: secret\r\n"), "{request}");
    }
    // What was meant for the one server is not told to the other.
    assert!(!elsewhere.requests()[0].contains("secret"));
}

#[test]
fn who_we_are_is_shown_to_the_server_of_the_url_alone() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let client = world.issue("client", Leaf::client(&["a client"]));
    let [_, chain, _, key] = client.arguments();
    let elsewhere = Site::new(&world, [Reply::redirect("/again"), Reply::ok(b"there")]);
    let site = Site::new(&world, [Reply::redirect("/b"), Reply::redirect(&elsewhere.url("/there"))]);
    let printed = downloads.print(&site, "/a", &["--cert", chain, "--key", key, "--quiet"]).expect(0);
    assert_eq!(printed.text(), "there");
    assert_eq!(site.shown(), [true, true]);
    assert_eq!(elsewhere.shown(), [false, false]);
}

#[test]
fn redirects_without_end_are_followed_so_often() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, vec![Reply::redirect("/a"); 4]);
    let ended = downloads.print(&site, "/a", &["--max-redirects", "3"]).expect(12);
    assert!(ended.stderr.contains("more than 3 redirects"), "{}", ended.stderr);
    let site = Site::new(&world, [Reply::redirect("/a")]);
    downloads.print(&site, "/a", &["--max-redirects", "0"]).expect(12);
}

#[test]
fn a_redirect_that_does_not_say_where_to_is_told_as_that() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for status in ["301 Moved Permanently", "302 F", "303 See Other", "307 T", "308 P"] {
        let reply = |headers: &str| Reply::new(&format!("{status}\nContent-Length: 0\n{headers}"), b"");
        for (headers, words) in [
            ("Server: x", "it does not say where to (Location)"),
            ("Location: /a\nLocation: /b", "it leads to several places (Location)"),
        ] {
            let ended = downloads.print(&Site::new(&world, [reply(headers)]), "/a", &[]).expect(12);
            assert!(ended.stderr.contains(&format!("{status}: {words}")), "{}", ended.stderr);
        }
        let twice = Site::new(&world, [reply("Location: /b\nLocation: /b"), Reply::ok(b"there")]);
        assert_eq!(downloads.print(&twice, "/a", &["--quiet"]).expect(0).text(), "there");
    }
}

#[test]
fn no_redirect_leads_out_of_encryption_or_to_nowhere() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for (location, word) in [
        ("http://localhost/file", "is not encrypted"),
        ("ftp://localhost/file", "only https is fetched"),
        ("https://", "no host"),
        ("https://user:secret@localhost/", "Authorization"),
    ] {
        let ended = downloads.get(&Site::new(&world, [Reply::redirect(location)])).expect(12);
        assert!(ended.stderr.contains("302 Found: ") && ended.stderr.contains(word), "{}", ended.stderr);
        assert!(downloads.names().is_empty());
    }
    let site = Site::new(&world, [Reply::new("302 Found\nContent-Length: 0", b"")]);
    let ended = downloads.get(&site).expect(12);
    assert!(ended.stderr.contains("/file: 302 Found"), "{}", ended.stderr);
}
