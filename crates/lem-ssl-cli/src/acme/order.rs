//! An order: from a wish to a certificate (RFC 8555 section 7.4). It is kept in the folder while it is under way, so
//! that the next process goes on with it where one was interrupted, and does not ask for another one.

use std::time::{Duration, Instant};

use lem_ssl_rs::{now, sleep};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::challenge::{self, Authorization, Step};
use super::client::Client;
use super::files::Files;
use super::issued::{self, Issued};
use super::key::Key;
use super::names::Names;
use super::problem::{Fault, Problem};
use super::store::{Lock, Store};
use crate::base64;

/// What is kept of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    url: String,
    /// Of the certificate; PEM.
    key: String,
    names: Vec<String>,
    account: Option<String>,
}

/// As the authority sees it.
#[derive(Debug, Deserialize)]
struct State {
    status: Status,
    #[serde(default)]
    authorizations: Vec<String>,
    #[serde(default)]
    finalize: String,
    certificate: Option<String>,
    error: Option<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

/// An order under way.
pub(super) struct Order<'a, 'c> {
    pub(super) client: &'a mut Client<'c>,
    pub(super) names: &'a Names,
    pub(super) store: &'a Store,
    pub(super) lock: &'a Lock,
    pub(super) files: &'a Files,
}

/// An order that is not done after so long is given up: the authority has lost sight of it.
const PATIENCE: Duration = Duration::from_secs(4 * 60);

const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(3);

/// The longest that we wait between two looks if the authority asks for it.
const MAX_ASKED_WAIT: Duration = Duration::from_secs(60);

impl Order<'_, '_> {
    /// A certificate, and the text that is to be kept of it. `replaces` is what the authority knows the one before by.
    ///
    /// The order stays in the folder until [`forget`](Self::forget): nothing that it has cost may be lost before the
    /// certificate is there, too.
    pub(super) async fn fulfil(&mut self, replaces: Option<&str>) -> Result<(Issued, String), Fault> {
        let (kept, mut state) = match self.resume().await? {
            Some(resumed) => resumed,
            None => self.begin(replaces).await?,
        };
        let key = Key::from_pem(&kept.key)?;
        let mut pace = Pace::new();
        while !pace.is_over() {
            match state.status {
                Status::Pending => {
                    self.authorize(&state.authorizations, &mut pace).await?;
                    state = self.look_at(&kept.url, &mut pace).await?;
                    if state.status != Status::Pending {
                        continue;
                    }
                }
                Status::Ready => match self.finalize(&state.finalize, &key).await {
                    Ok(answer) => {
                        state = answer;
                        continue;
                    }
                    Err(fault) if fault.is("orderNotReady") => {}
                    Err(fault) => return Err(self.given_up(fault).await),
                },
                Status::Processing => {}
                Status::Valid => return self.download(&state, &key).await,
                Status::Invalid => {
                    let problem = state.error.unwrap_or_else(|| Problem::undescribed(""));
                    let fault = Fault::Refused(Box::new(problem.about(self.wanted())));
                    return Err(self.given_up(fault).await);
                }
            }
            pace.wait().await;
            state = self.look_at(&kept.url, &mut pace).await?;
        }
        Err(self.given_up(Fault::useless(format!("{} is never done", self.wanted()))).await)
    }

    async fn look_at(&mut self, url: &str, pace: &mut Pace) -> Result<State, Fault> {
        let answer = self.client.read(url, "the order").await?;
        pace.asked(answer.retry_after);
        answer.json("the order")
    }

    fn wanted(&self) -> String {
        format!("the order for {}", self.names.words())
    }

    /// The order is of no use any more, and neither are the answers to its challenges. Until then they stay, whatever
    /// fails: the authority may be about to look at them.
    pub(super) async fn forget(&self) -> Result<(), Fault> {
        let (order, names, lock) = (self.files.order(), self.names.clone(), self.lock.clone());
        let forget = move |store: &Store| {
            store.remove(&order, &lock)?;
            challenge::remove_all(&names, store, &lock)
        };
        Ok(self.store.off_the_loop(forget).await?)
    }

    /// The order has failed for good: the next one is another one.
    async fn given_up(&self, fault: Fault) -> Fault {
        if fault.is_final() { self.forget().await.err().unwrap_or(fault) } else { fault }
    }

    /// The order that was interrupted, if there is one that can come to something.
    async fn resume(&mut self) -> Result<Option<(Kept, State)>, Fault> {
        let (order, certificate) = (self.files.order(), self.files.certificate());
        let read = move |store: &Store| Ok((store.read_json::<Kept>(&order)?, store.read(&certificate)?));
        let (Some(kept), certificate) = self.store.off_the_loop(read).await? else { return Ok(None) };
        // What has come to a certificate was interrupted a moment before it was forgotten.
        let is_done = certificate.is_some_and(|text| text.contains(&kept.key));
        let is_ours = kept.names == self.names.as_slice() && kept.account == self.client.account && !is_done;
        if is_ours && Key::from_pem(&kept.key).is_ok() {
            match self.client.read(&kept.url, "the order").await.and_then(|answer| answer.json::<State>("the order")) {
                Ok(state) if state.status != Status::Invalid => return Ok(Some((kept, state))),
                Ok(_) => {}
                // It has expired, or is nobody's.
                Err(fault) if fault.is_final() => {}
                Err(fault) => return Err(fault),
            }
        }
        self.forget().await?;
        Ok(None)
    }

    async fn begin(&mut self, replaces: Option<&str>) -> Result<(Kept, State), Fault> {
        let answer = match self.place(replaces).await {
            // Not every certificate before this one is one that the authority wants to hear of.
            Err(fault @ Fault::Refused(_)) if replaces.is_some() && !fault.is("rateLimited") => {
                self.place(None).await?
            }
            placed => placed?,
        };
        let url = answer.location.clone();
        let url = url.ok_or_else(|| Fault::new("the authority does not say where the order is (Location)"))?;
        let state = answer.json("the order")?;
        let (key, account) = (Key::generate()?.pem(), self.client.account.clone());
        let kept = Kept { url, key, names: self.names.as_slice().to_vec(), account };
        self.store.write_off_the_loop(&self.files.order(), &kept, self.lock).await?;
        Ok((kept, state))
    }

    async fn place(&mut self, replaces: Option<&str>) -> Result<Answer, Fault> {
        let identifiers: Vec<Value> =
            self.names.as_slice().iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let mut payload = json!({ "identifiers": identifiers });
        if let Some(replaces) = replaces {
            payload["replaces"] = replaces.into();
        }
        let (to, wanted) = (self.client.directory.new_order.clone(), self.wanted());
        self.client.post(&to, &payload, &wanted).await
    }

    /// Answers all challenges, and waits until the authority has looked at the answers.
    async fn authorize(&mut self, authorizations: &[String], pace: &mut Pace) -> Result<(), Fault> {
        if authorizations.len() > self.names.as_slice().len() {
            let fault = Fault::useless("the authority asks about more than was asked for");
            return Err(self.given_up(fault).await);
        }
        let mut open: Vec<&String> = authorizations.iter().collect();
        while !pace.is_over() {
            let mut left = Vec::new();
            for url in open {
                match self.advance(url, pace).await {
                    Ok(Step::Done) => {}
                    Ok(_) => left.push(url),
                    Err(fault) => return Err(self.given_up(fault).await),
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            open = left;
            pace.wait().await;
        }
        Err(self.given_up(Fault::useless("the authority does not come to a verdict about its challenges")).await)
    }

    async fn advance(&mut self, url: &str, pace: &mut Pace) -> Result<Step, Fault> {
        let answer = self.client.read(url, "an authorization").await?;
        pace.asked(answer.retry_after);
        let step = answer.json::<Authorization>("an authorization")?.step(self.names)?;
        if let Step::Answer { name, token, url } = &step {
            let authorization = format!("{token}.{}", self.client.key.thumbprint());
            challenge::put(name, authorization, self.store, self.lock).await?;
            self.client.post(url, &json!({}), &format!("the challenge for {name}")).await?;
        }
        Ok(step)
    }

    async fn finalize(&mut self, url: &str, key: &Key) -> Result<State, Fault> {
        let payload = json!({ "csr": base64::url(key.request(self.names)?) });
        let wanted = self.wanted();
        self.client.post(url, &payload, &wanted).await?.json("the order")
    }

    async fn download(&mut self, state: &State, key: &Key) -> Result<(Issued, String), Fault> {
        let url = state.certificate.as_deref();
        let url = url.ok_or_else(|| Fault::new("the authority does not say where the certificate is"))?;
        let chain = self.client.read(url, "the certificate").await?.text("the certificate")?;
        let text = issued::text(&chain, key);
        let today = crate::certificate::now();
        let usable = Issued::read(&text).and_then(|issued| match &issued {
            issued if !issued.covers(self.names) => Err(format!("it is not valid for {}", self.names.words())),
            issued if issued.not_after <= today => Err("it has expired already: is the clock right?".to_owned()),
            _ => Ok(issued),
        });
        match usable {
            Ok(issued) => Ok((issued, text)),
            Err(why) => {
                let why = format!("the certificate that the authority gives is of no use: {why}");
                Err(self.given_up(Fault::useless(why)).await)
            }
        }
    }
}

/// How often the authority is asked: as it says, or else more and more slowly.
struct Pace {
    began: Instant,
    next: Duration,
    asked: Option<Duration>,
}

impl Pace {
    fn new() -> Self {
        Self { began: now(), next: FIRST_WAIT, asked: None }
    }

    fn is_over(&self) -> bool {
        now().saturating_duration_since(self.began) >= PATIENCE
    }

    fn asked(&mut self, retry_after: Option<Duration>) {
        self.asked = self.asked.max(retry_after);
    }

    async fn wait(&mut self) {
        let asked = self.asked.take().unwrap_or_default().min(MAX_ASKED_WAIT);
        sleep(asked.max(self.next)).await;
        self.next = (self.next * 3 / 2).min(MAX_WAIT);
    }
}
