//! What the main task of a server waits for.

use std::future::Future;
use std::rc::Rc;

use lem_ssl_rs::{Error, Inbox, spawn};

use crate::signals::{Signal, Signals};

/// What happens to a server.
pub(crate) enum Event {
    Signal(Signal),
    /// Nothing is accepted any more.
    Ended(Error),
}

/// What has happened and was not looked at yet.
pub(crate) struct Events(Rc<Inbox<Event>>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Inbox::new()))
    }

    /// Accepts; that it ends is an event.
    pub(crate) fn accept(&self, accepting: impl Future<Output = Error> + 'static) {
        let inbox = self.0.clone();
        spawn(async move {
            let error = accepting.await;
            let _ = inbox.put(Event::Ended(error));
        })
        .detach();
    }

    /// From now on signals are events.
    pub(crate) fn receive(&self, signals: Signals) {
        let inbox = self.0.clone();
        spawn(async move {
            while let Ok(signal) = signals.next().await {
                let _ = inbox.put(Event::Signal(signal));
            }
        })
        .detach();
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) -> Result<Event, Error> {
        self.0.take().await
    }
}
