//! `--checksum`: what has come is what it has to be, or nothing gets its name.

use crate::support::{Downloads, Reply, Site, World, pattern};

/// The SHA-256 of "abc" (FIPS 180-4, its example).
const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_file_with_the_right_checksum_is_there() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let list = world.scratch.write("SUMS", format!("{}  other\n{OF_ABC} *file\n", "00".repeat(32)));
    for further in [["--checksum", &format!("sha256:{OF_ABC}")], ["--checksum-file", list.to_str().unwrap()]] {
        downloads.get_with(&Site::new(&world, [Reply::ok(b"abc")]), &further).expect(0);
        assert_eq!(downloads.read("file"), b"abc");
        assert_eq!(downloads.names(), ["file"]);
    }
}

#[test]
fn a_file_with_another_checksum_gets_no_name_and_is_not_kept() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let further = ["--checksum", &format!("sha256:{OF_ABC}"), "--retries", "3"];
    let ended = downloads.get_with(&Site::new(&world, [Reply::tagged("1", b"abd")]), &further).expect(13);
    assert!(
        ended.stderr.contains("file: what has come has the checksum sha256:") && ended.stderr.contains(OF_ABC),
        "{}",
        ended.stderr
    );
    assert!(downloads.names().is_empty(), "{:?}", downloads.names());
    // What was there before stays.
    downloads.write("file", b"old");
    downloads.get_with(&Site::new(&world, [Reply::tagged("1", b"abd")]), &further).expect(13);
    assert_eq!(downloads.read("file"), b"old");
    assert_eq!(downloads.names(), ["file"]);
}

#[test]
fn what_was_there_before_counts_too() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let further = ["--checksum", &format!("sha256:{OF_ABC}")];
    for (rest, code) in [(&b"abc"[..], 0), (b"abd", 13)] {
        let site = Site::new(&world, [Reply::tagged("1", b"abc").cut(1), Reply::rest("1", 2, rest)]);
        downloads.get_with(&site, &further).expect(10);
        downloads.get_with(&site, &further).expect(code);
        assert!(site.requests()[1].contains("Range: bytes=2-"));
        assert_eq!(downloads.names(), if code == 0 { &["file"][..] } else { &[] });
        let _ = std::fs::remove_file(downloads.path("file"));
    }
}

#[test]
fn standard_output_is_checked_when_it_is_out() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let further = ["--checksum", &format!("sha256:{OF_ABC}")];
    let ended = downloads.print(&Site::new(&world, [Reply::ok(b"abc")]), "/file", &further).expect(0);
    assert_eq!(ended.stdout, b"abc");
    let ended = downloads.print(&Site::new(&world, [Reply::ok(b"abd")]), "/file", &further).expect(13);
    assert!(ended.stderr.contains("it was written already"), "{}", ended.stderr);
}

#[test]
fn a_checksum_that_cannot_be_one_is_told_before_anything_is_asked() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let empty = world.scratch.write("empty", "nothing\n");
    let several = world.scratch.write("several", format!("{OF_ABC}  a\n{OF_ABC}  b\n"));
    for (further, says) in [
        (["--checksum", "md5:00"], "write sha256:"),
        (["--checksum-file", "/nonexistent"], "/nonexistent"),
        (["--checksum-file", empty.to_str().unwrap()], "no SHA-256"),
        (["--checksum-file", several.to_str().unwrap()], "no line for file"),
    ] {
        let ended = downloads.get_with(&Site::new(&world, []), &further).expect(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn a_large_file_is_read_again_to_its_end() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(3_000_001, 1);
    downloads.write("copy", &body);
    let sums = std::process::Command::new("sha256sum").arg(downloads.path("copy")).output().unwrap().stdout;
    let sums = world.scratch.write("SUMS", sums);
    downloads.get_with(&Site::new(&world, [Reply::ok(&body)]), &["--checksum-file", sums.to_str().unwrap()]).expect(0);
}
