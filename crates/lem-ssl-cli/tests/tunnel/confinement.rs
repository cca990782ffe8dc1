//! Another root folder; and what is said where rights cannot be given up. Other users need root: `interop` has them.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use lem_ssl_rs::{ReadMode, spawn};
use lem_ssl_tests::pki::Leaf;

use crate::support::{
    BackEnd, Server, Tunnel, World, as_root, cannot_be_root, echo, lem_ssl, run, signal, start_by, talk,
};

/// Copies a file to where it is at the same path in this root folder.
fn copy_into(jail: &Path, file: &str) {
    let inside = jail.join(file.trim_start_matches('/'));
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(file, inside).unwrap();
}

#[test]
fn in_another_root_folder_the_rest_is_out_of_sight_and_clients_are_served_as_before() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address().replace("localhost", "127.0.0.1");
        let files = world.issue("own", Leaf::server(&["localhost"]));
        let jail = world.folder("jail");
        let arguments = ["--tls-in", "--connect", &address, "--chroot", jail.to_str().unwrap()];
        let tunnel = Tunnel::start_by(as_root(), &[&arguments[..], &files.arguments()].concat());
        let process = tunnel.running.id();
        for link in ["root", "cwd"] {
            let seen = fs::read_link(format!("/proc/{process}/{link}")).unwrap();
            assert_eq!(seen, jail.canonicalize().unwrap(), "{link}");
        }
        for file in [&files.chain, &files.key] {
            let line = format!("warning: {file}: out of reach after the start (root folder {})", jail.display());
            tunnel.says(&line).await;
        }
        tunnel.says("--chroot without --user").await;
        assert!(!tunnel.running.stderr().contains("resolv.conf"), "no name is resolved");
        let serving = spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        });
        talk(tunnel.tls(&world).await, b"one").await;
        // What is read again is what is in the new root folder: nothing, at first.
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place").await;
        talk(tunnel.tls(&world).await, b"two").await;
        world.issue("own", Leaf::server(&["localhost", "second.example"]));
        copy_into(&jail, &files.chain);
        copy_into(&jail, &files.key);
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        talk(tunnel.tls_as(&world, "second.example").await.unwrap(), b"three").await;
        serving.cancel();
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
    });
}

#[test]
fn what_is_inside_of_the_new_root_folder_stays_what_it_was() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    run(async {
        let jail = world.folder("jail");
        let run = world.folder("jail/run");
        let files = world.issue("jail/own", Leaf::server(&["localhost"]));
        let theirs = UnixListener::bind(run.join("back-end")).unwrap();
        let (to, front) = (format!("unix:{}/back-end", run.display()), format!("unix:{}/front", run.display()));
        let arguments = ["--tls-in", "--connect", &to, "--listen", &front, "--chroot", jail.to_str().unwrap()];
        let tunnel = Tunnel::start_by(as_root(), &[&arguments[..], &files.arguments()].concat());
        world.issue("jail/own", Leaf::server(&["localhost", "second.example"]));
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        let client = tunnel.tls_as(&world, "second.example").await.unwrap();
        drop(theirs.accept().unwrap());
        assert_eq!(client.read(ReadMode::All).await.unwrap(), b"");
        drop(client);
        assert!(!tunnel.running.stderr().contains("out of reach"), "{}", tunnel.running.stderr());
        assert!(UnixStream::connect(run.join("front")).is_ok());
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
        assert!(!run.join("front").exists() && run.join("back-end").exists());
    });
}

#[test]
fn a_socket_outside_of_the_new_root_folder_stays_and_so_does_what_is_at_its_path_inside() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let (jail, path) = (world.folder("jail"), world.folder("run").join("socket"));
    let inside = jail.join(path.strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    let theirs = UnixListener::bind(&inside).unwrap();
    let listen = format!("unix:{}", path.display());
    for command in [&["tunnel", "--plain", "--connect", "127.0.0.1:1"][..], &["serve", "--echo", "--self-signed", "a"]]
    {
        // The second start finds what the first one has left.
        let arguments = [command, &["--listen", &listen, "--chroot", jail.to_str().unwrap()]].concat();
        let mut running = start_by(as_root(), arguments);
        assert_eq!(running.first_line(), format!("listening on {listen}"));
        assert!(UnixStream::connect(&path).is_ok());
        signal(running.id(), "TERM");
        running.finish().expect(0);
        assert!(path.exists() && inside.exists());
    }
    drop(theirs);
}

#[test]
fn a_start_whose_root_folder_cannot_be_changed_leaves_no_socket() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let (jail, inside) = (world.folder("jail"), world.folder("jail/run").join("socket"));
    let listen = format!("unix:{}", inside.display());
    // Root without the right to it, as in a container.
    let by = [as_root(), &["setpriv", "--bounding-set", "-sys_chroot"]].concat();
    for command in [&["tunnel", "--plain", "--connect", "127.0.0.1:1"][..], &["serve", "--echo", "--self-signed", "a"]]
    {
        let arguments = [command, &["--listen", &listen, "--chroot", jail.to_str().unwrap()]].concat();
        let failed = start_by(&by, arguments).finish().expect(1);
        assert!(failed.stderr.contains("the root folder (--chroot)"), "{}", failed.stderr);
        assert!(!inside.exists());
    }
}

#[test]
fn a_folder_is_served_from_inside_of_the_new_root_folder() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let site = world.folder("jail/site");
    fs::write(site.join("hello.txt"), "hello").unwrap();
    let files = world.good();
    let arguments = [&["--files", site.to_str().unwrap()][..], &files.arguments()].concat();
    let (jail, other) = (world.folder("jail"), world.folder("other"));
    let outside = ["--listen", "127.0.0.1:0", "--chroot", other.to_str().unwrap()];
    let refused = start_by(as_root(), [&["serve"][..], &outside, &arguments].concat()).finish().expect(2);
    assert!(refused.stderr.contains("(--files) is not inside of the --chroot folder"), "{}", refused.stderr);
    let server = Server::start_by(as_root(), &[&arguments[..], &["--chroot", jail.to_str().unwrap()]].concat());
    let url = format!("https://{}/hello.txt", server.address);
    let got = lem_ssl(["get", "--quiet", "--ca", &world.ca, "-o", "-", &url], b"").expect(0);
    assert_eq!(got.text(), "hello");
    server.running.wait_for(&format!("warning: {}: out of reach", files.key));
    server.signal("HUP");
    server.running.wait_for("not reloaded, the old set stays in place");
    server.signal("TERM");
    server.running.finish().expect(0);
}

#[test]
fn the_service_manager_is_reached_from_another_root_folder() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let path = world.folder("run").join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).expect("it says something");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let (jail, manager) = (world.folder("jail"), format!("NOTIFY_SOCKET={}", path.display()));
    let arguments = ["--plain", "--connect", "127.0.0.1:1", "--chroot", jail.to_str().unwrap()];
    let tunnel = Tunnel::start_by(&[as_root(), &["env", &manager]].concat(), &arguments);
    assert_eq!(heard(), "READY=1");
    tunnel.signal("TERM");
    assert_eq!(heard(), "STOPPING=1");
    tunnel.finish().expect(0);
}

#[test]
fn names_that_cannot_be_asked_for_any_more_are_told() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    run(async {
        let jail = world.folder("jail");
        let arguments = ["--plain", "--connect", "localhost:1", "--chroot", jail.to_str().unwrap()];
        let tunnel = Tunnel::start_by(as_root(), &arguments);
        tunnel.says("warning: /etc/resolv.conf: out of reach after the start").await;
    });
}

const PLAIN: [&str; 6] = ["tunnel", "--listen", "127.0.0.1:0", "--plain", "--connect", "127.0.0.1:1"];

#[test]
fn what_cannot_be_given_up_is_told_at_the_start() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let file = world.scratch.write("file", "x");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--self-signed", "a", "--echo"];
    for (further, says) in [
        (&["--user", "nobody-of-this-name"][..], "there is no user \"nobody-of-this-name\" (--user)"),
        (&["--user", ""], "\"\" is no name (--user)"),
        (&["--user", "root"], "root is root, and would give up nothing (--user)"),
        (&["--user", "0", "--group", "7"], "0 is root, and would give up nothing (--user)"),
        (&["--user", "4294967295"], "\"4294967295\" is too large a number (--user)"),
        (&["--user", "3999999999"], "3999999999 is not among the users, and so has no group: give --group (--user)"),
        (&["--user", "3999999999", "--group", "no-group"], "there is no group \"no-group\" (--group)"),
        (&["--group", "7"], "--user"),
        (&["--chroot", "/nowhere"], "cannot use /nowhere (--chroot)"),
        (&["--chroot", file.to_str().unwrap()], "(--chroot): not a directory"),
    ] {
        for command in [&PLAIN, &serve] {
            let finished = start_by(as_root(), [&command[..], further].concat()).finish().expect(2);
            assert!(finished.stderr.contains(says), "{further:?}: {}", finished.stderr);
            assert_eq!((finished.stderr.lines().count(), finished.text().as_str()), (1, ""));
        }
    }
}

#[test]
fn who_is_not_root_is_told_so_and_a_check_remarks_on_it() {
    let world = World::new();
    let jail = world.folder("jail");
    // In a namespace without users nobody is root.
    let nobody = ["unshare", "-U"];
    for further in [&["--user", "3999999999", "--group", "7"][..], &["--chroot", jail.to_str().unwrap()]] {
        let finished = start_by(&nobody, [&PLAIN, further].concat()).finish().expect(2);
        assert!(finished.stderr.contains("--user and --chroot are for root"), "{}", finished.stderr);
        assert_eq!(finished.text(), "");
        let checked = start_by(&nobody, [&PLAIN, further, &["--check-config"]].concat()).finish().expect(0);
        assert!(checked.stderr.contains("remark: --user and --chroot are for root"), "{}", checked.stderr);
        assert_eq!(checked.text(), "everything can be loaded\n");
    }
}

#[test]
fn a_check_names_users_and_folders_that_are_not_there_with_their_lines() {
    let world = World::new();
    let text = format!(
        "plain = true\nlisten = \":443\"\nconnect = \"localhost:1\"\nlandlock = true\nuser = \"nobody-of-this-name\"\n\
         chroot = \"/nowhere\"\nacme = \"a.test\"\nacme-state = {:?}\n",
        world.folder("state")
    );
    let file = world.scratch.write("tunnel.toml", &text);
    let check = |file: &Path| lem_ssl(["tunnel", "--check-config", "--config", file.to_str().unwrap()], b"").expect(2);
    let failed = check(&file);
    for said in ["line 5: there is no user", "line 6: cannot use /nowhere (--chroot)"] {
        assert!(failed.stderr.contains(said), "{said}: {}", failed.stderr);
    }
    let text = text.replace("/nowhere", world.folder("jail").to_str().unwrap()).replace("user = \"nob", "#");
    let failed = check(&world.scratch.write("tunnel.toml", text));
    assert!(failed.stderr.contains("line 8: "), "{}", failed.stderr);
    assert!(failed.stderr.contains("(--acme-state) is not inside of the --chroot folder"), "{}", failed.stderr);
}
