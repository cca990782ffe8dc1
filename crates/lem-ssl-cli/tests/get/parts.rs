//! The part file, when others touch it too.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use crate::support::{Downloads, Reply, Running, Site, World, pattern, signal};

/// Waits until so much of it is there.
fn wait_for(downloads: &Downloads, length: u64) {
    while fs::metadata(downloads.path("file.part")).map_or(0, |found| found.len()) < length {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_part_that_somebody_else_has_changed_is_not_gone_on_with() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    for change in [
        |part: &str| fs::OpenOptions::new().append(true).open(part).unwrap().write_all(b"more").unwrap(),
        |part: &str| fs::OpenOptions::new().write(true).open(part).unwrap().set_len(599).unwrap(),
        |part: &str| fs::write(part, [b'x'; 600]).unwrap(),
        |part: &str| fs::write(part, [b'x'; 1000]).unwrap(),
    ] {
        let site = Site::new(&world, [Reply::tagged("v1", &body).cut(400), Reply::tagged("v1", &body)]);
        downloads.get(&site).expect(10);
        std::thread::sleep(Duration::from_millis(20));
        change(&downloads.path("file.part"));
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body);
        assert!(!site.requests()[1].contains("Range"));
    }
}

#[test]
fn a_part_that_is_changed_or_goes_while_it_grows_is_an_error() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let (body, more) = (vec![b'x'; 1000], vec![b'x'; 2000]);
    for change in [
        |part: &str| fs::OpenOptions::new().write(true).open(part).unwrap().set_len(10).unwrap(),
        |part: &str| fs::OpenOptions::new().append(true).open(part).unwrap().write_all(b"more").unwrap(),
        |part: &str| fs::remove_file(part).unwrap(),
        |part: &str| {
            fs::remove_file(part).unwrap();
            fs::write(part, [b'y'; 1000]).unwrap();
        },
    ] {
        let site = Site::new(&world, [Reply::tagged("v1", &more).slowed(1000, Duration::from_millis(600))]);
        let running = downloads.start(&site);
        wait_for(&downloads, body.len() as u64);
        change(&downloads.path("file.part"));
        let ended = running.finish().expect(1);
        assert!(ended.stderr.contains("changed or removed by another program"), "{}", ended.stderr);
        assert!(!downloads.names().contains(&"file".to_owned()));
        for name in downloads.names() {
            fs::remove_file(downloads.path(&name)).unwrap();
        }
    }
}

#[test]
fn what_is_no_file_in_the_place_of_the_part_is_left_alone() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, []);
    downloads.write("precious", b"precious");
    symlink("precious", downloads.path("file.part")).unwrap();
    let ended = downloads.get(&site).expect(2);
    assert!(ended.stderr.contains("file.part is in the way"), "{}", ended.stderr);
    fs::remove_file(downloads.path("file.part")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(downloads.path("file.part")).status().unwrap();
    assert!(made.success());
    downloads.get(&site).expect(2);
    assert_eq!(downloads.read("precious"), b"precious");
}

#[test]
fn notes_are_never_written_through_a_link() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    downloads.write("precious", b"precious");
    for name in ["file.part.json", "file.part.new"] {
        symlink("precious", downloads.path(name)).unwrap();
        let ended = downloads.get(&Site::new(&world, [])).expect(2);
        assert!(ended.stderr.contains(&format!("{name} is in the way")), "{}", ended.stderr);
        fs::remove_file(downloads.path(name)).unwrap();
    }
    assert_eq!((downloads.names(), downloads.read("precious")), (vec!["precious".to_owned()], b"precious".to_vec()));
}

#[test]
fn the_signature_of_a_url_is_kept_for_nobody_else_to_read() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    let other = Reply::tagged("v1", &body).cut(400);
    let site = Site::new(&world, [Reply::tagged("v1", &body).cut(400), Reply::rest("v1", 600, &body), other]);
    let get = |query: &str| {
        let (url, file) = (site.url(&format!("/file?{query}")), downloads.path("file"));
        crate::support::lem_ssl(["get", &url, "--ca", &world.ca, "-o", &file], b"")
    };
    get("signature=secret").expect(10);
    let notes = downloads.path("file.part.json");
    assert!(!String::from_utf8(downloads.read("file.part.json")).unwrap().contains("secret"));
    assert_eq!(fs::metadata(&notes).unwrap().permissions().mode() & 0o777, 0o600);
    // It is known again all the same, and another one is told from it.
    get("signature=secret").expect(0);
    assert!(downloads.read("file") == body);
    get("signature=other").expect(10);
    let requests = site.requests();
    assert!(requests[1].contains("Range: bytes=600-") && !requests[2].contains("Range"), "{requests:?}");
}

/// There is nothing that tells on other systems.
#[cfg(target_os = "linux")]
#[test]
fn a_part_that_was_not_left_in_order_is_not_gone_on_with_after_the_system_has_started_anew() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot = format!("\"boot\":\"{}\",\"synced\":0", boot.trim());
    // What the notes say, and from where the rest is asked for.
    for (noted, from) in [
        (boot.as_str(), Some(600)),
        ("\"boot\":\"another\",\"synced\":0", None),
        // A system that does not tell its runs apart, now or then.
        ("\"boot\":null,\"synced\":0", None),
        ("\"boot\":null", None),
        // Some of it had reached the disk.
        ("\"boot\":\"another\",\"synced\":200", Some(200)),
        ("\"boot\":null,\"synced\":200", Some(200)),
    ] {
        let rest = from.map_or_else(|| Reply::tagged("v1", &body), |from| Reply::rest("v1", from, &body));
        let site = Site::new(&world, [Reply::tagged("v1", &body).stalled(400), rest]);
        let running = downloads.start(&site);
        wait_for(&downloads, 600);
        signal(running.id(), "KILL");
        running.finish();
        let notes = String::from_utf8(downloads.read("file.part.json")).unwrap();
        assert!(notes.contains(&boot), "{notes}");
        downloads.write("file.part.json", notes.replace(&boot, noted).as_bytes());
        if from != Some(600) {
            // What a power failure may leave.
            downloads.write("file.part", &[&body[..200], &[0; 400]].concat());
        }
        downloads.get(&site).expect(0);
        assert!(downloads.read("file") == body, "{noted}");
        let request = site.requests().remove(1);
        let asked = from.map(|from| format!("Range: bytes={from}-\r\n"));
        assert!(asked.map_or(!request.contains("Range"), |asked| request.contains(&asked)), "{noted}: {request}");
    }
}

#[test]
fn how_far_a_long_part_has_reached_the_disk_is_noted_while_it_grows() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(34 << 20, 1);
    let site = Site::new(&world, [Reply::tagged("v1", &body).stalled(400), Reply::tagged("v1", &body)]);
    let running = downloads.start(&site);
    wait_for(&downloads, (34 << 20) - 400);
    signal(running.id(), "KILL");
    running.finish();
    let mut notes: serde_json::Value = serde_json::from_slice(&downloads.read("file.part.json")).unwrap();
    notes["state"]["Written"]["boot"] = serde_json::Value::Null;
    let synced = notes["state"]["Written"]["synced"].as_u64().unwrap();
    assert!(synced >= 32 << 20, "{notes}");
    downloads.write("file.part.json", as_written(&notes).as_bytes());
    downloads.get(&site).expect(0);
    assert!(downloads.read("file") == body);
    let request = site.requests().remove(1);
    assert!(request.contains(&format!("Range: bytes={synced}-\r\n")), "{request}");
}

/// Notes begin with the URL.
fn as_written(notes: &serde_json::Value) -> String {
    let mut rest = notes.clone();
    let url = rest.as_object_mut().unwrap().remove("url").unwrap();
    format!("{{\"url\":{url},{}", &rest.to_string()[1..])
}

#[test]
fn a_file_that_no_download_has_made_is_in_the_way_and_stays() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for name in ["file.part", "file.part.json", "file.part.new"] {
        downloads.write(name, b"not of a download");
        // Nothing is asked for.
        let ended = downloads.get(&Site::new(&world, [])).expect(2);
        assert!(ended.stderr.contains(&format!("{name} is in the way")), "{}", ended.stderr);
        assert_eq!((downloads.names(), downloads.read(name)), (vec![name.to_owned()], b"not of a download".to_vec()));
        fs::remove_file(downloads.path(name)).unwrap();
    }
    // One that shares its content with another file, even if the notes are ours.
    let body = pattern(1000, 1);
    downloads.get(&Site::new(&world, [Reply::tagged("v1", &body).cut(400)])).expect(10);
    fs::hard_link(downloads.path("file.part"), downloads.path("precious")).unwrap();
    let ended = downloads.get(&Site::new(&world, [])).expect(2);
    assert!(ended.stderr.contains("file.part is in the way: it is a hard link"), "{}", ended.stderr);
    assert!(downloads.read("precious") == body[..600]);
}

#[test]
fn a_part_that_cannot_be_gone_on_with_is_known_as_ours_all_the_same() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    let site = Site::new(&world, [Reply::ok(&body).stalled(400), Reply::ok(&body)]);
    let running = downloads.start(&site);
    wait_for(&downloads, 600);
    signal(running.id(), "KILL");
    running.finish();
    downloads.get(&site).expect(0);
    assert!(downloads.read("file") == body);
    assert_eq!(downloads.names(), ["file"]);
}

#[test]
fn a_file_keeps_its_rights_when_it_is_replaced_and_nobody_else_reads_the_part() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let mode = |name: &str| fs::metadata(downloads.path(name)).unwrap().permissions().mode() & 0o7777;
    downloads.write("usual", b"");
    for before in [Some(0o600), Some(0o640), Some(0o755), Some(0o444), None] {
        if let Some(before) = before {
            downloads.write("file", b"old");
            fs::set_permissions(downloads.path("file"), fs::Permissions::from_mode(before)).unwrap();
        }
        let site = Site::new(&world, [Reply::tagged("v1", b"new").stalled(1), Reply::rest("v1", 2, b"new")]);
        let running = downloads.start(&site);
        wait_for(&downloads, 2);
        assert_eq!(mode("file.part"), 0o600);
        signal(running.id(), "KILL");
        running.finish();
        downloads.get(&site).expect(0);
        assert_eq!(mode("file"), before.unwrap_or_else(|| mode("usual")), "{before:?}");
        assert_eq!(downloads.read("file"), b"new");
        fs::remove_file(downloads.path("file")).unwrap();
    }
}

#[test]
fn a_name_as_long_as_names_may_be_is_fetched_and_gone_on_with() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(1000, 1);
    for length in [245, 246, 250, 251, 255] {
        for letter in ["x", "ü"] {
            let name = format!("{}{}", "a".repeat(length % letter.len()), letter.repeat(length / letter.len()));
            let path = downloads.path(&name);
            let site = Site::new(&world, [Reply::tagged("v1", &body).cut(400), Reply::rest("v1", 600, &body)]);
            let get = || {
                let arguments = ["get", &site.url("/file"), "--ca", &world.ca, "-o", &path];
                crate::support::lem_ssl(arguments, b"")
            };
            get().expect(10);
            get().expect(0);
            assert!(fs::read(&path).unwrap() == body, "{length}");
            fs::remove_file(&path).unwrap();
            assert!(downloads.names().is_empty(), "{:?}", downloads.names());
        }
    }
    // What cannot be a file is told before anything is asked for.
    let site = Site::new(&world, []);
    let path = downloads.path(&"x".repeat(256));
    let arguments = ["get", &site.url("/file"), "--ca", &world.ca, "-o", &path];
    let ended = crate::support::lem_ssl(arguments, b"").expect(1);
    assert!(ended.stderr.contains("name too long"), "{}", ended.stderr);
    let url = site.url(&format!("/{}", "x".repeat(256)));
    let ended = crate::support::lem_ssl(["get", &url, "--ca", &world.ca], b"").expect(2);
    assert!(ended.stderr.contains("give -o FILE"), "{}", ended.stderr);
}

#[test]
fn a_full_disk_is_an_error() {
    let world = World::new();
    let body = pattern(1000, 1);
    let site = Site::new(&world, [Reply::ok(&body), Reply::ok(&body)]);
    let ended =
        crate::support::lem_ssl(["get", &site.url("/file"), "--ca", &world.ca, "-o", "/dev/full"], b"").expect(1);
    assert!(ended.stderr.contains("write /dev/full"), "{}", ended.stderr);
    let line = format!("exec \"$0\" get {} --ca {} -o - >/dev/full", site.url("/file"), world.ca);
    let ended = shell(&line);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}

#[test]
fn a_file_that_may_not_become_larger_is_an_error_and_what_is_there_is_kept() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(100_000, 1);
    let site = Site::new(&world, [Reply::tagged("v1", &body), Reply::rest("v1", 8192, &body)]);
    let file = downloads.path("file");
    let ended = shell(&format!("ulimit -f 16; exec \"$0\" get {} --ca {} -o {file}", site.url("/file"), world.ca));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("cannot write") && said.contains("file too large"), "{said}");
    let length = downloads.read("file.part").len();
    assert!(said.contains("8192 bytes of it are in ") && length == 8192, "{length}: {said}");
    downloads.get(&site).expect(0);
    assert!(downloads.read("file") == body);
}

#[test]
fn a_standard_output_that_is_closed_is_an_error() {
    let world = World::new();
    let site = Site::new(&world, []);
    let line = format!("exec \"$0\" get {} --ca {} -o - >&-", site.url("/file"), world.ca);
    let ended = shell(&line);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output is closed"), "{ended:?}");
    // To throw it away is something else.
    let site = Site::new(&world, [Reply::ok(b"x")]);
    let ended = shell(&format!("exec \"$0\" get {} --ca {} -o - >/dev/null", site.url("/file"), world.ca));
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn a_user_signal_does_not_end_a_download() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = vec![b'x'; 2000];
    let site = Site::new(&world, [Reply::ok(&body).slowed(1000, Duration::from_millis(600))]);
    let running: Running = downloads.start(&site);
    wait_for(&downloads, 1000);
    for name in ["USR1", "USR2"] {
        signal(running.id(), name);
    }
    running.finish().expect(0);
    assert!(downloads.read("file") == body);
}

/// Runs a line of a shell's, in which `$0` is the command.
fn shell(line: &str) -> std::process::Output {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line, env!("CARGO_BIN_EXE_lem-ssl")]).env("NO_COLOR", "1").output().unwrap()
}
