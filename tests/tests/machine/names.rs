//! Names: resolvers of all kinds, and what a name that does not resolve does to a machine.

use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, TcpListener};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::{connect_source, resolve};
use lem_rs::{Address, Deadline, Error, Listener, Phase, Resolve, TcpStream, sleep, spawn, yield_now};

use crate::support::{Silent, Table, drop_flag, machine_with, poll_once, run, run_on};

fn address() -> Address {
    Address::Name { host: "name.test".into(), port: 443 }
}

#[test]
fn a_resolver_that_never_answers_ends_at_the_deadline_and_timers_tick_on() {
    run_on(&machine_with(Silent), async {
        let ticks = Rc::new(Cell::new(0));
        let theirs = ticks.clone();
        let ticker = spawn(async move {
            loop {
                sleep(Duration::from_millis(1)).await;
                theirs.set(theirs.get() + 1);
            }
        });
        let deadline = Deadline::after(Duration::from_millis(50));
        let error = connect_source(&address(), &deadline).await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Phase::Resolve));
        assert!(error.to_string().starts_with("resolving the name of name.test:443 timed out after "));
        ticker.cancel();
        assert!(ticks.get() > 0);
    });
}

#[test]
fn an_encrypted_connect_names_the_resolve_phase_too() {
    let context = lem_ssl_rs::Context::builder().connect_deadline(Duration::from_millis(20)).build().unwrap();
    run_on(&machine_with(Silent), async move {
        let error = context.connect("name.test:https").await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Phase::Resolve));
        assert!(error.to_string().starts_with("resolving the name of name.test:443 timed out after "));
    });
}

#[test]
fn connecting_and_listening_have_a_deadline_for_the_name_by_themselves() {
    let machine = machine_with(Silent);
    machine
        .run(async {
            let mut connecting = pin!(TcpStream::connect("name.test:443"));
            assert!(poll_once(connecting.as_mut()).await.is_pending());
            assert_eq!(machine.counts(), (1, 1, 0), "no timer limits the connect");
            let mut listening = pin!(Listener::bind("name.test:443"));
            assert!(poll_once(listening.as_mut()).await.is_pending());
            assert_eq!(machine.counts(), (1, 2, 0), "no timer limits the bind");
        })
        .unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_connect_that_is_dropped_drops_the_resolvers_future() {
    struct Guarded(Cell<Option<crate::support::SetOnDrop>>);
    impl Resolve for Guarded {
        fn resolve(&self, _: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
            let guard = self.0.take();
            Box::pin(async move {
                let _guard = guard;
                pending().await
            })
        }
    }
    let (dropped, guard) = drop_flag();
    run_on(&machine_with(Guarded(Cell::new(Some(guard)))), async move {
        let task = spawn(TcpStream::connect("name.test:443"));
        yield_now().await;
        assert!(!dropped.get());
        task.cancel();
        assert!(dropped.get());
    });
}

#[test]
fn a_resolver_that_fails_is_heard() {
    let table = Table::new(|_| Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the name server is on strike")));
    run_on(&machine_with(table), async {
        let error = TcpStream::connect("name.test:443").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot resolve the name \"name.test\": the name server is on strike");
        let Error::Resolve { host, source } = error else { panic!("{error}") };
        assert_eq!(host, "name.test");
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_name_without_addresses_says_so() {
    run_on(&machine_with(Table::of(&[])), async {
        for verb in ["connect", "bind"] {
            let error = match verb {
                "connect" => TcpStream::connect("name.test:443").await.unwrap_err(),
                _ => Listener::bind("name.test:443").await.unwrap_err(),
            };
            assert_eq!(error.to_string(), "cannot resolve the name \"name.test\": the name has no addresses");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
        }
    });
}

#[test]
fn a_resolver_that_panics_reaches_the_task_that_asked() {
    let table = Table::new(|_| crate::support::panic_quietly("no idea"));
    run_on(&machine_with(table), async {
        let error = spawn(TcpStream::connect("name.test:443")).await.unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: no idea");
    });
}

#[test]
fn address_literals_and_sockets_ask_no_resolver() {
    let table = Table::of(&["127.0.0.1"]);
    let asked = table.asked.clone();
    run_on(&machine_with(table), async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_ip().unwrap().port();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(asked.get(), 0);
        let named = TcpStream::connect(("name.test", port)).await.unwrap();
        assert_eq!(asked.get(), 1);
        for stream in [stream, named] {
            stream.abort();
        }
    });
}

#[test]
fn the_resolver_is_asked_for_the_name_as_it_was_written() {
    let names = Rc::new(std::cell::RefCell::new(Vec::new()));
    let theirs = names.clone();
    let table = Table::new(move |name| {
        theirs.borrow_mut().push(name.to_owned());
        Ok(Vec::new())
    });
    run_on(&machine_with(table), async {
        for address in ["Name.Test:443", "https://name.test./path", "a_b.test:https"] {
            TcpStream::connect(address).await.unwrap_err();
        }
    });
    assert_eq!(*names.borrow(), ["Name.Test", "name.test.", "a_b.test"]);
}

#[test]
fn localhost_is_found_where_the_machines_own_resolver_knows_no_names() {
    let unknown = || Err(io::Error::from(io::ErrorKind::NotFound));
    for table in [Table::of(&[]), Table::new(move |_| unknown())] {
        run_on(&machine_with(table), async {
            for address in resolve("localhost", 7).await.unwrap() {
                assert!(address.ip().is_loopback() && address.port() == 7, "{address}");
            }
            resolve("name.test", 7).await.unwrap_err();
        });
    }
}

#[test]
fn a_resolver_that_refuses_localhost_is_not_overruled() {
    let refusing = Table::new(|_| Err(io::Error::from(io::ErrorKind::PermissionDenied)));
    run_on(&machine_with(refusing), async {
        let error = resolve("localhost", 7).await.unwrap_err();
        assert!(matches!(&error, Error::Resolve { source, .. } if source.kind() == io::ErrorKind::PermissionDenied));
    });
}

#[test]
fn the_operating_systems_resolver_knows_localhost_and_not_what_is_invalid() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(("localhost", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip().unwrap().port(), port);
        stream.abort();
    });
}
