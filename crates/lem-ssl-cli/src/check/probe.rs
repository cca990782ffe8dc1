//! Looking at one server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lem_ssl_rs::pki_types::CertificateDer;
use lem_ssl_rs::{Context, Deadline, Error, ReadMode, Stream, TcpStream, TlsError, now, timeout};

use super::clock::Clock;
use super::remarks::remarks;
use super::report::{Report, Resumption};
use super::steps::steps;
use crate::dial::Goal;
use crate::exit::{Exit, Failure, is_refusal};
use crate::options::ClientArgs;
use crate::words;

/// What is needed to look at one server.
#[derive(Debug)]
pub(super) struct Probe {
    goal: Goal,
    context: Context,
    /// Looks at what was refused.
    inspecting: Context,
    verified: Verified,
    verifies: bool,
    /// What --ca names.
    root_files: Vec<PathBuf>,
    /// We have a certificate of our own.
    shows_itself: bool,
    timeout: Duration,
    days: Option<u32>,
}

/// A server of TLS 1.3 sends its tickets, and its verdict on our certificate, after the handshake; they are waited for
/// as long as the handshake took, within these limits.
const AFTERMATH: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

impl Probe {
    pub(super) fn new(goal: Goal, client: &ClientArgs, days: Option<u32>) -> Result<Self, Failure> {
        let verified = Verified::default();
        let told = verified.clone();
        Ok(Self {
            goal,
            context: client.context_with(|builder| builder.on_verified_server(move |chain| told.set(chain)))?,
            verified,
            shows_itself: client.cert.is_some(),
            inspecting: client.inspecting_context()?,
            root_files: client.ca.clone(),
            verifies: !client.danger_accept_any_certificate,
            timeout: client.timeout,
            days,
        })
    }

    pub(super) async fn run(&self, clock: &Clock) -> Report {
        let mut report = Report::new(&self.goal.address.to_string(), &self.goal.name, self.verifies);
        if let Err(failure) = self.look(&mut report, clock).await {
            report.fail(failure.exit, failure.to_string());
        }
        report
    }

    async fn look(&self, report: &mut Report, clock: &Clock) -> Result<(), Failure> {
        let deadline = Deadline::after(self.timeout);
        let began = now();
        let connected = self.goal.connect_plain(&deadline).await;
        let resolved = self.goal.address.host().and_then(|host| clock.taken_by(host));
        report.timings.resolve = resolved;
        let plain = connected?;
        report.timings.connect = Some((now() - began).saturating_sub(resolved.unwrap_or_default()));
        report.peer = plain.peer_addr().ok().map(|peer| peer.to_string());
        let plain = self.go_over(report, plain, &deadline).await?;
        let began = now();
        let shaken = self.goal.secure(&self.context, plain, &deadline).await;
        let took = now() - began;
        report.timings.handshake = Some(took);
        match shaken {
            Ok(stream) => self.look_closer(report, stream, took).await,
            Err(error) => self.explain(report, error).await,
        }
    }

    /// The handshake has failed.
    async fn explain(&self, report: &mut Report, error: Error) -> Result<(), Failure> {
        if let Some(problem) = TlsError::certificate(&error) {
            let explanation = problem.explanation();
            report.verification = steps(problem.chain(), &self.goal.name, explanation);
            report.set_chain(problem.chain(), explanation.root.as_ref().map(|_| explanation.path.as_slice()));
            self.inspect(report).await;
            return Err(Failure::of(&error, words::explain_of_named(&error)));
        }
        let verified = self.verified.take();
        if verified.is_empty() || !self.is_refused_for_want_of_a_certificate(&error) {
            return Err(Failure::of(&error, words::explain_of_named(&error)));
        }
        self.set_verified(report, &verified);
        report.wants_client_certificate = true;
        self.judge_days(report)
    }

    /// The server's chain was good.
    fn set_verified(&self, report: &mut Report, chain: &[CertificateDer<'_>]) {
        match self.context.explain(chain, &self.goal.name) {
            // Whatever else is found: it was accepted.
            Ok(mut explanation) if self.verifies => {
                explanation.findings.clear();
                report.verification = steps(chain, &self.goal.name, &explanation);
                report.remarks = remarks(chain, &explanation, &self.root_files);
                report.set_chain(chain, explanation.root.as_ref().map(|_| explanation.path.as_slice()));
            }
            _ => report.set_chain(chain, None),
        }
    }

    /// The server wants to know who we are, and nobody has told us that: its own certificate can be judged all the same.
    fn is_refused_for_want_of_a_certificate(&self, error: &Error) -> bool {
        !self.shows_itself && matches!(TlsError::of(error), Some(TlsError::Alert { alert, .. }) if is_refusal(*alert))
    }

    async fn go_over(&self, report: &mut Report, plain: TcpStream, deadline: &Deadline) -> Result<TcpStream, Failure> {
        if let Some(protocol) = self.goal.starttls {
            let began = now();
            protocol.ask(&plain, &self.goal.name, deadline.remaining()).await?;
            report.timings.starttls = Some(now() - began);
        }
        Ok(plain)
    }

    /// The handshake went well.
    async fn look_closer(&self, report: &mut Report, stream: Stream, took: Duration) -> Result<(), Failure> {
        if let Some(info) = stream.info() {
            report.set_session(&info);
            self.set_verified(report, &info.peer_certificates);
        }
        let (least, most) = AFTERMATH;
        let told = timeout(took.clamp(least, most), stream.read(ReadMode::Available)).await;
        // A server that says goodbye, or cuts the connection, because we say nothing, is none the worse for it.
        if let Ok(Err(error @ Error::Protocol(_))) = told {
            if !self.is_refused_for_want_of_a_certificate(&error) {
                return Err(error.into());
            }
            report.wants_client_certificate = true;
            return self.judge_days(report);
        }
        drop(stream);
        report.resumption = self.resume(report).await;
        self.judge_days(report)
    }

    /// Connects again, with the session of before.
    async fn resume(&self, report: &mut Report) -> Resumption {
        let deadline = Deadline::after(self.timeout);
        let Ok(plain) = self.goal.connect_plain(&deadline).await else { return Resumption::Unknown };
        if let Some(protocol) = self.goal.starttls
            && protocol.ask(&plain, &self.goal.name, deadline.remaining()).await.is_err()
        {
            return Resumption::Unknown;
        }
        let began = now();
        match self.goal.secure(&self.context, plain, &deadline).await {
            Ok(stream) => {
                let resumed = stream.info().is_some_and(|info| info.resumed);
                if resumed {
                    report.timings.resumed_handshake = Some(now() - began);
                    Resumption::Yes
                } else {
                    Resumption::No
                }
            }
            Err(_) => Resumption::Unknown,
        }
    }

    /// The certificate was refused: connects once more without verification, to see what else there is.
    async fn inspect(&self, report: &mut Report) {
        let deadline = Deadline::after(self.timeout);
        let Ok(plain) = self.goal.connect_plain(&deadline).await else { return };
        if let Some(protocol) = self.goal.starttls
            && protocol.ask(&plain, &self.goal.name, deadline.remaining()).await.is_err()
        {
            return;
        }
        if let Ok(stream) = self.goal.secure(&self.inspecting, plain, &deadline).await
            && let Some(info) = stream.info()
        {
            report.set_session(&info);
            report.inspected = true;
        }
    }

    /// An intermediate that expires is as bad as the server's own certificate, if it is in use.
    fn judge_days(&self, report: &Report) -> Result<(), Failure> {
        let (Some(days), Some(soonest)) = (self.days, report.soonest()) else { return Ok(()) };
        if soonest.days_left >= i64::from(days) && !soonest.expired {
            return Ok(());
        }
        let (whose, left) = (&soonest.subject, soonest.time_left());
        Err(Failure::new(Exit::ExpiresSoon, format!("the certificate ({whose}) expires soon: {left}")))
    }
}

/// What the handshake under way has verified: a server that refuses us afterwards leaves no stream that could tell.
#[derive(Debug, Clone, Default)]
struct Verified(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl Verified {
    fn set(&self, chain: &[CertificateDer<'static>]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = chain.to_vec();
    }

    fn take(&self) -> Vec<CertificateDer<'static>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
