//! A stream that goes on over its transport in another type.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use super::inner::Inner;
use super::state::{Link, Outbound, State};
use super::transport::Transport;
use crate::runtime::Direction;

impl<T: Transport> Inner<T> {
    /// The same stream, whose transport is wrapped or unwrapped by `change`. Its handles go along. Nobody else has it, so
    /// nobody waits on it.
    pub(super) fn retyped<U: Transport>(self: Rc<Self>, change: impl FnOnce(T) -> U) -> Rc<Inner<U>> {
        let mut state = self.state.borrow_mut();
        // The socket knows the stream by its old type.
        let registered = [Direction::Read, Direction::Write].map(|side| state.deregister(side));
        let link = mem::replace(&mut state.link, Link::Closed(None));
        let reader = mem::take(&mut state.reader);
        let outbound = mem::replace(&mut state.outbound, Outbound::Open);
        let (unsent, slots) = (mem::take(&mut state.unsent), mem::take(&mut state.slots));
        let (received, accepted, accepted_at_end) = (state.received, state.accepted, state.accepted_at_end);
        drop(state);
        drop(registered);
        let link = match link {
            Link::Open(transport) => {
                let transport = Rc::try_unwrap(transport);
                let transport =
                    transport.unwrap_or_else(|_| unreachable!("a stream that moves is looked at by nobody"));
                Link::Open(Rc::new(change(transport)))
            }
            Link::Closed(close) => Link::Closed(close),
        };
        let state = State {
            link,
            reader,
            outbound,
            unsent,
            slots,
            flush_scheduled: false,
            received,
            accepted,
            accepted_at_end,
        };
        let inner = Rc::new(Inner {
            core: self.core.clone(),
            limits: self.limits,
            close_deadline: Cell::new(self.close_deadline.get()),
            handles: self.handles.clone(),
            state: RefCell::new(state),
            usage: Cell::default(),
        });
        inner.note_use();
        if let Some(handles) = inner.handles.get() {
            handles.lead_to(inner.as_ends());
        }
        // What was on its way out goes on; the socket gets to know the stream by its new type.
        if !inner.state.borrow().may_delay_flush() {
            inner.flush_accepted();
        }
        inner
    }
}
