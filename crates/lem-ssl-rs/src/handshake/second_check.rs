//! Checking a client once more: one whose session is resumed showed its certificate, or none, when the session was begun.

use lem_rs::transport::close_transport;
use lem_rs::{spawn, timeout};
use rustls::AlertDescription;

use super::UnderWay;
use crate::error::Error;
use crate::explain::explain;
use crate::transport::ALERT_DEADLINE;

/// How far it is. With pointers to what only a server does, so that a program which only connects contains none of it.
pub(crate) enum SecondCheck {
    /// It is due when the handshake is over, or has brought early data.
    Due(fn(&mut UnderWay) -> Result<(), Error>),
    /// It is over, or there is none.
    Done,
    /// The client is refused, and is to get this alert.
    Failed(AlertDescription, fn(Box<UnderWay>, AlertDescription)),
}

impl SecondCheck {
    /// For a server.
    pub(crate) fn of_clients() -> Self {
        Self::Due(check_again)
    }

    /// For a client: it verifies a server by the session itself.
    pub(crate) fn none() -> Self {
        Self::Done
    }
}

/// Checks a client of a resumed session again, before its early data are seen.
fn check_again(handshake: &mut UnderWay) -> Result<(), Error> {
    let context = handshake.context.inner();
    let checked = handshake.tls.resumed_certificates().map_or(Ok(()), |chain| context.check_client_again(chain));
    checked.map_err(|error| {
        handshake.second_check = SecondCheck::Failed(alert_of(&error), refuse);
        explain(error, true, &[]).into()
    })
}

fn refuse(handshake: Box<UnderWay>, alert: AlertDescription) {
    if handshake.tls.is_handshaking() {
        // It has brought early data. Its alert can only be sent when the handshake is over.
        spawn(finish_and_refuse(handshake, alert)).detach();
    } else {
        close_transport(handshake.tls.refuse(alert), ALERT_DEADLINE);
    }
}

/// Refuses a client when its handshake is over, which it has some time for.
async fn finish_and_refuse(mut handshake: Box<UnderWay>, alert: AlertDescription) {
    let finished = timeout(ALERT_DEADLINE, async {
        while handshake.tls.is_handshaking() {
            drop(handshake.tls.take_early());
            handshake.exchange().await?;
        }
        Ok::<(), Error>(())
    });
    match finished.await {
        Ok(Ok(())) => close_transport(handshake.tls.refuse(alert), ALERT_DEADLINE),
        _ => close_transport(handshake.tls, ALERT_DEADLINE),
    }
}

/// The alert that tells of a refused certificate.
fn alert_of(error: &rustls::Error) -> AlertDescription {
    match error {
        rustls::Error::InvalidCertificate(error) => error.clone().into(),
        rustls::Error::NoCertificatesPresented => AlertDescription::CertificateRequired,
        _ => AlertDescription::InternalError,
    }
}
