//! The contract of a stream as a reference model, and random programs that hold real streams against it.
//!
//! - [`Model`] is the contract: both ends of one connection, kept in the simplest way, and which results it permits;
//! - [`Program`] is what both ends do, in which world, drawn from a seed or dealt by a fuzzer;
//! - [`play`] runs a program in the simulated world, on real streams, and asks the model about everything it sees;
//! - [`shrink`] makes a program that fails short.

mod content;
mod contract;
mod draw;
mod drive;
mod generate;
mod program;
mod shrink;
mod verb;

pub use content::Content;
pub use contract::{Model, Refusal, Verdict, Waiting};
pub use drive::{Played, play};
pub use program::{Carrier, Climate, Guard, How, Op, Program, Setting};
pub use shrink::shrink;
pub use verb::{Answer, Copied, Seen, Side, Terms, Verb, Weather};
