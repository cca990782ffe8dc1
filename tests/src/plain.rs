//! Whether a message is for people.

/// What gives away a message that some library wrote for its programmers.
///
/// An address like `::1` has two colons too, and so has a path of Rust: after a letter they are the latter.
pub fn foreign(message: &str) -> Option<&str> {
    const FOREIGN: [&str; 10] =
        ["Other(", "Some(", "None", "Error(", "Error {", "Context", "{ ", "[0x", "no words for", "os_error"];
    if let Some(found) = FOREIGN.iter().find_map(|foreign| message.find(foreign).map(|at| &message[at..])) {
        return Some(found);
    }
    let is_path = |at: usize| {
        let last = message[..at].rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
        last.contains(|letter: char| letter.is_ascii_alphabetic() && !letter.is_ascii_hexdigit())
    };
    let path = message.match_indices("::").find(|(at, _)| is_path(*at));
    let list = message.match_indices('[').find(|(at, _)| is_list_of_numbers(&message[at + 1..]));
    path.or(list).map(|(at, _)| &message[at..])
}

/// `42, 134, 72`.
fn is_list_of_numbers(text: &str) -> bool {
    let text = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    text.strip_prefix(", ").is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// Panics if `message` is not for people.
#[track_caller]
pub fn assert_plain(message: &str) {
    assert_eq!(foreign(message), None, "in {message:?}");
}

#[test]
fn what_libraries_write_for_programmers_is_found() {
    for message in [
        "was refused: Other(OtherError(NameConstraintViolation))",
        "rustls::Error",
        "algorithms [42, 134, 72]",
        "it is [1, 2]",
        "UnsupportedSignatureAlgorithmContext",
        "Thing { field: 1 }",
    ] {
        assert!(foreign(message).is_some(), "{message}");
    }
    for message in ["cannot listen on [::]:443", "[::1]:8443: refused", "2001:db8::1 is not reachable", "[1] is one"] {
        assert_eq!(foreign(message), None);
    }
}
