//! Several processes with one folder.

use crate::support::{Authority, Service, Step, Trouble, World, folder, run, until};

#[test]
fn one_of_many_asks_and_all_show_what_it_gets() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        // The authority reaches the first one, whichever has asked.
        let mut services = vec![Service::start(&world, &authority, "www.test", &[])];
        services.extend((0..5).map(|_| Service::elsewhere(&world, &authority, "www.test", &[])));
        for service in &services {
            service.shows(&authority, "www.test", 1).await;
        }
        let (accounts, orders, issued) =
            authority.with(|state| (state.accounts.len(), state.orders.len(), state.issued));
        assert_eq!((accounts, orders, issued), (1, 1, 1));
        let asked = services.iter().filter(|service| service.said().contains("a new certificate")).count();
        assert_eq!(asked, 1);
    });
}

#[test]
fn the_process_that_the_authority_reaches_has_the_answer_of_the_one_that_asks() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.fails(Step::Challenge, Trouble::Hold { done: true });
        let asks = Service::elsewhere(&world, &authority, "www.test", &[]);
        assert_eq!(authority.held().await, Step::Challenge);
        let reached = Service::start(&world, &authority, "www.test", &[]);
        reached.says("an authority has seen the answer to its challenge for www.test").await;
        drop(asks);
        reached.shows(&authority, "www.test", 1).await;
        assert_eq!(authority.with(|state| state.orders.len()), 1, "the order that was interrupted went on");
    });
}

#[test]
fn a_process_that_waited_for_one_that_failed_waits_as_long() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.fails(Step::NewOrder, Trouble::Hold { done: false });
        let first = Service::start(&world, &authority, "www.test", &[]);
        authority.held().await;
        let second = Service::elsewhere(&world, &authority, "www.test", &[]);
        authority.validates_at(second.server.address.parse().unwrap());
        second.says("www.test has to wait: another certificate is asked for").await;
        authority.fails(Step::NewOrder, Trouble::Problem("400 Bad Request", "rejectedIdentifier", "not this one", ""));
        drop(first);
        second.says("not this one (rejectedIdentifier)").await;
        let third = Service::elsewhere(&world, &authority, "www.test", &[]);
        third.shows(&authority, "www.test", 1).await;
        second.server.signal("HUP");
        second.shows(&authority, "www.test", 1).await;
        assert_eq!(authority.with(|state| state.issued), 1);
    });
}

#[test]
fn a_folder_that_is_removed_meanwhile_is_made_anew_and_what_is_shown_stays() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.life = (0, 12));
        let service = Service::certified(&world, &authority, "www.test").await;
        std::fs::remove_dir_all(folder(&world)).unwrap();
        assert_eq!(service.number(&authority, "www.test").await, Some(1));
        service.shows(&authority, "www.test", 2).await;
        assert!(!service.said().contains("no new certificate"), "{}", service.said());
    });
}

#[test]
fn a_broken_file_in_the_folder_is_told_and_replaced() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        drop(Service::certified(&world, &authority, "www.test").await);
        let inside = std::fs::read_dir(folder(&world)).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(inside.join("www.test.pem")).unwrap();
        for (index, content) in [&whole[..whole.len() / 2], b"", b"\xff\xfe"].into_iter().enumerate() {
            std::fs::write(inside.join("www.test.pem"), content).unwrap();
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("cannot be used, and a new certificate is asked for").await;
            service.shows(&authority, "www.test", 2 + index as u8).await;
            service.says("a new certificate for www.test is in place").await;
        }
        for file in ["www.test.order.json", "www.test.failed.json"] {
            std::fs::write(inside.join(file), "{\"a\":").unwrap();
        }
        std::fs::remove_file(inside.join("www.test.pem")).unwrap();
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("a new certificate for www.test is in place").await;
        assert_eq!(service.number(&authority, "www.test").await, Some(5));
        // A key of the account that cannot be read is for people: another account would not be theirs.
        std::fs::write(inside.join("account.json"), "{\"key\":\"x\",\"url\":null}").unwrap();
        std::fs::remove_file(inside.join("www.test.pem")).unwrap();
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("account.json: it is not a private key on P-256").await;
        until(|| service.said().contains("no new certificate")).await;
    });
}
