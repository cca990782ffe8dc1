//! Configurations that cannot work say so, and what would help.

use lem_ssl_rs::{ConfigPart, Context, Error, Identity, Roots, TlsError, Version, danger};
use lem_ssl_tests::pki::{KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{identity, pki, run, says, tls};

/// The part of the configuration that `error` must be about.
#[track_caller]
fn about<T>(result: Result<T, Error>, part: ConfigPart, words: &[&str]) {
    let error = result.err().expect("this cannot work");
    let TlsError::Config(config) = tls(&error) else { panic!("{error:?}") };
    assert_eq!(config.part(), part, "{error}");
    says(&error, words);
}

#[test]
fn files_that_are_no_pem_are_described() {
    let scratch = Scratch::new("tls-config");
    let (chain, key) = scratch.write_identity("good", &pki().server);
    let missing = scratch.path().join("missing.pem");
    let empty = scratch.write("empty.pem", "");
    let der = scratch.write("certificate.der", pki().server.leaf_der());
    let key_der = scratch.write("key.der", &pki().server.key_der);
    let broken = scratch.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
    let part = ConfigPart::Identity;
    Identity::from_pem_files(&chain, &key).unwrap();
    about(Identity::from_pem_files(scratch.path(), &key), part, &["cannot read", "is a directory, not a PEM file"]);
    about(Identity::from_pem_files(&chain, scratch.path()), part, &["is a directory, not a PEM file"]);
    about(
        Identity::from_pem_files(&missing, &key),
        part,
        &["cannot read", "missing.pem", "missing.pem: no such file or directory"],
    );
    about(Identity::from_pem_files(&chain, &missing), part, &["cannot read", "missing.pem"]);
    about(Identity::from_pem_files(&empty, &key), part, &["no certificate in", "empty.pem"]);
    about(Identity::from_pem_files(&chain, &empty), part, &["no private key in", "empty.pem"]);
    about(Identity::from_pem_files(&der, &key), part, &["no certificate in", "certificate.der", "looks like DER"]);
    about(Identity::from_pem_files(&chain, &key_der), part, &["no private key in", "key.der", "DER"]);
    about(Identity::from_pem_files(&broken, &key), part, &["broken.pem", "is not valid PEM: "]);
    about(Identity::from_pem_files(&key, &chain), part, &["no certificate in", "are the two files exchanged?"]);
    about(Identity::from_pem_files(&chain, &chain), part, &["no private key in", "are the two files exchanged?"]);
    let roots = |path| Context::builder().roots(Roots::PemFile(path)).build();
    about(roots(scratch.path().to_owned()), ConfigPart::Roots, &["is a directory"]);
    about(roots(missing), ConfigPart::Roots, &["missing.pem"]);
    about(roots(empty), ConfigPart::Roots, &["no certificate in"]);
    about(roots(key), ConfigPart::Roots, &["no certificate in", "private key"]);
}

#[test]
fn an_encrypted_key_is_called_so() {
    let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    about(Identity::from_pem(&pki().server.chain_pem, key), ConfigPart::Identity, &["is encrypted", "openssl pkey"]);
}

#[test]
fn a_key_encrypted_in_the_old_form_is_called_so() {
    let key = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
               -----END EC PRIVATE KEY-----\n";
    let built = Identity::from_pem(&pki().server.chain_pem, key)
        .and_then(|identity| Context::builder().roots(Roots::None).identity(identity).build());
    about(built, ConfigPart::Identity, &["key", "encrypted"]);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let other = pki().root.issue(Leaf::server(&["localhost"]).with_key(kind));
        let mixed = Identity::from_der(pki().server.chain_der.clone(), other.private_key());
        about(
            Context::builder().identity(mixed).build(),
            ConfigPart::Identity,
            &[
                "the private key in ",
                "does not belong to the first certificate",
                "is it the key of another certificate",
            ],
        );
    }
}

#[test]
fn an_identity_without_a_certificate_is_refused() {
    let bare = Identity::from_der(Vec::new(), pki().server.private_key());
    about(Context::builder().identity(bare).build(), ConfigPart::Identity, &["no certificate"]);
}

#[test]
fn protocols_of_impossible_length_are_refused() {
    for protocols in [vec![Vec::new()], vec![b"h2".to_vec(), vec![b'x'; 256]]] {
        about(Context::builder().alpn(protocols).build(), ConfigPart::Alpn, &["from 1 to 255 bytes"]);
    }
    Context::builder().alpn([vec![b'x'; 255]]).build().unwrap();
}

#[test]
fn no_versions_are_refused() {
    about(Context::builder().versions([]).build(), ConfigPart::Versions, &["no protocol version is enabled"]);
    Context::builder().versions([Version::Tls12]).build().unwrap();
}

#[test]
fn a_context_without_roots_does_not_connect() {
    run(async {
        let context = Context::builder().roots(Roots::None).build().unwrap();
        about(context.connect("127.0.0.1:1").await, ConfigPart::Roots, &["trusts nobody", "give it roots"]);
    });
}

#[test]
fn a_context_without_an_identity_does_not_listen() {
    run(async {
        let context = pki().client_context().build().unwrap();
        let words = ["has no identity", "give it a certificate and key"];
        about(context.listen("127.0.0.1:0").await, ConfigPart::Identity, &words);
        let (near, _far) = crate::support::wire();
        about(context.upgrade_server(near).await, ConfigPart::Identity, &words);
    });
}

#[test]
fn a_unix_socket_needs_a_name_to_verify() {
    run(async {
        let context = pki().client_context().build().unwrap();
        about(context.connect("unix:/tmp/none").await, ConfigPart::ServerName, &["Unix-domain", "connect_as"]);
    });
}

#[test]
fn to_accept_any_certificate_takes_a_reason() {
    for reason in ["", " ", "\t\n"] {
        let error = danger::accept_any_certificate(Context::builder(), reason).err().unwrap();
        assert!(matches!(error, Error::Misuse(_)), "{error:?}");
        says(&error, &["needs a reason"]);
    }
}

#[test]
fn nothing_secret_is_shown() {
    let issued = &pki().server;
    let identity = identity(issued);
    let builder = Context::builder().identity(identity.clone());
    let context = builder.clone().build().unwrap();
    let shown = format!("{identity:?} {identity:#?} {builder:?} {builder:#?} {context:?} {context:#?}");
    // The key as a list of numbers, as hexadecimal digits, and as base64, in parts of a few bytes.
    for part in issued.key_der.windows(6).skip(issued.key_der.len() / 2) {
        let numbers = part.iter().map(u8::to_string).collect::<Vec<_>>();
        let digits: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&numbers.join(", ")) && !shown.contains(&digits), "{shown}");
    }
    let base64 = issued.key_pem.lines().nth(1).unwrap();
    assert!(!shown.contains(&base64[..20]), "{shown}");
}
