//! Several back ends for one route: who gets a connection, and what happens when one does not answer.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Error, Listener, ReadMode, TcpStream, sleep, spawn};

use crate::support::{BackEnd, Tunnel, World, run, talk};

/// A back end that says a letter to everybody and then waits for the end.
fn letter(listener: Listener, letter: &'static str) -> Rc<Listener> {
    let listener = Rc::new(listener);
    let accepting = listener.clone();
    spawn(async move {
        while let Ok(stream) = accepting.accept().await {
            spawn(async move {
                stream.write(letter).await?;
                stream.read(ReadMode::All).await?;
                stream.shutdown().await
            })
            .detach();
        }
    })
    .detach();
    listener
}

async fn bind() -> (Listener, String) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().to_string();
    (listener, address)
}

/// A port where nobody listens.
async fn nobody() -> String {
    let (listener, address) = bind().await;
    listener.close().unwrap();
    address
}

#[test]
fn connections_go_where_the_fewest_are() {
    run(async {
        let ((one, a), (two, b)) = (bind().await, bind().await);
        let (_one, _two) = (letter(one, "a"), letter(two, "b"));
        let tunnel = Tunnel::start(&["--plain", "--connect", &a, "--connect", &b]);
        let mut held = Vec::new();
        let mut counts = [0, 0];
        for _ in 0..20 {
            let client = tunnel.plain().await;
            let said = client.read(1).await.unwrap();
            counts[usize::from(said[0] - b'a')] += 1;
            held.push((said, client));
        }
        assert_eq!(counts, [10, 10]);
        // Those of one leave, and it gets the next.
        held.retain(|(said, _)| said == b"b");
        sleep(Duration::from_millis(100)).await;
        for _ in 0..5 {
            let client = tunnel.plain().await;
            assert_eq!(client.read(1).await.unwrap(), b"a");
            held.push((b"a".to_vec(), client));
        }
    });
}

#[test]
fn a_back_end_that_is_down_costs_no_client_anything_and_is_left_alone() {
    run(async {
        let (down, (two, b)) = (nobody().await, bind().await);
        let _two = letter(two, "b");
        let both = format!("{down},{b}");
        let tunnel = Tunnel::start(&["--plain", "--fail-time", "60", "--connect", &both, "--metrics", "127.0.0.1:0"]);
        for _ in 0..20 {
            let client = tunnel.plain().await;
            assert_eq!(client.read(1).await.unwrap(), b"b");
        }
        tunnel.says(&format!("back end {down} does not answer: cannot connect to")).await;
        let samples = crate::metrics::scrape(&tunnel).await;
        let sample = |name: &str, address: &str| {
            samples[&format!("lem_ssl_tunnel_{name}{{route=\"default\",backend=\"{address}\"}}")]
        };
        assert_eq!(sample("backend_failures_total", &down), 1.0, "only the first has tried it");
        assert_eq!(sample("backend_up", &down), 0.0);
        assert_eq!((sample("backend_up", &b), sample("backend_connections_total", &b)), (1.0, 20.0));
    });
}

#[test]
fn one_that_comes_back_gets_connections_again_when_its_time_is_over() {
    run(async {
        let ((one, a), (two, b)) = (bind().await, bind().await);
        let _two = letter(two, "b");
        one.close().unwrap();
        drop(one);
        let tunnel = Tunnel::start(&["--plain", "--fail-time", "0.2", "--connect", &format!("{a},{b}")]);
        while !tunnel.running.stderr().contains("does not answer") {
            assert_eq!(tunnel.plain().await.read(1).await.unwrap(), b"b");
        }
        let _one = letter(Listener::bind(a.as_str()).await.unwrap(), "a");
        while tunnel.plain().await.read(1).await.unwrap() != b"a" {
            sleep(Duration::from_millis(10)).await;
        }
        tunnel.says(&format!("back end {a} is up again")).await;
    });
}

#[test]
fn a_client_is_cut_when_none_answers_and_only_so_many_are_tried() {
    run(async {
        let down = [nobody().await, nobody().await, nobody().await, nobody().await];
        let tunnel = Tunnel::start(&["--plain", "--connect-tries", "2", "--connect", &down.join(",")]);
        let client = TcpStream::connect(tunnel.address.as_str()).await;
        assert!(client.is_err() || client.unwrap().read(1).await.is_err());
        tunnel.says("cut, the back end cannot be reached (tried 2 addresses, the last: cannot connect to").await;
    });
}

#[test]
fn one_that_accepts_and_says_nothing_has_its_share_of_the_time_and_no_more() {
    let world = World::new();
    run(async {
        let (silent, good) = (bind().await, BackEnd::tls(&world.good()).await);
        let BackEnd::Tls(server) = &good else { unreachable!() };
        let address = format!("{},{}", silent.1, server.local_addr());
        let common = ["--tls-out", "--out-ca", &world.ca, "--out-server-name", "localhost", "--connect-timeout", "4"];
        // Whichever comes first.
        let tunnel = Tunnel::start(&[&common[..], &["--connect", &address]].concat());
        for _ in 0..4 {
            let client = spawn(talk(tunnel.plain().await, b"hello"));
            crate::support::echo(good.accept_tls().await).await;
            client.await.unwrap();
        }
    });
}

#[test]
fn back_ends_are_looked_after_without_any_client() {
    run(async {
        let ((one, a), (two, b)) = (bind().await, bind().await);
        let (one, _two) = (letter(one, "a"), letter(two, "b"));
        let both = format!("{a},{b}");
        let arguments = ["--plain", "--health-interval", "0.1", "--connect", &both, "--metrics", "127.0.0.1:0"];
        let tunnel = Tunnel::start(&arguments);
        let up = async |address: &str| {
            let name = format!("lem_ssl_tunnel_backend_up{{route=\"default\",backend=\"{address}\"}}");
            crate::metrics::scrape(&tunnel).await.get(&name).copied() == Some(1.0)
        };
        while !up(&a).await || !up(&b).await {
            sleep(Duration::from_millis(10)).await;
        }
        // It has to be known as good before it can go down.
        sleep(Duration::from_millis(300)).await;
        one.close().unwrap();
        drop(one);
        tunnel.says(&format!("back end {a} is down: cannot connect")).await;
        assert!(!up(&a).await);
        let _again = letter(Listener::bind(a.as_str()).await.unwrap(), "a");
        tunnel.says(&format!("back end {a} is up again")).await;
        assert!(up(&a).await && up(&b).await);
        assert!(!tunnel.running.stderr().contains("#1"), "nobody was carried");
    });
}

#[test]
fn back_ends_that_die_and_come_back_under_load_fail_nothing_but_what_they_had_in_their_queue() {
    run(async {
        let ((one, a), (two, b)) = (bind().await, bind().await);
        let _two = letter(two, "b");
        let tunnel = Tunnel::start(&["--plain", "--fail-time", "0.1", "--quiet", "--connect", &format!("{a},{b}")]);
        let over = Rc::new(Cell::new(false));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (over, address) = (over.clone(), tunnel.address.clone());
                spawn(async move {
                    let (mut heard, mut failed) = (Vec::new(), 0);
                    while !over.get() {
                        let client = TcpStream::connect(address.as_str()).await.unwrap();
                        // Whichever it is, the answer is whole.
                        client.close_write().unwrap();
                        match client.read(ReadMode::All).await {
                            Ok(answer) => heard.extend(answer),
                            Err(Error::Truncated(_)) => failed += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    (heard, failed)
                })
            })
            .collect();
        let mut running = letter(one, "a");
        for _ in 0..5 {
            sleep(Duration::from_millis(200)).await;
            // Nobody is accepted any more; those that were are served to their end.
            running.close().unwrap();
            drop(running);
            sleep(Duration::from_millis(200)).await;
            running = letter(Listener::bind(a.as_str()).await.unwrap(), "a");
        }
        over.set(true);
        for caller in callers {
            let (heard, failed) = caller.await.unwrap();
            assert!(heard.contains(&b'a') && heard.contains(&b'b'));
            // The kernel had accepted it for a listener that was closed then: at most one for each time that one dies.
            assert!(failed <= 5 && heard.len() > 10 * failed, "{failed} failed, {} did not", heard.len());
        }
    });
}
