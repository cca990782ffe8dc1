//! The counters, as Prometheus reads them.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4.

use std::fmt::{Display, Write};
use std::time::Duration;

use lem_ssl_rs::Counters;

use super::carry::{Destination, Tunnel};
use super::histogram::Histogram;
use super::tally::Outcome;
use crate::acme::Family;
use crate::options::CertificateEnd;
use crate::reload::Reloads;

/// All counters as text.
pub(super) fn text(
    tunnel: &Tunnel,
    tls: Option<&Counters>,
    certificates: &[CertificateEnd],
    acme: &[Family],
    reloads: &Reloads,
    lag: Duration,
) -> String {
    let mut page = Page::default();
    connections(&mut page, tunnel);
    routes(&mut page, &tunnel.routes.all().collect::<Vec<_>>());
    if let Some(tls) = tls {
        handshakes(&mut page, tls);
        page.family("client_connections_total", "counter", "Connections of clients with certificates, by whose it is.");
        for (client, count) in tunnel.tally.clients() {
            page.value(&labels(&[("client", &client)]), count);
        }
        page.family("certificate_not_after_seconds", "gauge", "The last second of each certificate, since 1970.");
        for certificate in certificates {
            let labels = labels(&[("subject", &certificate.subject), ("serial", &certificate.serial)]);
            page.value(&labels, certificate.not_after.seconds_since_1970());
        }
    }
    for Family { name, kind, help, values } in acme {
        page.family(name, kind, help);
        values.iter().for_each(|(labels, value)| page.value(labels, value));
    }
    page.family("reloads_total", "counter", "How often files were read again, by whether they could be used.");
    page.value("{result=\"ok\"}", reloads.done.get());
    page.value("{result=\"failed\"}", reloads.failed.get());
    page.family("loop_lag_seconds", "gauge", "The longest that a single task has held the loop.");
    page.value("", lag.as_secs_f64());
    page.text
}

fn connections(page: &mut Page, tunnel: &Tunnel) {
    let totals = tunnel.tally.totals();
    page.family(
        "connections_accepted_total",
        "counter",
        "Clients that came through, after their handshake if it is TLS.",
    );
    page.value("", totals.accepted);
    page.family("connections_open", "gauge", "Clients that are here now.");
    page.value("", totals.open);
    page.family("connections_ended_total", "counter", "Clients that have gone, by how it ended.");
    for (outcome, count) in Outcome::ALL.iter().zip(totals.ended) {
        page.value(&labels(&[("outcome", outcome.label())]), count);
    }
    page.family("bytes_total", "counter", "Content that was carried: up to the back ends, down to the clients.");
    let (up, down) = tunnel.carried();
    page.value("{direction=\"up\"}", up);
    page.value("{direction=\"down\"}", down);
}

fn routes(page: &mut Page, routes: &[&Destination]) {
    let of = |route: &Destination| labels(&[("route", &route.label)]);
    page.family("route_connections_total", "counter", "Clients that were led to a route and might come in.");
    routes.iter().for_each(|route| page.value(&of(route), route.traffic.connections.get()));
    page.family("route_connections_open", "gauge", "Those of them that are here now.");
    routes.iter().for_each(|route| page.value(&of(route), route.traffic.open.get()));
    page.family("route_bytes_total", "counter", "Content that was carried for a route.");
    for route in routes {
        for (direction, bytes) in [("up", &route.traffic.up), ("down", &route.traffic.down)] {
            page.value(&labels(&[("route", &route.label), ("direction", direction)]), bytes.get());
        }
    }
    for (name, help, of) in [
        (
            "handshake_seconds",
            "How long handshakes with clients took, from their first bytes.",
            (|route| &route.traffic.handshakes) as fn(&Destination) -> &Histogram,
        ),
        (
            "backend_connect_seconds",
            "How long it took until a back end was connected to, with its handshake.",
            |route| &route.traffic.dials,
        ),
        ("connection_seconds", "How long connections lasted.", |route| &route.traffic.connections_lasted),
    ] {
        page.family(name, "histogram", help);
        routes.iter().for_each(|route| page.histogram(&route.label, of(route)));
    }
    let members: Vec<_> =
        routes.iter().flat_map(|route| route.pool.members().into_iter().map(|member| (&route.label, member))).collect();
    let of = |route: &str, address: &str| labels(&[("route", route), ("backend", address)]);
    page.family("backend_up", "gauge", "Whether a back end may be expected to answer.");
    members.iter().for_each(|(route, one)| page.value(&of(route, &one.label), u8::from(one.is_up())));
    page.family("backend_connections_open", "gauge", "Connections to a back end that are open now.");
    members.iter().for_each(|(route, one)| page.value(&of(route, &one.label), one.open()));
    page.family("backend_connections_total", "counter", "Connections that were made to a back end.");
    members.iter().for_each(|(route, one)| page.value(&of(route, &one.label), one.totals().0));
    page.family("backend_failures_total", "counter", "How often a back end did not answer, clients' tries and checks.");
    members.iter().for_each(|(route, one)| page.value(&of(route, &one.label), one.totals().1));
}

fn handshakes(page: &mut Page, tls: &Counters) {
    page.family("tcp_accepted_total", "counter", "TCP connections that were accepted.");
    page.value("", tls.accepted);
    page.family(
        "tcp_refused_total",
        "counter",
        "TCP connections that were dropped: too many handshakes of one address.",
    );
    page.value("", tls.refused);
    page.family("accept_pauses_total", "counter", "How often accepting paused because descriptors had run out.");
    page.value("", tls.pauses);
    page.family("handshakes_started_total", "counter", "Handshakes with clients that were begun.");
    page.value("", tls.handshakes_started);
    page.family("handshakes_finished_total", "counter", "Handshakes with clients that were finished.");
    page.value("{resumed=\"no\"}", tls.handshakes_finished - tls.handshakes_resumed);
    page.value("{resumed=\"yes\"}", tls.handshakes_resumed);
    page.family("validations_total", "counter", "Handshakes of authorities that have seen the answer to a challenge.");
    page.value("", tls.validations);
    page.family("handshakes_failed_total", "counter", "Handshakes with clients that failed, by reason.");
    let failed = &tls.failed;
    for (reason, count) in [
        ("timed_out", failed.timed_out),
        ("not_tls", failed.not_tls),
        ("cut", failed.cut),
        ("refused_by_peer", failed.refused_by_peer),
        ("certificate", failed.certificate),
        ("incompatible", failed.incompatible),
        ("protocol", failed.protocol),
        ("other", failed.other),
    ] {
        page.value(&labels(&[("reason", reason)]), count);
    }
}

/// Labels with their values.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP lem_ssl_tunnel_{name} {help}");
        let _ = writeln!(self.text, "# TYPE lem_ssl_tunnel_{name} {kind}");
    }

    fn value(&mut self, labels: &str, value: impl Display) {
        self.part("", labels, value);
    }

    fn histogram(&mut self, route: &str, histogram: &Histogram) {
        for (bound, count) in histogram.cumulative() {
            self.part("_bucket", &labels(&[("route", route), ("le", &bound.to_string())]), count);
        }
        self.part("_bucket", &labels(&[("route", route), ("le", "+Inf")]), histogram.count());
        self.part("_sum", &labels(&[("route", route)]), histogram.sum());
        self.part("_count", &labels(&[("route", route)]), histogram.count());
    }

    fn part(&mut self, suffix: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.text, "lem_ssl_tunnel_{}{suffix}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_label_ends_neither_its_quotes_nor_its_line() {
        assert_eq!(labels(&[("a", "x"), ("b", "\"\\\n}")]), r#"{a="x",b="\"\\\n}"}"#);
    }
}
