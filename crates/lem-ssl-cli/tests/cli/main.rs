//! The command as its users meet it: arguments and standard input in; standard output, standard error and an exit code
//! out.
//!
//! Those that are ignored unless they are asked for are against other programs, which have to be there: openssl, curl.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod check;
mod check_many;
mod closed_output;
mod connect;
mod files;
mod folders;
mod http;
mod identity_files;
mod interop;
mod serve;
mod starttls;
mod support;
mod usage;
mod words;
