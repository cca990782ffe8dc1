//! `--remote-header-name`: the server names the file, and leads nowhere with it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Reply, Site, World};

fn get(world: &World, folder: &Path, url: &str, further: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
    command.env_remove("https_proxy").env_remove("HTTPS_PROXY");
    command.args(["get", url, "--ca", &world.ca, "-J"]).args(further).current_dir(folder).output().unwrap()
}

fn named(disposition: &str, body: &[u8]) -> Reply {
    Reply::new(&format!("200 OK\nContent-Disposition: {disposition}\nContent-Length: {}", body.len()), body)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_has_the_name_that_the_server_gives() {
    let world = World::new();
    for (number, (path, disposition, name)) in [
        ("/get?id=7", "attachment; filename=\"report 7.pdf\"", "report 7.pdf"),
        ("/", "attachment; filename*=UTF-8''%e2%82%ac.txt", "\u{20ac}.txt"),
        ("/x", "attachment; filename=\"../../up.txt\"", "up.txt"),
        // What cannot be a name leaves the URL's.
        ("/x", "attachment; filename=\".bashrc\"", "x"),
        ("/x", "inline", "x"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = world.folder(&format!("names-{number}"));
        let site = Site::new(&world, [named(disposition, b"content")]);
        let ended = get(&world, &folder, &site.url(path), &[]);
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(names(&folder), [name]);
        assert!(String::from_utf8_lossy(&ended.stderr).starts_with(&format!("{name}: 7 bytes")), "{ended:?}");
    }
}

#[test]
fn a_name_that_the_download_needs_for_itself_is_refused() {
    let world = World::new();
    for (number, name) in ["x.part", "x.part.json", "x.part.new", "X.Part.JSON"].into_iter().enumerate() {
        for further in [&[][..], &["--overwrite"]] {
            let folder = world.folder(&format!("own-{number}-{}", further.len()));
            let reply = Reply::new(
                &format!("200 OK\nETag: \"1\"\nContent-Disposition: attachment; filename={name}\nContent-Length: 7"),
                b"content",
            );
            let site = Site::new(&world, [reply]);
            let ended = get(&world, &folder, &site.url("/x"), further);
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            assert!(String::from_utf8_lossy(&ended.stderr).contains(&format!("calls the file {name}")), "{ended:?}");
            assert!(names(&folder).is_empty(), "{name}");
        }
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_if_that_is_asked_for() {
    let world = World::new();
    let folder = world.folder("there");
    fs::write(folder.join("a.txt"), "old").unwrap();
    let site =
        Site::new(&world, [named("attachment; filename=a.txt", b"new"), named("attachment; filename=a.txt", b"new")]);
    let ended = get(&world, &folder, &site.url("/x"), &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("a.txt exists: give -o a.txt or --overwrite"), "{ended:?}");
    assert_eq!((names(&folder), fs::read(folder.join("a.txt")).unwrap()), (vec!["a.txt".to_owned()], b"old".to_vec()));
    assert!(get(&world, &folder, &site.url("/x"), &["--overwrite"]).status.success());
    assert_eq!((names(&folder), fs::read(folder.join("a.txt")).unwrap()), (vec!["a.txt".to_owned()], b"new".to_vec()));
    // A link to a file of somebody else's is replaced, and not written through.
    fs::write(folder.join("theirs"), "theirs").unwrap();
    std::os::unix::fs::symlink("theirs", folder.join("link")).unwrap();
    let site = Site::new(&world, [named("attachment; filename=link", b"new")]);
    assert!(get(&world, &folder, &site.url("/x"), &["--overwrite"]).status.success());
    assert_eq!(fs::read(folder.join("theirs")).unwrap(), b"theirs");
}

#[test]
fn a_download_that_goes_on_has_the_name_of_before() {
    let world = World::new();
    let folder = world.folder("resumed");
    let whole = Reply::new(
        "200 OK\nETag: \"1\"\nContent-Disposition: attachment; filename=a.bin\nContent-Length: 6",
        b"abcdef",
    );
    let site = Site::new(&world, [whole.cut(2), Reply::rest("1", 4, b"abcdef")]);
    assert_eq!(get(&world, &folder, &site.url("/x"), &[]).status.code(), Some(10));
    assert_eq!(names(&folder), ["x.part", "x.part.json"]);
    assert!(get(&world, &folder, &site.url("/x"), &[]).status.success());
    assert_eq!(names(&folder), ["a.bin"]);
}

#[test]
fn without_any_name_nothing_is_downloaded() {
    let world = World::new();
    let folder = world.folder("nameless");
    let site = Site::new(&world, [Reply::ok(b"content")]);
    let ended = get(&world, &folder, &site.url("/"), &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("give -o FILE"), "{ended:?}");
    assert!(names(&folder).is_empty());
}

#[test]
fn only_a_name_that_the_user_gives_leads_to_a_device_or_a_pipe() {
    let world = World::new();
    let folder = world.folder("pipe");
    assert!(Command::new("mkfifo").arg(folder.join("x")).status().unwrap().success());
    fs::create_dir(folder.join("y")).unwrap();
    // The name in the URL is not the one that counts.
    for path in ["/x", "/y"] {
        let site = Site::new(&world, [named("attachment; filename=a.txt", b"content")]);
        let ended = get(&world, &folder, &site.url(path), &["--overwrite", "--max-time", "30"]);
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((names(&folder), fs::read(folder.join("a.txt")).unwrap().len()), (files(&["a.txt", "x", "y"]), 7));
        fs::remove_file(folder.join("a.txt")).unwrap();
    }
    for (name, said) in [("x", "x is not a regular file"), ("y", "y is a folder")] {
        let site = Site::new(&world, [named(&format!("attachment; filename={name}"), b"content")]);
        let ended = get(&world, &folder, &site.url("/z"), &["--overwrite"]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(said), "{ended:?}");
        let site = Site::new(&world, []);
        let url = site.url(&format!("/{name}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
        let ended =
            command.args(["get", &url, "--ca", &world.ca, "--overwrite"]).current_dir(&folder).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(said), "{ended:?}");
    }
    assert_eq!(names(&folder), ["x", "y"]);
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
