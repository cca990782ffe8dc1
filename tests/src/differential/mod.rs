//! The same records into rustls and into a stream of lem-ssl-rs whose records are its own: both must tell the same content,
//! end in the same way, and say the same alert. Where they do not, [`argued`] says why that is right.

mod argued;
mod script;
mod sides;

pub use argued::{Difference, argued};
pub use script::{Script, Step};
pub use sides::{Outcome, Verdict};

use sides::{ours, theirs};

/// Plays what these bytes say to both. `Ok` tells the argument, if there was a difference.
///
/// # Errors
/// The difference that nobody has argued for.
pub fn compare(bytes: &[u8]) -> Result<Option<Difference>, String> {
    let script = Script::from_bytes(bytes);
    let (ours, theirs) = (ours(&script), theirs(&script));
    if ours.content == theirs.content && ours.verdict == theirs.verdict && ours.alerts == theirs.alerts {
        return Ok(None);
    }
    match argued(&script, &ours, &theirs) {
        Some(difference) => Ok(Some(difference)),
        None => Err(format!("{script:?}\nours: {ours:?}\ntheirs: {theirs:?}")),
    }
}
