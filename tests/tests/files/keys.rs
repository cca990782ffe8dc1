//! Private keys that cannot be used.

use lem_ssl_rs::{Context, Identity};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, public_key};
use lem_ssl_tests::pki::{KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{Place, armour, element, pki, says};

const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

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
    let small = element(0x30, &[element(2, &[0]), element(2, &[&[0, 0x80], &[7; 127][..]].concat())].concat());
    let three = element(0x30, &[element(2, &[1]), element(2, &[&[0, 0x80], &[7; 127][..]].concat())].concat());
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
        ("an RSA key with 1024 bits", pkcs8(RSA, None, &small)),
        ("an RSA key with 1024 bits", armour("RSA PRIVATE KEY", &small)),
        ("an RSA key with 1024 bits of more than two primes, which is not supported. ", pkcs8(RSA, None, &three)),
        ("a DSA key", pkcs8(&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], None, &[1; 20])),
        ("a key of a kind that is not known here", pkcs8(&[0x2a, 3], None, &[1; 20])),
        ("a key on the curve P-256", curve(P256)),
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

/// A compressed point, of one with both coordinates.
fn compressed(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    [&[2 + (y.last().unwrap() & 1)], x].concat()
}

/// Attributes (RFC 5958) and the public key (RFC 5915) are optional, and written in several ways.
#[test]
fn what_other_programs_write_beside_a_key_does_not_keep_it_from_being_used() {
    let builds = |name: &str, key: &DraftKey, text: String| {
        let chain = armour("CERTIFICATE", &Draft::leaf(&["localhost"], "Root", key).sign(&DraftKey::new()));
        let identity = Identity::from_pem(chain, &text).unwrap();
        Context::builder().identity(identity).build().unwrap_or_else(|error| panic!("{name}: {error}"));
        Identity::raw_public_key(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    let usage = element(0x30, &[element(6, &[0x55, 0x1d, 15]), element(0x31, &[3, 2, 7, 0x80])].concat());
    let attributes = element(0xa0, &usage);
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048] {
        let key = DraftKey::of_kind(kind);
        let der = key.private().secret_der().to_vec();
        let content = match der[1] {
            0x82 => &der[4..],
            0x81 => &der[3..],
            _ => &der[2..],
        };
        let der = element(0x30, &[content, &attributes].concat());
        builds(&format!("{kind:?} with attributes"), &key, armour("PRIVATE KEY", &der));
    }
    let key = DraftKey::new();
    let private = key.private();
    let at = private.secret_der().windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
    let scalar = element(4, &private.secret_der()[at..at + 32]);
    let point = key.public()[26..].to_vec();
    let public = element(0xa1, &element(3, &[vec![0], compressed(&point)].concat()));
    let named = element(0xa0, &element(6, P256));
    let sec1 = element(0x30, &[element(2, &[1]), scalar.clone(), named, public.clone()].concat());
    builds("a compressed point", &key, armour("EC PRIVATE KEY", &sec1));
    let inside = element(0x30, &[element(2, &[1]), scalar, public].concat());
    builds("a compressed point in PKCS #8", &key, pkcs8(EC, Some(P256), &inside));
    // As ring writes it: the public key with a tag too many.
    let key = DraftKey::of_kind(KeyKind::Ed25519);
    let (private, public) = (key.private(), key.public());
    let seed = &private.secret_der()[private.secret_der().len() - 32..];
    let public = element(0xa1, &element(3, &[&[0], &public[public.len() - 32..]].concat()));
    let algorithm = element(0x30, &element(6, &[0x2b, 0x65, 0x70]));
    let fields = [element(2, &[1]), algorithm, element(4, &element(4, seed)), public];
    builds("ring's Ed25519", &key, armour("PRIVATE KEY", &element(0x30, &fields.concat())));
}

#[test]
fn the_right_key_is_known_however_its_public_key_is_written() {
    let root = DraftKey::new();
    let build = |public: Vec<u8>, key: &DraftKey| {
        let mut draft = Draft::leaf(&["localhost"], "Root", key);
        draft.key = public;
        let identity = Identity::from_der(vec![draft.sign(&root)], key.private());
        Context::builder().identity(identity).build().map(drop)
    };
    let (ec, rsa) = (DraftKey::new(), DraftKey::of_kind(KeyKind::Rsa2048));
    let p256 = [element(6, EC), element(6, P256)].concat();
    let point = ec.public()[26..].to_vec();
    let hybrid = [&[6 + (point[64] & 1)], &point[1..]].concat();
    let without_parameters = |key: &DraftKey| public_key(&element(6, RSA), &key.public()[24..]);
    build(without_parameters(&rsa), &rsa).unwrap();
    build(public_key(&p256, &compressed(&point)), &ec).unwrap();
    build(public_key(&p256, &hybrid), &ec).unwrap();
    // The point with the same x below the axis is that of another key.
    let mut mirrored = compressed(&point);
    mirrored[0] ^= 1;
    let others = DraftKey::of_kind(KeyKind::Rsa2048);
    let explicit = [element(6, EC), element(0x30, &[2, 1, 1])].concat();
    for (public, key) in [
        (public_key(&p256, &mirrored), &ec),
        (without_parameters(&others), &rsa),
        (public_key(&p256, &compressed(&DraftKey::new().public()[26..])), &ec),
        (public_key(&explicit, &point), &rsa),
    ] {
        says("another", &build(public, key).unwrap_err().to_string(), &["does not belong to the first certificate"]);
    }
    let pss = element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10]);
    let no_algorithm = element(5, &[]);
    for (public, key) in [
        (public_key(&explicit, &point), &ec),
        (public_key(&pss, &rsa.public()[24..]), &rsa),
        (public_key(&no_algorithm, &point), &ec),
    ] {
        let error = build(public, key).unwrap_err().to_string();
        says("unknown", &error, &["the first certificate", "in a form that is not understood here", "for PSS only"]);
        assert!(!error.contains("does not belong"), "{error}");
    }
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
