//! Looking at one server.

use std::time::Duration;

use lem_ssl_rs::{Context, Deadline, Error, Info, ReadMode, Stream, TcpStream, TlsError, now, timeout};

use super::clock::Clock;
use super::report::{Report, Resumption};
use super::steps::steps;
use crate::dial::Goal;
use crate::exit::{Exit, Failure};
use crate::options::ClientArgs;

/// What is needed to look at one server.
#[derive(Debug)]
pub(super) struct Probe {
    goal: Goal,
    context: Context,
    /// Looks at what was refused.
    inspecting: Context,
    verifies: bool,
    timeout: Duration,
    days: Option<u32>,
}

/// A server of TLS 1.3 sends its tickets, and its verdict on our certificate, after the handshake; they are waited for
/// as long as the handshake took, within these limits.
const AFTERMATH: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

impl Probe {
    pub(super) fn new(goal: Goal, client: &ClientArgs, days: Option<u32>) -> Result<Self, Failure> {
        Ok(Self {
            goal,
            context: client.context()?,
            inspecting: client.inspecting_context()?,
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
        let shaken = self.context.upgrade(plain, &self.goal.name).await;
        let took = now() - began;
        report.timings.handshake = Some(took);
        match shaken {
            Ok(stream) => self.look_closer(report, stream, took).await,
            Err(error) => {
                if let Some(problem) = TlsError::certificate(&error) {
                    report.verification = steps(problem.chain(), &self.goal.name, Some(problem));
                    report.set_chain(problem.chain());
                    self.inspect(report).await;
                }
                Err(error.into())
            }
        }
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
        let info = stream.info();
        if let Some(info) = &info {
            report.set_session(info);
            report.set_chain(&info.peer_certificates);
            if self.verifies {
                report.verification = steps(&info.peer_certificates, &self.goal.name, None);
            }
        }
        let (least, most) = AFTERMATH;
        let told = timeout(took.clamp(least, most), stream.read(ReadMode::Available)).await;
        // A server that says goodbye, or cuts the connection, because we say nothing, is none the worse for it.
        if let Ok(Err(error @ Error::Protocol(_))) = told {
            return Err(error.into());
        }
        drop(stream);
        report.resumption = self.resume(report).await;
        self.judge_days(report, info.as_ref())
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
        match self.context.upgrade(plain, &self.goal.name).await {
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
        if let Ok(stream) = self.inspecting.upgrade(plain, &self.goal.name).await
            && let Some(info) = stream.info()
        {
            report.set_session(&info);
            report.inspected = true;
        }
    }

    /// An intermediate that expires is as bad as the server's own certificate.
    fn judge_days(&self, report: &Report, info: Option<&Info>) -> Result<(), Failure> {
        let (Some(days), Some(_)) = (self.days, info) else { return Ok(()) };
        let soonest = report.certificates.iter().min_by_key(|certificate| certificate.days_left);
        match soonest {
            Some(soonest) if soonest.days_left < i64::from(days) => {
                let whose = &soonest.subject;
                let left = soonest.time_left();
                Err(Failure::new(Exit::ExpiresSoon, format!("the certificate ({whose}) expires soon: {left}")))
            }
            _ => Ok(()),
        }
    }
}
