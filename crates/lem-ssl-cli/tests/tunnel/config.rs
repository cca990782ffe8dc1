//! A configuration file, and its check.

use lem_ssl_rs::{ReadMode, TcpStream, spawn};

use crate::support::{BackEnd, Files, Tunnel, World, echo, lem_ssl, run, talk};

/// A file with this in it, and what `--config` is given.
fn written(world: &World, text: &str) -> String {
    world.scratch.write("tunnel.toml", text).to_str().unwrap().to_owned()
}

fn identity(files: &Files) -> String {
    format!("cert = {:?}\nkey = {:?}\n", files.chain, files.key)
}

#[test]
fn a_tunnel_is_what_its_file_says_and_the_command_line_counts_more() {
    let world = World::new();
    run(async {
        let (a, default) = (BackEnd::plain().await, BackEnd::plain().await);
        let files = world.issue("names", lem_ssl_tests::pki::Leaf::server(&["a.example", "localhost"]));
        let file = written(
            &world,
            &format!(
                "tls-in = true\nconnect = [{:?}]\nlog-format = \"plain\"\nidle-timeout = 600\n{}[route]\n\"a.example\" = {:?}\n",
                default.address(),
                identity(&files),
                a.address()
            ),
        );
        let tunnel = Tunnel::start(&["--config", &file, "--log-format", "json"]);
        let client = tunnel.tls_as(&world, "a.example").await.unwrap();
        client.close_write().unwrap();
        let server = a.accept_plain().await;
        server.write("a").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(client.read(ReadMode::All).await.unwrap(), b"a");
        tunnel.says("\"route\":\"a.example\"").await;
        let talking = spawn(talk(tunnel.tls(&world).await, b"hello"));
        echo(default.accept_plain().await).await;
        talking.await.unwrap();
    });
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    let world = World::new();
    for (text, said) in [
        (
            "tls-in = true\nconnect = [\"localhost:1\"]\nconect = 7\n",
            "tunnel.toml, line 3: unexpected argument '--conect'",
        ),
        (
            "plain = true\nidle-timeout = \"soon\"\nconnect = \"localhost:1\"\n",
            "tunnel.toml, line 2: invalid value 'soon'",
        ),
        ("plain = true\nconnect = [\n", "tunnel.toml, line "),
        (
            "plain = true\nclient-cert-required = false\nconnect = \"localhost:1\"\n",
            "tunnel.toml, line 2: there is no option --client-cert-required",
        ),
        ("plain = true\nconnect = \"localhost:1\"\nclient-cas = []\n", "line 3: there is no option --client-cas"),
        ("tls-in = true\nconnect = \"localhost:1\"\ncert = false\n", "line 3: a text or a number is wanted here"),
    ] {
        let file = written(&world, text);
        let failed = lem_ssl(["tunnel", "--listen", "127.0.0.1:0", "--config", &file], b"").expect(2);
        assert!(failed.stderr.contains(said), "{}", failed.stderr);
    }
    let failed = lem_ssl(["tunnel", "--config", "/nowhere/tunnel.toml"], b"").expect(2);
    assert!(failed.stderr.contains("/nowhere/tunnel.toml: cannot be read"), "{}", failed.stderr);
    let failed = lem_ssl(["tunnel", "--config", "/dev/zero"], b"").expect(2);
    assert!(failed.stderr.contains("/dev/zero: it is too long for a configuration"), "{}", failed.stderr);
}

#[test]
fn a_check_names_every_problem_at_once_and_opens_nothing() {
    let world = World::new();
    let good = world.good();
    let nonsense = world.scratch.write("nonsense.pem", "nonsense").to_str().unwrap().to_owned();
    let text = format!(
        "tls-in = true\nlisten = \":443\"\nconnect = [\"localhost:1\",\n  \"no port\"]\ncert = [\n  {:?},\n  \"/nowhere/b.pem\"]\n\
         key = [{:?}, \"/nowhere/b.key\"]\nclient-ca = {nonsense:?}\nocsp = \"/nowhere/staple.der\"\n",
        good.chain, good.key
    );
    let file = written(&world, &text);
    let failed = lem_ssl(["tunnel", "--config", &file, "--check-config"], b"").expect(2);
    for said in ["line 4: ", "line 7: ", "line 9: ", "line 10: ", "4 problems"] {
        assert!(failed.stderr.contains(said), "{said}: {}", failed.stderr);
    }
    // What is wrong with the roots is not said of the list, which is good.
    let list = world.scratch.write("list.pem", world.root.revocation_list_pem(&[]));
    let text = format!(
        "tls-in = true\nlisten = \":443\"\nconnect = \"localhost:1\"\n{}client-ca = \"/nowhere/x.pem\"\nclient-crl = {list:?}\n",
        identity(&good)
    );
    let failed = lem_ssl(["tunnel", "--config", &written(&world, &text), "--check-config"], b"").expect(2);
    assert!(failed.stderr.contains("line 6: ") && failed.stderr.contains("1 problem"), "{}", failed.stderr);
    // Two options may be set to the same.
    let text = format!(
        "tls-in = true\nlisten = \":443\"\nconnect = \"localhost:1\"\n{}client-ca = \"/nowhere/x.pem\"\n\
         client-crl = [\n  \"/nowhere/x.pem\"]\ncolor = \"never\"\n",
        identity(&good)
    );
    let failed = lem_ssl(["tunnel", "--config", &written(&world, &text), "--check-config"], b"").expect(2);
    for said in ["line 6: ", "line 8: ", "2 problems"] {
        assert!(failed.stderr.contains(said), "{said}: {}", failed.stderr);
    }
    let file =
        written(&world, &format!("tls-in = true\nlisten = \":443\"\nconnect = \"localhost:1\"\n{}", identity(&good)));
    let checked = lem_ssl(["tunnel", "--config", &file, "--check-config"], b"").expect(0);
    assert_eq!(checked.text(), "everything can be loaded\n");
    // One that is right in each part, and not as a whole.
    let other = world.issue("other", lem_ssl_tests::pki::Leaf::server(&["localhost"]));
    let mixed = Files { chain: good.chain, key: other.key };
    let text = format!("tls-in = true\nlisten = \":443\"\nconnect = \"localhost:1\"\n{}", identity(&mixed));
    let failed = lem_ssl(["tunnel", "--config", &written(&world, &text), "--check-config"], b"").expect(2);
    assert!(
        failed.stderr.contains("tunnel.toml, line 4: ") && failed.stderr.contains("1 problem"),
        "{}",
        failed.stderr
    );
}

#[test]
fn a_check_names_addresses_at_which_nobody_could_listen() {
    let world = World::new();
    let folder = world.scratch.path().display().to_string();
    world.scratch.write("file", "not a socket");
    let link = world.scratch.path().join("link");
    std::os::unix::fs::symlink("nowhere", link).unwrap();
    let check = |listen: &[&str], metrics: &str, code: i32| {
        let text = format!("plain = true\nconnect = \"localhost:1\"\nmetrics = {metrics:?}\nlisten = [\n");
        let lines: String = listen.iter().map(|address| format!("{address:?},\n")).collect();
        let file = written(&world, &(text + &lines + "]\n"));
        lem_ssl(["tunnel", "--config", &file, "--check-config"], b"").expect(code).stderr
    };
    let (free, inside) = ("127.0.0.1:0", |name: &str| format!("unix:{folder}/{name}"));
    let long = inside(&"x".repeat(200));
    for (address, says) in [
        // Addresses for documentation (RFC 5737, RFC 3849) are of no interface.
        ("192.0.2.1:8443", "cannot listen on 192.0.2.1:8443: "),
        ("[2001:db8::1]:443", "cannot listen on [2001:db8::1]:443: "),
        ("no port", "invalid address"),
        ("127.0.0.1:99999", "99999"),
        ("name.invalid:8443", "cannot resolve the name \"name.invalid\""),
        ("unix:/nowhere/deep/socket", "folder /nowhere/deep: "),
        (&inside("file/socket"), "is not a folder"),
        (&inside("file"), "a file is in the way that is not a socket"),
        (&inside("link"), "a link is in the way"),
        (&long, "the path is longer than that of a socket may be"),
    ] {
        let failed = check(&[free, address], free, 2);
        assert!(failed.contains("tunnel.toml, line 6: ") && failed.contains(says), "{says}: {failed}");
        assert!(failed.contains("1 problem"), "{failed}");
        let failed = check(&[free], address, 2);
        assert!(failed.contains("tunnel.toml, line 3: ") && failed.contains(says), "{says}: {failed}");
    }
    for twice in ["127.0.0.1:8443", ":8443", &inside("socket")] {
        let failed = check(&[twice], twice, 2);
        assert!(failed.contains(&format!("{twice} is given twice")), "{failed}");
    }
    // A socket of a service manager is there when the service is started.
    assert_eq!(check(&["systemd", "systemd:web", "stdin", free, free, &inside("socket"), ":0"], "localhost:0", 0), "");
}

#[test]
fn a_check_does_not_mind_that_the_service_runs_and_leaves_it_alone() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let socket = format!("unix:{}/socket", world.scratch.path().display());
        let tunnel = Tunnel::start(&["--plain", "--connect", &back_end.address(), "--metrics", &socket]);
        let arguments = ["tunnel", "--check-config", "--plain", "--connect", "localhost:1", "--metrics", &socket];
        let checked = lem_ssl([&arguments[..], &["--listen", &tunnel.address]].concat(), b"").expect(0);
        assert_eq!((checked.text().as_str(), checked.stderr.as_str()), ("everything can be loaded\n", ""));
        TcpStream::connect(socket.as_str()).await.unwrap();
        let talking = spawn(talk(tunnel.plain().await, b"hello"));
        echo(back_end.accept_plain().await).await;
        talking.await.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_that_only_others_may_listen_at_is_a_warning() {
    let first: u16 =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap().trim().parse().unwrap();
    let may = std::net::UdpSocket::bind(("127.0.0.1", 1)).is_ok() || first <= 1;
    let checked = lem_ssl(["tunnel", "--listen", ":1", "--plain", "--connect", "localhost:1", "--check-config"], b"");
    assert_eq!(checked.expect(0).stderr.contains("warning: :1: who runs this check may not listen at this port"), !may);
}
