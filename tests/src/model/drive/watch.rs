//! A verb's future, each poll of which is shown to the model.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use lem_rs::{Error, sleep};

use super::stage::Stage;
use crate::model::contract::brief;
use crate::model::verb::{Answer, Seen, Side, Verb};

/// A verb's future, each poll of which is shown to the model. Gives `None` when it was dropped on purpose.
pub(super) struct Watch<'a, S: Fn() -> Seen, F> {
    side: Side,
    stage: &'a Stage,
    /// What the stream shows.
    seen: S,
    verb: Verb,
    id: Option<u64>,
    future: Option<Pin<Box<F>>>,
    /// After so many polls it is dropped.
    polls: Option<u32>,
}

impl<'a, S: Fn() -> Seen, F> Watch<'a, S, F> {
    pub(super) fn new(side: Side, stage: &'a Stage, seen: S, verb: Verb, future: F, polls: Option<u32>) -> Self {
        Self { side, stage, seen, verb, id: None, future: Some(Box::pin(future)), polls }
    }

    fn give_up(&mut self) {
        self.future = None;
        if let Some(id) = self.id.take() {
            let seen = (self.seen)();
            self.stage.note(self.side, || format!("  {id} is dropped"));
            self.stage.check(self.side, |model| model.dropped(id, &seen));
        }
    }
}

impl<S: Fn() -> Seen + Unpin, F: Future<Output = Result<Answer, Error>>> Future for Watch<'_, S, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (side, stage) = (this.side, this.stage);
        let Some(future) = &mut this.future else { return Poll::Ready(None) };
        let id = *this.id.get_or_insert_with(|| stage.ask(|model| model.begin(side, this.verb.clone())));
        let refused = stage.ask(|model| model.polled(id));
        match future.as_mut().poll(cx) {
            Poll::Ready(result) => {
                this.future = None;
                this.id = None;
                let seen = (this.seen)();
                stage.note(side, || format!("  {id} gives {}", brief(&result)));
                stage.check(side, |model| model.finished(id, &result, &seen));
                Poll::Ready(Some(result))
            }
            Poll::Pending => {
                let seen = (this.seen)();
                // To ask is to be woken, so it is asked only where it matters.
                let spent = refused && is_spent(cx);
                stage.check(side, |model| model.pended(id, &seen, spent));
                match &mut this.polls {
                    Some(0 | 1) => {
                        this.give_up();
                        Poll::Ready(None)
                    }
                    Some(polls) => {
                        *polls -= 1;
                        Poll::Pending
                    }
                    None => Poll::Pending,
                }
            }
        }
    }
}

impl<S: Fn() -> Seen, F> Drop for Watch<'_, S, F> {
    fn drop(&mut self) {
        // A panic is told as what it is.
        if !std::thread::panicking() {
            self.give_up();
        }
    }
}

/// Whether the budget of the task's turn is spent: then whatever comes next gives way.
pub(super) fn is_spent(cx: &mut Context<'_>) -> bool {
    pin!(sleep(Duration::ZERO)).poll(cx).is_pending()
}
