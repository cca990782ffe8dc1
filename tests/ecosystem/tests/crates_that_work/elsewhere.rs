//! Crates with threads of their own: they wait there, and wake a task of the machine.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use async_compat::CompatExt;
use futures_util::StreamExt;
use lem_ssl_ecosystem::run;
use lem_ssl_tests::scratch::Scratch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ms;

#[test]
fn futures_timer_waits() {
    run(futures_timer::Delay::new(ms(5)));
}

#[test]
fn async_io_waits_and_receives() {
    run(async {
        async_io::Timer::after(ms(5)).await;
        let bind = || async_io::Async::<UdpSocket>::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (near, far) = (bind(), bind());
        let to = far.get_ref().local_addr().unwrap();
        let mut buffer = [0; 8];
        let (sent, received) = futures_util::join!(near.send_to(b"hi", to), far.recv_from(&mut buffer));
        assert_eq!((sent.unwrap(), received.unwrap().0, &buffer[..2]), (2, 2, &b"hi"[..]));
    });
}

#[test]
fn async_process_runs_a_child() {
    run(async {
        let output = async_process::Command::new("sh").args(["-c", "sleep 0.05; echo out; exit 3"]).output().await;
        let output = output.unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"out\n"[..]));
    });
}

#[test]
fn async_fs_writes_and_reads() {
    run(async {
        let scratch = Scratch::new("async-fs");
        let file = scratch.path().join("file");
        async_fs::write(&file, b"content").await.unwrap();
        assert_eq!(async_fs::read(&file).await.unwrap(), b"content");
        assert_eq!(fs::read(&file).unwrap(), b"content");
    });
}

#[test]
fn async_signal_receives() {
    run(async {
        let mut signals = async_signal::Signals::new([async_signal::Signal::Usr1]).unwrap();
        let kill = async_process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().await;
        assert!(kill.unwrap().success());
        assert_eq!(signals.next().await.unwrap().unwrap(), async_signal::Signal::Usr1);
    });
}

#[test]
fn async_compat_lends_tokios_reactor() {
    run(async {
        let echo = async {
            tokio::time::sleep(ms(5)).await;
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let mut near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            near.write_all(b"hello").await.unwrap();
            let mut bytes = [0; 5];
            far.read_exact(&mut bytes).await.unwrap();
            bytes
        };
        assert_eq!(&echo.compat().await, b"hello");
    });
}
