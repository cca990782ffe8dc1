//! Where downloads go to.

use std::fs;
use std::io::Read;

use crate::support::{Downloads, Reply, Running, Site, World, pattern};

#[test]
fn a_file_that_is_there_is_replaced_when_the_new_one_is_whole() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.write("file", b"old");
    let ended = downloads.get(&Site::new(&world, [Reply::ok(b"new")])).expect(0);
    assert_eq!(downloads.read("file"), b"new");
    assert!(ended.stderr.starts_with("file: 3 bytes; "), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"");
    assert_eq!(downloads.names(), ["file"]);
}

#[test]
fn an_empty_file_is_a_file() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.get(&Site::new(&world, [Reply::ok(b"")])).expect(0);
    assert_eq!(downloads.read("file"), b"");
    assert_eq!(downloads.names(), ["file"]);
}

#[test]
fn a_link_stays_one_and_what_it_leads_to_is_replaced() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.write("real", b"old");
    std::os::unix::fs::symlink(downloads.path("real"), downloads.path("file")).unwrap();
    downloads.get(&Site::new(&world, [Reply::ok(b"new")])).expect(0);
    assert!(fs::symlink_metadata(downloads.path("file")).unwrap().is_symlink());
    assert_eq!(downloads.read("real"), b"new");
    // Also when it is not there.
    fs::remove_file(downloads.path("real")).unwrap();
    downloads.get(&Site::new(&world, [Reply::ok(b"new again")])).expect(0);
    assert!(fs::symlink_metadata(downloads.path("file")).unwrap().is_symlink());
    assert_eq!(downloads.read("real"), b"new again");
    // One that leads to a device is written through, and not replaced.
    fs::remove_file(downloads.path("file")).unwrap();
    std::os::unix::fs::symlink("/dev/null", downloads.path("file")).unwrap();
    downloads.get(&Site::new(&world, [Reply::ok(b"new")])).expect(0);
    assert_eq!(downloads.names(), ["file", "real"]);
}

#[test]
fn without_a_name_the_urls_is_taken_and_nothing_overwritten() {
    let world = World::new();
    let folder = world.folder("elsewhere");
    let site = Site::new(&world, [Reply::ok(b"content")]);
    let get = |path: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
        command.env_remove("https_proxy").env_remove("HTTPS_PROXY");
        command.args(["get", &site.url(path), "--ca", &world.ca]).current_dir(&folder).output().unwrap()
    };
    let ended = get("/some/name%20it.txt?x=y");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(fs::read(folder.join("name it.txt")).unwrap(), b"content");
    let ended = get("/other/name%20it.txt");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let ended = get("/some/");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

#[test]
fn the_reader_of_standard_output_may_leave() {
    let world = World::new();
    let body = pattern(8 << 20, 1);
    let site = Site::new(&world, [Reply::ok(&body)]);
    let mut running = Running::start(["get", &site.url("/file"), "-o", "-", "--ca", &world.ca]);
    let mut output = running.stdout();
    let mut begin = [0; 1000];
    output.read_exact(&mut begin).unwrap();
    assert!(begin == body[..1000]);
    drop(output);
    running.finish().expect(0);
}

#[test]
fn two_downloads_do_not_write_to_one_file() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, [Reply::tagged("1", &[b'x'; 1000]).stalled(1)]);
    let first = downloads.start(&site);
    while fs::metadata(downloads.path("file.part")).map_or(0, |found| found.len()) < 999 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = downloads.get(&site).expect(1);
    assert!(second.stderr.contains("another download is writing to"), "{}", second.stderr);
    // Ctrl-C keeps what is there.
    crate::support::signal(first.id(), "INT");
    let ended = first.finish().expect(130);
    assert!(ended.stderr.contains("interrupted; 999 bytes of it are in "), "{}", ended.stderr);
    assert_eq!(downloads.names(), ["file.part", "file.part.json"]);
}

#[test]
fn a_pipe_without_a_reader_does_not_keep_a_download_for_ever() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    assert!(std::process::Command::new("mkfifo").arg(downloads.path("file")).status().unwrap().success());
    let ended = downloads.get_with(&Site::new(&world, []), &["--max-time", "0.2"]).expect(10);
    assert!(ended.stderr.contains("is not complete after 0.2 s"), "{}", ended.stderr);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let running = downloads.start(&Site::new(&world, []));
        // It catches signals as soon as it has a thread for them.
        let threads = format!("/proc/{}/task", running.id());
        while fs::read_dir(&threads).unwrap().count() < 3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        crate::support::signal(running.id(), name);
        running.finish().expect(code);
    }
    assert_eq!(downloads.names(), ["file"]);
}

#[test]
fn a_name_that_cannot_be_one_of_a_file_is_told_before_anything_is_asked_for() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, []);
    for name in ["new/", "", "..", "none/.."] {
        let (path, url) = (downloads.path(name), site.url("/file"));
        let path = if name.is_empty() { name } else { &path };
        crate::support::lem_ssl(["get", &url, "-o", path, "--ca", &world.ca], b"").expect(2);
        assert!(downloads.names().is_empty(), "{name}");
    }
}

#[test]
fn a_place_where_nothing_can_be_written_is_told() {
    let world = World::new();
    let site = Site::new(&world, []);
    let folder = world.folder("folder");
    for (path, code) in [(folder.to_str().unwrap().to_owned(), 2), (format!("{}/none/file", folder.display()), 1)] {
        let ended =
            crate::support::lem_ssl(["get", &site.url("/file"), "-o", &path, "--ca", &world.ca], b"").expect(code);
        assert!(ended.stderr.contains("folder"), "{}", ended.stderr);
    }
}
