//! Chapters for reading: how to go about things. There is no code in here.
//!
//! | chapter | tells |
//! |---|---|
//! | `testing`, with the feature `sim` | how to find a mistake in your own protocol in the simulated world, and how to replay it |
//! | [`from_tokio`] | what is called how for those who know tokio and tokio-rustls, and what behaves differently |

pub mod from_tokio {
    #![doc = include_str!("../guide/from_tokio.md")]
}

#[cfg(feature = "sim")]
pub mod testing {
    #![doc = include_str!("../guide/testing.md")]
    //!
    //! # What was named here
    //!
    //! [`Sim`](crate::sim::Sim), [`SimBuilder`](crate::sim::SimBuilder), [`Link`](crate::sim::Link),
    //! [`Fault`](crate::sim::Fault), [`Faults`](crate::sim::Faults), [`Net`](crate::sim::Net), [`Rng`](crate::sim::Rng),
    //! [`Trace`](crate::sim::Trace), [`Event`](crate::sim::Event), [`Leftovers`](crate::sim::Leftovers); and in
    //! [`sim`](crate::sim) itself, exactly what is simulated.
}
