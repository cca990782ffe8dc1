//! Advice about renewal (RFC 9773) that is of no use, and words without an end.

use lem_ssl_rs::sleep;
use std::time::Duration;

use crate::support::{Authority, Service, Step, Trouble, World, files, run, until};

const YEAR: i64 = 365 * 86_400;

#[test]
fn advice_that_comes_after_the_end_of_the_certificate_does_not_keep_it_from_being_renewed() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| (state.life, state.window) = ((0, 9), Some((70 * YEAR, 71 * YEAR))));
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("wants the certificate for www.test renewed when it has ended or almost: it is renewed in").await;
        service.says("all the same; see https://why.example/").await;
        service.shows(&authority, "www.test", 2).await;
    });
}

#[test]
fn a_time_that_cannot_be_one_is_no_advice_and_ends_nothing() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.window = Some((40 * 86_400, 41 * 86_400)));
        for (window, words) in [
            (
                r#"{"suggestedWindow":{"end":"2099-01-01T00:00:00Z",
                    "start":"2020-01-01T00:00:00+9223372036854775807:00"}}"#,
                "is not a time (RFC 3339)",
            ),
            (
                r#"{"suggestedWindow":{"start":"2020-01-02T00:00:00Z","end":"2020-01-02T00:00:00Z"}}"#,
                "does not end after it begins",
            ),
        ] {
            authority.fails(Step::RenewalInfo, Trouble::Body(window));
            let service = Service::start(&world, &authority, "www.test", &[]);
            service.says("does not say when to renew the certificate for www.test").await;
            service.says(words).await;
            sleep(Duration::from_millis(300)).await;
            assert_eq!(authority.with(|state| state.orders.len()), 1, "{}", service.said());
        }
    });
}

#[test]
fn an_authority_that_does_not_say_how_long_to_wait_is_asked_again_soon() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let busy = Trouble::Problem("503 Service Unavailable", "serverInternal", "busy", "Retry-After:\r\n");
        authority.fails(Step::NewOrder, busy);
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("there is none yet, and clients are refused; the next attempt is in").await;
        service.says("a new certificate for www.test").await;
    });
}

#[test]
fn words_of_an_authority_are_shortened_wherever_they_are_told() {
    const LONG: usize = 40_000;
    let long: &'static str = "x".repeat(LONG).leak();
    let status: &'static str = format!("503 {long}").leak();
    let body: &'static str = format!("{{\"status\":\"{long}\"}}").leak();
    let window: &'static str = format!("{{\"suggestedWindow\":{{\"start\":\"{long}\",\"end\":\"\"}}}}").leak();
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| {
            state.terms = format!("https://terms.example/{long}");
            state.explanation = format!("https://why.example/{long}");
            state.window = Some((40 * 86_400, 41 * 86_400));
        });
        authority.fails(Step::NewOrder, Trouble::Status(status));
        authority.fails(Step::Order, Trouble::Body(body));
        authority.fails(Step::RenewalInfo, Trouble::Body(window));
        let service = Service::start(&world, &authority, "www.test", &[]);
        let kept = || files(&world).into_iter().find(|path| path.to_str().unwrap().ends_with(".failed.json"));
        for failed in 1..=2 {
            until(|| service.said().matches("the next attempt is in").count() == failed && kept().is_some()).await;
            assert!(std::fs::metadata(kept().unwrap()).unwrap().len() < 5000);
            service.server.signal("HUP");
        }
        service.says("does not say when to renew").await;
        let told = service.said();
        assert!(told.contains("its terms are at https://terms.example/x") && told.contains("503 xxx"), "{told:.3000}");
        drop(service);
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.says("see https://why.example/x").await;
        for line in told.lines().chain(service.said().lines()) {
            assert!(line.len() < 3000, "{line:.200}");
        }
    });
}
