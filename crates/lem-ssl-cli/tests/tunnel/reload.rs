//! Certificates that change while connections come and go.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use lem_ssl_rs::{sleep, spawn};
use lem_ssl_tests::pki::Leaf;
use std::time::Duration;

use crate::support::{BackEnd, Tunnel, World, client, echo, run};

#[test]
fn a_reload_under_load_loses_no_connection() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let address = back_end.address();
        let tunnel = Tunnel::start(&[&["--tls-in", "--connect", &address][..], &files.arguments()].concat());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        let over = Rc::new(Cell::new(false));
        let old = tunnel.tls(&world).await;
        let certificate = old.info().unwrap().peer_certificates[0].clone();
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (over, context, address) = (over.clone(), client(&world), tunnel.by_name());
                spawn(async move {
                    let mut calls = 0;
                    while !over.get() {
                        let stream = context.connect(&address).await.unwrap();
                        stream.write("ping").await.unwrap();
                        assert_eq!(stream.read(4).await.unwrap(), b"ping");
                        stream.shutdown().await.unwrap();
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 1..=5 {
            // The same files, with something new in them.
            world.issue("good", Leaf::server(&["localhost", "127.0.0.1"]));
            tunnel.signal("HUP");
            while tunnel.running.stderr().matches("reloaded; new connections").count() < round {
                sleep(Duration::from_millis(5)).await;
            }
            let new = tunnel.tls(&world).await;
            assert_ne!(new.info().unwrap().peer_certificates[0], certificate);
        }
        over.set(true);
        for caller in callers {
            assert!(caller.await.unwrap() > 0);
        }
        // One that was there before goes on.
        old.write("still").await.unwrap();
        assert_eq!(old.read(5).await.unwrap(), b"still");
    });
}

#[test]
fn a_set_that_cannot_work_leaves_the_old_one_in_place_with_one_line_that_says_why() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let files = world.issue("own", Leaf::server(&["localhost"]));
        let roots = world.scratch.write("roots.pem", world.root.certificate_pem());
        let (address, roots_path) = (back_end.address(), roots.to_str().unwrap());
        let arguments = ["--tls-in", "--tls-out", "--out-ca", roots_path, "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_tls().await)).detach();
            }
        })
        .detach();
        let good_key = fs::read(&files.key).unwrap();
        for (round, (path, content)) in
            [(&files.key, fs::read(world.good().key).unwrap()), (&roots_path.to_owned(), b"nothing".to_vec())]
                .iter()
                .enumerate()
        {
            fs::write(path, content).unwrap();
            tunnel.signal("HUP");
            while tunnel.running.stderr().matches("not reloaded, the old set stays in place: ").count() < round + 1 {
                sleep(Duration::from_millis(5)).await;
            }
            fs::write(&files.key, &good_key).unwrap();
            let client = tunnel.tls(&world).await;
            client.write("ping").await.unwrap();
            assert_eq!(client.read(4).await.unwrap(), b"ping");
        }
        let said = tunnel.running.stderr();
        assert_eq!(said.lines().filter(|line| line.contains("reloaded")).count(), 2, "{said}");
    });
}

#[test]
fn a_file_that_is_away_for_a_moment_is_read_when_it_is_back_and_its_absence_is_told_once() {
    let world = World::new();
    run(async {
        let files = world.issue("own", Leaf::server(&["localhost"]));
        let tunnel = Tunnel::start(&[&["--tls-in", "--connect", "localhost:1"][..], &files.arguments()].concat());
        let before = tunnel.tls(&world).await.info().unwrap().peer_certificates[0].clone();
        fs::remove_file(&files.chain).unwrap();
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place: ").await;
        // Longer than the first pause.
        sleep(Duration::from_millis(700)).await;
        assert_eq!(tunnel.tls(&world).await.info().unwrap().peer_certificates[0], before);
        // Nobody asks for it again.
        world.issue("own", Leaf::server(&["localhost"]));
        tunnel.says("reloaded; new connections get what is in the files now").await;
        assert_ne!(tunnel.tls(&world).await.info().unwrap().peer_certificates[0], before);
        let said = tunnel.running.stderr();
        let told: Vec<_> = said.lines().filter(|line| line.contains("not reloaded")).collect();
        assert!(told.len() == 1 && told[0].ends_with("(it is tried again)"), "{said}");
    });
}

#[test]
fn an_expired_certificate_of_either_side_is_told_at_the_start_and_at_a_reload() {
    let world = World::new();
    run(async {
        let own = world.issue("own", Leaf::server(&["localhost"]));
        let shown = world.issue("shown", Leaf::client(&["tunnel.test"]).expired());
        let tls = ["--tls-in", "--tls-out", "--connect", "localhost:1", "--out-cert", &shown.chain];
        let tunnel = Tunnel::start(&[&tls[..], &["--out-key", &shown.key], &own.arguments()].concat());
        let warning = |path: &str, name: &str| format!("warning: {path}: the certificate (CN={name}) expired on 20");
        let said = async |words: String| {
            while !tunnel.running.stderr().contains(&words) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        said(warning(&shown.chain, "tunnel.test")).await;
        assert!(!tunnel.running.stderr().contains(&warning(&own.chain, "localhost")));
        world.issue("own", Leaf::server(&["localhost"]).expired());
        tunnel.signal("HUP");
        said(warning(&own.chain, "localhost")).await;
    });
}
