//! Private keys that cannot be used.

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
        says(kind, &error, &["the private key for the PEM text cannot be used", kind, "openssl pkey -noout -check"]);
    }
}

#[test]
fn a_key_under_another_kinds_label_is_refused() {
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let error = Place::Key.build(armour(label, &pki().server.key_der)).unwrap_err().to_string();
        says(label, &error, &["private key number 1", "line 1", label, "something other than its label says"]);
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
