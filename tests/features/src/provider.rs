//! Which cryptography a context takes.

use lem_ssl_rs::{Context, NamedGroup};

use crate::support::{HAS_PROVIDER, client, connected, run, server};

#[cfg(not(any(feature = "graviola", feature = "ring", feature = "aws-lc-rs")))]
#[test]
fn without_any_cryptography_a_context_says_which_features_bring_some() {
    let error = Context::new().unwrap_err().to_string();
    let expected = "no cryptography: enable one of the features \"graviola\", \"ring\" and \"aws-lc-rs\" of lem-ssl-rs, \
                    or give the context a provider";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_context_needs_nothing_where_a_feature_brings_cryptography() {
    assert_eq!(Context::new().is_ok(), HAS_PROVIDER);
}

/// The groups tell the providers apart: only graviola prefers the hybrid one without being asked.
#[test]
fn the_first_of_graviola_ring_and_aws_lc_is_taken() {
    let context_group = run(async {
        let (near, far) = connected(&client().build().unwrap(), &server().build().unwrap()).await;
        let group = near.info().unwrap().key_exchange_group;
        assert_eq!(group, far.info().unwrap().key_exchange_group);
        group
    });
    let expected =
        if cfg!(feature = "graviola") || !HAS_PROVIDER { NamedGroup::X25519MlKem768 } else { NamedGroup::X25519 };
    assert_eq!(context_group, Some(expected));
}
