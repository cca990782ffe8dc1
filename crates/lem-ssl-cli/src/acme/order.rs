//! An order: from a wish to a certificate (RFC 8555 section 7.4). It is kept in the folder while it is under way, so
//! that the next process goes on with it where one was interrupted, and does not ask for another one.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::challenge::{self, Authorization, Challenge, Step};
use super::client::Client;
use super::files::Files;
use super::issued::{self, Issued};
use super::key::Key;
use super::names::Names;
use super::pace::{Limit, MAX_ASKED_WAIT, Pace};
use super::problem::{Fault, Problem};
use super::record::{Place, Record};
use super::store::{Lock, Store};
use crate::base64;

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
    /// When the authority wants to be asked again.
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// In the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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
    client: &'a mut Client<'c>,
    names: &'a Names,
    files: &'a Files,
    store: &'a Store,
    lock: &'a Lock,
    /// When the attempt is cut. It has failed then, and that is noted.
    limit: Limit,
    /// What is asked about.
    place: Place,
}

/// An order is given up when so many attempts have failed at the same place. At the pace of failed attempts that is
/// after ten minutes, and later after eight hours.
const MAX_FAILURES: u32 = 8;

impl<'a, 'c> Order<'a, 'c> {
    pub(super) fn new(
        client: &'a mut Client<'c>,
        names: &'a Names,
        files: &'a Files,
        store: &'a Store,
        lock: &'a Lock,
        limit: Limit,
    ) -> Self {
        Self { client, names, files, store, lock, limit, place: Place::Order }
    }

    /// A certificate, and the text that is to be kept of it. `replaces` is what the authority knows the one before by.
    ///
    /// The order stays in the folder until [`forget`]: nothing that it has cost may be lost before the certificate is
    /// there, too.
    pub(super) async fn fulfil(&mut self, replaces: Option<&str>) -> Result<(Issued, String), Fault> {
        let (mut record, state) = match self.resume().await? {
            Some(resumed) => resumed,
            None => self.begin(replaces).await?,
        };
        let limit = self.limit;
        match limit.cut(self.pursue(&mut record, state)).await {
            Ok(done) => Ok(done),
            Err(fault) => Err(self.failed(record, fault).await),
        }
    }

    async fn pursue(&mut self, record: &mut Record, mut state: State) -> Result<(Issued, String), Fault> {
        let key = Key::from_pem(&record.key)?;
        let mut pace = Pace::new();
        let mut furthest = state.status;
        while !pace.is_over() {
            let mut asked = state.retry_after;
            let next = match state.status {
                Status::Pending => {
                    self.authorize(&state.authorizations, record, &mut pace).await?;
                    Some(self.look_at(record).await?)
                }
                Status::Ready => match self.finalize(&state.finalize, &key).await {
                    Ok(next) => Some(next),
                    Err(fault) if fault.is("orderNotReady") => {
                        asked = fault.retry_after();
                        None
                    }
                    Err(fault) => return Err(fault),
                },
                // Others can ask for their certificates meanwhile.
                Status::Processing if asked > Some(MAX_ASKED_WAIT) => break,
                Status::Processing => None,
                Status::Valid => return self.download(&state, &key).await,
                Status::Invalid => {
                    let problem = state.error.unwrap_or_else(|| Problem::undescribed(""));
                    return Err(Fault::Refused(Box::new(problem.about(self.wanted()))));
                }
            };
            state = match next {
                Some(next) if next.status > furthest => next,
                // Whatever was asked for has changed nothing: it is not asked for again without a pause.
                stays => {
                    pace.wait(stays.map_or(asked, |state| state.retry_after)).await;
                    self.look_at(record).await?
                }
            };
            furthest = furthest.max(state.status);
        }
        // What the last look has found counts, too: an order that was made may be all that there is of its certificate.
        let message = match state.status {
            Status::Valid => return self.download(&state, &key).await,
            Status::Processing => {
                self.place = Place::Processing;
                format!("the authority has not done {} yet", self.wanted())
            }
            Status::Ready => format!("{} is not done yet", self.wanted()),
            Status::Pending | Status::Invalid => {
                return Err(Fault::useless(format!("{} is never done", self.wanted())));
            }
        };
        Err(Fault::Failed { message, retry_after: state.retry_after })
    }

    /// What becomes of the order after an attempt that failed: one that would fail again is forgotten, and the next
    /// attempt begins with another one.
    async fn failed(&self, mut record: Record, fault: Fault) -> Fault {
        let times = record.fail(self.place);
        let is_hopeless = match self.place {
            _ if fault.is_final() => true,
            // This is not the order's fault.
            _ if fault.is("rateLimited") => return fault,
            Place::Processing => record.is_old(),
            _ => times >= MAX_FAILURES,
        };
        if !is_hopeless {
            // What fails in the folder is told by what has failed before.
            let _ = self.write(&record).await;
            return fault;
        }
        match forget(self.names, self.files, self.store, self.lock).await {
            Err(why) => why,
            Ok(()) if fault.is_final() => fault,
            Ok(()) => {
                let message = format!("{fault} ({times} times in a row: the next attempt begins with another order)");
                Fault::Failed { message, retry_after: fault.retry_after() }
            }
        }
    }

    async fn look_at(&mut self, record: &Record) -> Result<State, Fault> {
        self.place = Place::Order;
        State::of(&self.client.read(&record.url, "the order").await?)
    }

    fn wanted(&self) -> String {
        format!("the order for {}", self.names.words())
    }

    async fn write(&self, record: &Record) -> Result<(), Fault> {
        Ok(self.store.write_off_the_loop(&self.files.order(), record, self.lock).await?)
    }

    /// The order that was interrupted, if there is one that can come to something.
    async fn resume(&mut self) -> Result<Option<(Record, State)>, Fault> {
        let (order, certificate) = (self.files.order(), self.files.certificate());
        // A certificate that cannot be read is as good as none.
        let read =
            move |store: &Store| Ok((store.read_json::<Record>(&order)?, store.read(&certificate).ok().flatten()));
        let (Some(record), certificate) = self.store.off_the_loop(read).await? else { return Ok(None) };
        // What has come to a certificate was interrupted a moment before it was forgotten.
        let is_done = certificate.is_some_and(|text| text.contains(&record.key));
        let is_ours = record.is_of(self.names, self.client.account.as_deref()) && !is_done;
        if is_ours && Key::from_pem(&record.key).is_ok() {
            let limit = self.limit;
            match limit.cut(self.look_at(&record)).await {
                Ok(state) if state.status != Status::Invalid => return Ok(Some((record, state))),
                Ok(_) => {}
                // It has expired, or is nobody's.
                Err(fault) if fault.is_final() => {}
                Err(fault) => return Err(self.failed(record, fault).await),
            }
        }
        forget(self.names, self.files, self.store, self.lock).await?;
        Ok(None)
    }

    async fn begin(&mut self, replaces: Option<&str>) -> Result<(Record, State), Fault> {
        let answer = match self.order(replaces).await {
            // Not every certificate before this one is one that the authority wants to hear of.
            Err(fault @ Fault::Refused(_)) if replaces.is_some() && !fault.is("rateLimited") => {
                self.order(None).await?
            }
            ordered => ordered?,
        };
        let url = answer.location.clone();
        let url = url.ok_or_else(|| Fault::new("the authority does not say where the order is (Location)"))?;
        let state = State::of(&answer)?;
        let record = Record::new(url, &Key::generate()?, self.names, self.client.account.clone());
        self.write(&record).await?;
        Ok((record, state))
    }

    async fn order(&mut self, replaces: Option<&str>) -> Result<Answer, Fault> {
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
    async fn authorize(
        &mut self,
        authorizations: &[String],
        record: &mut Record,
        pace: &mut Pace,
    ) -> Result<(), Fault> {
        if authorizations.len() > self.names.as_slice().len() {
            return Err(Fault::useless("the authority asks about more than was asked for"));
        }
        let mut open: Vec<&String> = authorizations.iter().collect();
        let mut last = None;
        while !pace.is_over() {
            let (mut left, mut asked) = (Vec::new(), None);
            for url in open {
                let (step, retry_after) = self.advance(url, record).await?;
                if let Step::Answer { found: Some(found), .. } = &step {
                    last = Some(found.clone());
                }
                if !matches!(step, Step::Done) {
                    left.push(url);
                    asked = asked.max(retry_after);
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            open = left;
            pace.wait(asked).await;
        }
        // What it has found at last is the reason, even if it has not called it one.
        Err(last.map_or_else(
            || Fault::useless("the authority does not come to a verdict about its challenges"),
            Fault::Refused,
        ))
    }

    /// How far an authorization is, and when the authority wants to be asked again. Its challenge is answered once, however
    /// long the authority leaves it open, and again only if it says that it has looked, and what it has found.
    async fn advance(&mut self, url: &str, record: &mut Record) -> Result<(Step, Option<Duration>), Fault> {
        self.place = Place::Authorization;
        let answer = self.client.read(url, "an authorization").await?;
        let mut retry_after = answer.retry_after;
        let step = answer.json::<Authorization>("an authorization")?.step(self.names)?;
        let Step::Answer { name, token, url, found } = &step else { return Ok((step, retry_after)) };
        // It may have gone since with the order for another certificate that has a name in common.
        let authorization = format!("{token}.{}", self.client.key.thumbprint());
        challenge::put(name, authorization, self.store, self.lock).await?;
        let is_first = !record.has_answered(url);
        if is_first || (found.is_some() && record.may_repeat()) {
            self.place = Place::Challenge;
            if is_first {
                record.check_room(url)?;
            }
            let answer = self.client.post(url, &json!({}), &format!("the challenge for {name}")).await?;
            // What is not the challenge (RFC 8555 section 7.5.1) does not show that the authority has heard of the answer.
            answer.json::<Challenge>("the challenge")?;
            retry_after = retry_after.max(answer.retry_after);
            record.answer(url);
            self.write(record).await?;
        }
        Ok((step, retry_after))
    }

    async fn finalize(&mut self, url: &str, key: &Key) -> Result<State, Fault> {
        self.place = Place::Finalize;
        let payload = json!({ "csr": base64::url(key.request(self.names)?) });
        let wanted = self.wanted();
        State::of(&self.client.post(url, &payload, &wanted).await?)
    }

    async fn download(&mut self, state: &State, key: &Key) -> Result<(Issued, String), Fault> {
        self.place = Place::Certificate;
        let url = state.certificate.as_deref();
        let url = url.ok_or_else(|| Fault::useless("the authority does not say where the certificate is"))?;
        let chain = self.client.read(url, "the certificate").await?.text("the certificate")?;
        let text = issued::text(&chain, key);
        let today = crate::certificate::now();
        let usable = Issued::read(&text).and_then(|issued| match &issued {
            issued if !issued.covers(self.names) => Err(format!("it is not valid for {}", self.names.words())),
            issued if issued.not_after <= today => Err("it has expired already: is the clock right?".to_owned()),
            _ => Ok(issued),
        });
        let useless = |why| Fault::useless(format!("the certificate that the authority gives is of no use: {why}"));
        usable.map(|issued| (issued, text)).map_err(useless)
    }
}

impl State {
    fn of(answer: &Answer) -> Result<Self, Fault> {
        let state: Self = answer.json("the order")?;
        Ok(Self { retry_after: answer.retry_after, ..state })
    }
}

/// The order is of no use any more, and neither are the answers to its challenges. Until then they stay, whatever
/// fails: the authority may be about to look at them.
pub(super) async fn forget(names: &Names, files: &Files, store: &Store, lock: &Lock) -> Result<(), Fault> {
    let (order, names, lock) = (files.order(), names.clone(), lock.clone());
    let forget = move |store: &Store| {
        store.remove(&order, &lock)?;
        challenge::remove_all(&names, store, &lock)
    };
    Ok(store.off_the_loop(forget).await?)
}

#[cfg(test)]
mod tests {
    use lem_ssl_rs::{Context, Listener};
    use lem_ssl_tests::scratch::Scratch;
    use lem_ssl_tests::watched_machine;

    use super::*;

    #[test]
    fn an_attempt_that_is_cut_has_failed_at_its_place() {
        let scratch = Scratch::new("acme-order");
        let work = async {
            let silent = Listener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("https://{}/order", silent.local_addr());
            let (names, context) = ("a.test".parse().unwrap(), Context::new().unwrap());
            let (files, key) = (Files::of(&names), Key::generate().unwrap());
            let store = Store::of(scratch.path(), "https://a.test/directory");
            let lock = store.try_lock().unwrap().unwrap();
            let record = Record::new(url, &key, &names, None);
            store.write(&files.order(), &serde_json::to_string(&record).unwrap(), &lock).unwrap();
            for times in 1..MAX_FAILURES {
                let mut client = Client::with_nonce(&context, Key::generate().unwrap());
                let limit = Limit::of(Duration::from_millis(20));
                let cut = Order::new(&mut client, &names, &files, &store, &lock, limit).fulfil(None).await;
                assert!(cut.unwrap_err().to_string().contains("the attempt is not done after"));
                let record: Record = store.read_json(&files.order()).unwrap().unwrap();
                assert_eq!(record.failures(), times);
            }
        };
        watched_machine().run(work).unwrap();
    }
}
