//! Secrets: their length, their files, and that nobody sees them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::SECRET;
use crate::tickets::{FleetSecret, Tickets};

#[test]
fn a_secret_has_at_least_32_bytes() {
    for length in [0, 1, 16, 31] {
        let shown = FleetSecret::new(vec![1; length]).unwrap_err().to_string();
        assert_eq!(
            shown,
            format!("the secret for session tickets has {length} bytes, but needs at least 32 random ones")
        );
    }
    for length in [32, 33, 64, 10_000] {
        assert_eq!(FleetSecret::new(vec![1; length]).unwrap().bytes(), vec![1; length]);
    }
}

#[test]
fn line_ends_at_the_end_of_a_file_do_not_count() {
    let text = b"hex0123456789abcdef0123456789abcdef0123456789abcdef";
    for end in ["", "\n", "\r\n", "\n\n"] {
        let file = Scratch::with(&[text, end.as_bytes()].concat());
        assert_eq!(FleetSecret::from_file(&file.0).unwrap().bytes(), text, "{end:?}");
    }
    let inside = b"0123456789abcdef\n0123456789abcdef \n";
    assert_eq!(FleetSecret::from_file(&Scratch::with(inside).0).unwrap().bytes(), &inside[..inside.len() - 1]);
}

#[test]
fn the_encoding_of_an_editor_makes_no_other_secret() {
    let text = "0123456789abcdef0123456789abcdef";
    let marked = Scratch::with(format!("\u{feff}{text}\r\n").as_bytes());
    assert_eq!(FleetSecret::from_file(&marked.0).unwrap().bytes(), text.as_bytes());
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        for text in [format!("\u{feff}{text}\r\n"), text.to_owned()] {
            let file = Scratch::with(&text.encode_utf16().flat_map(bytes).collect::<Vec<_>>());
            let shown = FleetSecret::from_file(&file.0).unwrap_err().to_string();
            assert!(shown.contains("is UTF-16") && shown.contains(&file.0.display().to_string()), "{shown}");
        }
    }
}

#[test]
fn a_file_that_holds_no_secret_is_named() {
    for (content, problem) in [
        (&b""[..], "has 0 bytes without its line end"),
        (b"\n\n\r\n", "has 0 bytes without its line end"),
        (&[b'1'; 31], "has 31 bytes without its line end"),
        (b"0123456789abcdef0123456789abcde\n", "has 31 bytes without its line end"),
        (&[b'1'; 65_537], "more than 65536 bytes"),
    ] {
        let file = Scratch::with(content);
        let shown = FleetSecret::from_file(&file.0).unwrap_err().to_string();
        assert!(shown.contains(problem) && shown.contains(&file.0.display().to_string()), "{shown}");
        assert!(!shown.contains("0123456789"), "{shown}");
    }
    assert_eq!(FleetSecret::from_file(&Scratch::with(&[b'1'; 65_536]).0).unwrap().bytes().len(), 65_536);
}

#[test]
fn a_directory_and_a_file_that_is_not_there_are_named() {
    let shown = FleetSecret::from_file(env::temp_dir()).unwrap_err().to_string();
    assert!(shown.contains(&env::temp_dir().display().to_string()), "{shown}");
    let missing = Scratch::path();
    let shown = FleetSecret::from_file(&missing).unwrap_err().to_string();
    assert!(shown.starts_with(&format!("cannot read the secret for session tickets from {}: ", missing.display())));
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let secret = FleetSecret::new(SECRET).unwrap();
    assert_eq!(format!("{secret:?} {secret:#?}"), "FleetSecret(..) FleetSecret(..)");
    assert_eq!(format!("{:?}", Tickets::Fleet(secret)), "Fleet(..)");
    assert_eq!(format!("{:?} {:?}", Tickets::PerProcess, Tickets::Off), "PerProcess Off");
}

/// A file that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn with(content: &[u8]) -> Self {
        let path = Self::path();
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path() -> PathBuf {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        env::temp_dir().join(format!("lem-ssl-rs-secret-{}-{number}", process::id()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
