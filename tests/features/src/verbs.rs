//! The verbs of a stream, over the loopback interface.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{ReadMode, Version, sleep, spawn, timeout};

use crate::support::{client, connected, run, server};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn every_mode_of_reading_works_in_both_versions() {
    for version in VERSIONS {
        run(async {
            let (near, far) =
                connected(&client().versions([version]).build().unwrap(), &server().build().unwrap()).await;
            far.write("a line\n12345rest").await.unwrap();
            far.close().unwrap();
            assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"a line\n");
            assert_eq!(near.read(5).await.unwrap(), b"12345");
            assert_eq!(near.read(ReadMode::All).await.unwrap(), b"rest");
            assert_eq!(near.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
        });
    }
}

#[test]
fn megabytes_arrive_in_both_directions_at_once() {
    const LENGTH: usize = 3 << 20;
    for version in VERSIONS {
        run(async {
            let (near, far) =
                connected(&client().versions([version]).build().unwrap(), &server().build().unwrap()).await;
            let data: Rc<[u8]> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
            let echo = spawn(async move {
                let (reader, writer) = far.split();
                while let Ok(part) = reader.read(ReadMode::Available).await {
                    writer.write(&part).await?;
                }
                writer.shutdown().await
            });
            let (reader, writer) = near.split();
            let sent = data.clone();
            let sending = spawn(async move {
                writer.write(&*sent).await?;
                writer.shutdown().await
            });
            assert!(reader.read(ReadMode::All).await.unwrap() == *data, "what came back is what was sent");
            sending.await.unwrap().unwrap();
            echo.await.unwrap().unwrap();
        });
    }
}

#[test]
fn an_interrupted_read_and_one_that_timed_out_consume_nothing() {
    run(async {
        let (near, far) = connected(&client().build().unwrap(), &server().build().unwrap()).await;
        let near = Rc::new(near);
        far.write("half").await.unwrap();
        let waiting = near.clone();
        let reading = spawn(async move { waiting.read(ReadMode::Line).await });
        while near.buffered() < 4 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(near.read(1).await.unwrap_err().to_string(), "busy");
        near.interrupt().unwrap();
        assert_eq!(reading.await.unwrap().unwrap_err().to_string(), "interrupted");
        assert!(timeout(Duration::from_millis(5), near.read(ReadMode::Line)).await.is_err(), "there is no line yet");
        far.write(" a line\n").await.unwrap();
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"half a line\n");
        assert_eq!(near.interrupt().unwrap_err().to_string(), "not busy");
        near.close().unwrap();
        assert_eq!(near.close().unwrap_err().to_string(), "already closed");
    });
}
