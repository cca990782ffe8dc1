//! What there is to tell of a running tunnel: as counters, as JSON, as a yes or no.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use lem_ssl_rs::lem_rs::longest_poll;
use lem_ssl_rs::{Counters, now};
use serde::Serialize;

use super::carry::{Destination, Tunnel};
use super::front::Front;
use super::metrics;
use crate::acme::Keeper;
use crate::certificate;
use crate::options::CertificateEnd;
use crate::reload::Reloads;

/// A tunnel, and everything that is known of it.
pub(super) struct Report {
    pub(super) tunnel: Rc<Tunnel>,
    pub(super) fronts: Vec<Rc<Front>>,
    /// The certificates that are shown now.
    pub(super) certificates: Rc<RefCell<Vec<CertificateEnd>>>,
    /// Those that come by ACME.
    pub(super) acme: Option<Rc<Keeper>>,
    pub(super) reloads: Rc<Reloads>,
    pub(super) begun: Instant,
}

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    uptime_seconds: u64,
    listening_on: Vec<String>,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_ready_because: Option<String>,
    accepted: u64,
    open: u64,
    bytes_up: u64,
    bytes_down: u64,
    handshakes_failed: u64,
    reloads: u64,
    reloads_failed: u64,
    routes: Vec<RouteStatus<'a>>,
    certificates: Vec<CertificateStatus>,
}

#[derive(Serialize)]
struct RouteStatus<'a> {
    name: &'a str,
    connections: u64,
    open: u64,
    bytes_up: u64,
    bytes_down: u64,
    back_ends: Vec<BackEndStatus>,
}

#[derive(Serialize)]
struct BackEndStatus {
    address: String,
    up: bool,
    open: u32,
    connections: u64,
    failures: u64,
}

#[derive(Serialize)]
struct CertificateStatus {
    subject: String,
    names: Vec<String>,
    not_after: String,
    days_left: i64,
}

impl Report {
    /// Why clients should go elsewhere; `None` if they need not.
    pub(super) fn unready(&self) -> Option<String> {
        if self.fronts.iter().any(|front| front.is_closed()) {
            return Some("it is ending".to_owned());
        }
        let down = self.tunnel.routes.all().find(|destination| !destination.pool.is_up())?;
        Some(format!("no back end of route {} is up", down.label))
    }

    /// What was counted of handshakes, if there are any.
    fn counters(&self) -> Option<Counters> {
        let counted = self.fronts.iter().filter_map(|front| front.counters());
        counted.reduce(|mut sum, counters| {
            sum += counters;
            sum
        })
    }

    /// For Prometheus.
    pub(super) fn metrics(&self) -> String {
        let lag = longest_poll().unwrap_or_default();
        let tls = self.counters();
        let acme = self.acme.as_ref().map(|acme| acme.families()).unwrap_or_default();
        metrics::text(&self.tunnel, tls.as_ref(), &self.certificates.borrow(), &acme, &self.reloads, lag)
    }

    /// As JSON.
    pub(super) fn status(&self) -> String {
        let (totals, (bytes_up, bytes_down)) = (self.tunnel.tally.totals(), self.tunnel.carried());
        let unready = self.unready();
        let status = Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: now().saturating_duration_since(self.begun).as_secs(),
            listening_on: self.fronts.iter().map(|front| front.local_addr().to_string()).collect(),
            ready: unready.is_none(),
            not_ready_because: unready,
            accepted: totals.accepted,
            open: totals.open,
            bytes_up,
            bytes_down,
            handshakes_failed: self.counters().map_or(0, |counters| counters.failed.total()),
            reloads: self.reloads.done.get(),
            reloads_failed: self.reloads.failed.get(),
            routes: self.tunnel.routes.all().map(RouteStatus::of).collect(),
            certificates: self.certificates.borrow().iter().map(CertificateStatus::of).collect(),
        };
        // Text and numbers become JSON always.
        serde_json::to_string(&status).unwrap_or_default()
    }
}

impl<'a> RouteStatus<'a> {
    fn of(destination: &'a Destination) -> Self {
        let traffic = &destination.traffic;
        let back_ends = destination.pool.members().into_iter().map(|member| {
            let (connections, failures) = member.totals();
            BackEndStatus {
                address: member.label.clone(),
                up: member.is_up(),
                open: member.open(),
                connections,
                failures,
            }
        });
        Self {
            name: &destination.label,
            connections: traffic.connections.get(),
            open: traffic.open.get(),
            bytes_up: traffic.up.get(),
            bytes_down: traffic.down.get(),
            back_ends: back_ends.collect(),
        }
    }
}

impl CertificateStatus {
    fn of(end: &CertificateEnd) -> Self {
        let left = end.not_after.seconds_since_1970() - certificate::now();
        Self {
            subject: end.subject.clone(),
            names: end.names.clone(),
            not_after: format!("{:#}", end.not_after),
            days_left: left.div_euclid(24 * 60 * 60),
        }
    }
}
