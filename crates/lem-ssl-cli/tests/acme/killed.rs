//! A process that is killed leaves nothing that is worse than before, and the next one comes to a certificate.

use std::time::Duration;

use lem_ssl_rs::sleep;

use crate::support::{Authority, Service, Step, Trouble, World, forget_account, leftovers, run};

/// What has happened at the moment when the process is killed.
const MOMENTS: [Step; 10] = [
    Step::Directory,
    Step::Nonce,
    Step::Account,
    Step::NewOrder,
    Step::Authorization,
    Step::Challenge,
    Step::Validation,
    Step::Finalize,
    Step::Order,
    Step::Certificate,
];

/// Kills a process at each step, before it is done and when it is done.
fn at_each_step(with_certificate: bool) {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        if with_certificate {
            drop(Service::certified(&world, &authority, "www.test").await);
        }
        for step in MOMENTS {
            for done in [false, true] {
                if !with_certificate {
                    let _ = std::fs::remove_dir_all(crate::support::folder(&world));
                } else if step == Step::Account {
                    forget_account(&world);
                }
                let (before, orders) = authority.with(|state| (state.issued, state.orders.len()));
                let accounts = authority.with(|state| state.accounts.len());
                let context = format!("{step:?}, {}", if done { "done" } else { "not done" });
                authority.fails(step, Trouble::Hold { done });
                let service = Service::start(&world, &authority, "www.test", &[]);
                assert_eq!(authority.held().await, step);
                let shown = service.number(&authority, "www.test").await;
                assert_eq!(shown, with_certificate.then_some(before), "{context}");
                // SIGKILL.
                drop(service);
                // An authority that finds nobody has to be asked for another order.
                if (step, done) == (Step::Validation, false) {
                    authority.with(|state| state.authorizations.last_mut().unwrap().status = "invalid");
                }
                let service = Service::start(&world, &authority, "www.test", &[]);
                let shown = service.number(&authority, "www.test").await;
                assert!(!with_certificate || shown >= Some(before), "{context}: {shown:?}");
                service.shows(&authority, "www.test", before + 1).await;
                service.says("a new certificate").await;
                let (issued, ordered) = authority.with(|state| (state.issued - before, state.orders.len() - orders));
                let lost = (step, done) == (Step::NewOrder, true) || (step, done) == (Step::Validation, false);
                assert_eq!((issued, ordered), (1, 1 + usize::from(lost)), "{context}: {}", service.said());
                let more = authority.with(|state| state.accounts.len()) - accounts;
                assert_eq!(more, usize::from(!with_certificate || step == Step::Account), "{context}");
                assert_eq!(leftovers(&world), Vec::<String>::new(), "{context}");
            }
        }
    });
}

#[test]
fn the_first_certificate_comes_after_any_step_that_was_cut_off() {
    at_each_step(false);
}

#[test]
fn a_certificate_stays_in_place_and_is_renewed_after_any_step_that_was_cut_off() {
    at_each_step(true);
}

#[test]
fn an_order_that_was_not_forgotten_in_time_does_not_bring_the_same_certificate_again() {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        authority.fails(Step::Certificate, Trouble::Hold { done: false });
        let service = Service::start(&world, &authority, "www.test", &[]);
        authority.held().await;
        let folder = std::fs::read_dir(crate::support::folder(&world)).unwrap().next().unwrap().unwrap().path();
        let order = std::fs::read(folder.join("www.test.order.json")).unwrap();
        drop(service);
        drop(Service::certified(&world, &authority, "www.test").await);
        // As if it had been killed between keeping the certificate and forgetting the order.
        std::fs::write(folder.join("www.test.order.json"), order).unwrap();
        let service = Service::certified(&world, &authority, "www.test").await;
        assert_eq!(service.number(&authority, "www.test").await, Some(2));
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_a_folder_that_the_next_one_can_use() {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        drop(Service::certified(&world, &authority, "www.test").await);
        let mut shown_before = 1;
        for round in 0..40_u64 {
            let service = Service::start(&world, &authority, "www.test", &[]);
            let shown = service.number(&authority, "www.test").await.unwrap_or_default();
            assert!(shown >= shown_before, "{round}: {}", service.said());
            shown_before = shown;
            // From nothing to about as long as it takes.
            sleep(Duration::from_millis(round * round / 2)).await;
        }
        drop(Service::certified(&world, &authority, "www.test").await);
        assert_eq!(authority.with(|state| state.accounts.len()), 1);
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}
