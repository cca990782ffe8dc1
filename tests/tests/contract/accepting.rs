//! The verbs of `Listener` and `Server`: accept, autospawn, interrupt, close, busy, closed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lem_rs::transport::Transport;
use lem_rs::{Error, ReadMode, Stream, spawn};

use crate::support::{Door, at_once, both, on_every_door, says, until};

on_every_door! {
    accept_waits_for_a_stream_and_returns_it,
    streams_that_came_before_accept_are_not_lost,
    a_server_is_busy_while_a_task_accepts,
    a_second_task_that_accepts_is_told_busy,
    interrupt_makes_who_accepts_say_interrupted,
    interrupt_without_a_waiter_says_not_busy,
    an_interrupted_server_goes_on,
    close_makes_who_accepts_say_interrupted,
    close_makes_a_server_closed,
    a_second_close_says_already_closed,
    accept_after_close_says_closed,
    accepted_streams_live_on_after_close,
    nobody_can_connect_after_close,
    a_dropped_accept_loses_no_stream,
    autospawn_starts_a_task_for_each_stream,
    autospawn_ends_when_it_is_interrupted,
    autospawn_ends_when_the_server_is_closed,
    autospawn_on_a_busy_server_says_busy,
    a_panic_in_a_handler_ends_that_stream_only,
    many_clients_at_once_are_all_accepted,
}

/// Shows that the two are connected.
async fn talk<T: Transport>(one: &Stream<T>, other: &Stream<T>) {
    one.write("ping").await.unwrap();
    assert_eq!(other.read(4).await.unwrap(), b"ping");
    other.write("pong").await.unwrap();
    assert_eq!(one.read(4).await.unwrap(), b"pong");
}

/// Answers every line with the same line.
async fn echo<T: Transport>(stream: Stream<T>) {
    while let Ok(line) = stream.read(ReadMode::Line).await {
        stream.write(&line).await.unwrap();
    }
}

async fn is_echoed<T: Transport>(client: &Stream<T>, line: &str) {
    client.write(line).await.unwrap();
    assert_eq!(client.read(ReadMode::Line).await.unwrap(), line.as_bytes());
}

async fn accept_waits_for_a_stream_and_returns_it<D: Door>() {
    let door = D::open().await;
    let connecting = async {
        until(|| door.is_busy()).await;
        door.connect().await.unwrap()
    };
    let (accepted, client) = both(door.accept(), connecting).await;
    talk(&client, &accepted.unwrap()).await;
}

async fn streams_that_came_before_accept_are_not_lost<D: Door>() {
    let door = D::open().await;
    let mut clients = Vec::new();
    for number in 0..5_u8 {
        let client = door.connect().await.unwrap();
        client.write(&[number]).await.unwrap();
        clients.push(client);
    }
    let mut numbers = Vec::new();
    for _ in 0..5 {
        numbers.extend(door.accept().await.unwrap().read(1).await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

async fn a_server_is_busy_while_a_task_accepts<D: Door>() {
    let door = D::open().await;
    assert!(!door.is_busy());
    let connecting = async {
        until(|| door.is_busy()).await;
        door.connect().await.unwrap()
    };
    let (accepted, _client) = both(door.accept(), connecting).await;
    accepted.unwrap();
    assert!(!door.is_busy());
}

async fn a_second_task_that_accepts_is_told_busy<D: Door>() {
    let door = D::open().await;
    let others = async {
        until(|| door.is_busy()).await;
        says(door.accept().await, "busy");
        // Who waited first still does.
        door.connect().await.unwrap()
    };
    let (accepted, client) = both(door.accept(), others).await;
    talk(&client, &accepted.unwrap()).await;
}

async fn interrupt_makes_who_accepts_say_interrupted<D: Door>() {
    let door = D::open().await;
    let interrupter = async {
        until(|| door.is_busy()).await;
        door.interrupt().unwrap();
        assert!(!door.is_busy());
        says(door.interrupt(), "not busy");
    };
    let (accepted, ()) = both(door.accept(), interrupter).await;
    says(accepted, "interrupted");
}

async fn interrupt_without_a_waiter_says_not_busy<D: Door>() {
    let door = D::open().await;
    says(door.interrupt(), "not busy");
    door.close().unwrap();
    says(door.interrupt(), "not busy");
}

async fn an_interrupted_server_goes_on<D: Door>() {
    let door = D::open().await;
    for _ in 0..3 {
        let interrupter = async {
            until(|| door.is_busy()).await;
            door.interrupt().unwrap();
        };
        says(both(door.accept(), interrupter).await.0, "interrupted");
        assert!(!door.is_closed());
        let (accepted, client) = both(door.accept(), door.connect()).await;
        talk(&client.unwrap(), &accepted.unwrap()).await;
    }
}

async fn close_makes_who_accepts_say_interrupted<D: Door>() {
    let door = D::open().await;
    let closer = async {
        until(|| door.is_busy()).await;
        door.close().unwrap();
    };
    let (accepted, ()) = both(door.accept(), closer).await;
    says(accepted, "interrupted");
    assert!(!door.is_busy());
}

async fn close_makes_a_server_closed<D: Door>() {
    let door = D::open().await;
    assert!(!door.is_closed());
    door.close().unwrap();
    assert!(door.is_closed());
}

async fn a_second_close_says_already_closed<D: Door>() {
    let door = D::open().await;
    door.close().unwrap();
    says(door.close(), "already closed");
}

async fn accept_after_close_says_closed<D: Door>() {
    let door = D::open().await;
    door.close().unwrap();
    says(door.accept().await, "closed");
    says(door.autospawn(echo).await, "closed");
}

async fn accepted_streams_live_on_after_close<D: Door>() {
    let door = D::open().await;
    let (accepted, client) = both(door.accept(), door.connect()).await;
    let (accepted, client) = (accepted.unwrap(), client.unwrap());
    door.close().unwrap();
    talk(&client, &accepted).await;
    drop(door);
    talk(&client, &accepted).await;
}

async fn nobody_can_connect_after_close<D: Door>() {
    let door = D::open().await;
    door.close().unwrap();
    door.connect().await.unwrap_err();
}

async fn a_dropped_accept_loses_no_stream<D: Door>() {
    let door = Rc::new(D::open().await);
    assert!(at_once(door.accept()).await.is_none());
    assert!(!door.is_busy());
    let accepting = door.clone();
    let task = spawn(async move { accepting.accept().await.map(drop) });
    until(|| door.is_busy()).await;
    task.cancel();
    task.await.unwrap_err();
    let client = door.connect().await.unwrap();
    talk(&client, &door.accept().await.unwrap()).await;
}

async fn autospawn_starts_a_task_for_each_stream<D: Door>() {
    let door = D::open().await;
    let clients = async {
        let one = door.connect().await.unwrap();
        let two = door.connect().await.unwrap();
        // Each is served while the other waits.
        is_echoed(&two, "two\n").await;
        is_echoed(&one, "one\n").await;
        is_echoed(&two, "two again\n").await;
        door.interrupt().unwrap();
        is_echoed(&one, "handlers go on\n").await;
    };
    let (over, ()) = both(door.autospawn(echo), clients).await;
    says(over, "interrupted");
}

async fn autospawn_ends_when_it_is_interrupted<D: Door>() {
    let door = D::open().await;
    let interrupter = async {
        until(|| door.is_busy()).await;
        door.interrupt().unwrap();
    };
    says(both(door.autospawn(echo), interrupter).await.0, "interrupted");
    let (accepted, client) = both(door.accept(), door.connect()).await;
    talk(&client.unwrap(), &accepted.unwrap()).await;
}

async fn autospawn_ends_when_the_server_is_closed<D: Door>() {
    let door = D::open().await;
    let closer = async {
        until(|| door.is_busy()).await;
        door.close().unwrap();
    };
    says(both(door.autospawn(echo), closer).await.0, "interrupted");
}

async fn autospawn_on_a_busy_server_says_busy<D: Door>() {
    let door = D::open().await;
    let others = async {
        until(|| door.is_busy()).await;
        says(door.autospawn(echo).await, "busy");
        door.close().unwrap();
    };
    says(both(door.accept(), others).await.0, "interrupted");
}

async fn a_panic_in_a_handler_ends_that_stream_only<D: Door>() {
    let door = D::open().await;
    let count = Rc::new(Cell::new(0));
    let handler = |stream| {
        let count = count.clone();
        async move {
            count.set(count.get() + 1);
            assert!(count.get() != 2, "this panic is part of the test");
            echo(stream).await;
        }
    };
    let clients = async {
        let first = door.connect().await.unwrap();
        is_echoed(&first, "first\n").await;
        let second = door.connect().await.unwrap();
        // Cut off, which a plain stream cannot tell from an end.
        assert!(matches!(second.read(1).await, Err(Error::Closed | Error::Truncated(_))));
        is_echoed(&first, "still here\n").await;
        let third = door.connect().await.unwrap();
        is_echoed(&third, "third\n").await;
        door.interrupt().unwrap();
    };
    says(both(door.autospawn(handler), clients).await.0, "interrupted");
}

async fn many_clients_at_once_are_all_accepted<D: Door>() {
    const CLIENTS: usize = 40;
    let door = Rc::new(D::open().await);
    let served = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let door = door.clone();
            spawn(async move {
                let client = door.connect().await.unwrap();
                is_echoed(&client, &format!("{number}\n")).await;
            })
        })
        .collect();
    let clients = async {
        for (number, task) in tasks.into_iter().enumerate() {
            task.await.unwrap();
            served.borrow_mut().push(number);
        }
        door.interrupt().unwrap();
    };
    says(both(door.autospawn(echo), clients).await.0, "interrupted");
    assert_eq!(served.borrow().len(), CLIENTS);
}
