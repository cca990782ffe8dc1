//! The file of known servers, where others hold its lock or it is reached by a link.

use std::fs::{self, File};
use std::time::Duration;

use lem_ssl_rs::{
    CertificateFault, Context, Error, KnownHosts, Machine, SpkiHash, TlsError, Trust, sleep, spawn, unblock,
};
use lem_ssl_tests::pki::{Leaf, self_signed};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{identity, says};
use crate::trust::{meet, trusting};

/// Runs with one thread for calls that block: if one waits for good, no other call is made.
fn run_with_one_thread(main: impl AsyncFnOnce()) {
    Machine::builder().worker_threads(1).build().unwrap().run(main()).unwrap();
}

fn locked(scratch: &Scratch) -> File {
    let lock = File::create(scratch.path().join("known.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn context(scratch: &Scratch, patience: Duration) -> Context {
    let hosts = KnownHosts::in_file(scratch.path().join("known"));
    trusting(Trust::FirstUse(hosts)).handshake_deadline(patience).build().unwrap()
}

#[test]
fn a_lock_that_another_process_keeps_is_told_at_the_deadline_and_blocks_no_thread() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let lock = locked(&scratch);
        let server = self_signed(Leaf::server(&["any.test"]));
        let context = context(&scratch, Duration::from_secs(3));
        let error = meet(&context, "one.test", identity(&server)).await.unwrap_err();
        says(&error, &["known.lock is locked", "by another process"]);
        assert_eq!(unblock(|| 1).await.unwrap(), 1);
        drop(lock);
        meet(&context, "one.test", identity(&server)).await.unwrap();
    });
}

#[test]
fn a_lock_that_is_given_back_is_waited_for() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let lock = locked(&scratch);
        let server = self_signed(Leaf::server(&["any.test"]));
        let unlocking = spawn(async move {
            sleep(Duration::from_millis(100)).await;
            drop(lock);
            Ok::<(), Error>(())
        });
        meet(&context(&scratch, Duration::from_secs(60)), "one.test", identity(&server)).await.unwrap();
        unlocking.await.unwrap().unwrap();
        assert_eq!(fs::read_to_string(scratch.path().join("known")).unwrap().lines().count(), 1);
    });
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_whether_its_file_exists_or_not() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let (link, between, folder) =
            (scratch.path().join("known"), scratch.path().join("between"), scratch.path().join("folder"));
        fs::create_dir(&folder).unwrap();
        // The one is absolute, the other is not.
        std::os::unix::fs::symlink(&between, &link).unwrap();
        std::os::unix::fs::symlink("folder/file", &between).unwrap();
        let server = self_signed(Leaf::server(&["any.test"]));
        let context = context(&scratch, Duration::from_secs(60));
        for (name, lines) in [("one.test", 1), ("two.test", 2)] {
            meet(&context, name, identity(&server)).await.unwrap();
            assert_eq!(fs::read_to_string(folder.join("file")).unwrap().lines().count(), lines);
            assert!([&link, &between].iter().all(|link| link.is_symlink()));
        }
    });
}

const HASH: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

#[test]
fn a_line_holds_for_its_server_however_the_name_is_written() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let server = self_signed(Leaf::server(&["any.test"]));
        for (text, name) in [
            (format!("\u{feff}leaf.test {HASH}\n"), "leaf.test"),
            (format!("\u{feff}# comment\nleaf.test {HASH}\n"), "leaf.test"),
            (format!("other.test {HASH}\r\n\u{feff}leaf.test {HASH}\r\n"), "leaf.test"),
            (format!("# comment\rleaf.test {HASH}\r"), "leaf.test"),
            (format!("LEAF.Test. {HASH}\n"), "leaf.test"),
            (format!("leaf.test {HASH}\n"), "LEAF.test."),
            (format!("XN--BCHER-KVA.test {HASH}\n"), "xn--bcher-kva.test"),
            (format!("2001:DB8:0:0:0:0:0:1 {HASH}\n"), "2001:db8::1"),
            (format!("[2001:db8::1] {HASH}\n"), "2001:db8:0::1"),
            (format!("[fe80::1%eth0] {HASH}\n"), "fe80::1"),
            (format!("FE80::1%2 {HASH}\n"), "fe80::1"),
            (format!("192.0.2.1 {HASH}\n"), "192.0.2.1"),
        ] {
            scratch.write("known", &text);
            let error = meet(&context(&scratch, Duration::from_secs(60)), name, identity(&server)).await;
            let error = error.expect_err(&format!("{text:?} did not hold for {name}"));
            let Some(TlsError::Certificate(problem)) = TlsError::of(&error) else { panic!("{text:?}: {error:?}") };
            assert!(matches!(problem.fault(), CertificateFault::KeyChanged { .. }), "{text:?}: {error}");
            assert_eq!(fs::read_to_string(scratch.path().join("known")).unwrap(), text);
        }
    });
}

#[test]
fn a_name_that_no_server_can_have_is_refused_with_its_line_and_what_to_write() {
    let scratch = Scratch::new("known-hosts");
    for (name, words) in [
        ("leaf.test:443", "without a scheme, a port or brackets"),
        ("[leaf.test]:443", "without a scheme, a port or brackets"),
        ("[leaf.test]", "without a scheme, a port or brackets"),
        ("[192.0.2.1]", "without a scheme, a port or brackets"),
        ("[2001:db8::1]:443", "without a scheme, a port or brackets"),
        ("fe80::1%", "without a scheme, a port or brackets"),
        ("[leaf.test%eth0]", "without a scheme, a port or brackets"),
        ("https://leaf.test", "without a scheme, a port or brackets"),
        ("a.test,leaf.test", "write one name alone"),
        ("*.test", "write the name of the one server"),
        ("le\u{200b}af.test", "in its \"xn--\" form"),
        ("b\u{fc}cher.test", "in its \"xn--\" form"),
        ("leaf..test", "is no name that a certificate could be valid for"),
    ] {
        let text = format!("# first\none.test {HASH}\n{name} {HASH}\n");
        let file = scratch.write("known", text);
        let error = Context::builder().trust(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap_err();
        says(&error, &["line 3 has a mistake", &format!("{name:?} is no name"), words, &file.display().to_string()]);
    }
}

#[test]
fn a_file_in_another_encoding_is_refused_in_words() {
    let scratch = Scratch::new("known-hosts");
    let text = format!("\u{feff}leaf.test {HASH}\r\n");
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    for (bytes, words) in [
        (utf16(u16::to_le_bytes), "is UTF-16, as Windows PowerShell writes it: write it in UTF-8"),
        (utf16(u16::to_be_bytes), "is UTF-16"),
        (
            format!("# a\n# b\n# m\u{fc}ller\n{HASH}").encode_utf16().map(|unit| unit as u8).collect(),
            "line 3 is not UTF-8",
        ),
    ] {
        let file = scratch.write("known", bytes);
        let error = Context::builder().trust(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap_err();
        says(&error, &[words, &file.display().to_string()]);
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_never_ends_is_read_to_the_limit_and_refused() {
    let error = Context::builder().trust(Trust::FirstUse(KnownHosts::in_file("/dev/zero"))).build().unwrap_err();
    says(&error, &["more than the 4194304 bytes that are read"]);
}

#[test]
fn what_the_library_writes_is_the_name_in_its_one_form() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let server = self_signed(Leaf::server(&["any.test"]));
        let context = context(&scratch, Duration::from_secs(60));
        for name in ["Leaf.Test.", "leaf.test", "2001:DB8::0:1", "2001:db8::1"] {
            meet(&context, name, identity(&server)).await.unwrap();
        }
        let hash = SpkiHash::of(server.leaf_der()).unwrap();
        let written = fs::read_to_string(scratch.path().join("known")).unwrap();
        assert_eq!(written, format!("leaf.test {hash}\n2001:db8::1 {hash}\n"));
    });
}
