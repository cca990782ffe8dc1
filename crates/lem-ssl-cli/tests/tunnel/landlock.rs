//! Files and ports that the kernel closes to a process that does not need them.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;

use lem_ssl_rs::spawn;
use lem_ssl_tests::pki::Leaf;

use crate::support::{
    BackEnd, Files, Server, Tunnel, World, as_root, cannot_be_root, echo, lacks_landlock, lem_ssl, run, talk,
};

/// Lets a link lead elsewhere.
fn point(link: &Path, target: &str) {
    let _ = fs::remove_file(link);
    symlink(target, link).unwrap();
}

/// A certificate and its key behind links in a folder of their own.
fn linked(world: &World) -> Files {
    let live = world.folder("live");
    let path = |name: &str| live.join(name).to_str().unwrap().to_owned();
    Files { chain: path("chain.pem"), key: path("key.pem") }
}

fn lead(links: &Files, to: &Files) {
    point(Path::new(&links.chain), &to.chain);
    point(Path::new(&links.key), &to.key);
}

fn issue(world: &World, name: &str, further: &str) -> Files {
    fs::create_dir_all(world.scratch.path().join(name).parent().unwrap()).unwrap();
    world.issue(name, Leaf::server(&["localhost", further]))
}

#[test]
fn a_link_that_leads_out_of_the_folders_of_the_start_is_not_followed_at_a_reload() {
    if lacks_landlock() {
        return;
    }
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let links = linked(&world);
        lead(&links, &issue(&world, "archive/one", "one.example"));
        // The back end has a name, which is resolved.
        let (address, socket) = (back_end.address(), world.folder("run").join("socket"));
        let listen = format!("unix:{}", socket.display());
        let arguments = ["--tls-in", "--connect", &address, "--listen", &listen, "--landlock"];
        let tunnel = Tunnel::start(&[&arguments[..], &links.arguments()].concat());
        tunnel.says("Landlock: files").await;
        let serving = spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        });
        talk(tunnel.tls_as(&world, "one.example").await.unwrap(), b"one").await;
        // To the same folder as before.
        lead(&links, &issue(&world, "archive/two", "two.example"));
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        talk(tunnel.tls_as(&world, "two.example").await.unwrap(), b"two").await;
        lead(&links, &issue(&world, "elsewhere/three", "three.example"));
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place").await;
        assert!(tunnel.running.stderr().contains("permission denied"), "{}", tunnel.running.stderr());
        talk(tunnel.tls_as(&world, "two.example").await.unwrap(), b"three").await;
        assert!(tunnel.tls_as(&world, "three.example").await.is_err());
        serving.cancel();
        // Threads of before would not be bound; the kernel sets this for all those that are.
        for thread in fs::read_dir(format!("/proc/{}/task", tunnel.running.id())).unwrap() {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        }
        assert!(UnixStream::connect(&socket).is_ok());
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
        assert!(!socket.exists());
    });
}

#[test]
fn a_server_of_files_serves_them_and_reads_nothing_else() {
    if lacks_landlock() {
        return;
    }
    let world = World::new();
    let site = world.folder("site");
    fs::write(site.join("hello.txt"), "hello").unwrap();
    let links = linked(&world);
    lead(&links, &issue(&world, "archive/one", "one.example"));
    let arguments = ["--landlock", "--list", "--files", site.to_str().unwrap()];
    let server = Server::start(&[&arguments[..], &links.arguments()].concat());
    let get = |path: &str| {
        let url = format!("https://{}/{path}", server.address);
        let name = ["--server-name", "localhost"];
        lem_ssl([&["get", "--quiet", "--ca", &world.ca, "-o", "-", &url][..], &name].concat(), b"").expect(0).text()
    };
    assert_eq!(get("hello.txt"), "hello");
    assert!(get("").contains("hello.txt"));
    lead(&links, &issue(&world, "elsewhere/two", "two.example"));
    server.signal("HUP");
    server.running.wait_for("not reloaded, the old set stays in place");
    assert_eq!(get("hello.txt"), "hello");
    server.signal("TERM");
    server.running.finish().expect(0);
}

#[test]
fn in_another_root_folder_what_is_read_again_is_open() {
    if lacks_landlock() || cannot_be_root() {
        return;
    }
    let world = World::new();
    run(async {
        let jail = world.folder("jail");
        let files = issue(&world, "jail/certificates/own", "one.example");
        let arguments = ["--tls-in", "--connect", "127.0.0.1:1", "--landlock", "--chroot", jail.to_str().unwrap()];
        let tunnel = Tunnel::start_by(as_root(), &[&arguments[..], &files.arguments()].concat());
        issue(&world, "jail/certificates/own", "two.example");
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        tunnel.tls_as(&world, "two.example").await.unwrap();
        let outside = issue(&world, "jail/elsewhere/own", "three.example");
        for (link, target) in [(&files.chain, &outside.chain), (&files.key, &outside.key)] {
            point(Path::new(link), &format!("/{}", Path::new(target).strip_prefix(&jail).unwrap().display()));
        }
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place").await;
        assert!(tunnel.running.stderr().contains("permission denied"), "{}", tunnel.running.stderr());
    });
}

#[test]
fn the_secrets_of_sessions_are_written_where_they_were_asked_for() {
    if lacks_landlock() {
        return;
    }
    let world = World::new();
    run(async {
        let files = world.good();
        let log = world.folder("secrets").join("log");
        let variable = format!("SSLKEYLOGFILE={}", log.display());
        let arguments = ["--tls-in", "--connect", "127.0.0.1:1", "--landlock", "--key-log"];
        // The command starts without the variable of the tests.
        let tunnel = Tunnel::start_by(&["env", &variable], &[&arguments[..], &files.arguments()].concat());
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        tunnel.tls(&world).await;
        assert!(fs::read_to_string(&log).unwrap().contains("SERVER_HANDSHAKE_TRAFFIC_SECRET"));
    });
}

#[test]
fn roots_that_the_environment_names_are_read_again() {
    if lacks_landlock() {
        return;
    }
    let world = World::new();
    run(async {
        let files = issue(&world, "own/own", "one.example");
        let roots = world.folder("roots").join("roots.pem");
        fs::copy(&world.ca, &roots).unwrap();
        let back_end = BackEnd::tls(&world.good()).await;
        let address = back_end.address();
        let arguments = ["--tls-in", "--tls-out", "--out-system-roots", "--connect", &address, "--landlock"];
        let arguments = [&arguments[..], &files.arguments()].concat();
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_tls().await)).detach();
            }
        })
        .detach();
        let variable = format!("SSL_CERT_FILE={}", roots.display());
        let tunnel = Tunnel::start_by(&["env", "-u", "SSL_CERT_DIR", &variable], &arguments);
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        talk(tunnel.tls(&world).await, b"hello").await;
    });
}
