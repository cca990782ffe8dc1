//! Answers to an authority's challenges (TLS-ALPN-01, RFC 8737).
//!
//! They lie in the folder, and are read there by the process that the authority happens to reach: of several processes
//! behind one name, it need not be the one that has asked.

use lem_ssl_rs::Identity;
use serde::Deserialize;

use super::files;
use super::names::Names;
use super::problem::{Fault, Identifier, Problem};
use super::store::{Lock, Store};

/// What an authority wants to see before it believes that a name is ours (RFC 8555 section 7.1.4).
#[derive(Debug, Deserialize)]
pub(super) struct Authorization {
    identifier: Identifier,
    status: String,
    #[serde(default)]
    challenges: Vec<Challenge>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Challenge {
    #[serde(rename = "type")]
    kind: String,
    url: String,
    status: String,
    #[serde(default)]
    token: String,
    error: Option<Problem>,
}

/// How far an authorization is.
#[derive(Debug)]
pub(super) enum Step {
    /// The authority believes us.
    Done,
    /// The authority waits for us to say that the answer is there; again, if it tells what it has found instead.
    Answer { name: String, token: String, url: String, found: Option<Box<Problem>> },
    /// The authority is at it.
    Wait,
}

const TLS_ALPN_01: &str = "tls-alpn-01";

impl Authorization {
    /// What is to be done.
    pub(super) fn step(&self, names: &Names) -> Result<Step, Fault> {
        let name = self.identifier.value.to_ascii_lowercase();
        if self.identifier.kind != "dns" || !names.contains(&name) {
            return Err(Fault::useless(format!("the authority asks about {name:?}, which was not asked for")));
        }
        let challenge = self.challenges.iter().find(|challenge| challenge.kind == TLS_ALPN_01);
        let wanted = format!("the challenge for {name}");
        match (self.status.as_str(), challenge) {
            ("valid", _) => Ok(Step::Done),
            ("pending", Some(challenge)) if challenge.status == "pending" => {
                let (token, url) = (challenge.token.clone(), challenge.url.clone());
                // RFC 8555 section 8.3: base64url, of at least 128 bits.
                let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(digit) {
                    return Err(Fault::useless(format!("the authority's token for {name} is odd")));
                }
                let found = challenge.error.clone().map(|problem| Box::new(problem.about(&wanted)));
                Ok(Step::Answer { name, token, url, found })
            }
            ("pending", Some(challenge)) if challenge.status != "invalid" => Ok(Step::Wait),
            ("pending", None) => {
                let offered: Vec<_> = self.challenges.iter().map(|challenge| challenge.kind.as_str()).collect();
                let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
                Err(Fault::useless(format!(
                    "the authority offers no challenge over TLS ({TLS_ALPN_01}) for {name}: {offered}"
                )))
            }
            ("pending" | "invalid", _) => {
                let problem = self.challenges.iter().find_map(|challenge| challenge.error.clone());
                let problem = problem.map_or_else(|| Problem::undescribed(&wanted), |problem| problem.about(&wanted));
                Err(Fault::Refused(Box::new(problem)))
            }
            (status, _) => Err(Fault::useless(format!("the authorization for {name} is {status:?}"))),
        }
    }
}

/// The longest token: those in use have 43 letters.
const MAX_TOKEN: usize = 512;

/// Has an authority that asks for `name` see the answer to its challenge from now on.
pub(super) async fn put(name: &str, authorization: String, store: &Store, lock: &Lock) -> Result<(), Fault> {
    Ok(store.write_text_off_the_loop(&files::challenge(name), authorization, lock).await?)
}

/// The answers to these names' challenges are not needed any more.
pub(super) fn remove_all(names: &Names, store: &Store, lock: &Lock) -> std::io::Result<()> {
    names.as_slice().iter().try_for_each(|name| store.remove(&files::challenge(name), lock))
}

/// What an authority that asks for `name` is shown now. `name` is one of ours.
///
/// It reads a small file, on the loop: an authority asks once for each certificate, and cannot be made to wait.
pub(super) fn shown(name: &str, store: &Store) -> Option<Identity> {
    let authorization = store.read(&files::challenge(name)).ok().flatten()?;
    Identity::acme_challenge(name, authorization.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(document: &str) -> Result<Step, String> {
        let authorization: Authorization = serde_json::from_str(document).unwrap();
        authorization.step(&"a.test".parse().unwrap()).map_err(|fault| fault.to_string())
    }

    fn authorization(name: &str, status: &str, challenges: &str) -> String {
        format!(r#"{{"identifier":{{"type":"dns","value":"{name}"}},"status":"{status}","challenges":[{challenges}]}}"#)
    }

    #[test]
    fn an_authorization_says_what_is_to_be_done_or_why_nothing_can_be() {
        let ours = r#"{"type":"tls-alpn-01","url":"https://a/1","status":"pending","token":"aB-_"}"#;
        let other = r#"{"type":"dns-01","url":"https://a/2","status":"pending","token":"x"}"#;
        let failed = r#"{"type":"tls-alpn-01","url":"https://a/1","status":"invalid","token":"x",
            "error":{"type":"urn:ietf:params:acme:error:tls","detail":"no answer"}}"#;
        assert!(matches!(step(&authorization("a.test", "valid", "")), Ok(Step::Done)));
        let both = step(&authorization("A.TEST", "pending", &format!("{other},{ours}")));
        assert!(matches!(both, Ok(Step::Answer { name, token, .. }) if name == "a.test" && token == "aB-_"));
        let processing = ours.replace("pending", "processing");
        assert!(matches!(step(&authorization("a.test", "pending", &processing)), Ok(Step::Wait)));
        for (document, words) in [
            (authorization("a.test", "invalid", failed), "challenge for a.test: no answer (tls)"),
            (authorization("a.test", "invalid", ""), "challenge for a.test"),
            (authorization("a.test", "pending", other), "dns-01"),
            (authorization("a.test", "deactivated", ours), "deactivated"),
            (authorization("b.test", "pending", ours), "not asked for"),
            (authorization("a.test", "pending", &ours.replace("aB-_", "../x")), "odd"),
        ] {
            let said = step(&document).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
