//! What all tasks of a run share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lem_rs::sim::Net;
use lem_rs::{Direction, Error, Inbox};

use crate::model::content::Content;
use crate::model::contract::{Model, Verdict};
use crate::model::verb::Side;

/// What all tasks of a run share.
pub(super) struct Stage {
    pub(super) model: RefCell<Model>,
    pub(super) net: Net,
    /// What each end writes.
    pub(super) contents: [Content; 2],
    /// Whether what happens is noted in the world's log.
    pub(super) notes: bool,
    /// The first thing that went wrong.
    failure: RefCell<Option<String>>,
    alarm: Inbox<()>,
    /// How many numbers were given out.
    numbers: Cell<u64>,
    ends: RefCell<[Option<Rc<dyn Interrupts>>; 2]>,
}

/// An end whose waiting task can be interrupted.
pub(super) trait Interrupts {
    fn interrupt(&self, direction: Direction);
}

impl Stage {
    pub(super) fn new(model: Model, net: Net, contents: [Content; 2], notes: bool) -> Rc<Self> {
        Rc::new(Self {
            model: RefCell::new(model),
            net,
            contents,
            notes,
            failure: RefCell::default(),
            alarm: Inbox::new(),
            numbers: Cell::default(),
            ends: RefCell::default(),
        })
    }

    /// A number that nobody else has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Asks the model, at the present time.
    pub(super) fn ask<R>(&self, question: impl FnOnce(&mut Model) -> R) -> R {
        let now = self.net.elapsed();
        let mut model = self.model.borrow_mut();
        model.set_time(now);
        question(&mut model)
    }

    /// Asks the model; a refusal ends the run.
    pub(super) fn check(&self, side: Side, question: impl FnOnce(&mut Model) -> Verdict) {
        if let Err(refusal) = self.ask(question) {
            self.fail(format!("{side:?}: {}", refusal.0));
        }
    }

    pub(super) fn fail(&self, why: String) {
        if self.failure.borrow().is_none() {
            self.net.note(format!("FAILED: {why}"));
            *self.failure.borrow_mut() = Some(why);
            // It is open as long as the run.
            let _ = self.alarm.put(());
        }
    }

    /// The program is over.
    pub(super) fn over(&self) {
        // It is open as long as the run.
        let _ = self.alarm.put(());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Waits until something goes wrong.
    pub(super) async fn alarmed(&self) -> Result<(), Error> {
        self.alarm.take().await
    }

    pub(super) fn note(&self, side: Side, text: impl FnOnce() -> String) {
        if self.notes {
            self.net.note(format!("{side:?}: {}", text()));
        }
    }

    pub(super) fn enter(&self, side: Side, end: Option<Rc<dyn Interrupts>>) {
        self.ends.borrow_mut()[side as usize] = end;
    }

    pub(super) fn interrupt(&self, side: Side, direction: Direction) {
        let end = self.ends.borrow()[side as usize].clone();
        if let Some(end) = end {
            end.interrupt(direction);
        }
    }
}
