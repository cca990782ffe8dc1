//! A configuration file, and its check.

use lem_ssl_rs::ReadMode;

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
        let talking = lem_ssl_rs::spawn(talk(tunnel.tls(&world).await, b"hello"));
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
    ] {
        let file = written(&world, text);
        let failed = lem_ssl(["tunnel", "--listen", "127.0.0.1:0", "--config", &file], b"").expect(2);
        assert!(failed.stderr.contains(said), "{}", failed.stderr);
    }
    let failed = lem_ssl(["tunnel", "--config", "/nowhere/tunnel.toml"], b"").expect(2);
    assert!(failed.stderr.contains("/nowhere/tunnel.toml: cannot be read"), "{}", failed.stderr);
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
