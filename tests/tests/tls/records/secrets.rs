//! Keys and their secrets are zeroed: none is found in this process' memory when its connection is over. Stacks are not
//! looked at: what was moved there is overwritten by chance only.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use lem_ssl_rs::{Context, ReadMode, Stream, UnixStream, Version, danger, spawn};
use lem_ssl_tests::raw::{CONTENT, RawHandshake, RawPeer};
use lem_ssl_tests::records::Records;
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{ClientConfig, ConnectionTrafficSecrets, KeyLog, SupportedCipherSuite, Tls13CipherSuite};

use crate::support::{Role, pki, provider, run, upgrade, wire};

/// Keys as they were seen, not as they are: a copy would be found.
static SEEN: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const MASK: u8 = 0xa5;

/// The memory is one for all tests of this file.
static TURN: Mutex<()> = Mutex::new(());

/// Tells which keys are used.
struct Telling(&'static dyn Tls13AeadAlgorithm);

fn tell(key: &[u8]) {
    let masked: Vec<u8> = key.iter().map(|byte| byte ^ MASK).collect();
    let mut seen = SEEN.lock().unwrap();
    if !seen.contains(&masked) {
        seen.push(masked);
    }
}

/// Tells from which secrets the keys of the records come.
#[derive(Debug)]
struct TellingLog;

impl KeyLog for TellingLog {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if label.ends_with("_TRAFFIC_SECRET_0") {
            tell(secret);
        }
    }
}

impl Tls13AeadAlgorithm for Telling {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        tell(key.as_ref());
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        tell(key.as_ref());
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

/// How often each key stands in the memory that this process can write, but for the stack that this runs on.
fn found() -> Vec<usize> {
    let seen = SEEN.lock().unwrap().clone();
    let mut by_first: [Vec<usize>; 256] = [const { Vec::new() }; 256];
    for (number, key) in seen.iter().enumerate() {
        by_first[usize::from(key[0] ^ MASK)].push(number);
    }
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let on_the_stack = 0_u8;
    let stack = &raw const on_the_stack as usize;
    let own = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
    let mut found = vec![0; seen.len()];
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
            for (place, byte) in buffer[..count].iter().enumerate() {
                for &number in &by_first[usize::from(*byte)] {
                    let key = &seen[number];
                    let there = buffer[place..count].get(..key.len());
                    let is_key =
                        there.is_some_and(|there| there.iter().zip(key).all(|(byte, key)| byte ^ MASK == *key));
                    found[number] += usize::from(is_key && !own.contains(&(at + place)));
                }
            }
            at += count.max(1);
        }
    }
    buffer.fill(0);
    found
}

/// How many keys stand somewhere.
fn kept() -> usize {
    found().iter().filter(|&&times| times > 0).count()
}

/// Contexts have tried their suites, with keys that are no secret.
fn forget_trials() {
    SEEN.lock().unwrap().clear();
}

/// A client and a server of ours.
async fn connected() -> [Stream; 2] {
    let provider = telling();
    let (client, server) = (pki().client_context(), pki().server_context());
    let [client, server] =
        [client, server].map(|builder| danger::provider(Records::Ours.on(builder), provider.clone()).build().unwrap());
    forget_trials();
    let (near, far) = wire();
    let serving = spawn(async move { upgrade(&server, Role::Server, far).await.unwrap() });
    let near = upgrade(&client, Role::Client, near).await.unwrap();
    [near, serving.await.unwrap()]
}

#[test]
fn no_key_of_a_connection_stays_in_memory_when_it_is_over() {
    let _turn = TURN.lock();
    run(async move {
        let [near, far] = connected().await;
        for _ in 0..3 {
            near.write("question").await.unwrap();
            assert_eq!(far.read(ReadMode::Exact(8)).await.unwrap(), b"question");
            far.write("answer").await.unwrap();
            assert_eq!(near.read(ReadMode::Exact(6)).await.unwrap(), b"answer");
        }
        // One of each direction, at either end.
        assert_eq!(kept(), 2, "the search finds nothing");
        near.close().unwrap();
        assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");
        far.close().unwrap();
    });
    assert_eq!(kept(), 0);
}

/// A server of ours and a client that seals what it is told to.
async fn connected_raw() -> (Stream, RawPeer, UnixStream) {
    let context = danger::provider(Records::Ours.on(pki().server_context()), telling()).build().unwrap();
    forget_trials();
    connected_to(context, pki().client_config(&[Version::Tls13])).await
}

async fn connected_to(context: Context, client: ClientConfig) -> (Stream, RawPeer, UnixStream) {
    let mut handshake = RawHandshake::client(client);
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, Role::Server, near).await.unwrap() });
    let mut received = Vec::new();
    while !handshake.is_over() {
        far.write(&handshake.advance(&received)).await.unwrap();
        if !handshake.is_over() {
            received = far.read(ReadMode::Available).await.unwrap();
        }
    }
    (us.await.unwrap(), handshake.into_peer(), far)
}

#[test]
fn a_connection_that_has_failed_keeps_no_key_though_its_stream_is_still_there() {
    let _turn = TURN.lock();
    run(async {
        let (stream, mut peer, far) = connected_raw().await;
        stream.write("both directions").await.unwrap();
        far.write(&[peer.seal(CONTENT, b"x"), peer.seal(CONTENT, &[])].concat()).await.unwrap();
        assert_eq!(stream.read(1).await.unwrap(), b"x");
        drop(peer);
        assert_eq!(kept(), 2, "the search finds nothing");
        far.write(&[0xff; 40]).await.unwrap();
        stream.read(1).await.unwrap_err();
        assert_eq!(kept(), 0);
        // What was agreed is known still.
        assert_eq!(stream.info().unwrap().version, Some(Version::Tls13));
    });
}

/// Those that rustls may have left elsewhere are not ours.
#[test]
fn a_server_forgets_its_secrets_when_new_ones_have_taken_their_place_and_when_it_fails() {
    let _turn = TURN.lock();
    run(async {
        for fails in [false, true] {
            forget_trials();
            let context = Records::Ours.on(pki().server_context()).build().unwrap();
            let mut client = pki().client_config(&[Version::Tls13]);
            client.key_log = Arc::new(TellingLog);
            let (stream, mut peer, far) = connected_to(context, client).await;
            // The request for new keys is answered, so that both sides take them.
            let bytes = if fails { vec![0xff; 40] } else { [peer.key_update(), peer.seal(CONTENT, b"x")].concat() };
            drop(peer);
            let before = found();
            assert_eq!(before.len(), 2);
            far.write(&bytes).await.unwrap();
            assert_eq!(stream.read(1).await.is_err(), fails);
            let after = found();
            assert!(before.iter().zip(&after).all(|(before, after)| after < before), "{before:?}, then {after:?}");
        }
    });
}

#[test]
fn keys_are_gone_when_new_ones_have_taken_their_place() {
    let _turn = TURN.lock();
    run(async {
        let (stream, mut peer, far) = connected_raw().await;
        let before = SEEN.lock().unwrap().len();
        for _ in 0..10 {
            far.write(&[peer.key_update(), peer.seal(CONTENT, b"x")].concat()).await.unwrap();
            assert_eq!(stream.read(1).await.unwrap(), b"x");
            stream.write("y").await.unwrap();
            let bytes = far.read(ReadMode::Available).await.unwrap();
            peer.open(&bytes);
        }
        drop(peer);
        let seen = SEEN.lock().unwrap().len() - before;
        assert!(seen >= 20, "{seen} keys");
        // The last of each direction.
        assert_eq!(kept(), 2, "of {seen}: {:?}", found());
    });
    assert_eq!(kept(), 0);
}
