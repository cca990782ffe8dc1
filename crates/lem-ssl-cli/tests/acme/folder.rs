//! The folder, where it cannot be written to, or has been written to by others.

use std::time::Duration;

use lem_ssl_rs::sleep;

use crate::support::{Authority, Service, Step, Trouble, World, files, inside, leftovers, run, until};

#[test]
fn a_certificate_that_could_not_be_written_is_written_later() {
    for by_signal in [false, true] {
        let world = World::new();
        run(async {
            let authority = Authority::start(&world).await;
            // Something makes the folder.
            authority.fails(Step::NewOrder, Trouble::Problem("400 Bad Request", "rejectedIdentifier", "no", ""));
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("the next attempt is in").await;
            drop(service);
            let file = inside(&world).join("www.test.pem");
            std::fs::create_dir_all(file.join("in the way")).unwrap();
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("a new certificate is in place, and cannot be kept, for www.test").await;
            service.says(" days more; the next attempt is in").await;
            assert_eq!(service.number(&authority, "www.test").await, Some(1));
            assert!(files(&world).iter().any(|path| path.to_str().unwrap().ends_with(".order.json")));
            std::fs::remove_dir_all(&file).unwrap();
            if by_signal {
                service.server.signal("HUP");
            }
            service.says("a new certificate for www.test is in place, valid for ").await;
            assert!(std::fs::read_to_string(&file).unwrap().contains("PRIVATE KEY"));
            assert_eq!(leftovers(&world), Vec::<String>::new());
            drop(service);
            let service = Service::start(&world, &authority, "www.test", &[]);
            assert_eq!(service.number(&authority, "www.test").await, Some(1));
            assert_eq!((authority.count(Step::NewOrder), authority.with(|state| state.issued)), (2, 1));
        });
    }
}

#[test]
fn an_account_that_cannot_be_read_is_told_and_never_replaced() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let service = Service::start(&world, &authority, "a.test", &[]);
        service.says("a new certificate for a.test").await;
        drop(service);
        let file = inside(&world).join("account.json");
        let whole = std::fs::read_to_string(&file).unwrap();
        for broken in [&whole[..whole.len() - 2], "", "[]"] {
            std::fs::write(&file, broken).unwrap();
            let service = Service::start(&world, &authority, "b.test", &[]);
            service.says("account.json: ").await;
            service.says("mend the file, or remove it to get another account").await;
            assert_eq!(std::fs::read_to_string(&file).unwrap(), broken);
        }
        std::fs::write(&file, whole).unwrap();
        let service = Service::start(&world, &authority, "b.test", &[]);
        service.says("a new certificate for b.test").await;
        assert_eq!(authority.with(|state| state.accounts.len()), 1);
    });
}

#[test]
fn what_another_process_has_got_is_shown_even_if_it_ends_sooner() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let first = Service::start(&world, &authority, "www.test", &[]);
        first.says("a new certificate for www.test").await;
        // The authority goes over to shorter lives, and has to revoke what it has given.
        authority.with(|state| (state.life, state.window) = ((0, 6 * 86_400), Some((-7200, -3600))));
        let second = Service::elsewhere(&world, &authority, "www.test", &[]);
        second.says("a new certificate for www.test").await;
        first.server.signal("HUP");
        first.shows(&authority, "www.test", 2).await;
        // The authority wants this one renewed at once, too, but it rests in each process.
        first.says("wants the certificate for www.test renewed").await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(authority.with(|state| state.orders.len()), 2, "{}", first.said());
    });
}

#[test]
fn signals_that_come_during_an_attempt_ask_for_one_more() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        (0..8).for_each(|_| authority.fails(Step::NewOrder, Trouble::Late(1500)));
        let service = Service::start(&world, &authority, "www.test", &[]);
        until(|| authority.count(Step::NewOrder) == 1).await;
        for _ in 0..5 {
            service.server.signal("HUP");
            sleep(Duration::from_millis(100)).await;
        }
        // What comes by itself comes after ten seconds, and never before eight.
        until(|| service.said().matches("the next attempt is in").count() == 2).await;
        sleep(Duration::from_secs(4)).await;
        assert_eq!(authority.count(Step::NewOrder), 2, "{}", service.said());
    });
}
