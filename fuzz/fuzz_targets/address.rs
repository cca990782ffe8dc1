//! Any text is an address or an error, never a panic; and an address that is printed is the same address when it is
//! read again.

#![no_main]

use lem_rs::{Address, ToAddress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address), "from {text:?}");
    }
    if let Ok(address) = (text, 443).to_address() {
        assert_ne!(address.port(), Some(0));
    }
});
