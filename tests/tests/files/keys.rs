//! Private keys that cannot be used.

use lem_ssl_rs::{Context, Identity};
use lem_ssl_tests::pki::Leaf;
use lem_ssl_tests::scratch::Scratch;

use crate::support::{Place, armour, element, pki, says};

const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// PKCS #8 (RFC 5958) with this algorithm, a parameter that is an object identifier, and an inside.
fn pkcs8(algorithm: &[u8], parameter: Option<&[u8]>, inside: &[u8]) -> String {
    let mut algorithm = element(6, algorithm);
    algorithm.extend(parameter.map(|parameter| element(6, parameter)).unwrap_or_default());
    let fields = [element(2, &[0]), element(0x30, &algorithm), element(4, inside)].concat();
    armour("PRIVATE KEY", &element(0x30, &fields))
}

#[test]
fn a_key_of_a_kind_that_is_not_supported_is_called_by_its_name() {
    let curve = |identifier: &[u8]| pkcs8(EC, Some(identifier), &[1; 40]);
    let rsa: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let small = element(0x30, &[element(2, &[0]), element(2, &[&[0, 0x80], &[7; 127][..]].concat())].concat());
    let sec1 = [element(2, &[1]), element(4, &[9; 66]), element(0xa0, &element(6, &[0x2b, 0x81, 4, 0, 0x23]))];
    for (kind, key) in [
        ("a key on the curve P-521", curve(&[0x2b, 0x81, 4, 0, 0x23])),
        ("a key on the curve P-521", armour("EC PRIVATE KEY", &element(0x30, &sec1.concat()))),
        ("a key on the curve secp256k1", curve(&[0x2b, 0x81, 4, 0, 0x0a])),
        ("a key on a curve that is not known here", curve(&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7])),
        ("an EC key with a curve of its own", pkcs8(EC, None, &[1; 40])),
        ("an Ed448 key", pkcs8(&[0x2b, 0x65, 0x71], None, &[1; 57])),
        ("an X25519 key", pkcs8(&[0x2b, 0x65, 0x6e], None, &[1; 32])),
        ("an RSA key for PSS only", pkcs8(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a], None, &[1; 32])),
        ("an RSA key with 1024 bits", pkcs8(rsa, None, &small)),
        ("an RSA key with 1024 bits", armour("RSA PRIVATE KEY", &small)),
        ("a DSA key", pkcs8(&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], None, &[1; 20])),
        ("a key of a kind that is not known here", pkcs8(&[0x2a, 3], None, &[1; 20])),
        ("a key on the curve P-256", curve(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])),
    ] {
        let error = Place::Key.build(&key).unwrap_err().to_string();
        says(
            kind,
            &error,
            &["the private key in the key's PEM text cannot be used", kind, "openssl pkey -noout -check"],
        );
    }
}

/// What is known for certain is not followed by a guess.
#[test]
fn a_key_that_signs_nothing_is_not_called_damaged() {
    for (kind, identifier) in [("X25519", 0x6e), ("X448", 0x6f)] {
        let error = Place::Key.build(pkcs8(&[0x2b, 0x65, identifier], None, &[1; 32])).unwrap_err().to_string();
        says(kind, &error, &[kind, "agrees on secrets and signs nothing. "]);
        assert!(!error.contains("damaged"), "{error}");
    }
}

#[test]
fn a_key_that_cannot_be_used_and_one_of_another_certificate_are_named_by_their_file() {
    let scratch = Scratch::new("files");
    let between = pki().root.intermediate("Between");
    let issued = between.issue(Leaf::server(&["localhost"]));
    let pem: Vec<_> = issued.chain_pem.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let build = |chain: &str, key: &str| {
        let (chain, key) = (scratch.write("chain.pem", chain), scratch.write("own.key", key));
        let identity = Identity::from_pem_files(&chain, &key).unwrap();
        let shown = [chain.display().to_string(), key.display().to_string()];
        (Context::builder().identity(identity).build().map(drop), shown)
    };
    let (built, [_, key]) = build(&issued.chain_pem, &pkcs8(&[0x2b, 0x65, 0x6e], None, &[1; 32]));
    says("unusable", &built.unwrap_err().to_string(), &[&format!("the private key in {key} cannot be used")]);
    build(&issued.chain_pem, &issued.key_pem).0.unwrap();
    let (built, [chain, key]) = build(&[pem[1], pem[0]].concat(), &issued.key_pem);
    let first = format!("the private key in {key} does not belong to the first certificate in {chain} (CN=Between)");
    says(
        "order",
        &built.unwrap_err().to_string(),
        &[&first, "belongs to certificate number 2 (CN=localhost): put that"],
    );
    let (built, [chain, key]) = build(&issued.chain_pem, &pki().server.key_pem);
    let first = format!("the private key in {key} does not belong to the first certificate in {chain} (CN=localhost)");
    says("another", &built.unwrap_err().to_string(), &[&first, "is it the key of another certificate"]);
}

/// What is inside tells which encoding it is.
#[test]
fn a_key_under_another_kinds_label_is_taken_as_other_programs_do() {
    let key = &pki().server.key_der;
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        Place::Key.build(armour(label, key)).unwrap();
    }
    let inside = sec1_of(key);
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY"] {
        Place::Key.build(armour(label, inside)).unwrap();
    }
}

/// The SEC 1 inside of a PKCS #8 key on P-256.
fn sec1_of(key: &[u8]) -> &[u8] {
    let at = key.windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap();
    // Before the version stands the header of the sequence.
    let header = if key[at - 2] == 0x30 { 2 } else { 3 };
    &key[at - header..]
}

#[test]
fn an_encrypted_key_says_how_to_decrypt_it() {
    let old = "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,00\r\n\r\nAAAA\r\n\
               -----END RSA PRIVATE KEY-----\r\n";
    for key in [old, &armour("ENCRYPTED PRIVATE KEY", &[0x30, 0])] {
        let error = Place::Key.build(key).unwrap_err().to_string();
        says("encrypted", &error, &["line 1", "is encrypted", "openssl pkey -in FILE -out NEW.pem"]);
    }
}
