//! A flood of handshakes does not keep established streams from going on.

use std::cell::Cell;
use std::rc::Rc;

use lem_ssl_rs::{ServerOptions, spawn};

use crate::support::{check, client_context, connect, is_echoed, serve_with, server_context, until};

const FLOOD: u64 = 300;

/// A machine does four steps of handshakes in a turn, and both ends are on this one: 300 handshakes of four steps are 300
/// turns. A question and its answer take about four; a third of what that gives is asked for here, and without the limit
/// it would be a handful.
const MIN_ROUNDS: u64 = 25;

#[test]
fn an_established_stream_goes_on_while_three_hundred_shake_hands() {
    check(async {
        let options = ServerOptions::default().handshakes(FLOOD as usize + 8).handshakes_per_peer(FLOOD as usize + 8);
        let server = serve_with(&server_context(), options).await;
        let established = connect(&server).await;
        is_echoed(&established, "before\n").await;
        let context = client_context();
        let failed = Rc::new(Cell::new(0));
        let mut clients = Vec::new();
        for _ in 0..FLOOD {
            let (context, server, failed) = (context.clone(), server.clone(), failed.clone());
            clients.push(spawn(async move {
                let client = context.connect_as(server.local_addr(), "localhost").await;
                failed.set(failed.get() + u64::from(client.is_err()));
                client
            }));
        }
        until(|| server.counters().handshakes_started > FLOOD / 2).await;
        let before = server.counters().handshakes_finished;
        let mut rounds = 0;
        while server.counters().handshakes_finished < FLOOD {
            is_echoed(&established, "meanwhile\n").await;
            rounds += 1;
        }
        let under_way = server.counters().handshakes_finished - before;
        assert!(under_way > 0, "the flood was over before it began");
        assert!(rounds >= MIN_ROUNDS.min(under_way / 12), "{rounds} rounds during {under_way} handshakes");
        for client in clients {
            client.await.unwrap().unwrap();
        }
        assert_eq!((failed.get(), server.counters().refused), (0, 0));
    });
}
