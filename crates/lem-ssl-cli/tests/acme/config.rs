//! What a configuration file says about certificates of an authority, and its check.

use lem_ssl_rs::Context;

use crate::support::{Authority, World, folder, lem_ssl, run, start, until};

/// A file with this in it, and what `--config` is given.
fn written(world: &World, text: &str) -> String {
    world.scratch.write("tunnel.toml", text).to_str().unwrap().to_owned()
}

#[test]
fn a_tunnel_gets_the_certificates_that_its_file_asks_for() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let text = format!(
            "listen = \"127.0.0.1:0\"\ntls-in = true\nconnect = \"localhost:1\"\nacme = [\"a.test,b.test\", \"c.test\"]\n\
             acme-state = {:?}\nacme-directory = {:?}\nacme-ca = {:?}\nacme-contact = \"admin@example.org\"\n",
            folder(&world),
            authority.directory(),
            world.ca
        );
        let (running, lines) = start(&["tunnel", "--config", &written(&world, &text)], 1);
        let address = lines[0].strip_prefix("listening on ").unwrap();
        authority.validates_at(address.parse().unwrap());
        let is_in_place = |name: &str| running.stderr().contains(&format!("a new certificate for {name} is in place"));
        until(|| is_in_place("a.test, b.test") && is_in_place("c.test")).await;
        let context = Context::builder().roots(authority.roots()).build().unwrap();
        for name in ["a.test", "b.test", "c.test"] {
            context.connect_as(address, name).await.unwrap();
        }
    });
}

#[test]
fn a_check_names_every_problem_and_makes_no_folder() {
    let world = World::new();
    let text = |more: &str| {
        let state = folder(&world);
        format!(
            "tls-in = true\nlisten = \":443\"\nconnect = \"localhost:1\"\nacme = [\"a.test\",\n  \"b.test\"{more}]\n\
             acme-state = {state:?}\nacme-directory = \"https://acme.test/\"\n"
        )
    };
    let good = written(&world, &text(""));
    let checked = lem_ssl(["tunnel", "--config", &good, "--check-config"], b"").expect(0);
    assert_eq!(checked.text(), "everything can be loaded\n");
    assert!(!std::fs::exists(folder(&world)).unwrap(), "who checks may be another user than who serves");

    let further = "acme-contact = [\"admin@example.org\",\n\"nobody\"]\nacme-ca = \"/nowhere/ca.pem\"\n\
                   acme-eab-kid = \"x\"\nacme-eab-key = \"a b\"\n";
    let bad = written(&world, &(text(",\n  \"b.test,c.test\"").replace("https://", "http://") + further));
    let failed = lem_ssl(["tunnel", "--config", &bad, "--check-config"], b"").expect(2);
    let said = [
        "line 6: two --acme begin with b.test",
        "line 8: ",
        "line 10: \"nobody\" is not a mail address",
        "line 11: ",
        "line 13: ",
        "5 problems",
    ];
    for said in said {
        assert!(failed.stderr.contains(said), "{said}: {}", failed.stderr);
    }

    let file = world.scratch.write("state", "a file where the folder should be");
    let failed = lem_ssl(["tunnel", "--config", &written(&world, &text("")), "--check-config"], b"").expect(2);
    assert!(failed.stderr.contains("line 6: ") && failed.stderr.contains("--acme-state"), "{}", failed.stderr);
    std::fs::remove_file(file).unwrap();
}
