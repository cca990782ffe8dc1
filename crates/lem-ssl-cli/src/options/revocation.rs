//! Until when revocation lists are good (RFC 5280 section 5.1.2.5). An old list counts as before; who gives it should know.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lem_ssl_rs::RevocationLists;

use crate::ber::{INTEGER, SEQUENCE, expect};
use crate::expiry::{Expiry, moment};
use crate::file_state::FileState;
use crate::text::timestamp;

/// What there is to warn of in these files, and how long they are good. What cannot be read is told by who loads it.
pub(super) fn ends(files: &[PathBuf], now: SystemTime) -> (Vec<String>, Vec<Expiry>) {
    let (mut warnings, mut expiries) = (Vec::new(), Vec::new());
    for file in files {
        let state = FileState::of(file);
        let Ok(lists) = RevocationLists::PemFile(file.clone()).in_der() else { continue };
        let mut last_over = None;
        for (index, list) in lists.iter().enumerate() {
            let Some((from, until)) = end_of(list) else { continue };
            let what = name(index, lists.len());
            if until <= now {
                warnings.push(over(file, &what, until));
                last_over = last_over.max(Some(until));
            } else {
                expiries.push(Expiry::good(&what, file, from, until));
            }
        }
        // The file is awaited once. Of the lists that are over, that which ended last is the first to be good again if
        // the clock is set back.
        expiries.extend(last_over.map(|until| Expiry::over(file, until, state)));
    }
    (warnings, expiries)
}

/// As the beginning of a sentence. A file may hold the lists of several authorities, each with an end of its own.
fn name(index: usize, count: usize) -> String {
    if count == 1 { "the revocation list".into() } else { format!("revocation list {} of {count}", index + 1) }
}

fn over(file: &Path, what: &str, until: SystemTime) -> String {
    let (file, until) = (file.display(), timestamp(until));
    format!("warning: {file}: {what} was good until {until}; it counts as before, and who was revoked since is let in")
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

    use lem_ssl_tests::pki::draft::{DraftKey, UTF8_STRING, revocation_list};
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
        assert!(expiries.len() == 1 && expiries[0].awaited() == Some(&file), "{expiries:?}");
        assert!(!expiries[0].is_replaced(&FileState::of(&file)) && expiries[0].is_good_again(now));
        // One that the library refuses is nothing to be warned of here.
        std::fs::write(&file, armour("X509 CRL", b"x")).unwrap();
        assert_eq!(ends(&[file, folder.join("missing")], now), (Vec::new(), Vec::new()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_end_of_each_list_of_a_file_is_told_also_beside_one_that_is_over() {
        let folder = std::env::temp_dir().join(format!("lem-ssl-crls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("lists.pem");
        // The first is good for ten days, the second for ten years.
        let first = armour("X509 CRL", &revocation_list("Retired", UTF8_STRING, &[], &DraftKey::new()));
        std::fs::write(&file, first + &Authority::new("a").revocation_list_pem(&[])).unwrap();
        let now = SystemTime::now();
        let (warnings, expiries) = ends(std::slice::from_ref(&file), now);
        assert!(warnings.is_empty(), "{warnings:?}");
        let has_run_out = |then| expiries.iter().map(|expiry| expiry.has_run_out(then)).collect::<Vec<_>>();
        assert_eq!(has_run_out(now + 20 * DAY), [true, false]);
        assert_eq!(has_run_out(now + 4000 * DAY), [true, true]);

        let (warnings, mut expiries) = ends(std::slice::from_ref(&file), now + 20 * DAY);
        assert!(warnings.len() == 1 && warnings[0].contains(": revocation list 1 of 2 was good until"), "{warnings:?}");
        let last = expiries[0].next().unwrap();
        let said = expiries[0].tell(last).unwrap();
        assert!(said.contains(": revocation list 2 of 2 is good until"), "{said}");
        assert!(expiries[0].has_run_out(now + 4000 * DAY));
        assert!(expiries.len() == 2 && expiries[1].awaited() == Some(&file), "{expiries:?}");

        let (warnings, expiries) = ends(std::slice::from_ref(&file), now + 4000 * DAY);
        assert!(warnings.len() == 2 && expiries.len() == 1, "{warnings:?}, {expiries:?}");
        assert!(expiries[0].is_good_again(now + 20 * DAY), "the second one");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
