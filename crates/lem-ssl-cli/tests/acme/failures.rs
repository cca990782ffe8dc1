//! Whatever fails, what is in place stays, and the next attempt comes to a certificate.

use crate::support::{Authority, Service, Step, Trouble, World, forget_account, leftovers, run, until};

const SERVER_ERROR: Trouble = Trouble::Problem("500 Internal Server Error", "serverInternal", "it broke", "");

/// How a process ends its attempt that comes to `trouble` at each step, and what a further one needs. `orders` and
/// `issued` say how many more of them than one it may take for a step.
fn at_each_step(trouble: &Trouble, further: impl Fn(Step) -> (usize, u8)) {
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        let service = Service::start(&world, &authority, "www.test", &[]);
        service.shows(&authority, "www.test", 1).await;
        service.says("a new certificate").await;
        drop(service);
        for step in Step::ISSUANCE {
            let (before, orders) = authority.with(|state| (state.issued, state.orders.len()));
            if step == Step::Account {
                forget_account(&world);
            }
            authority.fails(step, trouble.clone());
            let service = Service::start(&world, &authority, "www.test", &[]);
            until(|| authority.has_failed()).await;
            until(|| service.said().contains("no new certificate") || service.said().contains("a new certificate"))
                .await;
            let shown = service.number(&authority, "www.test").await;
            assert!(shown >= Some(before), "{step:?}: {shown:?}, {}", service.said());
            if service.said().contains("no new certificate") {
                assert_eq!(shown, Some(before), "{step:?}: {}", service.said());
                service.says("the one in place is valid for").await;
                service.server.signal("HUP");
            }
            service.shows(&authority, "www.test", before + 1).await;
            service.says("a new certificate for www.test").await;
            let (issued_more, ordered_more) =
                authority.with(|state| (state.issued - before, state.orders.len() - orders));
            let (more_orders, more_issued) = further(step);
            let context = format!("{trouble:?} at {step:?}: {}", service.said());
            assert!(ordered_more <= 1 + more_orders && issued_more <= 1 + more_issued, "{context}");
            assert_eq!(leftovers(&world), Vec::<String>::new(), "{context}");
        }
        let accounts = authority.with(|state| state.accounts.len());
        // One for each key; the key was lost once.
        assert_eq!(accounts, 2);
    });
}

/// An order that the server has made and not told about is lost; it costs nothing.
fn lost_order(step: Step) -> (usize, u8) {
    (usize::from(step == Step::NewOrder), 0)
}

#[test]
fn connections_that_are_cut_before_anything_is_done() {
    at_each_step(&Trouble::Cut, |_| (0, 0));
}

#[test]
fn connections_that_are_cut_when_everything_is_done() {
    at_each_step(&Trouble::CutAfter, lost_order);
}

#[test]
fn connections_that_are_cut_in_the_middle_of_the_answer() {
    at_each_step(&Trouble::CutInside, lost_order);
}

#[test]
fn answers_without_an_end() {
    // What is sent as a certificate and is none makes the order useless.
    at_each_step(&Trouble::Endless, |_| (0, 0));
}

#[test]
fn answers_that_are_no_http() {
    at_each_step(&Trouble::Noise, |_| (0, 0));
}

#[test]
fn answers_that_are_something_else() {
    let useless = |step| if step == Step::Certificate { (1, 1) } else { (0, 0) };
    at_each_step(&Trouble::Body("{\"a\":["), useless);
}

#[test]
fn a_server_that_is_overloaded() {
    at_each_step(&Trouble::Status("503 Service Unavailable"), |_| (0, 0));
}

#[test]
fn a_server_that_fails_and_says_so() {
    at_each_step(&SERVER_ERROR, |_| (0, 0));
}

#[test]
fn nonces_that_are_refused() {
    let refused = Trouble::Problem("400 Bad Request", "badNonce", "no such nonce", "");
    // For what is not signed it is a refusal like any other.
    at_each_step(&refused, |step| (usize::from(step == Step::Order), 0));
}

#[test]
fn requests_that_are_refused() {
    let refused = Trouble::Problem("400 Bad Request", "malformed", "not like this", "");
    at_each_step(&refused, |_| (1, 1));
}
