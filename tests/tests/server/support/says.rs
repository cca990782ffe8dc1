//! What an error must say.

use std::fmt::Debug;

use lem_ssl_rs::Error;

/// It failed, and every one of `parts` is in what it said, in one line.
#[track_caller]
pub(crate) fn says<T: Debug>(result: Result<T, Error>, parts: &[&str]) {
    let message = match result {
        Ok(value) => panic!("expected an error with {parts:?}, got {value:?}"),
        Err(error) => error.to_string(),
    };
    assert!(!message.contains('\n'), "more than one line: {message:?}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}
