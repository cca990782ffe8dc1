//! Until when revocation lists are good (RFC 5280 section 5.1.2.5). An old list counts as before; who gives it should know.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lem_ssl_rs::RevocationLists;

use crate::ber::{INTEGER, SEQUENCE, expect};
use crate::expiry::{Expiry, moment};
use crate::file_state::FileState;
use crate::text::timestamp;

/// As the beginning of a sentence.
const WHAT: &str = "the revocation list";

/// What there is to warn of in these files, and how long they are good. What cannot be read is told by who loads it.
pub(super) fn ends(files: &[PathBuf], now: SystemTime) -> (Vec<String>, Vec<Expiry>) {
    let (mut warnings, mut expiries) = (Vec::new(), Vec::new());
    for file in files {
        let state = FileState::of(file);
        let Ok(lists) = RevocationLists::PemFile(file.clone()).in_der() else { continue };
        // Of several in a file the first that ends is told.
        let ends = lists.iter().filter_map(|list| end_of(list));
        let Some((from, until)) = ends.min_by_key(|&(_, until)| until) else { continue };
        if until <= now {
            warnings.push(over(file, until));
            expiries.push(Expiry::over(file, state));
        } else {
            expiries.push(Expiry::good(WHAT, file, from, until));
        }
    }
    (warnings, expiries)
}

fn over(file: &Path, until: SystemTime) -> String {
    let (file, until) = (file.display(), timestamp(until));
    format!("warning: {file}: {WHAT} was good until {until}; it counts as before, and who was revoked since is let in")
}

/// When a list was made, and when there is a newer one; `None` if it does not say.
fn end_of(mut list: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let mut signed = expect(&mut expect(&mut list, SEQUENCE)?, SEQUENCE)?;
    let _version = expect(&mut signed, INTEGER);
    let _algorithm = expect(&mut signed, SEQUENCE)?;
    let _issuer = expect(&mut signed, SEQUENCE)?;
    Some((time(&mut signed)?, time(&mut signed)?))
}

fn time(from: &mut &[u8]) -> Option<SystemTime> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = expect(from, UTC_TIME).or_else(|| expect(from, GENERALIZED_TIME))?;
    moment(std::str::from_utf8(text).ok()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lem_ssl_tests::pki::{Authority, armour};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn a_list_says_until_when_it_is_good_and_one_that_is_over_is_warned_of() {
        let folder = std::env::temp_dir().join(format!("lem-ssl-crl-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("list.pem");
        // With the byte order mark of an editor: what the library reads is read here.
        std::fs::write(&file, format!("\u{feff}{}", Authority::new("a").revocation_list_pem(&[]))).unwrap();
        let now = SystemTime::now();
        let (warnings, expiries) = ends(std::slice::from_ref(&file), now);
        assert!(warnings.is_empty() && expiries.len() == 1, "{warnings:?}");
        assert!(!expiries[0].has_run_out(now + 3000 * DAY) && expiries[0].has_run_out(now + 4000 * DAY));
        let (warnings, expiries) = ends(std::slice::from_ref(&file), now + 4000 * DAY);
        assert!(warnings[0].contains("list.pem: the revocation list was good until 20"), "{warnings:?}");
        // That file is looked at until it is another one.
        assert_eq!(expiries, [Expiry::over(&file, FileState::of(&file))]);
        // One that the library refuses is nothing to be warned of here.
        std::fs::write(&file, armour("X509 CRL", b"x")).unwrap();
        assert_eq!(ends(&[file, folder.join("missing")], now), (Vec::new(), Vec::new()));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
