//! A soak: connections that come and go for minutes, with everything that a peer, a program and a network do to them.
//!
//! ```text
//! cargo run --release -p lem-ssl-tests --bin soak -- [--minutes M | --seconds S] [--connections N] [--seed S] [--json]
//! ```
//!
//! A server and its clients run in a process of their own each, so that their memory and their descriptors can be told
//! apart; between some of them is the faulty [proxy](lem_ssl_tests::proxy), in this one. What happens on a connection is a
//! function of the seed and of the connection's number ([`life`]). Every byte is compared with what must come at its place,
//! and every stream ends with a checksum of all of it ([`content`]); a stream that broke has shown a correct
//! beginning. It fails if a byte is wrong, if anything breaks that nobody has broken, if memory grows, or if a descriptor is
//! left over ([`verdict`]).

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod client;
mod content;
mod doors;
mod hear;
mod life;
mod options;
mod party;
mod process;
mod server;
mod status;
mod supervise;
mod tally;
mod verdict;

use options::{Options, Role};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = match &options.role {
        Role::Supervisor => supervise::run(&options),
        Role::Server => server::run(&options),
        Role::Client => client::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}
