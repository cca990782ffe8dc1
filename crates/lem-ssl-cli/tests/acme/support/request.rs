//! A request over HTTP, and what is signed in it (JWS, RFC 7515), checked as an authority has to.

use graviola::hashing::{Hash, Sha256};
use graviola::signing::ecdsa::{P256, VerifyingKey};
use lem_ssl_rs::{Error, Stream};
use serde_json::Value;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// What is signed.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) protected: Value,
    /// `None` for a request that only wants to read.
    pub(crate) payload: Option<Value>,
    input: String,
    signature: Vec<u8>,
}

impl Request {
    pub(crate) async fn read(stream: &Stream) -> Result<Self, Error> {
        let first = stream.read_line_trimmed().await?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut length = 0;
        loop {
            let line = stream.read_line_trimmed().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
        }
        let body = if length > 0 { stream.read(length).await? } else { Vec::new() };
        Ok(Self { method, path, body })
    }

    pub(crate) fn signed(&self) -> Signed {
        let request: Value = serde_json::from_slice(&self.body).unwrap();
        let part = |name: &str| request[name].as_str().unwrap();
        let json = |text: &str| serde_json::from_slice(&decode(text)).unwrap();
        let payload = part("payload");
        Signed {
            protected: json(part("protected")),
            payload: (!payload.is_empty()).then(|| json(payload)),
            input: format!("{}.{payload}", part("protected")),
            signature: decode(part("signature")),
        }
    }
}

impl Signed {
    /// Whether it was signed by this key.
    pub(crate) fn is_by(&self, jwk: &Value) -> bool {
        let coordinate = |name: &str| decode(jwk[name].as_str().unwrap());
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let key = VerifyingKey::<P256>::from_x962_uncompressed(&point).unwrap();
        self.protected["alg"] == "ES256" && key.verify::<Sha256>(&[self.input.as_bytes()], &self.signature).is_ok()
    }
}

/// Of a public key (RFC 7638).
pub(crate) fn thumbprint(jwk: &Value) -> String {
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
    encode(Sha256::hash(text.as_bytes()).as_ref())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect::<Vec<_>>();
    let digit = |bits: &[u8]| (0..6).fold(0, |value, at| value << 1 | bits.get(at).copied().unwrap_or(0));
    bits.chunks(6).map(|bits| char::from(DIGITS[usize::from(digit(bits))])).collect()
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    let value = |letter: u8| DIGITS.iter().position(|&digit| digit == letter).expect("base64url without padding");
    let bits: Vec<usize> =
        text.bytes().flat_map(|letter| (0..6).rev().map(move |at| value(letter) >> at & 1)).collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | *bit as u8)).collect()
}
