//! Certificates from pebble, which refuses good nonces, forgets what it knew, and looks for what clients do wrong.

use std::time::Duration;

use lem_ssl_rs::sleep;

use crate::support::{Pebble, Wishes, World, leftovers, run};

const REFUSES_NONCES: (&str, &str) = ("PEBBLE_WFE_NONCEREJECT", "60");

#[test]
#[ignore = "needs other programs"]
fn a_certificate_comes_over_nonces_that_are_refused_and_is_there_after_a_restart() {
    let world = World::new();
    run(async {
        let pebble = Pebble::start(&world, &Wishes { variables: &[REFUSES_NONCES], ..Wishes::default() });
        let service = pebble.service(&world, "www.test,other.test", &["--acme-contact", "admin@example.org"]);
        service.says("a new certificate for www.test, other.test is in place").await;
        let roots = pebble.roots(&world).await;
        for name in ["www.test", "other.test"] {
            assert_eq!(service.shown(roots.clone(), name).await.unwrap().names().len(), 2);
        }
        drop(service);
        let service = pebble.service(&world, "www.test,other.test", &["--acme-contact", "admin@example.org"]);
        service.shown(roots, "www.test").await.unwrap();
    });
}

#[test]
#[ignore = "needs other programs"]
fn names_that_were_validated_before_are_taken_as_they_are() {
    let world = World::new();
    run(async {
        for reuse in ["0", "100"] {
            let variables = [REFUSES_NONCES, ("PEBBLE_AUTHZREUSE", reuse)];
            let _ = std::fs::remove_dir_all(crate::support::folder(&world));
            let pebble = Pebble::start(&world, &Wishes { variables: &variables, ..Wishes::default() });
            for names in ["a.test", "b.test,a.test"] {
                let service = pebble.service(&world, names, &[]);
                service.says("a new certificate for").await;
            }
        }
    });
}

#[test]
#[ignore = "needs other programs"]
fn what_it_waits_with_is_waited_for() {
    let world = World::new();
    run(async {
        let variables = [("PEBBLE_VA_NOSLEEP", "0"), ("PEBBLE_VA_SLEEPTIME", "3"), ("PEBBLE_CHAIN_LENGTH", "3")];
        let pebble = Pebble::start(&world, &Wishes { variables: &variables, ..Wishes::default() });
        let service = pebble.service(&world, "a.test,b.test,c.test", &[]);
        service.says("a new certificate for").await;
        service.shown(pebble.roots(&world).await, "b.test").await.unwrap();
    });
}

#[test]
#[ignore = "needs other programs"]
fn a_name_that_leads_elsewhere_is_told_and_a_later_attempt_succeeds() {
    let world = World::new();
    run(async {
        let pebble = Pebble::start(&world, &Wishes::default());
        let service = pebble.service_elsewhere(&world, "a.test");
        service.says("refuses the challenge for a.test").await;
        drop(service);
        let service = pebble.service(&world, "a.test", &[]);
        service.says("a new certificate for a.test").await;
    });
}

#[test]
#[ignore = "needs other programs"]
fn an_authority_that_has_forgotten_everything_gets_a_new_account() {
    let world = World::new();
    run(async {
        let mut pebble = Pebble::start(&world, &Wishes::default());
        let service = pebble.service(&world, "a.test", &[]);
        service.says("a new certificate for a.test").await;
        drop(service);
        pebble.restart(&Wishes::default());
        let service = pebble.service(&world, "b.test", &[]);
        service.says("does not know the account any more").await;
        service.says("a new certificate for b.test").await;
    });
}

#[test]
#[ignore = "needs other programs"]
fn customers_are_known_by_their_binding() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let world = World::new();
    run(async {
        let wishes = Wishes { customer: Some(("me", KEY)), ..Wishes::default() };
        let pebble = Pebble::start(&world, &wishes);
        let service = pebble.service(&world, "a.test", &[]);
        service.says("give --acme-eab-kid and --acme-eab-key").await;
        drop(service);
        let wrong = KEY.replace('z', "y");
        let service = pebble.service(&world, "a.test", &["--acme-eab-kid", "me", "--acme-eab-key", &wrong]);
        service.says("the authority refuses an account").await;
        drop(service);
        let service = pebble.service(&world, "a.test", &["--acme-eab-kid", "me", "--acme-eab-key", KEY]);
        service.says("a new certificate for a.test").await;
    });
}

#[test]
#[ignore = "needs other programs"]
fn a_process_that_is_killed_at_any_moment_leaves_nothing_that_is_in_the_way() {
    let world = World::new();
    run(async {
        let pebble = Pebble::start(&world, &Wishes { variables: &[REFUSES_NONCES], ..Wishes::default() });
        for round in 0..25_u64 {
            let service = pebble.service(&world, "www.test", &[]);
            sleep(Duration::from_millis(round * 15)).await;
            drop(service);
            // Each time from nothing, but for the account and the order under way.
            if round % 5 == 4 {
                let service = pebble.service(&world, "www.test", &[]);
                let roots = pebble.roots(&world).await;
                while service.shown(roots.clone(), "www.test").await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
                drop(service);
                for inside in std::fs::read_dir(crate::support::folder(&world)).unwrap() {
                    let _ = std::fs::remove_file(inside.unwrap().path().join("www.test.pem"));
                }
            }
        }
        let service = pebble.service(&world, "www.test", &[]);
        service.says("a new certificate").await;
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}
