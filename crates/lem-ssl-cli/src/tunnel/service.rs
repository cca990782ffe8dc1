//! A tunnel from its start to its end: what it listens at, what it is told by signals.

use std::cell::RefCell;
use std::rc::Rc;

use lem_ssl_rs::lem_rs::{ListenOptions, longest_poll};
use lem_ssl_rs::{Error, LiveContext, now, spawn};

use super::TunnelArgs;
use super::admin;
use super::carry::Tunnel;
use super::front::{Client, Front};
use super::needs;
use super::options::{Contexts, Sides};
use super::report::Report;
use crate::acme::Authority;
use crate::confinement::Confinement;
use crate::events::{Event, Events};
use crate::exit::Failure;
use crate::expiry::Expiry;
use crate::listening::listen;
use crate::notify::Notifier;
use crate::options::CertificateEnd;
use crate::places::Places;
use crate::race::{First, race};
use crate::reload::{Marks, Reloader};
use crate::signals::{self, Signal, Signals};
use crate::stdio;
use crate::text::count;

/// A tunnel that is to run.
pub(super) struct Service {
    pub(super) tunnel: Rc<Tunnel>,
    /// What we speak with clients.
    pub(super) live: Option<LiveContext>,
    pub(super) certificates: Vec<CertificateEnd>,
    /// What of the files that were read is good for a time only.
    pub(super) expiries: Vec<Expiry>,
    pub(super) sides: Sides,
    /// How the files were before they were read.
    pub(super) marks: Marks,
    /// Who gives certificates by ACME.
    pub(super) authority: Option<Authority>,
    pub(super) confinement: Confinement,
}

impl Service {
    /// Runs until a signal ends it.
    pub(super) async fn run(self, arguments: TunnelArgs) -> Result<(), Failure> {
        let Self { tunnel, live, certificates, expiries, sides, marks, authority, confinement } = self;
        let signals = Signals::of(&signals::ALL)?;
        tunnel.log.warnings(signals::SIGNALS_MISSING.map(str::to_owned));
        let options = arguments.limits.server_options();
        // The files of Unix-domain sockets, which go before the listeners do.
        let (mut listeners, mut socket_files) = (Vec::new(), Vec::new());
        for address in &arguments.listen {
            let (listener, file) = signals.during(listen(address, options.listen)).await?;
            listeners.push(listener);
            socket_files.extend(file);
        }
        let admin = match &arguments.metrics {
            Some(address) => {
                let (listener, file) = signals.during(listen(address, ListenOptions::default())).await?;
                socket_files.extend(file);
                Some(listener)
            }
            None => None,
        };
        let notifier = Notifier::from_env(&tunnel.log);
        confinement.enter(&mut socket_files, &tunnel.log)?;
        confinement.tell_unreadable(&sides.files(), "a reload keeps what is in place", &tunnel.log);
        if sides.has_system_roots() {
            confinement.tell_unreadable_roots(&tunnel.log);
        }
        if authority.is_some() || needs::resolves(&arguments) {
            confinement.tell_nameless(&tunnel.log);
        }
        // Nobody is let in before.
        let mut fronts = Vec::new();
        for listener in listeners {
            fronts.push(Rc::new(Front::open(listener, live.as_ref(), options, &tunnel.preface, &tunnel.log)?));
        }
        // From now on it is measured how long tasks hold the loop.
        longest_poll();
        let acme = authority.map(|authority| arguments.server.acme.keep(authority, &tunnel.log)).transpose()?;
        for front in &fronts {
            stdio::print(format!("listening on {}\n", front.local_addr()).as_bytes())?;
        }

        let has_files = !sides.files().is_empty();
        let (shared, certificates) = (tunnel.clone(), Rc::new(RefCell::new(certificates)));
        let shown = certificates.clone();
        // Both sides, or none.
        let replace = move |contexts: Contexts| {
            if let (Some(live), Some(inward)) = (&live, contexts.inward) {
                live.replace(inward)?;
            }
            let before = (shared.outward.replace(contexts.outward), shown.replace(contexts.certificates));
            drop(before);
            Ok(contexts.notices)
        };
        let files = sides.files();
        let reloader = Reloader::new(move || sides.contexts(), replace, tunnel.log.clone(), notifier.clone());
        if let Some(interval) = arguments.reload_interval {
            reloader.watch(files, marks, interval);
        }
        reloader.expect(expiries);
        if let Some(listener) = admin {
            stdio::print(format!("metrics on {}\n", listener.local_addr()).as_bytes())?;
            let (tunnel, reloads) = (tunnel.clone(), reloader.reloads().clone());
            let report =
                Report { tunnel, fronts: fronts.clone(), certificates, acme: acme.clone(), reloads, begun: now() };
            spawn(admin::serve(listener, Rc::new(report))).detach();
        }
        if let Some(interval) = arguments.limits.health_interval {
            spawn(tunnel.clone().look_after(interval)).detach();
        }

        let events = Events::new();
        let places = Places::new(arguments.limits.max_connections);
        for front in &fronts {
            let (front, tunnel, places) = (front.clone(), tunnel.clone(), places.clone());
            events.accept(async move { accept(&front, &tunnel, &places).await });
        }
        events.receive(signals);
        notifier.ready();
        loop {
            match events.next().await? {
                Event::Ended(error) => return Err(error.into()),
                Event::Signal(Signal::Hangup) if has_files || acme.is_some() => {
                    if let Some(acme) = &acme {
                        acme.look_again();
                    }
                    reloader.request();
                }
                Event::Signal(Signal::Hangup) => {
                    tunnel.log.line("nothing to reload: no certificate, key or root is in a file");
                }
                Event::Signal(Signal::Interrupt | Signal::Terminate) => break,
                Event::Signal(signal) => tunnel.log.line(signals::means_nothing(signal)),
            }
        }
        notifier.stopping();
        // Whatever ends us from now on, they are not in the way of the next tunnel.
        drop(socket_files);
        let cut: u64 = fronts.iter().map(|front| front.close()).sum();
        if cut > 0 {
            tunnel
                .log
                .line(format!("cut {} before their handshake was over or a place was free", count(cut, "client")));
        }
        tunnel.drain(arguments.limits.drain).await;
        Ok(())
    }
}

/// Accepts until nothing comes in any more; says why.
async fn accept(front: &Front, tunnel: &Rc<Tunnel>, places: &Places) -> Error {
    loop {
        // It is waited for before there is a place: those who listen elsewhere are not in the way of each other.
        let client = match front.accept().await {
            Ok(client) => client,
            Err(error) => return error,
        };
        // From now on it counts: the end of the tunnel waits for it.
        let open = tunnel.tally.open();
        let place = match race(places.take(), tunnel.stop.wait()).await {
            First::One(place) => place,
            First::Other(()) => {
                match client {
                    Client::Plain(stream) => tunnel.cut(&open, stream, None),
                    Client::Tls(stream) => {
                        let info = stream.info();
                        tunnel.cut(&open, stream, info.as_ref());
                    }
                }
                continue;
            }
        };
        let tunnel = tunnel.clone();
        spawn(async move {
            let _place = place;
            match client {
                Client::Plain(stream) => tunnel.carry_plain(open, stream).await,
                Client::Tls(stream) => {
                    let info = stream.info();
                    tunnel.carry(open, stream, info).await;
                }
            }
        })
        .detach();
    }
}
