//! Any program of operations on both ends of a connection, plain or encrypted, in any weather: real streams do what the
//! reference model says.

#![no_main]

use lem_ssl_tests::model::{Climate, Program, play};
use libfuzzer_sys::fuzz_target;

/// What takes long finds little.
const MAX_STEPS: usize = 60;

fuzz_target!(|bytes: &[u8]| {
    let program = Program::from_bytes(bytes);
    // rustls 0.23 has an assertion, in builds with assertions, that a record which does not decrypt never comes after our
    // own `close_notify`; somebody who changes what is under way can make it come.
    let asserted = cfg!(debug_assertions) && program.setting.climate == Climate::Tampered;
    if asserted || program.steps() > MAX_STEPS {
        return;
    }
    let played = play(&program, false);
    if let Some(failure) = played.failure {
        panic!("{failure}\n{program}{}", play(&program, true).trace);
    }
});
