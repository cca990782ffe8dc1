//! Connecting: races between addresses, deadlines, partitions, Unix-domain sockets, full queues.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use lem_rs::sim::{Fault, Faults, Link, Sim};
use lem_rs::transport::connect_source;
use lem_rs::{Address, Deadline, Endpoint, Error, ListenOptions, Listener, Phase, Stream, now, sleep, spawn};

use crate::support::{run, run_to_error};

const V6: &str = "2001:db8::7";
const V4: &str = "10.0.0.7";

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// A server that both families lead to.
fn both_families() -> Sim {
    Sim::builder(1).host("both.test", [V6, V4]).build()
}

async fn listen_on_both() -> Result<[Listener; 2], Error> {
    Ok([Listener::bind(format!("[{V6}]:443")).await?, Listener::bind(format!("{V4}:443")).await?])
}

#[test]
fn a_black_holed_first_family_costs_a_quarter_of_a_second() {
    let sim = both_families();
    let net = sim.net();
    net.partition(ip(V6));
    let took = run(&sim, async {
        let _listeners = listen_on_both().await?;
        let begun = now();
        let stream = Stream::connect("both.test:443").await?;
        assert_eq!(stream.peer_addr()?.ip().unwrap().ip(), ip(V4));
        Ok(now() - begun)
    });
    assert!((Duration::from_millis(250)..Duration::from_millis(300)).contains(&took), "{took:?}");
}

#[test]
fn the_first_family_wins_when_it_works() {
    let sim = both_families();
    run(&sim, async {
        let _listeners = listen_on_both().await?;
        let stream = Stream::connect("both.test:443").await?;
        assert_eq!(stream.peer_addr()?.ip().unwrap().ip(), ip(V6));
        assert_eq!(stream.local_addr()?.ip().unwrap().ip(), ip("2001:db8::1"));
        Ok(())
    });
}

#[test]
fn a_first_family_that_refuses_costs_a_round_trip() {
    let sim = both_families();
    let took = run(&sim, async {
        let _listener = Listener::bind(format!("{V4}:443")).await?;
        let begun = now();
        Stream::connect("both.test:443").await?;
        Ok(now() - begun)
    });
    assert!(took < Duration::from_millis(10), "{took:?}");
}

/// RFC 8305 section 5: a failed attempt's successor does not wait for the delay.
#[test]
fn an_attempt_that_fails_at_once_costs_the_next_one_nothing() {
    let addresses = [V6, V4, "2001:db8::8", "10.0.0.8"];
    let sim = Sim::builder(1).host("many.test", addresses).build();
    let net = sim.net();
    net.partition(ip(V6));
    run(&sim, async {
        let connecting = spawn(Stream::connect("many.test:443"));
        sleep(Duration::from_millis(100)).await;
        net.set_faults(Faults::none().with(Fault::Unreachable, 1.0));
        sleep(Duration::from_millis(140)).await;
        assert_eq!(net.faults().of(Fault::Unreachable), 0);
        sleep(Duration::from_millis(20)).await;
        assert_eq!(net.faults().of(Fault::Unreachable), 3, "all but the first, which still runs");
        connecting.cancel();
        Ok(())
    });
}

#[test]
fn a_slow_first_family_that_answers_late_may_lose() {
    let far = Link::default().latency(Duration::from_millis(400));
    let sim = Sim::builder(1).host("both.test", [V6, V4]).link_to(ip(V6), far).build();
    run(&sim, async {
        let _listeners = listen_on_both().await?;
        let stream = Stream::connect("both.test:443").await?;
        assert_eq!(stream.peer_addr()?.ip().unwrap().ip(), ip(V4));
        Ok(())
    });
}

#[test]
fn a_partition_that_heals_in_time_lets_the_connect_through() {
    let sim = both_families();
    let net = sim.net();
    net.partition(ip(V4));
    let took = run(&sim, async {
        let _listener = Listener::bind(format!("{V4}:443")).await?;
        let healing = spawn(async move {
            sleep(Duration::from_secs(2)).await;
            net.heal(ip(V4));
        });
        let begun = now();
        Stream::connect(format!("{V4}:443")).await?;
        healing.await?;
        Ok(now() - begun)
    });
    // The first segment goes at 0, 1 and 3 seconds.
    assert!((Duration::from_secs(3)..Duration::from_millis(3_100)).contains(&took), "{took:?}");
}

#[test]
fn a_connect_that_nobody_answers_fails_by_itself_in_the_end() {
    let sim = both_families();
    sim.net().partition(ip(V4));
    let error = run_to_error(&sim, async {
        let address = Address::Ip(format!("{V4}:443").parse().unwrap());
        connect_source(&address, &Deadline::after(Duration::from_secs(3600))).await
    });
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    assert!((127..130).contains(&sim.elapsed().as_secs()), "{:?}", sim.elapsed());
}

#[test]
fn a_connect_deadline_names_its_phase() {
    let sim = both_families();
    sim.net().partition(ip(V4));
    let error = run_to_error(&sim, async {
        let address = Address::Ip(format!("{V4}:443").parse().unwrap());
        connect_source(&address, &Deadline::after(Duration::from_secs(5))).await
    });
    assert_eq!(error.timed_out(), Some(Phase::Connect));
    assert_eq!(sim.elapsed().as_secs(), 5);
}

#[test]
fn a_connect_that_times_out_tells_each_of_its_attempts() {
    let sim = both_families();
    sim.net().partition(ip(V6));
    let error = run_to_error(&sim, Stream::connect("both.test:443"));
    assert_eq!(sim.elapsed().as_secs(), 30);
    let Error::Timeout(timeout) = &error else { panic!("{error}") };
    assert_eq!(timeout.phase(), Phase::Connect);
    let failed: Vec<_> = timeout.attempts().iter().map(|attempt| attempt.endpoint.to_string()).collect();
    assert_eq!(failed, [format!("{V4}:443")]);
    assert_eq!(timeout.unanswered(), [Endpoint::Ip(format!("[{V6}]:443").parse().unwrap())]);
    let attempts = format!("{V4}:443: connection refused; [{V6}]:443: no answer");
    assert_eq!(error.to_string(), format!("connect to both.test:443 timed out after 30 s: {attempts}"));
}

#[test]
fn a_connect_to_one_address_that_times_out_does_not_name_it_twice() {
    let sim = both_families();
    sim.net().partition(ip(V4));
    let error = run_to_error(&sim, Stream::connect((V4, 443)));
    assert_eq!(error.to_string(), format!("connect to {V4}:443 timed out after 30 s"));
}

#[test]
fn a_full_queue_lets_the_next_client_wait_until_somebody_accepts() {
    let sim = both_families();
    run(&sim, async {
        let listener = Listener::bind_with(format!("{V4}:443"), ListenOptions::default().backlog(1)).await?;
        let first = Stream::connect(format!("{V4}:443")).await?;
        let second = spawn(Stream::connect(format!("{V4}:443")));
        sleep(Duration::from_millis(500)).await;
        assert!(!second.is_finished());
        drop((listener.accept().await?, first));
        second.await??;
        Ok(())
    });
}

#[test]
fn a_unix_listener_without_room_is_tried_again_until_somebody_accepts() {
    const AT: &str = "unix:/run/service.sock";
    let sim = both_families();
    let took = run(&sim, async {
        let listener = Listener::bind_with(AT, ListenOptions::default().backlog(1)).await?;
        let first = Stream::connect(AT).await?;
        let begun = now();
        let second = spawn(Stream::connect(AT));
        sleep(Duration::from_millis(500)).await;
        assert!(!second.is_finished());
        drop((listener.accept().await?, first));
        drop((second.await??, listener.accept().await?));
        Ok(now() - begun)
    });
    // A TCP client sends its first segment again after a second; there is no such thing here.
    assert!((Duration::from_millis(500)..Duration::from_millis(600)).contains(&took), "{took:?}");
    let error = run_to_error(&sim, async {
        let _listener = Listener::bind_with(AT, ListenOptions::default().backlog(1)).await?;
        let _first = Stream::connect(AT).await?;
        connect_source(&Address::Unix("/run/service.sock".into()), &Deadline::after(Duration::from_secs(5))).await
    });
    assert_eq!(error.timed_out(), Some(Phase::Connect));
}

#[test]
fn a_listener_for_every_address_takes_what_nobody_else_does() {
    let sim = both_families();
    run(&sim, async {
        let any = Listener::bind("[::]:443").await?;
        let own = Listener::bind(format!("{V4}:443")).await?;
        let client = Stream::connect(format!("{V4}:443")).await?;
        assert_eq!(own.accept().await?.peer_addr()?, client.local_addr()?);
        let client = Stream::connect("10.0.0.8:443").await?;
        assert_eq!(any.accept().await?.peer_addr()?, client.local_addr()?);
        Ok(())
    });
}

#[test]
fn an_address_is_listened_on_once_unless_it_is_shared() {
    let sim = both_families();
    run(&sim, async {
        let shared = ListenOptions::default().reuse_port(true);
        let first = Listener::bind_with("10.0.0.7:443", shared).await?;
        let _second = Listener::bind_with("10.0.0.7:443", shared).await?;
        let error = Listener::bind("10.0.0.7:443").await.unwrap_err();
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::AddrInUse);
        let port = Listener::bind("10.0.0.7:0").await?.local_ip().unwrap().port();
        assert_ne!(port, 0);
        drop(first);
        Ok(())
    });
}

#[test]
fn unix_domain_sockets_exist_in_memory_only() {
    let sim = Sim::new(1);
    let path = "unix:/run/no/such/directory/service.sock";
    run(&sim, async {
        let listener = Listener::bind(path).await?;
        let client = Stream::connect(path).await?;
        let server = listener.accept().await?;
        assert_eq!(server.peer_addr()?, Endpoint::Unix(None));
        client.write("hello").await?;
        assert_eq!(server.read(5).await?, b"hello");
        Ok(())
    });
}
