//! Other users, whom nobody but root becomes: these tests need it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use lem_ssl_rs::spawn;
use lem_ssl_tests::pki::Leaf;

use crate::support::{BackEnd, Tunnel, World, cannot_change_user, echo, lacks_landlock, run, start_by, talk};

/// What /proc says of each thread: real, effective, saved and file system's users, the same of groups, and all groups.
fn rights(process: u32) -> BTreeSet<[String; 3]> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let rights = threads.map(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        ["Uid:", "Gid:", "Groups:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    });
    rights.collect()
}

fn expected(user: &str, group: &str, groups: &str) -> BTreeSet<[String; 3]> {
    let four = |id: &str| [id; 4].join(" ");
    [[four(user), four(group), groups.to_owned()]].into()
}

/// A world that others than root may look into.
fn world() -> World {
    let world = World::new();
    fs::set_permissions(world.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// What root has started with, and would leave behind.
const ROOTS_GROUPS: [&str; 3] = ["setpriv", "--groups", "4,24"];

#[test]
#[ignore = "needs other programs"]
fn a_number_that_is_no_user_has_no_groups_but_its_own() {
    if cannot_change_user() {
        return;
    }
    let world = world();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.issue("own", Leaf::server(&["localhost"]));
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
        let socket = world.folder("run").join("socket");
        let (address, listen) = (back_end.address(), format!("unix:{}", socket.display()));
        let arguments = ["--tls-in", "--connect", &address, "--listen", &listen, "--metrics=127.0.0.1:0"];
        let rest = ["--user", "3999999999", "--group", "3999999998", "--reload-interval", "3600"];
        let arguments = [&arguments[..], &rest, &files.arguments()].concat();
        let tunnel = Tunnel::start_by(&ROOTS_GROUPS, &arguments);
        let serving = spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        });
        talk(tunnel.tls(&world).await, b"one").await;
        tunnel.says(&format!("warning: {}: out of reach after the start (user 3999999999, group", files.key)).await;
        assert_eq!(tunnel.running.stderr().matches("out of reach").count(), 1, "{}", tunnel.running.stderr());
        world.issue("own", Leaf::server(&["localhost", "second.example"]));
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place").await;
        talk(tunnel.tls(&world).await, b"two").await;
        assert!(tunnel.tls_as(&world, "second.example").await.is_err());
        // Names and files are for threads of their own.
        assert!(fs::read_dir(format!("/proc/{}/task", tunnel.running.id())).unwrap().count() > 1);
        assert_eq!(rights(tunnel.running.id()), expected("3999999999", "3999999998", ""));
        serving.cancel();
        // The folder of the socket is root's: it stays, and is in nobody's way.
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
        assert!(socket.exists());
        let tunnel = Tunnel::start(&arguments);
        fs::remove_file(&socket).unwrap();
        let theirs = UnixListener::bind(&socket).unwrap();
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
        assert!(socket.exists(), "it is another one");
        drop(theirs);
    });
}

/// Runs a command where there are these users and groups, and no others.
fn with_users(world: &World) -> [String; 4] {
    let passwd = world.scratch.write("passwd", "root:x:0:0::/:/bin/sh\nlem:x:3000:3001::/:/bin/sh\n");
    let group =
        world.scratch.write("group", "root:x:0:\nlem:x:3001:\nkeys:x:3002:lem\nweb:x:3003:lem,root\nalone:x:3004:\n");
    let script = format!(
        "mount --bind {} /etc/passwd && mount --bind {} /etc/group && exec setpriv --groups 4,24 \"$0\" \"$@\"",
        passwd.display(),
        group.display()
    );
    ["unshare".to_owned(), "-m".to_owned(), "sh".to_owned(), format!("-c\n{script}")]
}

#[test]
#[ignore = "needs other programs"]
fn a_user_has_its_own_groups_and_none_of_roots() {
    if cannot_change_user() {
        return;
    }
    let world = world();
    run(async {
        let by = with_users(&world);
        let (shell, script) = by[3].split_once('\n').unwrap();
        let by = [&by[0], &by[1], &by[2], shell, script];
        let files = world.issue("own", Leaf::server(&["localhost"]));
        // It is in the group of keys.
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&files.key, Some(0), Some(3002)).unwrap();
        for (further, groups) in [
            (&["--user", "lem"][..], ["3000", "3001", "3001 3002 3003"]),
            (&["--user", "3000"], ["3000", "3001", "3001 3002 3003"]),
            (&["--user", "lem", "--group", "alone"], ["3000", "3004", "3002 3003 3004"]),
            (&["--user", "lem", "--group", "7"], ["3000", "7", "7 3002 3003"]),
        ] {
            let arguments = ["--tls-in", "--connect", "127.0.0.1:1"];
            let tunnel = Tunnel::start_by(&by, &[&arguments[..], further, &files.arguments()].concat());
            assert_eq!(rights(tunnel.running.id()), expected(groups[0], groups[1], groups[2]), "{further:?}");
            tunnel.signal("HUP");
            tunnel.says("reloaded; new connections").await;
            assert!(!tunnel.running.stderr().contains("out of reach"), "{}", tunnel.running.stderr());
            tunnel.tls(&world).await;
        }
    });
}

#[test]
#[ignore = "needs other programs"]
fn rights_that_outlast_the_change_are_noticed_and_nobody_is_served() {
    if cannot_change_user() {
        return;
    }
    // Root's capabilities stay with the process, whatever user it becomes.
    let by = ["setpriv", "--securebits=+no_setuid_fixup"];
    let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--plain", "--connect", "127.0.0.1:1"];
    let finished = start_by(&by, [&arguments[..], &["--user", "3999999999", "--group", "7"]].concat()).finish();
    let finished = finished.expect(1);
    assert!(finished.stderr.contains("could become root again"), "{}", finished.stderr);
    assert_eq!(finished.text(), "");
}

#[test]
#[ignore = "needs other programs"]
fn user_root_folder_and_rules_of_the_kernel_go_together() {
    if cannot_change_user() || lacks_landlock() {
        return;
    }
    let world = world();
    run(async {
        let jail = world.folder("jail");
        let back_end = BackEnd::plain().await;
        let address = back_end.address().replace("localhost", "127.0.0.1");
        let files = world.good();
        let run = world.folder("jail/run");
        std::os::unix::fs::chown(&run, Some(3_999_999_999), None).unwrap();
        let listen = format!("unix:{}/socket", run.display());
        let arguments = ["--tls-in", "--connect", &address, "--listen", &listen, "--landlock"];
        let rest = ["--user", "3999999999", "--group", "7", "--chroot", jail.to_str().unwrap()];
        let tunnel = Tunnel::start(&[&arguments[..], &rest, &files.arguments()].concat());
        let client = spawn(talk(tunnel.tls(&world).await, b"hello"));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
        assert_eq!(rights(tunnel.running.id()), expected("3999999999", "7", ""));
        let root = fs::metadata(format!("/proc/{}/root/", tunnel.running.id())).unwrap();
        assert_eq!(root.ino(), fs::metadata(&jail).unwrap().ino());
        assert!(!tunnel.running.stderr().contains("without --user"));
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
        assert!(!Path::new(&listen["unix:".len()..]).exists(), "its folder is the user's");
    });
}
