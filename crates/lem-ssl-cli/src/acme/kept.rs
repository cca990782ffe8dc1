//! One certificate, as it is kept valid: when one is asked for, and what becomes of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lem_ssl_rs::{JoinError, Queue, now, sleep, timeout};

use super::account::{self, Wish};
use super::authority::Authority;
use super::client::Client;
use super::directory::Directory;
use super::failed::Failed;
use super::files::Files;
use super::issued::Issued;
use super::names::Names;
use super::order::{Order, forget};
use super::pace::Limit;
use super::plan::{Effect, Plan};
use super::problem::Fault;
use super::renewal;
use super::schedule::{self, Failing, time};
use super::shown::Shown;
use super::status::{Status, add};
use super::store::{Lock, Store};
use crate::jitter::chance;
use crate::log::Log;
use crate::text::span;

/// One certificate, as it is kept valid.
#[derive(Debug)]
pub(super) struct Kept {
    authority: Rc<Authority>,
    pub(super) names: Names,
    files: Files,
    shown: Arc<Shown>,
    log: Log,
    /// When it is to be renewed, and which one that is about.
    plan: RefCell<Option<Plan>>,
    /// What is kept of the certificate that is shown, as long as it could not be written.
    unwritten: RefCell<Option<String>>,
    /// No attempt before this, after one that failed: not by the clock, which may be set.
    pause: Cell<Option<Instant>>,
    failures: Cell<u32>,
    nudge: Queue<()>,
    pub(super) status: Status,
}

/// An attempt is given up after so long.
const ATTEMPT: Duration = Duration::from_secs(5 * 60);

/// So long an attempt whose order was cut may take to note that.
const NOTING: Duration = Duration::from_secs(10);

/// The clock may be set meanwhile, or the machine sleep: it is looked at again after so long.
const MAX_SLEEP: Duration = Duration::from_secs(5 * 60);

/// How often a process that waits for another one looks whether it is done.
const LOCK_POLL: Duration = Duration::from_millis(200);

impl Kept {
    /// One that nothing is known of but what is shown.
    pub(super) fn new(authority: Rc<Authority>, names: &Names, shown: &Arc<Shown>, log: &Log) -> Self {
        Self {
            authority,
            names: names.clone(),
            files: Files::of(names),
            shown: shown.clone(),
            log: log.clone(),
            plan: RefCell::new(None),
            unwritten: RefCell::new(None),
            pause: Cell::new(None),
            failures: Cell::new(0),
            nudge: Queue::new(),
            status: Status::default(),
        }
    }

    /// Looks into the folder, and asks the authority at once where an attempt has failed.
    pub(super) fn look_again(&self) {
        self.nudge.put(());
    }

    /// The end of what is shown, in seconds since 1970.
    pub(super) fn end(&self) -> Option<i64> {
        self.shown.current(&self.names).map(|issued| issued.not_after)
    }

    /// Keeps it valid, as long as the machine runs.
    pub(super) async fn keep(&self) {
        loop {
            self.wait().await;
            let wanted = SystemTime::now();
            let lock = match self.lock().await {
                Ok(lock) => lock,
                Err(why) => {
                    self.failed(&Fault::new(why), None).await;
                    continue;
                }
            };
            if self.is_done_by_others(&lock, wanted).await {
                continue;
            }
            if self.unwritten.borrow().is_some() {
                match self.write(&lock).await {
                    Ok(()) => self.done(),
                    Err(fault) => self.failed(&fault, Some(&lock)).await,
                }
            }
            // That the last one cannot be written is no reason not to have another one.
            if self.until_due().is_zero() {
                self.attempt(&lock).await;
            }
        }
    }

    /// A panic has ended [`keep`](Self::keep), which is begun again.
    pub(super) fn has_panicked(&self, error: &JoinError) {
        let names = self.names.words();
        self.log.warn(format!("acme: a mistake in this program has stopped the certificate for {names}: {error}"));
    }

    fn say(&self, text: impl std::fmt::Display) {
        self.log.line(format!("acme: {text}"));
    }

    /// Waits until a certificate is to be asked for.
    async fn wait(&self) {
        loop {
            let left = self.left();
            self.status.next.set(Some(SystemTime::now() + left));
            if left.is_zero() {
                return;
            }
            let ask_at = self.plan.borrow().as_ref().and_then(|plan| plan.ask_at);
            let ask_in = ask_at.map(|at| at.saturating_duration_since(now()));
            if ask_in == Some(Duration::ZERO) {
                self.ask_for_advice().await;
                continue;
            }
            let sleep = left.min(MAX_SLEEP).min(ask_in.unwrap_or(MAX_SLEEP));
            if timeout(sleep, self.nudge.get()).await.is_ok() {
                // However many there were, they ask for one attempt.
                while self.nudge.try_get().is_some() {}
                self.pause.set(None);
                // What is not written yet is later than what is there.
                if self.unwritten.borrow().is_none()
                    && let Ok(Some(issued)) = self.stored().await
                    && self.is_new(&issued)
                {
                    self.show(issued);
                }
            }
        }
    }

    /// How long it is until something is to be done: a certificate to be asked for, or to be written.
    fn left(&self) -> Duration {
        let due = if self.unwritten.borrow().is_some() { Duration::ZERO } else { self.until_due() };
        let pause = self.pause.get().map(|pause| pause.saturating_duration_since(now()));
        due.max(pause.unwrap_or_default())
    }

    /// How long it is until a certificate is to be asked for, if nothing has failed.
    fn until_due(&self) -> Duration {
        let current = self.shown.current(&self.names).filter(|issued| issued.covers(&self.names));
        current.map(|issued| self.plan(&issued, |plan| plan.left())).unwrap_or_default()
    }

    /// Does something with the plan for this certificate. One that takes another's place gets a plan of its own, and a
    /// rest, whichever process has got it: or each would ask for another one in its turn where the authority wants all
    /// renewed at once.
    fn plan<T>(&self, issued: &Issued, what: impl FnOnce(&mut Plan) -> T) -> T {
        let mut plan = self.plan.borrow_mut();
        if !plan.as_ref().is_some_and(|plan| plan.is_about(issued)) {
            let before = plan.as_ref().map(Plan::hurried);
            let new = plan.insert(Plan::of(issued));
            before.into_iter().for_each(|hurried| new.rest(hurried));
        }
        what(plan.get_or_insert_with(|| Plan::of(issued)))
    }

    /// Asks the authority when it wants the certificate renewed. That it does not answer means nothing.
    async fn ask_for_advice(&self) {
        let id = self.plan.borrow().as_ref().and_then(|plan| plan.id.clone());
        let Some(id) = id else { return };
        let Authority { context, directory, .. } = &*self.authority;
        let asked = async { renewal::advice(context, &Directory::fetch(context, directory).await?, &id).await };
        let advice = asked.await;
        let names = self.names.words();
        let mut plan = self.plan.borrow_mut();
        let Some(plan) = plan.as_mut().filter(|plan| plan.id.as_ref() == Some(&id)) else { return };
        match advice {
            Ok(None) => plan.ask_at = None,
            Err(fault) => {
                plan.ask_in(renewal::AGAIN);
                self.say(format_args!("the authority does not say when to renew the certificate for {names}: {fault}"));
            }
            Ok(Some(advice)) => {
                let effect = plan.follow(&advice);
                let (left, wants) = (words(plan.left()), "the authority wants the certificate for");
                let why = advice.explanation.map_or_else(String::new, |page| format!("; see {page}"));
                match effect {
                    Effect::None => {}
                    Effect::Moved => self.say(format_args!("{wants} {names} renewed: in {left}{why}")),
                    Effect::TooLate => self.say(format_args!(
                        "{wants} {names} renewed when it has ended or almost: it is renewed in {left} all the same{why}"
                    )),
                }
            }
        }
    }

    /// Waits until no other certificate is asked for, by this process or by another.
    async fn lock(&self) -> Result<Lock, String> {
        let mut has_said = false;
        loop {
            if let Some(lock) = self.authority.store.off_the_loop(Store::try_lock).await? {
                return Ok(lock);
            }
            if !has_said {
                has_said = true;
                let names = self.names.words();
                self.say(format_args!(
                    "{names} has to wait: another certificate is asked for, here or in another process"
                ));
            }
            sleep(LOCK_POLL).await;
        }
    }

    /// The certificate in the folder, if there is one of use.
    async fn stored(&self) -> Result<Option<Issued>, String> {
        let file = self.files.certificate();
        let text = self.authority.store.off_the_loop(move |store| store.read(&file)).await?;
        Ok(text.and_then(|text| Issued::read(&text).ok()))
    }

    /// Whether this one, from the folder, is to be shown in place of what is shown.
    fn is_new(&self, issued: &Issued) -> bool {
        // What is shown is not in the folder if it could not be written; then it is the later one.
        let is_unwritten = self.unwritten.borrow().is_some();
        self.shown.current(&self.names).is_none_or(|current| {
            let is_other = current.identity.chain() != issued.identity.chain();
            let is_later = !is_unwritten || issued.not_before > current.not_before;
            is_other && is_later && issued.supersedes(&current, &self.names, crate::certificate::now())
        })
    }

    /// Shows a certificate that is new.
    fn show(&self, issued: Issued) {
        self.plan(&issued, |plan| plan.rest(0));
        self.shown.set(&self.names, issued);
    }

    /// Whether another process has got a certificate meanwhile, or has found out that there is none to be had.
    async fn is_done_by_others(&self, _lock: &Lock, wanted: SystemTime) -> bool {
        let names = self.names.words();
        if let Ok(Some(issued)) = self.stored().await
            && issued.covers(&self.names)
            && issued.not_after > crate::certificate::now()
            && self.is_new(&issued)
        {
            self.say(format_args!("another process has got the certificate for {names}"));
            self.unwritten.replace(None);
            self.show(issued);
            self.pause.set(None);
            self.failures.set(0);
            return true;
        }
        let file = self.files.failure();
        let failed = self.authority.store.off_the_loop(move |store| store.read_json::<Failed>(&file)).await;
        let Ok(Some(failed)) = failed else { return false };
        let today = SystemTime::now();
        // The next failure is one more of the same row, whichever process has begun it.
        self.failures.set(self.failures.get().max(failed.in_a_row(today)));
        let Some(wait) = failed.binds(wanted, today) else { return false };
        self.pause.set(Some(now() + wait));
        self.say(format_args!("no certificate for {names} is asked for within {}: {}", words(wait), failed.message));
        true
    }

    async fn attempt(&self, lock: &Lock) {
        add(&self.status.attempts);
        let names = self.names.words();
        self.say(format_args!(
            "asking {} for a certificate for {names}; it will connect to port 443 of each",
            self.authority.directory
        ));
        let limit = Limit::of(ATTEMPT);
        let attempt = async {
            self.obtain(lock, limit).await?;
            add(&self.status.obtained);
            self.write(lock).await
        };
        match Limit::of(ATTEMPT + NOTING).cut(attempt).await {
            Ok(()) => self.done(),
            Err(fault) => self.failed(&fault, Some(lock)).await,
        }
    }

    /// Nothing is left to be done but to wait for the renewal.
    fn done(&self) {
        self.pause.set(None);
        self.failures.set(0);
        let Some(issued) = self.shown.current(&self.names) else { return };
        let names = self.names.words();
        let left = (issued.not_after - crate::certificate::now()).max(0).unsigned_abs();
        let (left, next) = (words(Duration::from_secs(left)), words(self.until_due()));
        self.say(format_args!("a new certificate for {names} is in place, valid for {left}; it is renewed in {next}"));
        for warning in issued.identity.server_warnings(SystemTime::now()) {
            self.say(format_args!("warning: {warning}"));
        }
    }

    /// Gets a certificate, and shows it.
    async fn obtain(&self, lock: &Lock, limit: Limit) -> Result<(), Fault> {
        let Authority { context, directory, wish, store } = &*self.authority;
        let (mut account, key) = account::load(store, lock).await?;
        let mut client = Client::new(context, directory, key, None).await?;
        let current = self.shown.current(&self.names);
        // RFC 9773 section 5: only an authority that gives advice knows certificates by this.
        let replaces = current.filter(|_| client.directory.renewal_info.is_some()).and_then(|issued| issued.id);
        let mut may_forget = true;
        loop {
            match self.order(&mut account, &mut client, wish, replaces.as_deref(), lock, limit).await {
                // An authority that has begun anew, as those for tests do.
                Err(fault) if fault.is("accountDoesNotExist") && may_forget => {
                    may_forget = false;
                    self.say("the authority does not know the account any more: asking for another one");
                    account::forget(&mut account, &mut client, store, lock).await?;
                }
                done => return done,
            }
        }
    }

    async fn order(
        &self,
        account: &mut account::Account,
        client: &mut Client<'_>,
        wish: &Wish,
        replaces: Option<&str>,
        lock: &Lock,
        limit: Limit,
    ) -> Result<(), Fault> {
        let store = &self.authority.store;
        if let Some(said) = account::sign_in(client, account, wish, store, lock).await? {
            self.say(said);
        }
        let mut order = Order::new(client, &self.names, &self.files, store, lock, limit);
        let (issued, text) = order.fulfil(replaces).await?;
        self.show(issued);
        self.unwritten.replace(Some(text));
        Ok(())
    }

    /// Writes what is shown into the folder; only then its order is of no use any more.
    async fn write(&self, lock: &Lock) -> Result<(), Fault> {
        let store = &self.authority.store;
        let text = self.unwritten.borrow().clone();
        if let Some(text) = text {
            store.write_text_off_the_loop(&self.files.certificate(), text, lock).await?;
            self.unwritten.replace(None);
        }
        forget(&self.names, &self.files, store, lock).await?;
        Ok(store.remove_off_the_loop(&self.files.failure(), lock).await?)
    }

    /// What is in place stays, and the next attempt comes later.
    async fn failed(&self, fault: &Fault, lock: Option<&Lock>) {
        self.status.failed(fault.label());
        let failures = self.failures.get().saturating_add(1);
        let kind = if matches!(fault, Fault::Failed { .. }) { Failing::Network } else { Failing::Refusal };
        let wait = schedule::backoff(failures, kind, fault.retry_after(), chance());
        let today = SystemTime::now();
        self.failures.set(failures);
        self.pause.set(Some(now() + wait));
        let place = match self.shown.current(&self.names).map(|issued| time(issued.not_after).duration_since(today)) {
            None => "there is none yet, and clients are refused".to_owned(),
            Some(Ok(left)) => format!("the one in place is valid for {} more", words(left)),
            Some(Err(_)) => "the one in place has expired".to_owned(),
        };
        let what = match *self.unwritten.borrow() {
            None => "no new certificate for",
            Some(_) => "a new certificate is in place, and cannot be kept, for",
        };
        let (names, next) = (self.names.words(), words(wait));
        self.say(format_args!("{what} {names}: {fault}; {place}; the next attempt is in {next}"));
        let Some(lock) = lock else { return };
        let failed = Failed::now(wait, failures, fault.retry_after().is_some(), fault.to_string());
        if let Err(why) = self.authority.store.write_off_the_loop(&self.files.failure(), &failed, lock).await {
            self.say(why);
        }
    }
}

fn words(time: Duration) -> String {
    span(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
