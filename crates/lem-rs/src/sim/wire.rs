//! Bytes under way: from a writer's buffer, in segments, to a reader's.

use std::time::Duration;

use super::agenda::Due;
use super::conn::Last;
use super::faults::Fault;
use super::state::State;
use super::trace::{EndId, What, Why};

impl State {
    /// Sends what may be sent from this end.
    pub(super) fn pump(&mut self, from: EndId) {
        self.send_last(from);
        while self.send_segment(from) {}
    }

    /// Lets the end send on at `at`.
    pub(super) fn pump_at(&mut self, from: EndId, at: Duration) {
        let Some(conn) = self.conns.get_mut(&from.conn) else { return };
        let wire = &mut conn.end(from.side).out;
        if wire.pump_at.is_none_or(|planned| planned > at) {
            wire.pump_at = Some(at);
            self.agenda.put(at, Due::Pump { end: from });
        }
    }

    /// Sends one segment; whether to try another one.
    fn send_segment(&mut self, from: EndId) -> bool {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&from.conn) else { return false };
        if !conn.is_connected(from.side) {
            return false;
        }
        let (link, broken, stalled_until) = (conn.link, conn.broken, conn.stalled_until);
        let at_peer = conn.end(from.other().side).received.len();
        let this = conn.end(from.side);
        let pending = this.out.queue.len();
        if this.dead || (pending == 0 && !this.out.ended) {
            return false;
        }
        if broken {
            // The end that ended the connection answers what still comes, also from one whose wire is over because the
            // other end was answered.
            this.out.queue.clear();
            this.out.over = true;
            if pending > 0 {
                self.send_reset(from);
            }
            return false;
        }
        if this.out.over {
            return false;
        }
        let free_at = this.out.free_at.max(stalled_until);
        if free_at > now {
            self.pump_at(from, free_at);
            return false;
        }
        let window = link.receive_buffer.saturating_sub(at_peer + this.out.in_flight);
        if self.is_in_the_dark(from.conn) || (pending > 0 && window == 0) {
            // Light, or a read at the other end, sends on.
            return false;
        }
        if pending == 0 {
            self.depart(from, Vec::new(), true);
            return false;
        }
        if self.strikes(Fault::Stall, Some(from.conn)) {
            let until = now + self.rng.within(Fault::Stall.lasts());
            if let Some(conn) = self.conns.get_mut(&from.conn) {
                conn.stalled_until = until;
            }
            // The other direction finds out when it tries to send.
            self.pump_at(from, until);
            return false;
        }
        let mut count = pending.min(window).min(link.segment);
        if count > 1 && self.strikes(Fault::Split, Some(from.conn)) {
            count = self.rng.size(1..=count - 1);
        }
        let reset = self.strikes(Fault::Reset, Some(from.conn));
        let cut = !reset && self.strikes(Fault::Cut, Some(from.conn));
        if reset || cut {
            count = self.rng.size(0..=count);
        }
        let Some(conn) = self.conns.get_mut(&from.conn) else { return false };
        let wire = &mut conn.end(from.side).out;
        let mut bytes: Vec<u8> = wire.queue.drain(..count).collect();
        // FIN goes with the last of what was written.
        let fin = wire.ended && wire.queue.is_empty() && !reset && !cut;
        if !bytes.is_empty() && self.strikes(Fault::Corrupt, Some(from.conn)) {
            let place = self.rng.size(0..=bytes.len() - 1);
            bytes[place] ^= 1 << self.rng.between(0..=7);
        }
        if !bytes.is_empty() {
            self.depart(from, bytes, fin);
        }
        if reset {
            self.break_by_reset(from.conn);
        } else if cut {
            self.break_by_fin(from.conn);
        } else {
            self.raise(from);
        }
        !(reset || cut)
    }

    /// Puts a segment on its way.
    fn depart(&mut self, from: EndId, bytes: Vec<u8>, fin: bool) {
        let jitter = self.conns.get(&from.conn).map_or(Duration::ZERO, |conn| conn.link.jitter);
        let jitter = if jitter.is_zero() { jitter } else { self.rng.within(jitter) };
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&from.conn) else { return };
        let link = conn.link;
        let wire = &mut conn.end(from.side).out;
        wire.free_at = now + link.takes(bytes.len());
        wire.last_arrival = wire.last_arrival.max(wire.free_at + link.latency + jitter);
        wire.in_flight += bytes.len();
        wire.over |= fin;
        let at = wire.last_arrival;
        self.log(What::Sent { end: from, count: bytes.len(), fin });
        self.agenda.put(at, Due::Arrive { end: from.other(), bytes, fin });
    }

    /// A segment reaches `to`.
    pub(super) fn arrive(&mut self, to: EndId, bytes: &[u8], fin: bool) {
        let Some(conn) = self.conns.get_mut(&to.conn) else { return };
        conn.end(to.other().side).out.in_flight -= bytes.len();
        let this = conn.end(to.side);
        if this.dead {
            return;
        }
        if !this.open {
            // There is nobody any more: what still comes is answered with RST.
            if !bytes.is_empty() {
                self.send_reset(to.other());
            }
            return;
        }
        this.received.extend(bytes);
        this.fin |= fin;
        self.log(What::Arrived { end: to, count: bytes.len(), fin });
        self.raise(to);
    }

    /// Puts an RST on its way to this end, behind what is under way to it; when something can set out again, if nothing can.
    pub(super) fn send_reset(&mut self, to: EndId) {
        let Some(conn) = self.conns.get_mut(&to.conn) else { return };
        let wire = &mut conn.end(to.other().side).out;
        wire.over = true;
        wire.last = Some(Last::Reset);
        self.send_last(to.other());
    }

    /// Sends what this end sends behind everything else, unless nothing can set out.
    fn send_last(&mut self, from: EndId) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&from.conn) else { return };
        let (latency, stalled_until) = (conn.link.latency, conn.stalled_until);
        let Some(last) = conn.end(from.side).out.last else { return };
        if stalled_until > now {
            self.pump_at(from, stalled_until);
            return;
        }
        if self.is_in_the_dark(from.conn) {
            // Light sends on.
            return;
        }
        let Some(conn) = self.conns.get_mut(&from.conn) else { return };
        let wire = &mut conn.end(from.side).out;
        wire.last = None;
        match last {
            Last::Reset => {
                wire.last_arrival = wire.last_arrival.max(now + latency);
                let at = wire.last_arrival;
                self.agenda.put(at, Due::Reset { end: from.other() });
            }
            Last::Fin => {
                self.depart(from, Vec::new(), true);
                if let Some(conn) = self.conns.get_mut(&from.conn) {
                    conn.end(from.side).out.over = false;
                }
            }
        }
    }

    /// Whether one of the connection's ends is cut off.
    fn is_in_the_dark(&self, conn: u32) -> bool {
        let ends = self.conns.get(&conn).map(|conn| [&conn.client.address, &conn.server.address]);
        ends.is_some_and(|ends| ends.into_iter().any(|address| self.is_dark(address)))
    }

    /// An RST reaches this end.
    pub(super) fn reset_arrives(&mut self, to: EndId) {
        let Some(conn) = self.conns.get_mut(&to.conn) else { return };
        let this = conn.end(to.side);
        if this.dead {
            return;
        }
        this.dead = true;
        // One who has read the peer's FIN learns of it only by writing.
        this.error = (!this.fin).then_some(Why::Reset);
        this.out.queue.clear();
        this.out.over = true;
        let unread = !this.received.is_empty();
        self.log(What::Reset { end: to });
        if unread
            && self.strikes(Fault::ResetDestroys, Some(to.conn))
            && let Some(conn) = self.conns.get_mut(&to.conn)
        {
            let this = conn.end(to.side);
            this.received.clear();
            // No system that throws away what was not read says then that it was everything.
            this.error = Some(Why::Reset);
        }
        self.raise(to);
    }

    /// Both ends are told that the connection was reset.
    pub(super) fn break_by_reset(&mut self, conn: u32) {
        self.discard(conn);
        Self::sides(conn).into_iter().for_each(|end| self.send_reset(end));
    }

    /// Both ends are told that the other one has ended its side, behind what is under way.
    pub(super) fn break_by_fin(&mut self, conn: u32) {
        self.discard(conn);
        for end in Self::sides(conn) {
            if let Some(wire) = self.conns.get_mut(&conn).map(|conn| &mut conn.end(end.side).out)
                && !wire.over
            {
                wire.last = Some(Last::Fin);
                self.send_last(end);
            }
            // What was thrown away has made room for that.
            self.raise(end);
        }
    }

    /// The connection carries nothing any more; what was not sent yet is lost.
    fn discard(&mut self, conn: u32) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.broken = true;
            conn.client.out.queue.clear();
            conn.server.out.queue.clear();
        }
    }
}
