//! async-tungstenite over the traits of futures-io.

use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use futures_util::StreamExt;
use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::{Polled, spawn};

/// Both ends of a WebSocket.
async fn pair() -> (WebSocketStream<Polled>, WebSocketStream<Polled>) {
    let (near, far) = Ends::pair().await;
    let (near, far) =
        futures_util::join!(accept_async(near.into_polled()), client_async("wss://localhost/chat", far.into_polled()));
    (near.expect("the server agrees"), far.expect("the client agrees").0)
}

async fn hear(socket: &mut WebSocketStream<Polled>) -> Message {
    socket.next().await.expect("the connection goes on").expect("nothing breaks")
}

#[test]
fn messages_go_both_ways_in_order() {
    run(async {
        let (mut near, mut far) = pair().await;
        for number in 0..100 {
            far.send(Message::text(number.to_string())).await.unwrap();
            assert_eq!(hear(&mut near).await, Message::text(number.to_string()));
            near.send(Message::binary(pattern(number))).await.unwrap();
            assert_eq!(hear(&mut far).await, Message::binary(pattern(number)));
        }
    });
}

#[test]
fn fragments_are_one_message_with_a_ping_between_them() {
    run(async {
        let (mut near, mut far) = pair().await;
        let fragment =
            |text: &'static str, opcode, is_last| Message::Frame(Frame::message(text, OpCode::Data(opcode), is_last));
        far.send(fragment("one ", Data::Text, false)).await.unwrap();
        far.send(fragment("two ", Data::Continue, false)).await.unwrap();
        far.send(Message::Ping("between".into())).await.unwrap();
        far.send(fragment("three", Data::Continue, true)).await.unwrap();
        assert_eq!(hear(&mut near).await, Message::Ping("between".into()));
        assert_eq!(hear(&mut near).await, Message::text("one two three"));
        // The answer to the ping leaves with what is sent next, or with the next read.
        let listening = spawn(async move { near.next().await });
        assert_eq!(hear(&mut far).await, Message::Pong("between".into()));
        listening.cancel();
    });
}

#[test]
fn a_message_of_several_mebibytes_comes_back() {
    run(async {
        let (mut near, mut far) = pair().await;
        let echo = spawn(async move {
            let message = hear(&mut near).await;
            near.send(message).await.unwrap();
        });
        let data = pattern(5 << 20);
        far.send(Message::binary(data.clone())).await.unwrap();
        assert!(hear(&mut far).await.into_data() == data);
        echo.await.unwrap();
    });
}

#[test]
fn both_sides_send_more_than_the_network_holds_at_once() {
    async fn exchange(socket: WebSocketStream<Polled>) -> WebSocketStream<Polled> {
        const COUNT: usize = 24;
        let (mut sender, mut receiver) = socket.split();
        let sending = async {
            for number in 0..COUNT {
                sender.send(Message::binary(pattern(1 << 20 | number))).await.unwrap();
            }
        };
        let hearing = async {
            for number in 0..COUNT {
                let message = receiver.next().await.unwrap().unwrap();
                assert!(message.into_data() == pattern(1 << 20 | number));
            }
        };
        futures_util::join!(sending, hearing);
        WebSocketStream::reunite(sender, receiver).expect("they are one socket's")
    }
    run(async {
        let (near, far) = pair().await;
        futures_util::join!(exchange(near), exchange(far));
    });
}

#[test]
fn a_close_is_answered_and_then_both_have_their_end() {
    run(async {
        let (mut near, mut far) = pair().await;
        let frame = CloseFrame { code: CloseCode::Away, reason: "enough".into() };
        far.send(Message::text("last words")).await.unwrap();
        far.close(Some(frame.clone())).await.unwrap();
        assert_eq!(hear(&mut near).await, Message::text("last words"));
        assert_eq!(hear(&mut near).await, Message::Close(Some(frame.clone())));
        // The server answers, and ends the connection (RFC 6455 section 7.1.1).
        let server = spawn(async move { near.next().await.is_none() });
        assert_eq!(hear(&mut far).await, Message::Close(Some(frame)));
        assert!(far.next().await.is_none());
        assert!(server.await.unwrap());
        assert!(matches!(far.send(Message::text("more")).await, Err(Error::AlreadyClosed)));
    });
}

#[test]
fn a_peer_that_is_cut_off_is_an_error_and_no_end() {
    run(async {
        let (mut near, mut far) = pair().await;
        near.send(Message::text("before")).await.unwrap();
        near.get_ref().abort();
        let end = loop {
            match far.next().await {
                Some(Ok(message)) => assert_eq!(message, Message::text("before")),
                end => break end,
            }
        };
        assert!(matches!(end, Some(Err(Error::Io(_)))), "{end:?}");
    });
}
