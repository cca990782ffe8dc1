//! Certificates that change on disk.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Error, Identity, JoinHandle, Server, ServerOptions, sleep, spawn};
use lem_ssl_tests::pki::{Issued, KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{certificates_of, check, client_context, root, serve_with, server_builder, until};

/// Often, so that a test need not wait; every one waits for what was told, not for a time.
const INTERVAL: Duration = Duration::from_millis(2);

/// A server whose certificate is on disk, and a watch over it.
struct Watched {
    server: Rc<Server>,
    scratch: Scratch,
    chain: PathBuf,
    key: PathBuf,
    told: Rc<RefCell<Vec<Result<(), Error>>>>,
    watch: JoinHandle<()>,
}

/// Each kind of key, and each name, gives files of other lengths: a file system may keep times too coarsely to show
/// that a file was written twice.
fn issue(name: &str, kind: KeyKind) -> Issued {
    root().issue(Leaf::server(&["localhost", name]).with_key(kind))
}

impl Watched {
    async fn begin(issued: &Issued) -> Self {
        let scratch = Scratch::new("watch");
        let (chain, key) = scratch.write_identity("server", issued);
        let trigger = scratch.write("trigger", "");
        let files = (chain.clone(), key.clone());
        let build = move || {
            let identity = Identity::from_pem_files(&files.0, &files.1)?;
            server_builder().identity(identity).build()
        };
        let server = serve_with(&build().unwrap(), ServerOptions::default()).await;
        let told = Rc::new(RefCell::new(Vec::new()));
        let (live, tell) = (server.context().clone(), told.clone());
        let watched = vec![chain.clone(), key.clone(), trigger.clone()];
        let watch =
            spawn(async move { live.watch(watched, INTERVAL, build, move |how| tell.borrow_mut().push(how)).await });
        // The first look shows nothing, and nobody is told of it: a file that goes on growing shows that it was taken.
        let mut growing = String::new();
        while told.borrow().is_empty() {
            growing.push('x');
            fs::write(&trigger, &growing).unwrap();
            for _ in 0..20 {
                sleep(INTERVAL).await;
                if !told.borrow().is_empty() {
                    break;
                }
            }
        }
        Self { server, scratch, chain, key, told, watch }
    }

    /// What is told next, after the files were changed.
    async fn next(&self, change: impl FnOnce()) -> Result<(), Error> {
        self.told.borrow_mut().clear();
        change();
        until(|| !self.told.borrow().is_empty()).await;
        self.told.borrow()[0].clone()
    }

    async fn serves(&self, issued: &Issued) {
        let client = client_context().connect_as(self.server.local_addr(), "localhost").await.unwrap();
        assert_eq!(certificates_of(&client), issued.chain_der);
    }
}

#[test]
fn a_pair_that_changes_on_disk_is_served_when_it_is_whole() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        watched.serves(&old).await;
        // The certificate first: until the key follows, the pair is none.
        let told = watched.next(|| fs::write(&watched.chain, &new.chain_pem).unwrap()).await;
        let message = told.unwrap_err().to_string();
        assert!(message.contains("private key does not belong"), "{message}");
        watched.serves(&old).await;
        watched.next(|| fs::write(&watched.key, &new.key_pem).unwrap()).await.unwrap();
        watched.serves(&new).await;
    });
}

#[test]
fn the_key_may_come_first_as_well() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        watched.next(|| fs::write(&watched.key, &new.key_pem).unwrap()).await.unwrap_err();
        watched.serves(&old).await;
        watched.next(|| fs::write(&watched.chain, &new.chain_pem).unwrap()).await.unwrap();
        watched.serves(&new).await;
    });
}

#[test]
fn a_file_that_is_half_written_or_gone_keeps_the_old_set_until_it_is_whole() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::EcdsaP256));
        let watched = Watched::begin(&old).await;
        let half = &new.chain_pem[..new.chain_pem.len() / 2];
        watched.next(|| fs::write(&watched.chain, half).unwrap()).await.unwrap_err();
        watched.serves(&old).await;
        watched.next(|| fs::remove_file(&watched.chain).unwrap()).await.unwrap_err();
        watched.serves(&old).await;
        watched.next(|| fs::write(&watched.chain, "").unwrap()).await.unwrap_err();
        watched.serves(&old).await;
        // The old pair comes back: nothing was broken by what was between.
        watched.next(|| fs::write(&watched.chain, &old.chain_pem).unwrap()).await.unwrap();
        watched.serves(&old).await;
    });
}

#[test]
fn a_file_that_another_one_is_renamed_over_has_changed() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        let (chain, key) = watched.scratch.write_identity("next", &new);
        // Whether the watch looks between the two or after both: in the end the new pair is served.
        fs::rename(key, &watched.key).unwrap();
        fs::rename(chain, &watched.chain).unwrap();
        watched.told.borrow_mut().clear();
        until(|| watched.told.borrow().last().is_some_and(Result::is_ok)).await;
        watched.serves(&new).await;
    });
}

#[test]
fn a_watch_that_is_cancelled_reloads_no_more() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        watched.watch.cancel();
        watched.told.borrow_mut().clear();
        watched.scratch.write_identity("server", &new);
        for _ in 0..20 {
            sleep(INTERVAL).await;
        }
        watched.serves(&old).await;
        assert!(watched.told.borrow().is_empty());
    });
}
