//! Any bytes are an identity and roots, or an error, never a panic.

#![no_main]

use lem_ssl_rs::{Context, Identity, Roots};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(identity) = Identity::from_pem(bytes, bytes) {
        let _ = Context::builder().roots(Roots::None).identity(identity).build();
    }
    let _ = Context::builder().roots(Roots::Pem(bytes.to_vec())).build();
});
