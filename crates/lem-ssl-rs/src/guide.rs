//! The manual: how to go about things. There is no code in here; each chapter has a program that is compiled and run by the
//! tests.
//!
//! | chapter | tells |
//! |---|---|
//! | [`http_server`] | an axum router over TLS, by HTTP/1.1 and HTTP/2 |
//! | [`http_client`] | requests with hyper |
//! | [`websockets`] | a chat over async-tungstenite |
//! | [`databases`] | tokio-postgres with a verified server and a login that is bound to the connection |
//! | [`starttls`] | protocols that begin in plain text |
//! | [`mutual_tls`] | servers that know their clients by the names in their certificates |
//! | [`long_lived_client`] | a client that connects again, with pauses, and says goodbye on Ctrl-C |
//! | [`reload_and_drain`] | new certificates on SIGHUP, an orderly end on SIGTERM |
//! | [`threads`] | several cores, and work that blocks |
//! | [`other_threads`] | channels and tasks from threads that know no machine |
//! | [`limits`] | what a peer can make a program do, and what is left to set |
//! | [`static_binaries`] | one file for an empty container: what of `/etc` is needed, musl and glibc |
//! | `testing`, with the feature `sim` | how to find a mistake in your own protocol in the simulated world, and how to replay it |
//! | [`from_tokio`] | what is called how for those who know tokio and tokio-rustls, and what behaves differently |
//! | [`from_openssl`] | function by function, for those who know OpenSSL |
//! | [`crates_that_work`] | which crates of others run on this machine, and which do not |
//! | [`platforms`] | what is built, tested and missing on which system |

// Chapters about libraries of others have their programs run where these libraries are: in the workspace `tests/ecosystem`,
// which takes the same pages for the documentation of its own.

pub mod http_server {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/http_server.md"))]
}

pub mod http_client {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/http_client.md"))]
}

pub mod websockets {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/websockets.md"))]
}

pub mod databases {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/databases.md"))]
}

pub mod starttls {
    #![doc = include_str!("../guide/starttls.md")]
}

pub mod mutual_tls {
    #![doc = include_str!("../guide/mutual_tls.md")]
}

pub mod long_lived_client {
    #![cfg_attr(any(not(doctest), unix), doc = include_str!("../guide/long_lived_client.md"))]
}

pub mod reload_and_drain {
    #![cfg_attr(any(not(doctest), unix), doc = include_str!("../guide/reload_and_drain.md"))]
}

pub mod threads {
    #![doc = include_str!("../guide/threads.md")]
}

pub mod other_threads {
    #![doc = include_str!("../guide/other_threads.md")]
}

pub mod limits {
    #![doc = include_str!("../guide/limits.md")]
}

pub mod static_binaries {
    #![doc = include_str!("../guide/static_binaries.md")]
}

#[cfg(feature = "sim")]
pub mod testing {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/testing.md"))]
    //!
    //! # What was named here
    //!
    //! [`Sim`](crate::sim::Sim), [`SimBuilder`](crate::sim::SimBuilder), [`Link`](crate::sim::Link),
    //! [`Fault`](crate::sim::Fault), [`Faults`](crate::sim::Faults), [`Net`](crate::sim::Net), [`Rng`](crate::sim::Rng),
    //! [`Trace`](crate::sim::Trace), [`Event`](crate::sim::Event), [`Leftovers`](crate::sim::Leftovers); and in
    //! [`sim`](crate::sim) itself, exactly what is simulated.
}

pub mod from_tokio {
    #![doc = include_str!("../guide/from_tokio.md")]
}

pub mod from_openssl {
    #![doc = include_str!("../guide/from_openssl.md")]
}

pub mod crates_that_work {
    #![cfg_attr(not(doctest), doc = include_str!("../guide/crates_that_work.md"))]
}

pub mod platforms {
    #![doc = include_str!("../guide/platforms.md")]
}
