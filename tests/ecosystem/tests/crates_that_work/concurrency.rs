//! Futures that wait for several others.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lem_ssl_ecosystem::{Ends, run};
use lem_ssl_rs::{ReadMode, sleep, spawn, yield_now};

use crate::ms;

#[test]
fn futures_util_selects_joins_and_shares() {
    run(async {
        let mut set: FuturesUnordered<_> = (0..5)
            .map(async |number| {
                sleep(ms(50 - 10 * number)).await;
                number
            })
            .collect();
        assert_eq!(set.next().await, Some(4));
        let (mut slow, mut fast) = (Box::pin(sleep(ms(10_000)).fuse()), Box::pin(sleep(ms(1)).fuse()));
        let won = futures_util::select! { () = slow => "slow", () = fast => "fast" };
        assert_eq!(won, "fast");
        let (left, right) = futures_util::join!(async { 1 }, spawn(async { 2 }));
        assert_eq!((left, right), (1, Ok(2)));
        let shared = async { 7 }.shared();
        assert_eq!(futures_util::join!(shared.clone(), shared), (7, 7));
    });
}

#[test]
fn futures_util_select_loses_no_byte() {
    run(async {
        let (near, far) = Ends::pair().await;
        near.write("hel").await.unwrap();
        let (mut line, mut late) = (far.read(ReadMode::Line).fuse(), Box::pin(sleep(ms(50)).fuse()));
        futures_util::select! { line = line => panic!("{line:?}"), () = late => {} }
        drop(line);
        near.write("lo\n").await.unwrap();
        assert_eq!(far.read(ReadMode::Line).await.unwrap(), b"hello\n");
    });
}

#[test]
fn futures_lite_races_and_zips() {
    use futures_lite::FutureExt;
    run(async {
        let slow = async {
            sleep(ms(10_000)).await;
            "slow"
        };
        let fast = async {
            sleep(ms(1)).await;
            "fast"
        };
        assert_eq!(slow.or(fast).await, "fast");
        assert_eq!(futures_lite::future::zip(async { 1 }, spawn(async { 2 })).await, (1, Ok(2)));
    });
}

#[test]
fn futures_concurrency_races_and_joins() {
    use futures_concurrency::prelude::*;
    run(async {
        let after = async |milliseconds: u64, value: u32| {
            sleep(ms(milliseconds)).await;
            value
        };
        assert_eq!((after(10_000, 1), after(1, 2)).race().await, 2);
        assert_eq!((0..3).map(|number| after(1, number)).collect::<Vec<_>>().join().await, [0, 1, 2]);
        let results = [Ok::<_, &str>(1), Err("no"), Ok(3)].map(async |result| result);
        assert_eq!(results.try_join().await, Err("no"));
    });
}

#[test]
fn tokio_selects_and_joins_by_its_macros() {
    run(async {
        let won = tokio::select! {
            () = sleep(ms(10_000)) => "slow",
            () = sleep(ms(1)) => "fast",
        };
        assert_eq!(won, "fast");
        assert_eq!(tokio::join!(async { 1 }, spawn(async { 2 })), (1, Ok(2)));
    });
}

#[test]
fn tower_composes_services_and_limits_them() {
    use tower::{Service, ServiceBuilder, ServiceExt};
    run(async {
        let running = Rc::new(Cell::new(0));
        let counter = running.clone();
        let work = tower::service_fn(move |number: u32| {
            let running = counter.clone();
            async move {
                running.set(running.get() + 1);
                assert!(running.get() <= 2, "the limit holds");
                yield_now().await;
                running.set(running.get() - 1);
                Ok::<_, std::convert::Infallible>(number * 2)
            }
        });
        let service = ServiceBuilder::new().concurrency_limit(2).map_request(|number: u32| number + 1).service(work);
        let calls = (0..10).map(|number| {
            let mut service = service.clone();
            spawn(async move { service.ready().await.unwrap().call(number).await.unwrap() })
        });
        for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(call.await.unwrap() as usize, (number + 1) * 2);
        }
        assert_eq!(running.get(), 0);
    });
}
