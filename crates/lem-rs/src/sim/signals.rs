//! Signals in the simulated world: a test sends them.

use std::io;
use std::rc::Rc;

use super::agenda::Due;
use super::net::Net;
use super::shared::Shared;
use super::state::{Receiving, State};
use super::trace::What;
use crate::world::{ReadyEvent, Signal, SignalSource};

impl State {
    pub(super) fn receive_signals(&mut self, wanted: &[Signal]) -> u32 {
        self.last_signals += 1;
        let receiving = Receiving { wanted: wanted.to_vec(), arrived: Vec::new(), token: None };
        self.signals.insert(self.last_signals, receiving);
        self.last_signals
    }

    fn signal(&mut self, signal: Signal) -> usize {
        self.log(What::Note(format!("{signal} is sent").into()));
        let mut reached = 0;
        for (id, receiving) in self.signals.iter_mut().filter(|(_, receiving)| receiving.wanted.contains(&signal)) {
            if !receiving.arrived.contains(&signal) {
                receiving.arrived.push(signal);
            }
            reached += 1;
            self.agenda.put(self.now, Due::Signalled { receiver: *id });
        }
        reached
    }

    pub(super) fn signalled(&mut self, receiver: u32) -> Option<ReadyEvent> {
        let token = self.signals.get(&receiver)?.token?;
        Some(ReadyEvent { token, readable: true, writable: false, read_closed: false, failed: false, urgent: false })
    }
}

impl Net {
    /// Sends the program a signal: every [`Signals`](crate::signal::Signals) that wants it receives it. Returns how
    /// many there are. Needs the feature `signal`.
    pub fn signal(&self, signal: Signal) -> usize {
        self.shared.state.borrow_mut().signal(signal)
    }
}

pub(super) struct SimSignals {
    shared: Rc<Shared>,
    receiver: u32,
}

impl SimSignals {
    pub(super) fn new(shared: Rc<Shared>, wanted: &[Signal]) -> Self {
        let receiver = shared.state.borrow_mut().receive_signals(wanted);
        Self { shared, receiver }
    }
}

impl SignalSource for SimSignals {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        if let Some(receiving) = self.shared.state.borrow_mut().signals.get_mut(&self.receiver) {
            receiving.token = Some(token);
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Vec<Signal>> {
        let mut state = self.shared.state.borrow_mut();
        let arrived = state.signals.get_mut(&self.receiver).map(|receiving| std::mem::take(&mut receiving.arrived));
        arrived.filter(|arrived| !arrived.is_empty()).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for SimSignals {
    fn drop(&mut self) {
        self.shared.state.borrow_mut().signals.remove(&self.receiver);
    }
}
