//! The library against other programs: what they write we read, and what we write they read.
//!
//! Run only when it is named, because the programs have to be there: openssl, nginx, curl, python3. A test whose program is
//! missing fails and says so.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod authority;
mod client_identity;
mod client_verdict;
mod early_data;
mod endings;
mod exporting;
mod fetch;
mod http;
mod key_update;
mod names;
mod negotiation;
mod resumption;
mod server_identity;
mod starttls;
mod support;
mod transfer;
