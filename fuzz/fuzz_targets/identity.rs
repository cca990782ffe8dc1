//! Any bytes are an identity, roots and lists of revoked certificates, or an error that says what is wrong; never a panic.
//! What was read can be written, and is the same when it is read again.

#![no_main]

use lem_ssl_rs::{Context, Error, Identity, RevocationLists, Roots};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

struct Pki {
    root: Authority,
    server: Issued,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = Authority::new("Test Root");
    let server = root.issue(Leaf::server(&["server.test"]));
    Pki { root, server }
});

/// Good parts, of which one is replaced at a time.
fn good() -> (Roots, Identity) {
    let identity = Identity::from_der(PKI.server.chain_der.clone(), PKI.server.private_key());
    (Roots::Pem(PKI.root.certificate_pem().into_bytes()), identity)
}

fn told(context: Result<Context, Error>) {
    if let Err(error) = context {
        assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'), "{error}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (roots, identity) = good();
    if let Ok(read) = Identity::from_pem(bytes, bytes) {
        let again = Identity::from_pem(read.chain_pem(), bytes).expect("it was written by us");
        assert_eq!(again.chain(), read.chain());
        told(Context::builder().roots(Roots::None).identity(read).build());
    }
    // The chain is good and the key is anything; and the other way round.
    if let Ok(read) = Identity::from_pem(identity.chain_pem(), bytes) {
        told(Context::builder().roots(Roots::None).identity(read).build());
    }
    if let Ok(read) = Identity::from_pem(bytes, &PKI.server.key_pem) {
        told(Context::builder().roots(Roots::None).identity(read).build());
    }
    told(Context::builder().roots(Roots::Pem(bytes.to_vec())).build());
    let server = Context::builder().roots(Roots::None);
    told(server.clone().identity(identity.clone()).client_roots(Roots::Pem(bytes.to_vec())).build());
    let lists = RevocationLists::Pem(bytes.to_vec());
    told(server.clone().identity(identity.clone()).client_roots(roots).revocation_lists(lists).build());
    told(server.identity(identity.with_ocsp_response(bytes)).build());
});
