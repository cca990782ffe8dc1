//! What is accepted here, and refused by others: a server is good, and yet somebody should look at it.

use std::path::PathBuf;

use lem_ssl_rs::pki_types::CertificateDer;
use lem_ssl_rs::{Certificate, Explanation, Roots};

use crate::text::printable;

/// What there is to say of a chain that was accepted, by this way to a root, which is in one of these files.
pub(super) fn remarks(chain: &[CertificateDer<'_>], explanation: &Explanation, roots: &[PathBuf]) -> Vec<String> {
    let on_path = explanation.path.iter().filter_map(|at| Some((*at, Certificate::read(chain.get(*at)?).ok()?)));
    let mut remarks: Vec<String> = on_path.filter_map(|(at, certificate)| of_key_usage(at, &certificate)).collect();
    remarks.extend(explanation.root.as_ref().and_then(|root| of_root(root, roots)));
    remarks.iter().map(|remark| printable(remark).into_owned()).collect()
}

/// webpki does not look at it.
fn of_key_usage(at: usize, certificate: &Certificate) -> Option<String> {
    let (allowed, use_of_it) = match at {
        0 => (certificate.allows_signatures(), "signatures"),
        _ => (certificate.allows_certificates(), "signing certificates"),
    };
    if allowed {
        return None;
    }
    let whose = match at {
        0 => "the server's certificate".to_owned(),
        at => format!("certificate {} of the chain", at + 1),
    };
    let subject = certificate.subject().map(|subject| format!(" ({subject})")).unwrap_or_default();
    Some(format!(
        "{whose}{subject} has a key that is not for {use_of_it} (key usage): it is accepted here, not everywhere"
    ))
}

/// Roots are trusted because they were given, whatever their dates say.
fn of_root(name: &str, files: &[PathBuf]) -> Option<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut remark = None;
    for file in files {
        // They were read before, whole, when the roots were loaded.
        let Ok(certificates) = Roots::PemFile(file.clone()).certificates() else { continue };
        for root in certificates.iter().filter_map(|der| Certificate::read(der).ok()) {
            if root.subject() != Some(name) {
                continue;
            }
            let dates = if root.not_after().since_1970() < now {
                format!("expired on {}", root.not_after())
            } else if root.not_before().since_1970() > now {
                format!("is not valid before {}", root.not_before())
            } else {
                // There is a good one of this name.
                return None;
            };
            let file = file.display();
            remark = Some(format!("the trusted root ({name}) in {file} {dates}: it is accepted here, not everywhere"));
        }
    }
    remark
}
