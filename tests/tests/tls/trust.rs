//! Recognising servers by their keys: pins, and trust on first use.

use std::fs;

use graviola::hashing::{Hash, Sha256};
use lem_ssl_rs::{
    Certificate, CertificateCheck, CertificateFault, ConfigPart, Context, ContextBuilder, Error, Identity, KnownHosts,
    Roots, SpkiHash, Stream, TlsError, Trust, Version, danger, spawn,
};
use lem_ssl_tests::pki::draft::{Draft, DraftKey};
use lem_ssl_tests::pki::{Authority, Issued, Leaf, self_signed};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{identity, pki, provider, run, says, tls, wire};

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];

/// What comes of connecting as `name` to a server with `identity`.
pub(crate) async fn meet(context: &Context, name: &str, identity: Identity) -> Result<Stream, Error> {
    let server =
        danger::provider(Context::builder(), provider()).roots(Roots::None).identity(identity).build().unwrap();
    let (near, far) = wire();
    let server = spawn(async move { server.upgrade_server(far).await });
    let met = context.upgrade(near, name).await;
    // Kept until the client has said what it has to say.
    let served = server.await.unwrap();
    if let Ok(stream) = &met {
        served.unwrap().write("hello").await?;
        assert_eq!(stream.read(5).await.unwrap(), b"hello");
    }
    met
}

pub(crate) fn trusting(trust: Trust) -> ContextBuilder {
    danger::provider(Context::builder(), provider()).trust(trust)
}

fn hash(issued: &Issued) -> SpkiHash {
    SpkiHash::of(issued.leaf_der()).unwrap()
}

#[track_caller]
fn fault(result: Result<Stream, Error>) -> CertificateFault {
    let error = result.expect_err("such a server must be refused");
    let problem = TlsError::certificate(&error).unwrap_or_else(|| panic!("no certificate problem: {error:?}"));
    assert_eq!(problem.fault().check(), CertificateCheck::Pin, "{error}");
    problem.fault().clone()
}

#[track_caller]
fn about<T>(result: Result<T, Error>, part: ConfigPart, words: &[&str]) {
    let error = result.err().expect("this cannot work");
    let TlsError::Config(config) = tls(&error) else { panic!("{error:?}") };
    assert_eq!(config.part(), part, "{error}");
    says(&error, words);
}

#[test]
fn a_pinned_key_alone_lets_a_self_signed_server_of_any_name_and_date_in() {
    run(async {
        for leaf in [Leaf::server(&["elsewhere.test"]), Leaf::server(&["localhost"]).expired()] {
            let device = self_signed(leaf);
            for version in BOTH {
                let context = trusting(Trust::Pins(vec![hash(&device)])).versions([version]).build().unwrap();
                let stream = meet(&context, "localhost", identity(&device)).await.unwrap();
                assert_eq!(stream.info().unwrap().peer_certificates, device.chain_der);
            }
        }
    });
}

#[test]
fn another_key_than_the_pinned_one_is_refused_although_an_authority_vouches_for_it() {
    run(async {
        let (right, wrong) = (self_signed(Leaf::server(&["localhost"])), &pki().server);
        for version in BOTH {
            let pins = vec![hash(&right)];
            let context = trusting(Trust::Pins(pins.clone())).versions([version]).build().unwrap();
            let error = meet(&context, "localhost", identity(wrong)).await.unwrap_err();
            says(&error, &["the peer's certificate (CN=localhost) has the key sha256/", "which is not pinned"]);
            says(&error, &[&pins[0].to_string(), &hash(wrong).to_string()]);
            let CertificateFault::NotPinned { presented, pinned } = fault(Err(error)) else { panic!() };
            assert_eq!((presented, pinned), (hash(wrong), pins));
        }
    });
}

#[test]
fn the_certificate_of_a_pinned_key_does_not_help_who_has_not_the_key() {
    run(async {
        let (device, thief) = (self_signed(Leaf::server(&["localhost"])), self_signed(Leaf::server(&["localhost"])));
        let stolen = danger::identity_with_signer(device.chain_der.clone(), key_of(&thief));
        for version in BOTH {
            let context = trusting(Trust::Pins(vec![hash(&device)])).versions([version]).build().unwrap();
            let server =
                danger::provider(Context::builder(), provider()).roots(Roots::None).identity(stolen.clone()).build();
            let (near, far) = wire();
            let server = server.unwrap();
            let served = spawn(async move { server.upgrade_server(far).await });
            let error = context.upgrade(near, "localhost").await.unwrap_err();
            served.await.unwrap().unwrap_err();
            let problem = TlsError::certificate(&error).unwrap();
            assert!(matches!(problem.fault(), CertificateFault::BadHandshakeSignature), "{error}");
        }
    });
}

/// The key of `issued`, hiding which public key it has.
fn key_of(issued: &Issued) -> std::sync::Arc<dyn rustls::sign::SigningKey> {
    #[derive(Debug)]
    struct Mute(std::sync::Arc<dyn rustls::sign::SigningKey>);
    impl rustls::sign::SigningKey for Mute {
        fn choose_scheme(&self, offered: &[rustls::SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
            self.0.choose_scheme(offered)
        }
        fn algorithm(&self) -> rustls::SignatureAlgorithm {
            self.0.algorithm()
        }
    }
    std::sync::Arc::new(Mute(provider().key_provider.load_private_key(issued.private_key()).unwrap()))
}

#[test]
fn pins_beside_the_chain_count_on_the_whole_way_to_the_root() {
    run(async {
        let middle = pki().root.intermediate("Middle");
        let server = middle.issue(Leaf::server(&["localhost"]));
        let on_the_way = [
            hash(&server),
            SpkiHash::of(&server.chain_der[1]).unwrap(),
            SpkiHash::of(pki().root.certificate_der()).unwrap(),
        ];
        let roots = || Roots::Pem(pki().root.certificate_pem().into_bytes());
        for pin in on_the_way {
            let context = trusting(Trust::ChainAndPins(vec![pin])).roots(roots()).build().unwrap();
            meet(&context, "localhost", identity(&server)).await.unwrap();
            // The chain counts all the same.
            let error = meet(&context, "other.test", identity(&server)).await.unwrap_err();
            assert_eq!(TlsError::certificate(&error).unwrap().fault().check(), CertificateCheck::Name);
        }
        let context = trusting(Trust::ChainAndPins(vec![hash(&pki().server)])).roots(roots()).build().unwrap();
        assert!(matches!(
            fault(meet(&context, "localhost", identity(&server)).await),
            CertificateFault::NotPinned { .. }
        ));
    });
}

#[test]
fn a_pinned_certificate_that_is_presented_beside_the_way_does_not_count() {
    run(async {
        let other = pki().root.intermediate("Pinned");
        let pin = SpkiHash::of(other.certificate_der()).unwrap();
        let server = pki().root.issue(Leaf::server(&["localhost"]));
        // The chain is right, and has the certificate of the pinned authority, which has nothing to do with it.
        let chain = vec![server.leaf_der().clone(), other.certificate_der().clone()];
        let padded = Identity::from_der(chain, server.private_key());
        let roots = Roots::Pem(pki().root.certificate_pem().into_bytes());
        let context = trusting(Trust::ChainAndPins(vec![pin])).roots(roots).build().unwrap();
        assert!(matches!(fault(meet(&context, "localhost", padded).await), CertificateFault::NotPinned { .. }));
    });
}

#[test]
fn of_two_ways_to_two_roots_the_one_with_the_pin_counts() {
    run(async {
        let [old, new, middle, own] = [(); 4].map(|()| DraftKey::new());
        let roots = [Draft::authority("Old", "Old", &old).sign(&old), Draft::authority("New", "New", &new).sign(&new)];
        let by_old = Draft::authority("Middle", "Old", &middle).sign(&old);
        let by_new = Draft::authority("Middle", "New", &middle).sign(&new);
        let leaf = Draft::leaf(&["localhost"], "Middle", &own).sign(&middle);
        let chain = vec![leaf, by_old, by_new];
        for pinned in &roots {
            let trust = Trust::ChainAndPins(vec![SpkiHash::of(pinned).unwrap()]);
            let context = trusting(trust).roots(Roots::Der(roots.to_vec())).build().unwrap();
            meet(&context, "localhost", Identity::from_der(chain.clone(), own.private())).await.unwrap();
        }
        // A pinned root that the way does not lead to is of no use, even if it is trusted.
        let [one, other] = [Authority::new("One"), Authority::new("Other")];
        let roots = Roots::Der(vec![one.certificate_der().clone(), other.certificate_der().clone()]);
        let trust = Trust::ChainAndPins(vec![SpkiHash::of(other.certificate_der()).unwrap()]);
        let context = trusting(trust).roots(roots).build().unwrap();
        let issued = one.issue(Leaf::server(&["localhost"]));
        assert!(matches!(
            fault(meet(&context, "localhost", identity(&issued)).await),
            CertificateFault::NotPinned { .. }
        ));
    });
}

#[test]
fn the_first_key_of_a_server_is_written_down_and_no_other_accepted_afterwards() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.write("known", "# mine\nother.test sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        let (first, second) = (self_signed(Leaf::server(&["any.test"])), self_signed(Leaf::server(&["any.test"])));
        for version in BOTH {
            let trust = || Trust::FirstUse(KnownHosts::in_file(&file));
            let context = trusting(trust()).versions([version]).build().unwrap();
            meet(&context, "One.test", identity(&first)).await.unwrap();
            let text = fs::read_to_string(&file).unwrap();
            let expected = format!(
                "# mine\nother.test sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\none.test {}\n",
                hash(&first)
            );
            assert_eq!(text, expected);
            // The same context, and one that is new: another process.
            for context in [context, trusting(trust()).build().unwrap()] {
                meet(&context, "one.test", identity(&first)).await.unwrap();
                let error = meet(&context, "one.test", identity(&second)).await.unwrap_err();
                let (old, new) = (hash(&first).to_string(), hash(&second).to_string());
                says(&error, &[&old, &new, &file.display().to_string(), "one.test", "take the line of one.test out"]);
                let CertificateFault::KeyChanged { host, presented, known, .. } = fault(Err(error)) else { panic!() };
                assert_eq!((&*host, presented, known), ("one.test", hash(&second), hash(&first)));
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), expected, "a refused key is not written");
            let names: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), 2, "the file and its lock: {names:?}");
            scratch.write("known", "# mine\nother.test sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        }
    });
}

#[test]
fn a_line_that_is_taken_out_lets_a_running_context_see_the_server_for_the_first_time_again() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.path().join("known");
        let context = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap();
        let (first, second) = (self_signed(Leaf::server(&["any.test"])), self_signed(Leaf::server(&["any.test"])));
        meet(&context, "one.test", identity(&first)).await.unwrap();
        meet(&context, "one.test", identity(&second)).await.unwrap_err();
        fs::write(&file, "").unwrap();
        meet(&context, "one.test", identity(&second)).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("one.test {}\n", hash(&second)));
    });
}

#[test]
fn what_another_process_writes_down_holds_for_a_running_context() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.path().join("known");
        let one = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap();
        let two = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap();
        let (first, second) = (self_signed(Leaf::server(&["any.test"])), self_signed(Leaf::server(&["any.test"])));
        meet(&two, "two.test", identity(&second)).await.unwrap();
        meet(&one, "one.test", identity(&first)).await.unwrap();
        fault(meet(&one, "two.test", identity(&first)).await);
        fault(meet(&two, "one.test", identity(&second)).await);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
    });
}

#[test]
fn of_two_first_connections_with_different_keys_one_is_refused() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.path().join("known");
        let context = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap();
        let keys = [0, 1, 2].map(|_| self_signed(Leaf::server(&["any.test"])));
        let tasks = keys.each_ref().map(|key| {
            let (context, identity) = (context.clone(), identity(key));
            spawn(async move {
                let server = danger::provider(Context::builder(), provider())
                    .roots(Roots::None)
                    .identity(identity)
                    .build()
                    .unwrap();
                let (near, far) = wire();
                let served = spawn(async move { server.upgrade_server(far).await.map(drop) });
                let met = context.upgrade(near, "one.test").await;
                let _ = served.await.unwrap();
                met
            })
        });
        let mut accepted = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => accepted += 1,
                refused => drop(fault(refused)),
            }
        }
        assert_eq!(accepted, 1);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
    });
}

#[test]
fn a_server_without_its_certificates_key_is_not_written_down() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.path().join("known");
        let context = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build().unwrap();
        let (device, thief) = (self_signed(Leaf::server(&["any.test"])), self_signed(Leaf::server(&["any.test"])));
        let stolen = danger::identity_with_signer(device.chain_der.clone(), key_of(&thief));
        let server =
            danger::provider(Context::builder(), provider()).roots(Roots::None).identity(stolen).build().unwrap();
        let (near, far) = wire();
        let served = spawn(async move { server.upgrade_server(far).await });
        context.upgrade(near, "one.test").await.unwrap_err();
        served.await.unwrap().unwrap_err();
        assert!(!file.exists());
        meet(&context, "one.test", identity(&thief)).await.unwrap();
    });
}

#[test]
fn a_file_that_is_full_or_cannot_be_written_ends_the_connection() {
    run(async {
        let scratch = Scratch::new("known-hosts");
        let file = scratch.path().join("known");
        let context = trusting(Trust::FirstUse(KnownHosts::in_file(&file).max_hosts(1))).build().unwrap();
        let device = self_signed(Leaf::server(&["any.test"]));
        meet(&context, "one.test", identity(&device)).await.unwrap();
        meet(&context, "one.test", identity(&device)).await.unwrap();
        let words = ["holds 1 servers", "two.test cannot be remembered"];
        about(meet_only(&context, "two.test", &device).await, ConfigPart::Trust, &words);
        let gone = Scratch::new("known-hosts-gone");
        let lost = trusting(Trust::FirstUse(KnownHosts::in_file(gone.path().join("known")))).build().unwrap();
        drop(gone);
        let words = ["cannot be written: its folder does not exist"];
        about(meet_only(&lost, "one.test", &device).await, ConfigPart::Trust, &words);
    });
}

/// As [`meet`], when the server may see the end of it.
async fn meet_only(context: &Context, name: &str, issued: &Issued) -> Result<Stream, Error> {
    let server =
        danger::provider(Context::builder(), provider()).roots(Roots::None).identity(identity(issued)).build().unwrap();
    let (near, far) = wire();
    let served = spawn(async move { server.upgrade_server(far).await.map(drop) });
    let met = context.upgrade(near, name).await;
    let _ = served.await.unwrap();
    met
}

#[test]
fn a_file_of_known_servers_that_makes_no_sense_is_refused_with_its_line() {
    let scratch = Scratch::new("known-hosts");
    let hash = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let other = "sha256/57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for (text, words) in [
        (format!("\n# a\none.test {hash}\nbad line here\n"), "line 4 must have a name and the hash of a key"),
        (format!("one.test {hash}\ntwo.test\n"), "line 2 must have a name"),
        ("one.test sha256/AAAA\n".into(), "line 1 has a mistake: \"sha256/AAAA\" is not the SHA-256 hash"),
        (format!("one.test {hash}\nONE.test {other}\n"), "line 2 has another key for ONE.test"),
    ] {
        let file = scratch.write("known", text);
        let built = trusting(Trust::FirstUse(KnownHosts::in_file(&file))).build();
        about(built, ConfigPart::Trust, &["cannot be understood", words, &file.display().to_string()]);
    }
    let file = scratch.write("known", "#".repeat(5 * 1024 * 1024));
    about(trusting(Trust::FirstUse(KnownHosts::in_file(file))).build(), ConfigPart::Trust, &["more than the"]);
    let nowhere = scratch.path().join("no").join("where");
    about(
        trusting(Trust::FirstUse(KnownHosts::in_file(nowhere))).build(),
        ConfigPart::Trust,
        &["its folder does not exist"],
    );
}

#[test]
fn choices_that_contradict_each_other_are_refused() {
    let pins = || vec![SpkiHash::from_bytes([0; 32])];
    let scratch = Scratch::new("known-hosts");
    let first_use = || Trust::FirstUse(KnownHosts::in_file(scratch.path().join("known")));
    for trust in [Trust::Pins(pins()), first_use(), Trust::RawPublicKeys(pins())] {
        let built = trusting(trust.clone()).roots(Roots::WebPki).versions([Version::Tls13]).build();
        about(built, ConfigPart::Trust, &["roots were chosen", "no chain is looked at"]);
        trusting(trust).roots(Roots::None).versions([Version::Tls13]).build().unwrap();
    }
    for trust in [Trust::Pins(vec![]), Trust::ChainAndPins(vec![]), Trust::RawPublicKeys(vec![])] {
        about(trusting(trust).versions([Version::Tls13]).build(), ConfigPart::Trust, &["no key is pinned"]);
    }
    about(trusting(Trust::RawPublicKeys(pins())).build(), ConfigPart::Versions, &["TLS 1.3 only"]);
    let both = danger::accept_any_certificate(trusting(Trust::Pins(pins())), "a test").unwrap();
    about(both.build(), ConfigPart::Trust, &["in two ways"]);
    about(trusting(Trust::ChainAndPins(pins())).roots(Roots::None).build(), ConfigPart::Trust, &["no roots"]);
    let context = trusting(Trust::Pins(pins())).build().unwrap();
    about(context.explain(&[], "localhost"), ConfigPart::Roots, &["in another way than by their chain"]);
}

#[test]
fn a_fingerprint_is_the_hash_of_the_whole_certificate() {
    let certificate = pki().server.leaf_der();
    assert_eq!(Certificate::fingerprint(certificate).unwrap(), *Sha256::hash(certificate).as_ref());
}
