//! What does not work, and what it says.

use std::net::Ipv4Addr;
use std::thread;

use futures_util::FutureExt;
use lem_ssl_ecosystem::run;
use lem_ssl_rs::{JoinError, Machine, sleep, spawn};

use crate::ms;

/// Such a task panics, and its neighbours go on.
async fn panics(task: impl Future<Output: 'static> + 'static) {
    match spawn(task).await {
        Err(JoinError::Panicked(text)) => assert!(text.contains("Tokio 1.x runtime"), "{text}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it works: the table is wrong"),
    }
}

#[test]
fn tokios_clock_sockets_files_and_tasks_panic_without_its_runtime() {
    run(async {
        panics(async { tokio::time::sleep(ms(1)).await }).await;
        panics(async { tokio::time::timeout(ms(1), async {}).await }).await;
        panics(tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, 1))).await;
        panics(async { tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map(drop) }).await;
        panics(tokio::fs::read("/")).await;
        panics(async { tokio::spawn(async {}).await }).await;
        panics(async { tokio::task::spawn_blocking(|| ()).await }).await;
    });
}

#[test]
fn towers_timeout_panics_without_tokios_clock() {
    use tower::{ServiceBuilder, ServiceExt};
    run(async {
        let service = ServiceBuilder::new()
            .timeout(ms(100))
            .service(tower::service_fn(async |()| Ok::<_, std::convert::Infallible>(())));
        panics(service.oneshot(()).map(drop)).await;
    });
}

#[test]
fn block_on_inside_of_a_task_waits_for_ever() {
    let stuck = thread::spawn(|| Machine::new()?.run(async { futures_lite::future::block_on(sleep(ms(1))) }));
    thread::sleep(ms(500));
    // The thread ends with the process.
    assert!(!stuck.is_finished(), "it works: the table is wrong");
}
