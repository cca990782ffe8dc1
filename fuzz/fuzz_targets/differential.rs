//! The same records into rustls and into ours: same content, same end, same alert, but for what is argued in
//! `tests/src/differential/argued.rs`.

#![no_main]

use lem_ssl_tests::differential::compare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = compare(bytes) {
        panic!("{difference}");
    }
});
