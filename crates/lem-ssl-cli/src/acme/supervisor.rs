//! A task that goes on for ever, even after a panic.

use std::future::Future;
use std::time::Duration;

use lem_ssl_rs::{JoinError, sleep, spawn};

/// Runs what `begin` makes, and makes it again, after `pause`, where it has panicked; `told` is called before. Returns
/// when it has ended by itself, or was cancelled.
///
/// **Cancel safety:** what was begun goes on by itself if the future is dropped.
pub(super) async fn supervise<F: Future<Output = ()> + 'static>(
    begin: impl Fn() -> F,
    told: impl Fn(&JoinError),
    pause: Duration,
) {
    while let Err(error @ JoinError::Panicked(_)) = spawn(begin()).await {
        told(&error);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::watched_machine;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    #[test]
    fn what_has_panicked_is_told_and_begins_again() {
        let begun = Rc::new(Cell::new(0));
        let said = RefCell::new(Vec::new());
        let begin = || {
            let begun = begun.clone();
            async move {
                begun.set(begun.get() + 1);
                assert!(begun.get() > 2, "on purpose");
            }
        };
        let supervised = async {
            supervise(begin, |error| said.borrow_mut().push(error.to_string()), Duration::from_millis(1)).await;
        };
        watched_machine().run(supervised).unwrap();
        assert_eq!((begun.get(), said.borrow().len()), (3, 2));
        assert!(said.borrow()[0].contains("on purpose"), "{said:?}");
    }
}
