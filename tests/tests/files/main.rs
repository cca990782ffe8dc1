//! Files as people have them: with what editors, mail programs, other servers and accidents leave in them. Each is taken
//! whole, or refused with words that help.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod bad;
mod good;
mod hashed;
mod hints;
mod keys;
mod lists;
mod namesakes;
mod roots;
mod spellings;
mod strays;
mod support;
mod warnings;
