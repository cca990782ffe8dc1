use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use lem_ssl_rs::lem_rs::Resolve;
use lem_ssl_rs::{Address, Listener, Machine, sleep, spawn};

use super::*;
use crate::starttls::Protocol;

/// Names that answer for the loopback address after a time, and names that never do: those that stand nowhere.
#[derive(Clone, Default)]
struct Names {
    known: Rc<RefCell<HashMap<String, Duration>>>,
    asked: Rc<Cell<usize>>,
}

impl Names {
    fn know(&self, name: &str, after: Duration) {
        self.known.borrow_mut().insert(name.to_owned(), after);
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
        self.asked.set(self.asked.get() + 1);
        let after = self.known.borrow().get(host).copied();
        Box::pin(async move {
            match after {
                Some(after) => sleep(after).await,
                None => pending().await,
            }
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        })
    }
}

const MANNER: Manner<'_> = Manner { context: None, starttls: None, skip_greeting: None, header: None };

/// Nothing here takes so long unless it hangs.
const LONG: Duration = Duration::from_secs(20);

/// Runs a test with these names.
fn run(test: impl AsyncFnOnce(Names, Log)) {
    let names = Names::default();
    let machine = Machine::builder().resolver(names.clone()).build().unwrap();
    let log = Log::new(true, crate::log::Format::Plain).unwrap();
    machine.run(async { timeout(LONG, test(names, log)).await }).unwrap().expect("the test does not hang");
}

fn pool(back_ends: &[Address]) -> Pool {
    let back_ends = back_ends.iter().map(|address| BackEnd { address: address.clone(), name: None });
    Pool::new(back_ends.collect(), &mut Hosts::default(), 3, Duration::from_secs(60))
}

fn named(name: &str, port: u16) -> Address {
    Address::Name { host: name.into(), port }
}

/// A back end that says nothing.
async fn back_end() -> (Listener, u16) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().ip().unwrap().port();
    (listener, port)
}

fn member(port: u16) -> Rc<Member> {
    let address = Address::Ip(([127, 0, 0, 1], port).into());
    Rc::new(Member::new(BackEnd { address: address.clone(), name: None }, address.to_string()))
}

#[test]
fn equals_are_drawn_from_and_one_that_has_failed_comes_last() {
    let members = [member(1), member(2), member(3)];
    for at in 0..3 {
        assert!(Rc::ptr_eq(&choose(&members, |_| at).unwrap(), &members[at]));
    }
    assert!(choose(&[], |_| 0).is_none());
    let log = Log::new(true, crate::log::Format::Plain).unwrap();
    let manner = Manner { context: None, starttls: None, skip_greeting: None, header: None };
    // Nobody listens at port 1.
    let check = members[0].check(&manner, Duration::from_secs(10), Duration::from_secs(60), &log);
    Machine::new()
        .unwrap()
        .run(async {
            check.await;
            assert_eq!(members[0].standing(), Standing::Bad);
            for at in 0..2 {
                assert!(Rc::ptr_eq(&choose(&members, |_| at).unwrap(), &members[at + 1]));
            }
            assert!(Rc::ptr_eq(&choose(&members[..1], |_| 0).unwrap(), &members[0]));
        })
        .unwrap();
}

#[test]
fn a_name_that_nobody_resolves_is_in_the_way_of_no_other_back_end() {
    run(async |names, log| {
        let (_listener, port) = back_end().await;
        names.know("good.example", Duration::from_millis(10));
        let good = [Address::Ip(([127, 0, 0, 1], port).into()), named("good.example", port)];
        for good in good {
            for back_ends in [[named("silent.example", 1), good.clone()], [good.clone(), named("silent.example", 1)]] {
                let pool = pool(&back_ends);
                let deadline = Deadline::after(LONG);
                let (_, taken) = pool.dial(&MANNER, &deadline, &log).await.expect("the other one is there");
                assert!(taken.label().contains("127.0.0.1"), "{}", taken.label());
                assert!(deadline.remaining() > LONG / 2, "it did not wait for the name: {:?}", deadline.remaining());
            }
        }
    });
}

#[test]
fn addresses_that_are_known_are_used_while_their_name_cannot_be_resolved_anew() {
    run(async |names, log| {
        let (_listener, port) = back_end().await;
        names.know("fickle.example", Duration::ZERO);
        let pool = pool(&[named("fickle.example", port)]);
        pool.dial(&MANNER, &Deadline::after(LONG), &log).await.expect("it is there");
        names.known.borrow_mut().clear();
        assert!(pool.targets[0].ask_since(now()), "it is resolved anew");
        let deadline = Deadline::after(LONG);
        pool.dial(&MANNER, &deadline, &log).await.expect("it is known");
        assert!(deadline.remaining() > LONG / 2);
    });
}

#[test]
fn a_name_is_asked_for_once_however_many_wait_and_however_short() {
    run(async |names, log| {
        let pool = Rc::new(pool(&[named("silent.example", 1)]));
        let clients: Vec<_> = (0..50)
            .map(|at| {
                let (pool, log) = (pool.clone(), log.clone());
                spawn(async move {
                    sleep(Duration::from_millis(at)).await;
                    let deadline = Deadline::after(Duration::from_millis(10));
                    pool.dial(&MANNER, &deadline, &log).await.err().map(|undialled| undialled.why)
                })
            })
            .collect();
        for client in clients {
            let why = client.await.unwrap().expect("nobody is there");
            assert!(why.contains("silent.example"), "{why}");
        }
        assert_eq!(names.asked.get(), 1);
    });
}

#[test]
fn back_ends_of_one_name_look_it_up_together_whatever_their_ports_and_routes_are() {
    run(async |names, log| {
        let (_one, first) = back_end().await;
        let (_other, second) = back_end().await;
        names.know("both.example", Duration::from_millis(10));
        let mut hosts = Hosts::default();
        let mut pool = |ports: &[u16]| {
            let back_end = |&port| BackEnd { address: named("both.example", port), name: None };
            Pool::new(ports.iter().map(back_end).collect(), &mut hosts, 3, Duration::from_secs(60))
        };
        let (both, alone) = (pool(&[first, second]), pool(&[second]));
        let deadline = Deadline::after(LONG);
        // They are open at once, so each goes to another one.
        let taken = [
            both.dial(&MANNER, &deadline, &log).await.expect("one is there"),
            both.dial(&MANNER, &deadline, &log).await.expect("the other one is there"),
        ];
        let (_, taken_alone) = alone.dial(&MANNER, &deadline, &log).await.expect("it is there");
        let label = |port: u16| format!("both.example:{port} (127.0.0.1:{port})");
        let (mut labels, mut expected) = (taken.map(|(_, taken)| taken.label().to_owned()), [first, second].map(label));
        labels.sort();
        expected.sort();
        assert_eq!(labels, expected);
        assert_eq!(taken_alone.label(), label(second));
        assert_eq!(names.asked.get(), 1);
    });
}

#[test]
fn a_back_end_that_had_no_time_to_answer_is_not_taken_for_one_that_is_down() {
    run(async |names, log| {
        let (_listener, port) = back_end().await;
        // Its greeting never comes.
        let manner = Manner { skip_greeting: Some(Protocol::Smtp), ..MANNER };
        let dial = async |name: &str| {
            let pool = pool(&[named(name, port)]);
            assert!(pool.dial(&manner, &Deadline::after(Duration::from_secs(1)), &log).await.is_err());
            pool.members().iter().all(|member| member.is_up())
        };
        names.know("late.example", Duration::from_millis(900));
        assert!(dial("late.example").await);
        // This one had time.
        names.know("early.example", Duration::ZERO);
        assert!(!dial("early.example").await);
    });
}
