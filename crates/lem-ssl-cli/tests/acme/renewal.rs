//! Renewal: at two thirds of a certificate's life, or when the authority says so.

use std::time::Duration;

use lem_ssl_rs::sleep;

use crate::support::{Authority, Service, Step, Trouble, World, run, until};

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life_while_clients_are_served() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.life = (0, 9));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.shows(&authority, "www.test", 1).await;
        let (mut last, mut looks) = (1, 0);
        while last < 3 {
            // At no moment is there none.
            let shown = service.number(&authority, "www.test").await.expect("there is one at any time");
            assert!(shown >= last);
            (last, looks) = (shown, looks + 1);
            sleep(Duration::from_millis(50)).await;
        }
        // Two thirds of nine seconds, twice, less what whole seconds and chance take off.
        assert!(looks > 80, "{looks} looks: it was renewed too early");
        assert_eq!(authority.with(|state| state.orders.len()), 3);
        assert_eq!(authority.count(Step::Account), 1);
    });
}

#[test]
fn a_certificate_that_cannot_be_renewed_stays_until_it_can() {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        drop(Service::certified(&world, &authority, "www.test").await);
        authority.fails(Step::Validation, Trouble::Cut);
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("refuses the challenge for www.test: the authority looks elsewhere (tls)").await;
        service.says("the one in place is valid for 14 minutes more; the next attempt is in").await;
        assert_eq!(service.number(&authority, "www.test").await, Some(1));
        service.server.signal("HUP");
        service.shows(&authority, "www.test", 2).await;
    });
}

#[test]
fn the_authority_says_when_and_is_told_what_is_replaced() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.window = Some((40 * 86_400, 41 * 86_400)));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("wants the certificate for www.test renewed: in 40 days; see https://why.example/").await;
        assert_eq!(service.number(&authority, "www.test").await, Some(1));
        drop(service);
        // It has to be revoked, for example.
        authority.with(|state| state.window = Some((-7200, -3600)));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.shows(&authority, "www.test", 2).await;
        // It wants that of the new one, too, which would never end.
        service.says("a new certificate").await;
        until(|| service.said().matches("wants the certificate for www.test renewed").count() == 2).await;
        service.says("renewed: in 59 minutes; see").await;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(authority.with(|state| state.orders.len()), 2);
        let replaces = authority.with(|state| state.orders.last().unwrap().replaces.clone());
        // The key's identifier "root key", and the number 1 (RFC 9773 section 4.1).
        assert_eq!(replaces.as_deref(), Some("cm9vdCBrZXk.AQ"));
    });
}

#[test]
fn an_authority_that_says_nothing_of_use_about_renewal_is_no_reason_to_renew() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.window = Some((0, 0)));
        for trouble in [
            Trouble::Cut,
            Trouble::Status("500 Internal Server Error"),
            Trouble::Body("{\"suggestedWindow\":{\"start\":\"soon\",\"end\":\"late\"}}"),
            Trouble::Body(
                "{\"suggestedWindow\":{\"start\":\"2027-01-01T00:00:00Z\",\"end\":\"2026-01-01T00:00:00Z\"}}",
            ),
            Trouble::Endless,
        ] {
            authority.fails(Step::RenewalInfo, trouble);
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("does not say when to renew the certificate for www.test").await;
            assert_eq!(service.number(&authority, "www.test").await, Some(1));
        }
        assert_eq!(authority.with(|state| state.orders.len()), 1);
    });
}

#[test]
fn a_certificate_that_comes_late_in_its_life_is_not_asked_for_again_and_again() {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("it is renewed in 7 minutes").await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(authority.with(|state| state.orders.len()), 1);
    });
}

#[test]
fn an_authority_that_wants_to_be_left_alone_is_by_later_processes_and_by_signals_too() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let limited = Trouble::Problem(
            "429 Too Many Requests",
            "rateLimited",
            "too many certificates already issued",
            // Between one day and two, with what chance adds, too.
            "Retry-After: 90000\r\n",
        );
        authority.fails(Step::NewOrder, limited);
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("too many certificates already issued (rateLimited)").await;
        service.says("there is none yet, and clients are refused; the next attempt is in 1 day").await;
        service.server.signal("HUP");
        service.says("no certificate for www.test is asked for within 1 day").await;
        drop(service);
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("no certificate for www.test is asked for within 1 day").await;
        assert_eq!(authority.count(Step::NewOrder), 1);
    });
}

#[test]
fn an_authority_that_never_answers_is_given_up() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.fails(Step::NewOrder, Trouble::Hold { done: false });
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says(" for 20 s; there is none yet").await;
        service.says("there is none yet, and clients are refused; the next attempt is in").await;
        service.server.signal("HUP");
        service.shows(&authority, "www.test", 1).await;
    });
}

#[test]
fn orders_that_are_refused_are_told_in_a_sentence() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let problem = |status, kind, detail| Trouble::Problem(status, kind, detail, "");
        for (step, trouble, words) in [
            (Step::NewOrder, problem("400 Bad Request", "rejectedIdentifier", "blocked by policy"), "(--acme)"),
            (Step::NewOrder, problem("403 Forbidden", "caa", "CAA forbids it"), "CAA record"),
            (Step::Finalize, problem("400 Bad Request", "badCSR", "odd key"), "odd key (badCSR)"),
            (Step::Account, problem("400 Bad Request", "invalidContact", "no such mail"), "(--acme-contact)"),
            (Step::Account, problem("403 Forbidden", "unauthorized", "account is closed"), "account is closed"),
            (Step::Certificate, Trouble::Body("no certificate"), "is of no use"),
            (Step::Validation, Trouble::Cut, "is this server there"),
        ] {
            let _ = std::fs::remove_dir_all(crate::support::folder(&world));
            authority.fails(step, trouble);
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says(words).await;
            service.says("no new certificate for www.test").await;
            assert_eq!(service.said().matches("no new certificate").count(), 1, "one line");
        }
        authority.with(|state| state.other_names = Some(vec!["elsewhere.test".to_owned()]));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("is of no use: it is not valid for www.test").await;
        authority.with(|state| (state.other_names, state.life) = (None, (-7200, -3600)));
        service.server.signal("HUP");
        service.says("it has expired already: is the clock right?").await;
    });
}

#[test]
fn an_order_that_leads_nowhere_is_not_gone_on_with() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        for (body, words) in [
            (r#"{"identifier":{"type":"dns","value":"www.test"},"status":"deactivated"}"#, "is \"deactivated\""),
            (r#"{"identifier":{"type":"dns","value":"other.test"},"status":"pending"}"#, "was not asked for"),
            (r#"{"identifier":{"type":"dns","value":"www.test"},"status":"pending"}"#, "no challenge over TLS"),
        ] {
            let _ = std::fs::remove_dir_all(crate::support::folder(&world));
            let orders = authority.with(|state| state.orders.len());
            authority.fails(Step::Authorization, Trouble::Body(body));
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says(words).await;
            service.says("the next attempt is in").await;
            service.server.signal("HUP");
            service.says("a new certificate for www.test").await;
            assert_eq!(authority.with(|state| state.orders.len()), orders + 2);
        }
    });
}

#[test]
fn an_order_that_is_not_ready_when_it_should_be_is_waited_for() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        for _ in 0..2 {
            let early = Trouble::Problem("403 Forbidden", "orderNotReady", "not yet", "");
            authority.fails(Step::Finalize, early);
        }
        for _ in 0..5 {
            authority.fails(Step::Authorization, Trouble::Problem("400 Bad Request", "badNonce", "used", ""));
        }
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.shows(&authority, "www.test", 1).await;
        until(|| authority.has_failed()).await;
        assert!(!service.said().contains("no new certificate"), "{}", service.said());
    });
}
