//! An authority, on the machine of the test.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Context, Identity, Queue, Roots, Server, Stream, sleep, spawn};
use lem_ssl_tests::pki::Leaf;

use super::knowledge::{Reply, State};
use super::request::Request;
use super::trouble::{Step, Trouble};
use super::validation::validate;
use super::world::World;

/// An ACME server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Authority {
    inner: Rc<Inner>,
}

struct Inner {
    url: String,
    state: RefCell<State>,
    troubles: RefCell<Vec<(Step, Trouble)>>,
    seen: RefCell<Vec<Step>>,
    held: Queue<Step>,
    target: Cell<Option<SocketAddr>>,
    _server: Rc<Server>,
}

impl Authority {
    pub(crate) async fn start(world: &World) -> Self {
        let files = world.issue("authority", Leaf::server(&["localhost"]));
        let identity = Identity::from_pem_files(&files.chain, &files.key).unwrap();
        let context = Context::builder().roots(Roots::None).identity(identity).build().unwrap();
        let server = Rc::new(context.listen("127.0.0.1:0").await.unwrap());
        let url = format!("https://localhost:{}", server.local_addr().ip().unwrap().port());
        let inner = Rc::new(Inner {
            state: RefCell::new(State::new(url.clone())),
            url,
            troubles: RefCell::default(),
            seen: RefCell::default(),
            held: Queue::new(),
            target: Cell::new(None),
            _server: server.clone(),
        });
        let authority = Self { inner };
        let shared = authority.clone();
        spawn(async move { server.autospawn(move |stream| shared.clone().serve(stream)).await }).detach();
        authority
    }

    /// One whose certificates have two thirds of their life behind them: each process renews them at once.
    pub(crate) async fn late_in_life(world: &World) -> Self {
        let authority = Self::start(world).await;
        authority.with(|state| state.life = (-3000, 900));
        authority
    }

    /// The URL of its directory.
    pub(crate) fn directory(&self) -> String {
        format!("{}/directory", self.inner.url)
    }

    /// What clients trust that trust it.
    pub(crate) fn roots(&self) -> Roots {
        Roots::Pem(self.with(|state| state.root.clone().into_bytes()))
    }

    /// Looks at what it knows, or changes it.
    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.inner.state.borrow_mut())
    }

    /// Where it connects to, whatever the name is.
    pub(crate) fn validates_at(&self, target: SocketAddr) {
        self.inner.target.set(Some(target));
    }

    /// Something goes wrong when it comes to this step, once.
    pub(crate) fn fails(&self, step: Step, trouble: Trouble) {
        self.inner.troubles.borrow_mut().push((step, trouble));
    }

    /// Whether everything that was to go wrong has.
    pub(crate) fn has_failed(&self) -> bool {
        self.inner.troubles.borrow().is_empty()
    }

    /// How often it has come to this step.
    pub(crate) fn count(&self, step: Step) -> usize {
        self.inner.seen.borrow().iter().filter(|seen| **seen == step).count()
    }

    /// Waits until a request is [held](Trouble::Hold).
    pub(crate) async fn held(&self) -> Step {
        self.inner.held.get().await.unwrap()
    }

    async fn serve(self, stream: Stream) {
        // A client that was killed has not said everything.
        let Ok(request) = Request::read(&stream).await else { return };
        let step = Step::of(&request.path);
        match self.trouble(step) {
            None => {
                let reply = self.handle(&request);
                let _ = stream.write(&reply).await;
                let _ = stream.shutdown().await;
            }
            Some(trouble) => self.fail(trouble, step, &request, stream).await,
        }
    }

    fn trouble(&self, step: Step) -> Option<Trouble> {
        self.inner.seen.borrow_mut().push(step);
        let mut troubles = self.inner.troubles.borrow_mut();
        let at = troubles.iter().position(|(at, _)| *at == step)?;
        Some(troubles.remove(at).1)
    }

    async fn fail(&self, trouble: Trouble, step: Step, request: &Request, stream: Stream) {
        match trouble {
            Trouble::Cut => {}
            Trouble::CutAfter => drop(self.handle(request)),
            Trouble::CutInside => {
                let reply = self.handle(request);
                // Behind the head, so that it is the body that is cut. Where there is none, it is the head.
                let head = reply.find("\r\n\r\n").unwrap() + 4;
                let end = head + (reply.len() - head) / 2;
                let end = if end > head { end } else { head - 3 };
                let _ = stream.write(&reply[..end]).await;
                sleep(Duration::from_millis(20)).await;
            }
            Trouble::Hold { done } => {
                if done {
                    self.handle(request);
                }
                self.inner.held.put(step);
                sleep(Duration::from_secs(1000)).await;
            }
            Trouble::Endless => {
                let chunk = [b' '; 4096];
                if stream.write("HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
                    while stream.write(&chunk[..]).await.is_ok() {}
                }
            }
            Trouble::Noise => {
                let _ = stream.write("220 mail.example ESMTP\r\n").await;
                let _ = stream.shutdown().await;
            }
            Trouble::Body(body) => {
                let _ = stream.write(&self.written(Reply("200 OK", String::new(), body.to_owned()))).await;
                let _ = stream.shutdown().await;
            }
            Trouble::Late(millis) => {
                sleep(Duration::from_millis(millis)).await;
                let reply = Reply("503 Service Unavailable", String::new(), String::new());
                let _ = stream.write(&self.written(reply)).await;
                let _ = stream.shutdown().await;
            }
            Trouble::Status(status) => {
                let reply = Reply(status, "Content-Type: text/html\r\n".to_owned(), "<html>".to_owned());
                let _ = stream.write(&self.written(reply)).await;
                let _ = stream.shutdown().await;
            }
            Trouble::Problem(status, kind, detail, headers) => {
                let _ = stream.write(&self.written(Reply::problem(status, kind, detail, headers))).await;
                let _ = stream.shutdown().await;
            }
        }
        stream.abort();
    }

    fn handle(&self, request: &Request) -> String {
        let reply = self.inner.state.borrow_mut().handle(request);
        if Step::of(&request.path) == Step::Challenge {
            let number = request.path.rsplit('/').next().unwrap().parse().unwrap();
            let authority = self.clone();
            spawn(async move { authority.validate(number).await }).detach();
        }
        self.written(reply)
    }

    fn written(&self, reply: Reply) -> String {
        let Reply(status, headers, body) = reply;
        let (nonce, length) = (self.inner.state.borrow_mut().nonce(), body.len());
        let length = if status.starts_with("204") { String::new() } else { format!("Content-Length: {length}\r\n") };
        format!("HTTP/1.1 {status}\r\nReplay-Nonce: {nonce}\r\n{length}{headers}\r\n{body}")
    }

    async fn validate(&self, number: usize) {
        if let Some(wait) = self.with(|state| state.hesitates) {
            sleep(wait).await;
        }
        let target = loop {
            match self.inner.target.get() {
                Some(target) => break target,
                None => sleep(Duration::from_millis(5)).await,
            }
        };
        let trouble = self.trouble(Step::Validation);
        let (name, authorization) =
            self.with(|state| (state.authorizations[number].name.clone(), state.key_authorization(number)));
        let result = match trouble {
            Some(Trouble::Hold { done }) => {
                let result = if done { Some(validate(target, &name, &authorization).await) } else { None };
                self.inner.held.put(Step::Validation);
                match result {
                    Some(result) => result,
                    None => return,
                }
            }
            Some(_) => Err("the authority looks elsewhere".to_owned()),
            None => validate(target, &name, &authorization).await,
        };
        self.with(|state| {
            let authorization = &mut state.authorizations[number];
            match result {
                Ok(()) => authorization.status = "valid",
                // It has looked, and waits to be asked to look again.
                Err(why) if state.is_patient => (authorization.answered, authorization.error) = (false, Some(why)),
                Err(why) => (authorization.status, authorization.error) = ("invalid", Some(why)),
            }
        });
    }
}
