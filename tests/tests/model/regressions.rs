//! What the random programs have found, each as the short program that it was made.

use std::time::Duration;

use lem_rs::sim::Link;
use lem_rs::{Limits, ReadMode};
use lem_ssl_tests::model::{Carrier, Climate, Guard, How, Op, Program, Setting, play};

fn setting(carrier: Carrier, link: Link) -> Setting {
    let close_deadline = Duration::from_secs(3_600);
    Setting {
        carrier,
        climate: Climate::Calm,
        link,
        v6: false,
        limits: Limits::default(),
        close_deadline,
        line: 100,
        resumes: false,
    }
}

#[track_caller]
fn expect_success(setting: Setting, client: Vec<Vec<Op>>, server: Vec<Vec<Op>>) {
    let program = Program { seed: 1, setting, tasks: [client, server] };
    let played = play(&program, true);
    assert_eq!(played.failure, None, "{program}{}", played.trace);
}

const READ: Op = Op::Read(ReadMode::Available, How::Owned, Guard::None);
const LONG: Op = Op::Sleep(Duration::from_secs(500));

#[test]
fn a_half_close_of_a_split_stream_does_not_silence_what_is_sent_in_the_background() {
    // The tickets of TLS 1.3 do not fit into this socket, and the server's task for them waits.
    let link = Link::default().buffers(172, 795);
    let client = vec![vec![READ]];
    let server = vec![vec![Op::Split, READ], vec![Op::CloseWrite]];
    expect_success(setting(Carrier::Tls13, link), client, server);
}

#[test]
fn what_a_dropped_write_has_handed_over_is_sent_after_a_half_close() {
    let link = Link::default().buffers(248, 64 * 1024);
    let client = vec![vec![Op::Read(ReadMode::All, How::Owned, Guard::None)]];
    let server = vec![vec![Op::Split, READ], vec![Op::Yield, Op::Write(754, Guard::Drop(1)), Op::CloseWrite]];
    expect_success(setting(Carrier::Tls12, link), client, server);
}

#[test]
fn a_half_close_under_a_waiting_write_sends_the_end() {
    let client = vec![vec![Op::Shutdown(Guard::None)]];
    let server = vec![vec![Op::Write(70_000, Guard::None), LONG], vec![Op::CloseWrite]];
    expect_success(setting(Carrier::Plain, Link::default()), client, server);
}
