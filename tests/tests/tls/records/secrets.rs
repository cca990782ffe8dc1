//! Keys are zeroed: none is found in this process' memory when its connection is over. Stacks are not looked at: what was
//! moved there is overwritten by chance only.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use lem_ssl_rs::{ReadMode, danger, spawn};
use lem_ssl_tests::records::Records;
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{ConnectionTrafficSecrets, SupportedCipherSuite, Tls13CipherSuite};

use crate::support::{Role, pki, provider, run, upgrade, wire};

/// Keys as they were seen, not as they are: a copy would be found.
static SEEN: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const MASK: u8 = 0xa5;

/// Tells which keys are used.
struct Telling(&'static dyn Tls13AeadAlgorithm);

impl Telling {
    fn tell(key: &AeadKey) {
        let masked: Vec<u8> = key.as_ref().iter().map(|byte| byte ^ MASK).collect();
        let mut seen = SEEN.lock().unwrap();
        if !seen.contains(&masked) {
            seen.push(masked);
        }
    }
}

impl Tls13AeadAlgorithm for Telling {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Self::tell(&key);
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Self::tell(&key);
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

fn telling() -> Arc<CryptoProvider> {
    let whole = provider();
    let suites = whole.cipher_suites.iter().filter_map(SupportedCipherSuite::tls13).map(|suite| {
        let Tls13CipherSuite { common, hkdf_provider, aead_alg, quic } = suite;
        let common = super::key_limits::common_with(common, common.confidentiality_limit);
        let aead_alg: &'static Telling = Box::leak(Box::new(Telling(*aead_alg)));
        let suite = Tls13CipherSuite { common, hkdf_provider: *hkdf_provider, aead_alg, quic: *quic };
        SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
    });
    Arc::new(CryptoProvider { cipher_suites: suites.collect(), ..CryptoProvider::clone(&whole) })
}

/// How often keys stand in the memory that this process can write, but for the stack that this runs on.
fn found() -> usize {
    let seen = SEEN.lock().unwrap().clone();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let on_the_stack = 0_u8;
    let stack = &raw const on_the_stack as usize;
    let own = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
    let mut found = 0;
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap());
        if !rights.starts_with("rw") || (start..end).contains(&stack) || line.contains("[stack]") {
            continue;
        }
        let mut at = start;
        while at < end {
            let length = buffer.len().min(end - at);
            // A part may be gone by now, or not be readable.
            let Ok(count) = memory.read_at(&mut buffer[..length], at as u64) else { break };
            for key in &seen {
                let first = key[0] ^ MASK;
                for (place, _) in buffer[..count].iter().enumerate().filter(|(_, byte)| **byte == first) {
                    let there = buffer[place..count].get(..key.len());
                    let is_key =
                        there.is_some_and(|there| there.iter().zip(key).all(|(byte, key)| byte ^ MASK == *key));
                    found += usize::from(is_key && !own.contains(&(at + place)));
                }
            }
            at += count.max(1);
        }
    }
    buffer.fill(0);
    found
}

#[test]
fn no_key_of_a_connection_stays_in_memory_when_it_is_over() {
    let provider = telling();
    let (client, server) = (pki().client_context(), pki().server_context());
    let [client, server] =
        [client, server].map(|builder| danger::provider(Records::Ours.on(builder), provider.clone()).build().unwrap());
    run(async move {
        let (near, far) = wire();
        let serving = spawn(async move { upgrade(&server, Role::Server, far).await.unwrap() });
        let near = upgrade(&client, Role::Client, near).await.unwrap();
        let far = serving.await.unwrap();
        for _ in 0..3 {
            near.write("question").await.unwrap();
            assert_eq!(far.read(ReadMode::Exact(8)).await.unwrap(), b"question");
            far.write("answer").await.unwrap();
            assert_eq!(near.read(ReadMode::Exact(6)).await.unwrap(), b"answer");
        }
        // Two directions, at two ends.
        assert!(found() >= 4, "the search finds nothing: {}", found());
        near.close().unwrap();
        assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");
        far.close().unwrap();
    });
    assert_eq!(found(), 0);
}
