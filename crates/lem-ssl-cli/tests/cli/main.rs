//! The command as its users meet it: arguments and standard input in; standard output, standard error and an exit code
//! out.
#![forbid(unsafe_code)]

mod check;
mod connect;
mod files;
mod http;
mod serve;
mod starttls;
mod support;
mod usage;
