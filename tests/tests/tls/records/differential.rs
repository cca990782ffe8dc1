//! The same records into rustls and into ours, from seeds; the fuzz target of this name has as many as it has time for.

use std::collections::BTreeMap;

use lem_rs::sim::Rng;
use lem_ssl_tests::differential::compare;

/// So many scripts: about a second.
const SCRIPTS: usize = 1_000;

#[test]
fn ours_do_with_any_records_what_rustls_does_but_for_what_is_argued() {
    let mut rng = Rng::new(8446);
    let mut differences = BTreeMap::new();
    for number in 0..SCRIPTS {
        let bytes = rng.bytes(2 + number % 60);
        match compare(&bytes) {
            Ok(Some(difference)) => *differences.entry(difference).or_insert(0) += 1,
            Ok(None) => {}
            Err(difference) => panic!("script {number}: {difference}"),
        }
    }
    // Arguments that nothing is argued with any more are to go.
    assert!(differences.len() >= 6, "{differences:?}");
    assert!(differences.values().sum::<usize>() < SCRIPTS * 9 / 10, "{differences:?}");
}

/// Scripts that a run from seeds has found.
const FOUND: [&[u8]; 1] = [
    // Garbage behind so many new keys that one call of ours does not come to it.
    &[
        5, 81, 136, 124, 185, 68, 181, 131, 163, 15, 227, 94, 250, 29, 121, 80, 77, 211, 16, 42, 129, 162, 113, 250,
        25, 53, 233, 21, 186, 229, 209, 9, 214, 142, 236,
    ],
];

#[test]
fn scripts_that_made_a_difference_make_none_any_more() {
    for script in FOUND {
        assert!(compare(script).is_ok(), "{:?}", compare(script));
    }
}
