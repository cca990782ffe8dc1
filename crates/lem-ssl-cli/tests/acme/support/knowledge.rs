//! What an authority knows: accounts, orders, authorizations, nonces (RFC 8555 section 7.1).

use std::collections::HashSet;
use std::time::Duration;

use lem_ssl_tests::pki::armour;
use lem_ssl_tests::pki::draft::{Draft, DraftKey, FOR_SERVERS, GENERALIZED_TIME, SEQUENCE, element, in_seconds};
use serde_json::{Value, json};

use super::der;
use super::request::{Request, decode, encode, thumbprint};

/// What an authority knows.
#[derive(Debug)]
pub(crate) struct State {
    base: String,
    nonces: HashSet<String>,
    count: usize,
    pub(crate) accounts: Vec<Value>,
    pub(crate) contacts: Vec<Value>,
    pub(crate) orders: Vec<Order>,
    pub(crate) authorizations: Vec<Authorization>,
    key: DraftKey,
    pub(crate) root: String,
    /// From when to when certificates are valid, in seconds from now.
    pub(crate) life: (i64, i64),
    /// When it wants them renewed.
    pub(crate) window: Option<(i64, i64)>,
    /// Customers only: the id, and the secret.
    pub(crate) customers: Option<(String, Vec<u8>)>,
    pub(crate) issued: u8,
    /// What certificates are for instead of what was ordered.
    pub(crate) other_names: Option<Vec<String>>,
    /// It begins to validate so long after the answer, and leaves the challenge "pending" until it is done.
    pub(crate) hesitates: Option<Duration>,
    /// A challenge whose answer it has not found stays "pending", with what it has found, until it is answered again.
    pub(crate) is_patient: bool,
    /// So many requests for a certificate leave the order "ready".
    pub(crate) stays_ready: usize,
    /// Orders stay "processing", and are to be asked about after so many seconds.
    pub(crate) stays_processing: Option<u32>,
    /// Where its terms are.
    pub(crate) terms: String,
    /// A page that says why certificates are to be renewed.
    pub(crate) explanation: String,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) account: usize,
    pub(crate) names: Vec<String>,
    pub(crate) status: &'static str,
    authorizations: Vec<usize>,
    certificate: Option<String>,
    pub(crate) replaces: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Authorization {
    pub(crate) name: String,
    pub(crate) status: &'static str,
    /// Whether the client has said that its answer is there.
    pub(crate) answered: bool,
    pub(crate) error: Option<String>,
}

/// An answer: status, further headers, body.
pub(crate) struct Reply(pub(crate) &'static str, pub(crate) String, pub(crate) String);

impl Reply {
    pub(crate) fn problem(status: &'static str, kind: &str, detail: &str, headers: &str) -> Self {
        let document = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail });
        Self(status, format!("Content-Type: application/problem+json\r\n{headers}"), document.to_string())
    }

    /// The same, which is to be asked for again after so many seconds.
    fn after(mut self, seconds: Option<u32>) -> Self {
        if let Some(seconds) = seconds {
            self.1 += &format!("Retry-After: {seconds}\r\n");
        }
        self
    }

    fn json(status: &'static str, location: Option<String>, body: &Value) -> Self {
        let location = location.map_or_else(String::new, |location| format!("Location: {location}\r\n"));
        Self(status, format!("Content-Type: application/json\r\n{location}"), body.to_string())
    }
}

impl State {
    pub(crate) fn new(base: String) -> Self {
        let key = DraftKey::new();
        let root = Draft::authority("ACME Root", "ACME Root", &key).sign(&key);
        Self {
            base,
            nonces: HashSet::new(),
            count: 0,
            accounts: Vec::new(),
            contacts: Vec::new(),
            orders: Vec::new(),
            authorizations: Vec::new(),
            key,
            root: armour("CERTIFICATE", &root),
            life: (-3600, 90 * 86_400),
            window: None,
            customers: None,
            issued: 0,
            other_names: None,
            hesitates: None,
            is_patient: false,
            stays_ready: 0,
            stays_processing: None,
            terms: "https://terms.example/".to_owned(),
            explanation: "https://why.example/".to_owned(),
        }
    }

    pub(crate) fn nonce(&mut self) -> String {
        self.count += 1;
        let nonce = format!("nonce-{}", self.count);
        self.nonces.insert(nonce.clone());
        nonce
    }

    /// Does what is asked for.
    pub(crate) fn handle(&mut self, request: &Request) -> Reply {
        let base = self.base.clone();
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let number = parts.get(1).and_then(|number| number.parse::<usize>().ok());
        match (request.method.as_str(), parts[0]) {
            ("GET", "directory") => {
                let mut directory = json!({
                    "newNonce": format!("{base}/nonce"),
                    "newAccount": format!("{base}/new-account"),
                    "newOrder": format!("{base}/new-order"),
                    "meta": { "externalAccountRequired": self.customers.is_some(), "termsOfService": self.terms },
                });
                if self.window.is_some() {
                    directory["renewalInfo"] = format!("{base}/renewal-info").into();
                }
                return Reply::json("200 OK", None, &directory);
            }
            ("GET", "nonce") => return Reply("204 No Content", String::new(), String::new()),
            ("GET", "renewal-info") => {
                let (start, end) = self.window.expect("it was offered");
                let time = |seconds| {
                    let text = in_seconds(seconds);
                    let part = |from: usize, to: usize| &text[from..to];
                    format!(
                        "{}-{}-{}T{}:{}:{}Z",
                        part(0, 4),
                        part(4, 6),
                        part(6, 8),
                        part(8, 10),
                        part(10, 12),
                        part(12, 14)
                    )
                };
                let window = json!({ "start": time(start), "end": time(end) });
                let document = json!({ "suggestedWindow": window, "explanationURL": self.explanation });
                return Reply::json("200 OK", None, &document);
            }
            ("POST", _) => {}
            other => panic!("it has no business here: {other:?}"),
        }
        let signed = request.signed();
        assert_eq!(signed.protected["url"], format!("{base}{}", request.path));
        if !self.nonces.remove(signed.protected["nonce"].as_str().unwrap()) {
            return Reply::problem("400 Bad Request", "badNonce", "used up", "");
        }
        let payload = signed.payload.as_ref();
        if parts[0] == "new-account" {
            assert!(signed.is_by(&signed.protected["jwk"]));
            return self.account(&signed.protected["jwk"], payload.unwrap());
        }
        let account = signed.protected["kid"].as_str().and_then(|kid| kid.rsplit('/').next()?.parse::<usize>().ok());
        let Some(jwk) = account.and_then(|account| self.accounts.get(account)) else {
            return Reply::problem("400 Bad Request", "accountDoesNotExist", "there is no such account", "");
        };
        assert!(signed.is_by(jwk), "{signed:?}");
        let account = account.unwrap();
        match (parts[0], number) {
            ("account", _) => {
                self.contacts[account] = payload.unwrap()["contact"].clone();
                Reply::json("200 OK", None, &json!({ "status": "valid" }))
            }
            ("new-order", _) => self.order(account, payload.unwrap()),
            ("order", Some(number)) if self.orders.get(number).is_none_or(|order| order.account != account) => {
                Reply::problem("404 Not Found", "malformed", "there is no such order", "")
            }
            ("order", Some(number)) => {
                assert_eq!(payload, None, "it is only read");
                let document = self.look_at(number);
                Reply::json("200 OK", None, &document).after(self.stays_processing)
            }
            ("authorization", Some(number)) => Reply::json("200 OK", None, &self.authorization(number)),
            ("challenge", Some(number)) => {
                assert_eq!(payload, Some(&json!({})));
                self.authorizations[number].answered = true;
                Reply::json("200 OK", None, &self.authorization(number)["challenges"][0])
            }
            ("finalize", Some(number)) => self.finalize(number, &decode(payload.unwrap()["csr"].as_str().unwrap())),
            ("certificate", Some(number)) => {
                assert_eq!(payload, None, "it is only read");
                let chain = self.orders[number].certificate.clone().unwrap();
                Reply("200 OK", "Content-Type: application/pem-certificate-chain\r\n".to_owned(), chain)
            }
            other => panic!("it has no business here: {other:?}"),
        }
    }

    fn account(&mut self, jwk: &Value, payload: &Value) -> Reply {
        assert_eq!(payload["termsOfServiceAgreed"], true);
        if let Some((id, secret)) = &self.customers {
            let bound = &payload["externalAccountBinding"];
            let text = |name: &str| bound[name].as_str().unwrap();
            let protected: Value = serde_json::from_slice(&decode(text("protected"))).unwrap();
            let mut hmac = graviola::hashing::hmac::Hmac::<graviola::hashing::Sha256>::new(secret);
            hmac.update(format!("{}.{}", text("protected"), text("payload")));
            let is_customer = protected["kid"] == **id && hmac.verify(&decode(text("signature"))).is_ok();
            assert_eq!(serde_json::from_slice::<Value>(&decode(text("payload"))).unwrap(), *jwk);
            if !is_customer {
                return Reply::problem("401 Unauthorized", "unauthorized", "no such customer", "");
            }
        }
        let known = self.accounts.iter().position(|known| known == jwk);
        let number = known.unwrap_or_else(|| {
            self.accounts.push(jwk.clone());
            self.contacts.push(payload["contact"].clone());
            self.accounts.len() - 1
        });
        let status = if known.is_some() { "200 OK" } else { "201 Created" };
        Reply::json(status, Some(format!("{}/account/{number}", self.base)), &json!({ "status": "valid" }))
    }

    fn order(&mut self, account: usize, payload: &Value) -> Reply {
        let names: Vec<String> = payload["identifiers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|identifier| {
                assert_eq!(identifier["type"], "dns");
                identifier["value"].as_str().unwrap().to_owned()
            })
            .collect();
        let first = self.authorizations.len();
        for name in &names {
            let (name, status) = (name.clone(), "pending");
            self.authorizations.push(Authorization { name, status, answered: false, error: None });
        }
        let (authorizations, replaces) = ((first..first + names.len()).collect(), payload["replaces"].as_str());
        let replaces = replaces.map(str::to_owned);
        self.orders.push(Order { account, names, status: "pending", authorizations, certificate: None, replaces });
        let number = self.orders.len() - 1;
        let document = self.look_at(number);
        Reply::json("201 Created", Some(format!("{}/order/{number}", self.base)), &document)
    }

    /// An order, which goes on a little each time that it is looked at.
    fn look_at(&mut self, number: usize) -> Value {
        let base = &self.base;
        let order = &mut self.orders[number];
        let of = |number: &usize| &self.authorizations[*number];
        order.status = match order.status {
            "pending" if order.authorizations.iter().any(|it| of(it).status == "invalid") => "invalid",
            "pending" if order.authorizations.iter().all(|it| of(it).status == "valid") => "ready",
            "processing" if self.stays_processing.is_none() => "valid",
            status => status,
        };
        let urls: Vec<_> = order.authorizations.iter().map(|it| format!("{base}/authorization/{it}")).collect();
        let mut document = json!({
            "status": order.status,
            "authorizations": urls,
            "finalize": format!("{base}/finalize/{number}"),
        });
        if order.status == "valid" {
            document["certificate"] = format!("{base}/certificate/{number}").into();
        }
        document
    }

    fn authorization(&self, number: usize) -> Value {
        let Authorization { name, status, answered, error } = &self.authorizations[number];
        let is_open = !*answered || self.hesitates.is_some();
        let challenge_status = if *status == "pending" && !is_open { "processing" } else { status };
        let mut challenge = json!({
            "type": "tls-alpn-01",
            "url": format!("{}/challenge/{number}", self.base),
            "status": challenge_status,
            "token": token(number),
        });
        if let Some(error) = error {
            challenge["error"] = json!({ "type": "urn:ietf:params:acme:error:tls", "detail": error });
        }
        let other = json!({ "type": "http-01", "url": "https://unused.example/", "status": "pending", "token": "x" });
        let identifier = json!({ "type": "dns", "value": name });
        json!({ "identifier": identifier, "status": status, "challenges": [challenge, other] })
    }

    /// What a client has to show for an authorization.
    pub(crate) fn key_authorization(&self, number: usize) -> String {
        // Of the account whose order it is.
        let order = self.orders.iter().find(|order| order.authorizations.contains(&number)).unwrap();
        format!("{}.{}", token(number), thumbprint(&self.accounts[order.account]))
    }

    fn finalize(&mut self, number: usize, request: &[u8]) -> Reply {
        if self.orders[number].status != "ready" {
            return Reply::problem("403 Forbidden", "orderNotReady", "it is not ready", "");
        }
        if self.stays_ready > 0 {
            self.stays_ready -= 1;
            let document = self.look_at(number);
            return Reply::json("200 OK", None, &document).after(Some(1));
        }
        let names = self.orders[number].names.clone();
        assert!(names.iter().all(|name| request.windows(name.len()).any(|window| window == name.as_bytes())));
        let names = self.other_names.clone().unwrap_or(names);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.issued += 1;
        let mut draft = Draft::leaf(&names, "ACME Root", &self.key).with_purposes(&[FOR_SERVERS]);
        draft = draft.with(AUTHORITY_KEY, false, &element(SEQUENCE, &element(0x80, b"root key")));
        draft.key = der::public_key(request);
        draft.serial = self.issued;
        let (from, to) = self.life;
        draft.not_before = (GENERALIZED_TIME, in_seconds(from));
        draft.not_after = (GENERALIZED_TIME, in_seconds(to));
        let order = &mut self.orders[number];
        order.certificate = Some(armour("CERTIFICATE", &draft.sign(&self.key)));
        order.status = "processing";
        let document = json!({ "status": "processing", "authorizations": [], "finalize": "" });
        Reply::json("200 OK", Some(format!("{}/order/{number}", self.base)), &document).after(self.stays_processing)
    }
}

fn token(number: usize) -> String {
    encode(format!("the token of number {number}").as_bytes())
}

const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
