//! An authority that takes its time, and one whose orders never come to an end.

use std::time::Duration;

use lem_ssl_rs::now;

use crate::support::{Authority, Service, Step, Trouble, World, files, inside, leftovers, run, until};

#[test]
fn a_challenge_is_answered_once_however_long_the_authority_leaves_it_open() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.hesitates = Some(Duration::from_secs(3)));
        let service = Service::start(&world, &authority, "a.test,b.test", &[]);
        // A process that goes on with the order does not answer again either.
        until(|| order(&world).is_some_and(|text| text.matches("/challenge/").count() == 2)).await;
        drop(service);
        let service = Service::start(&world, &authority, "a.test,b.test", &[]);
        service.says("a new certificate for a.test, b.test").await;
        assert!(authority.count(Step::Authorization) > 8, "it was asked about often");
        assert_eq!((authority.count(Step::Challenge), authority.count(Step::Validation)), (2, 2));
        assert_eq!(authority.with(|state| state.orders.len()), 1);
    });
}

#[test]
fn a_challenge_is_answered_again_if_the_authority_has_looked_and_goes_on_waiting() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.is_patient = true);
        (0..2).for_each(|_| authority.fails(Step::Validation, Trouble::Cut));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("a new certificate for www.test").await;
        assert_eq!((authority.count(Step::Challenge), authority.with(|state| state.orders.len())), (3, 1));
    });
}

#[test]
fn an_order_that_stays_ready_is_finalized_at_the_pace_that_the_authority_asks_for() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.stays_ready = 2);
        let began = now();
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("a new certificate for www.test").await;
        assert_eq!(authority.count(Step::Finalize), 3);
        assert!(now() - began >= Duration::from_secs(2), "a second after each");
    });
}

#[test]
fn an_order_that_the_authority_is_still_working_on_is_gone_on_with_when_it_wants_to_be_asked() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.stays_processing = Some(86_400));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("the authority has not done the order for www.test yet").await;
        service.says("the next attempt is in 1 day").await;
        assert!(order(&world).is_some(), "it is kept with its key");
        // The log has it a moment before the folder.
        until(|| inside(&world).join("www.test.failed.json").exists()).await;
        drop(service);
        authority.with(|state| state.stays_processing = None);
        std::fs::remove_file(inside(&world).join("www.test.failed.json")).unwrap();
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("a new certificate for www.test").await;
        assert_eq!(authority.with(|state| (state.orders.len(), state.issued)), (1, 1));
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}

#[test]
fn an_order_whose_certificate_cannot_be_fetched_is_not_gone_on_with() {
    let gone = Trouble::Problem("404 Not Found", "malformed", "certificate not found", "");
    for (step, trouble, words) in [
        (Step::Certificate, gone.clone(), "certificate not found (malformed)"),
        (Step::Order, gone, "certificate not found (malformed)"),
        (Step::Order, Trouble::Body(r#"{"status":"valid"}"#), "does not say where the certificate is"),
        (
            Step::Order,
            Trouble::Body(r#"{"status":"valid","certificate":"http://localhost/"}"#),
            "names a URL that leads nowhere",
        ),
    ] {
        let world = World::new();
        run(async {
            let authority = Authority::start(&world).await;
            authority.fails(step, trouble.clone());
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says(words).await;
            service.says("the next attempt is in").await;
            assert_eq!(order(&world), None, "{step:?}, {trouble:?}");
            service.server.signal("HUP");
            service.says("a new certificate for www.test").await;
            assert_eq!(authority.with(|state| state.orders.len()), 2, "{step:?}, {trouble:?}");
        });
    }
}

#[test]
fn an_order_that_fails_at_the_same_place_again_and_again_is_given_up() {
    const TIMES: usize = 8;
    for (step, trouble) in
        [(Step::Order, Trouble::Body(r#"{"status":"odd"}"#)), (Step::Certificate, Trouble::Status("500 Odd"))]
    {
        let world = World::new();
        run(async {
            let authority = Authority::start(&world).await;
            (0..TIMES).for_each(|_| authority.fails(step, trouble.clone()));
            let service = Service::start(&world, &authority, "www.test", &[]);
            for failed in 1..=TIMES {
                until(|| service.said().matches("; the next attempt is in").count() == failed).await;
                assert_eq!(authority.with(|state| state.orders.len()), 1, "{step:?}: {}", service.said());
                service.server.signal("HUP");
            }
            service.says("8 times in a row: the next attempt begins with another order").await;
            service.says("a new certificate for www.test").await;
            assert_eq!(authority.with(|state| state.orders.len()), 2);
            assert_eq!(leftovers(&world), Vec::<String>::new());
        });
    }
}

#[test]
fn the_pause_after_a_failure_goes_on_growing_after_a_restart() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        // Five seconds, ten, twenty; a fifth more or less.
        for (failures, pauses) in [(1, 4..=6), (2, 8..=12), (3, 16..=24)] {
            authority.fails(Step::NewOrder, Trouble::Cut);
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("the next attempt is in ").await;
            let said = service.said();
            let pause = said.split("the next attempt is in ").nth(1).and_then(|rest| rest.split(' ').next());
            assert!(pauses.contains(&pause.unwrap().parse::<u32>().unwrap()), "{said}");
            // The log has it a moment before the folder.
            let kept = || std::fs::read_to_string(inside(&world).join("www.test.failed.json")).unwrap_or_default();
            until(|| kept().contains(&format!("\"failures\": {failures}"))).await;
        }
        Service::start(&world, &authority, "www.test", &[]).says("a new certificate for www.test").await;
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}

/// What is kept of the order under way.
fn order(world: &World) -> Option<String> {
    let order = files(world).into_iter().find(|path| path.to_str().unwrap().ends_with(".order.json"))?;
    std::fs::read_to_string(order).ok()
}
