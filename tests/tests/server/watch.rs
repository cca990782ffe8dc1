//! Certificates that change on disk.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lem_ssl_rs::{Error, Identity, JoinHandle, Server, ServerOptions, sleep, spawn};
use lem_ssl_tests::pki::{Issued, KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;
use rustls::pki_types::CertificateDer;

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
        let files = (chain.clone(), key.clone());
        let build = move || {
            let identity = Identity::from_pem_files(&files.0, &files.1)?;
            server_builder().identity(identity).build()
        };
        let server = serve_with(&build().unwrap(), ServerOptions::default()).await;
        let told = Rc::new(RefCell::new(Vec::new()));
        let (live, tell) = (server.context().clone(), told.clone());
        let watched = vec![chain.clone(), key.clone()];
        let watch =
            spawn(async move { live.watch(watched, INTERVAL, build, move |how| tell.borrow_mut().push(how)).await });
        // It loads at once.
        until(|| !told.borrow().is_empty()).await;
        Self { server, scratch, chain, key, told, watch }
    }

    /// The error that is told after the files were changed. A success that was on its way before does not count.
    async fn fails_after(&self, change: impl FnOnce()) -> String {
        self.told.borrow_mut().clear();
        change();
        until(|| self.told.borrow().iter().any(Result::is_err)).await;
        let failed = self.told.borrow_mut().drain(..).find_map(Result::err);
        failed.unwrap().to_string()
    }

    /// The files were changed after a failure: now it succeeds.
    async fn succeeds_after(&self, change: impl FnOnce()) {
        assert!(self.told.borrow().is_empty());
        change();
        until(|| self.told.borrow().last().is_some_and(Result::is_ok)).await;
    }

    async fn serves(&self, issued: &Issued) {
        assert_eq!(self.shown().await, issued.chain_der);
    }

    async fn shown(&self) -> Vec<CertificateDer<'static>> {
        certificates_of(&client_context().connect_as(self.server.local_addr(), "localhost").await.unwrap())
    }
}

#[test]
fn a_pair_that_changes_on_disk_is_served_when_it_is_whole() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        watched.serves(&old).await;
        // The certificate first: until the key follows, the pair is none.
        let message = watched.fails_after(|| fs::write(&watched.chain, &new.chain_pem).unwrap()).await;
        assert!(message.contains("does not belong to the first certificate"), "{message}");
        watched.serves(&old).await;
        watched.succeeds_after(|| fs::write(&watched.key, &new.key_pem).unwrap()).await;
        watched.serves(&new).await;
    });
}

#[test]
fn the_key_may_come_first_as_well() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let watched = Watched::begin(&old).await;
        watched.fails_after(|| fs::write(&watched.key, &new.key_pem).unwrap()).await;
        watched.serves(&old).await;
        watched.succeeds_after(|| fs::write(&watched.chain, &new.chain_pem).unwrap()).await;
        watched.serves(&new).await;
    });
}

#[test]
fn a_file_that_is_half_written_or_gone_keeps_the_old_set_until_it_is_whole() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::EcdsaP256));
        let watched = Watched::begin(&old).await;
        let half = &new.chain_pem[..new.chain_pem.len() / 2];
        watched.fails_after(|| fs::write(&watched.chain, half).unwrap()).await;
        watched.serves(&old).await;
        watched.fails_after(|| fs::remove_file(&watched.chain).unwrap()).await;
        watched.serves(&old).await;
        watched.fails_after(|| fs::write(&watched.chain, "").unwrap()).await;
        watched.serves(&old).await;
        // The old pair comes back: nothing was broken by what was between.
        watched.succeeds_after(|| fs::write(&watched.chain, &old.chain_pem).unwrap()).await;
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
        while watched.shown().await != new.chain_der {
            sleep(INTERVAL).await;
        }
    });
}

#[test]
fn what_changed_between_the_first_load_and_the_watch_is_not_missed() {
    check(async {
        let (old, new) = (issue("old.test", KeyKind::EcdsaP256), issue("new.long.test", KeyKind::Ed25519));
        let scratch = Scratch::new("watch");
        let (chain, key) = scratch.write_identity("server", &old);
        let files = (chain.clone(), key.clone());
        let build = move || server_builder().identity(Identity::from_pem_files(&files.0, &files.1)?).build();
        let server = serve_with(&build().unwrap(), ServerOptions::default()).await;
        scratch.write_identity("server", &new);
        let told = Rc::new(RefCell::new(Vec::new()));
        let (live, tell) = (server.context().clone(), told.clone());
        // So rarely that only the first look counts.
        let rarely = Duration::from_secs(3_600);
        let watch = spawn(async move {
            live.watch(vec![chain, key], rarely, build, move |how| tell.borrow_mut().push(how)).await;
        });
        until(|| !told.borrow().is_empty()).await;
        let client = client_context().connect_as(server.local_addr(), "localhost").await.unwrap();
        assert_eq!(certificates_of(&client), new.chain_der);
        watch.cancel();
    });
}

/// Who copies a file with its times (`cp -p`, `rsync -t`) leaves nothing that differs but what the system notes itself.
#[cfg(unix)]
#[test]
fn a_file_of_the_same_length_and_time_has_changed_all_the_same() {
    check(async {
        let context = server_builder().identity(crate::support::identity(&issue("same.test", KeyKind::EcdsaP256)));
        let build = move || context.clone().build();
        let scratch = Scratch::new("watch");
        let [file, copy] = ["watched", "copy"].map(|name| scratch.write(name, "1"));
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        let set_back = |path: &PathBuf| {
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        let live = lem_ssl_rs::LiveContext::new(build().unwrap());
        let told = Rc::new(std::cell::Cell::new(0));
        let (tell, watched) = (told.clone(), vec![file.clone()]);
        let watch = spawn(async move {
            live.watch(watched, INTERVAL, build, move |how| {
                how.unwrap();
                tell.set(tell.get() + 1);
            })
            .await;
        });
        until(|| told.get() == 1).await;
        // Systems note times in steps of some milliseconds.
        sleep(Duration::from_millis(50)).await;
        fs::write(&file, "2").unwrap();
        set_back(&file);
        until(|| told.get() > 1).await;
        sleep(Duration::from_millis(50)).await;
        let before = told.get();
        set_back(&copy);
        fs::rename(&copy, &file).unwrap();
        until(|| told.get() > before).await;
        watch.cancel();
    });
}

#[test]
fn what_the_system_has_refused_is_tried_again_though_no_file_changes_and_told_once() {
    check(async {
        let identity = crate::support::identity(&issue("again.test", KeyKind::EcdsaP256));
        let context = server_builder().identity(identity).build().unwrap();
        let live = lem_ssl_rs::LiveContext::new(context.clone());
        let (told, tries) = (Rc::new(RefCell::new(Vec::new())), AtomicUsize::new(0));
        let tell = told.clone();
        let build = move || match tries.fetch_add(1, Ordering::Relaxed) {
            0..=2 => Err(Error::io("read the file", std::io::Error::from_raw_os_error(24))),
            _ => Ok(context.clone()),
        };
        let watch =
            spawn(async move { live.watch(Vec::new(), INTERVAL, build, move |how| tell.borrow_mut().push(how)).await });
        until(|| told.borrow().iter().any(Result::is_ok)).await;
        assert_eq!(told.borrow().iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
        watch.cancel();
    });
}

#[test]
fn a_set_without_an_identity_is_told_as_a_failure() {
    check(async {
        let old = issue("old.test", KeyKind::EcdsaP256);
        let watched = Watched::begin(&old).await;
        let live = watched.server.context().clone();
        let told = Rc::new(RefCell::new(Vec::new()));
        let tell = told.clone();
        let build = || server_builder().build();
        let watch =
            spawn(async move { live.watch(Vec::new(), INTERVAL, build, move |how| tell.borrow_mut().push(how)).await });
        until(|| !told.borrow().is_empty()).await;
        crate::support::says(told.borrow_mut().remove(0), &["no identity"]);
        watched.serves(&old).await;
        watch.cancel();
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
