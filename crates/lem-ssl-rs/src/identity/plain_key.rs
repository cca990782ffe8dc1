//! Private keys without what may be left out: attributes, and the public key beside the private one.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::KeyLoader;
use crate::der::{self, BIT_STRING, CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// Loads a key; if the provider refuses it as it is, without what other programs write beside it and providers do not
/// read.
pub(super) fn load(
    keys: KeyLoader,
    key: &PrivateKeyDer<'static>,
) -> Option<std::sync::Arc<dyn rustls::sign::SigningKey>> {
    let loaded = keys.load_private_key(key.clone_key());
    loaded.or_else(|error| keys.load_private_key(plain(key).ok_or(error)?)).ok()
}

fn plain(key: &PrivateKeyDer<'_>) -> Option<PrivateKeyDer<'static>> {
    match key {
        PrivateKeyDer::Pkcs8(key) => Some(PrivatePkcs8KeyDer::from(pkcs8(key.secret_pkcs8_der())?).into()),
        PrivateKeyDer::Sec1(key) => Some(PrivateSec1KeyDer::from(sec1(key.secret_sec1_der())?).into()),
        _ => None,
    }
}

/// RFC 5958 section 2: version, algorithm and key, and no attributes and no public key behind them.
fn pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let mut fields = der::only(der, SEQUENCE)?;
    der::expect(&mut fields, INTEGER)?;
    let algorithm = der::take(&mut fields).filter(|algorithm| algorithm.tag == SEQUENCE)?;
    let inner = der::expect(&mut fields, OCTET_STRING)?;
    let inner = match der::expect(&mut { algorithm.content }, OBJECT_IDENTIFIER)? {
        EC => sec1(inner)?,
        _ => inner.to_vec(),
    };
    // Version 1, as people count, is that without a public key.
    let fields = [&der::encode(INTEGER, &[0]), algorithm.whole, &der::encode(OCTET_STRING, &inner)];
    Some(der::encode(SEQUENCE, &fields.concat()))
}

/// RFC 5915 section 3: version, key, and the curve if it is there, and no public key behind it, which may be a compressed
/// point.
fn sec1(der: &[u8]) -> Option<Vec<u8>> {
    const PUBLIC_KEY: u8 = 0xa1;
    let mut fields = der::only(der, SEQUENCE)?;
    let mut kept = Vec::new();
    while let Some(field) = der::take(&mut fields) {
        match field.tag {
            INTEGER | OCTET_STRING | CONTEXT_0 => kept.extend_from_slice(field.whole),
            PUBLIC_KEY => _ = der::only(field.content, BIT_STRING)?,
            _ => return None,
        }
    }
    fields.is_empty().then(|| der::encode(SEQUENCE, &kept))
}
