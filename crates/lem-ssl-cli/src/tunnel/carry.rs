//! One connection, from its beginning to its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::{Context, Deadline, Endpoint, Info, Phase, TcpStream, now, sleep, spawn, timeout};

use super::access::AccessList;
use super::credentials::Credentials;
use super::dial::{Dialled, Manner};
use super::member::Member;
use super::pool::Pool;
use super::preface::{self, Preface};
use super::proxy;
use super::record::{Record, name_of};
use super::relay::{Carried, Sever, relay};
use super::route::Routes;
use super::stop::Stop;
use super::tally::{Open, Outcome, Tally};
use super::target::Target;
use super::traffic::Traffic;
use crate::jitter::chance;
use crate::log::Log;
use crate::race::{First, race};
use crate::starttls::Protocol;
use crate::text::count;

/// What all connections share.
pub(super) struct Tunnel {
    pub(super) routes: Routes<Destination>,
    /// What we speak with the back ends.
    pub(super) outward: RefCell<Option<Context>>,
    pub(super) proxy_protocol: Option<proxy::Version>,
    /// What clients send before their content, where there is no TLS.
    pub(super) preface: Preface,
    /// Back ends begin in plain text, as this protocol does.
    pub(super) starttls_out: Option<Protocol>,
    pub(super) handshake_timeout: Duration,
    pub(super) connect_timeout: Duration,
    /// A back end that has failed is left alone for so long.
    pub(super) fail_time: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) tally: Rc<Tally>,
    pub(super) stop: Stop,
    pub(super) log: Log,
}

/// Where a name leads to.
pub(super) struct Destination {
    /// The name of the route; "default" for the one without.
    pub(super) label: String,
    pub(super) pool: Pool,
    /// Who may come in; `None`: everybody whom the handshake has let in.
    pub(super) access: Option<AccessList>,
    pub(super) traffic: Traffic,
}

impl Tunnel {
    /// As [`carry`](Self::carry), of a client in plain text.
    pub(super) async fn carry_plain(&self, open: Open, client: TcpStream) {
        if self.preface.is_empty() {
            return self.carry(open, client, None).await;
        }
        let peer = client.peer_addr().ok();
        let target = name_of(peer.as_ref());
        let deadline = Deadline::after(self.handshake_timeout);
        let prefaced = deadline.limit(Phase::Handshake, &target, self.preface.take(client));
        let carried = match race(Box::pin(prefaced), self.stop.wait()).await {
            First::One(Ok(client)) => return self.carry(open, client, None).await,
            First::One(Err(error)) if !preface::is_told(&error) => return self.tally.ended(Outcome::NoHeader),
            First::One(Err(error)) => Carried::nothing(Outcome::NoHeader, Some(error.to_string())),
            First::Other(()) => Carried::nothing(Outcome::Drained, None),
        };
        self.conclude(&open, Record::new(open.number, peer.as_ref(), None, None), carried);
    }

    /// Cuts a client that has waited for its place until the time was over.
    pub(super) fn cut<C: Sever>(&self, open: &Open, client: Stream<C>, session: Option<&Info>) {
        let (peer, credentials) = (client.peer_addr().ok(), session.and_then(Credentials::of));
        C::sever(client);
        let record = Record::new(open.number, peer.as_ref(), session, credentials.as_ref());
        self.conclude(open, record, Carried::nothing(Outcome::Drained, None));
    }

    /// Counts and tells how it was.
    fn conclude(&self, open: &Open, mut record: Record, carried: Carried) {
        self.tally.ended(carried.outcome);
        (record.bytes_up, record.bytes_down) = (carried.up, carried.down);
        record.finish(carried.outcome, carried.reason, open.lasted(), &self.log);
    }

    /// Carries one connection from its beginning to its end.
    pub(super) async fn carry<C: Sever>(&self, open: Open, client: Stream<C>, session: Option<Info>) {
        let peer = client.peer_addr().ok();
        let credentials = session.as_ref().and_then(Credentials::of);
        let mut record = Record::new(open.number, peer.as_ref(), session.as_ref(), credentials.as_ref());
        let asked_for = session.as_ref().and_then(|info| info.requested_name.as_deref());
        let carried = match self.routes.choose(asked_for) {
            None => {
                C::sever(client);
                Carried::nothing(Outcome::NoRoute, None)
            }
            Some(destination) => {
                record.route = Some(destination.label.clone());
                match destination.access.as_ref().map_or(Ok(()), |list| list.admit(credentials.as_ref())) {
                    Err(why) => {
                        C::deny(client);
                        Carried::nothing(Outcome::Denied, Some(why))
                    }
                    Ok(()) => {
                        self.tally.admitted(credentials.as_ref());
                        let header = self.proxy_protocol.map(|version| {
                            // One that is gone has no address any more, as one of a Unix-domain socket has none.
                            let peer = peer.unwrap_or(Endpoint::Unix(None));
                            let local = client.local_addr().unwrap_or(Endpoint::Unix(None));
                            proxy::header(version, &peer, &local, session.as_ref(), credentials.as_ref())
                        });
                        let passing = destination.traffic.enter(session.as_ref().map(|info| info.handshake_time));
                        // They may be large, and a connection may be idle for long.
                        drop((session, credentials));
                        let carried = self.carry_to(destination, client, header, &mut record).await;
                        passing.leave(open.lasted());
                        carried
                    }
                }
            }
        };
        self.conclude(&open, record, carried);
    }

    async fn carry_to<C: Sever>(
        &self,
        destination: &Destination,
        client: Stream<C>,
        header: Option<Vec<u8>>,
        record: &mut Record,
    ) -> Carried {
        let (pool, traffic) = (&destination.pool, &destination.traffic);
        let outward = self.outward.borrow().clone();
        let (begun, deadline) = (now(), Deadline::after(self.connect_timeout));
        let manner = self.manner(outward.as_ref(), header.as_deref());
        // In a box that goes when it is done: it is large, and after it a connection may be idle for long.
        let dial = Box::pin(pool.dial(&manner, &deadline, &self.log));
        let (dialled, taken) = match race(dial, self.stop.wait()).await {
            First::One(Ok(connection)) => connection,
            First::One(Err(undialled)) => {
                record.back_end = Some(pool.label());
                C::sever(client);
                return Carried::nothing(undialled.outcome, Some(undialled.why));
            }
            First::Other(()) => {
                C::sever(client);
                return Carried::nothing(Outcome::Drained, None);
            }
        };
        traffic.dials.observe(now().saturating_duration_since(begun));
        record.back_end = Some(taken.label().to_owned());
        drop((outward, header));
        // The back end's greeting has come before TLS: this one is ours, or anybody on the way could have written it.
        if self.preface.starttls.is_none()
            && let Some(greeting) = self.starttls_out.and_then(Protocol::greeting)
        {
            // If it fails, so does the relay.
            let _ = client.write(greeting).await;
        }
        let carried = match dialled {
            Dialled::Plain(server) => relay(client, server, self.idle_timeout, &self.stop, traffic).await,
            Dialled::Tls(server) => relay(client, server, self.idle_timeout, &self.stop, traffic).await,
        };
        // Until now it counted as open.
        drop(taken);
        carried
    }

    /// How back ends are spoken to.
    fn manner<'a>(&self, context: Option<&'a Context>, header: Option<&'a [u8]>) -> Manner<'a> {
        // After STARTTLS nobody greets a second time.
        let skip_greeting = self.preface.starttls.filter(|_| self.starttls_out.is_none());
        Manner { context, starttls: self.starttls_out, skip_greeting, header }
    }

    /// How many bytes were carried so far: to the back ends, and to the clients.
    pub(super) fn carried(&self) -> (u64, u64) {
        let add = |(up, down), Traffic { up: more_up, down: more_down, .. }: &Traffic| {
            (up + more_up.get(), down + more_down.get())
        };
        self.routes.all().map(|destination| &destination.traffic).fold((0, 0), add)
    }

    /// Looks after the back ends of all routes, again and again.
    pub(super) async fn look_after(self: Rc<Self>, interval: Duration) {
        // Another tunnel that was started at the same time shall not be in step.
        let mut wait = interval.mul_f64(chance());
        loop {
            sleep(wait).await;
            wait = interval;
            let mut checks = Vec::new();
            for destination in self.routes.all() {
                let targets = destination.pool.targets().iter().cloned();
                checks.extend(targets.map(|target| spawn(self.clone().check_all(target))));
            }
            for check in checks {
                // One that panics has told so.
                let _ = check.await;
            }
        }
    }

    /// Looks which addresses of a back end answer.
    async fn check_all(self: Rc<Self>, target: Rc<Target>) {
        let members = target.refreshed(self.connect_timeout).await;
        let checks: Vec<_> = members.into_iter().map(|member| spawn(self.clone().check(member))).collect();
        for check in checks {
            // One that panics has told so.
            let _ = check.await;
        }
    }

    /// Looks whether an address of a back end answers.
    async fn check(self: Rc<Self>, member: Rc<Member>) {
        let outward = self.outward.borrow().clone();
        let header = self.proxy_protocol.map(proxy::own_header);
        let manner = self.manner(outward.as_ref(), header.as_deref());
        member.check(&manner, self.connect_timeout, self.fail_time, &self.log).await;
    }

    /// Lets connections finish, and cuts those that are left after `time`.
    pub(super) async fn drain(&self, time: Duration) {
        let left = count(self.tally.left(), "connection");
        self.log.line(format!("no more clients are accepted; {left} may finish"));
        if timeout(time, self.tally.emptied()).await.is_err() {
            let left = count(self.tally.left(), "connection");
            self.stop.now();
            self.tally.emptied().await;
            self.log.line(format!("cut {left}"));
        } else {
            self.log.line("all connections have finished");
        }
    }
}
