//! Certificates that were revoked: clients', and what clients are told of ours.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use graviola::hashing::{Hash, Sha256};
use lem_ssl_rs::danger::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use lem_ssl_rs::danger::rustls::{DigitallySignedStruct, Error as RustlsError, SignatureScheme};
use lem_ssl_rs::pki_types::{CertificateDer, ServerName, UnixTime};
use lem_ssl_rs::{Certificate, Context, ReadMode, danger, spawn};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, element};
use lem_ssl_tests::pki::{Leaf, armour};

use crate::support::{BackEnd, Tunnel, World, client_as, echo, lem_ssl, run};

#[test]
fn a_client_whose_certificate_was_revoked_stays_out_and_a_reload_is_for_resumed_sessions_too() {
    let world = World::new();
    let list = world.scratch.write("list.pem", world.root.revocation_list_pem(&[]));
    run(async {
        let back_end = BackEnd::plain().await;
        let (address, files) = (back_end.address(), world.good());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        let list_path = list.to_str().unwrap();
        let arguments = ["--tls-in", "--client-ca", &world.ca, "--client-crl", list_path, "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let (client, issued) = client_as(&world, &["alice"]);
        let ask = async || {
            let stream = client.connect(tunnel.by_name()).await?;
            stream.write("ping").await?;
            let answer = stream.read(4).await?;
            let resumed = stream.info().is_some_and(|info| info.resumed);
            stream.shutdown().await?;
            Ok::<_, lem_ssl_rs::Error>((answer, resumed))
        };
        assert_eq!(ask().await.unwrap(), (b"ping".to_vec(), false));
        assert_eq!(ask().await.unwrap(), (b"ping".to_vec(), true));
        world.scratch.write("list.pem", world.root.revocation_list_pem(&[&issued]));
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        let refused = ask().await.unwrap_err().to_string();
        assert!(refused.contains("revoked"), "{refused}");
        tunnel.says("revoked").await;
    });
}

#[test]
fn a_list_that_its_authority_has_not_signed_is_refused_at_the_start() {
    let (world, other) = (World::new(), lem_ssl_tests::pki::Authority::new("CLI Test Root"));
    let list = world.scratch.write("list.pem", other.revocation_list_pem(&[]));
    let files = world.good();
    let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"];
    let client = ["--client-ca", &world.ca, "--client-crl", list.to_str().unwrap()];
    let said = lem_ssl([&arguments[..], &client, &files.arguments()].concat(), b"").expect(2).stderr;
    assert!(said.contains("is not signed with the key of the root"), "{said}");
}

/// Takes any certificate, and keeps the OCSP response that came with it.
#[derive(Debug, Default)]
struct Keeping(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        *self.0.lock().unwrap() = Some(ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519, SignatureScheme::RSA_PSS_SHA256]
    }
}

/// What a client is shown beside the certificate for this name.
async fn stapled(tunnel: &Tunnel, name: &str) -> Vec<u8> {
    let verifier = Arc::new(Keeping::default());
    let client = danger::server_verifier(Context::builder(), verifier.clone()).build().unwrap();
    let stream = client.connect_as(tunnel.address.as_str(), name).await.unwrap();
    let _ = stream.read(ReadMode::All).await;
    verifier.0.lock().unwrap().take().unwrap()
}

/// What an OCSP response says of one certificate: its issuer, by the name, its number, and until when that is good.
fn answer(issuer: &str, serial: &[u8], status: &[u8], next: &str) -> Vec<u8> {
    let time = |text: &str| element(0x18, text.as_bytes());
    let common_name = [element(6, &[0x55, 4, 3]), element(0x0c, issuer.as_bytes())].concat();
    let name = Sha256::hash(&element(0x30, &element(0x31, &element(0x30, &common_name))));
    let sha256 = element(0x30, &element(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]));
    let id = [sha256, element(4, name.as_ref()), element(4, b"key"), element(2, serial)].concat();
    let dates = [time("20240101000000Z"), element(0xa0, &time(next))].concat();
    element(0x30, &[element(0x30, &id), status.to_vec(), dates].concat())
}

/// An OCSP response (RFC 6960 section 4.2.1) with these answers, without a signature that counts.
fn response_of(answers: &[Vec<u8>]) -> Vec<u8> {
    let produced = element(0x18, b"20240101000000Z");
    let data = [element(0xa2, &element(4, b"key")), produced, element(0x30, &answers.concat())].concat();
    let signature = [element(0x30, &[]), element(3, &[0, 1])].concat();
    let basic = element(0x30, &[element(0x30, &data), signature].concat());
    let bytes = [element(6, &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1]), element(4, &basic)].concat();
    element(0x30, &[element(0x0a, &[0]), element(0xa0, &element(0x30, &bytes))].concat())
}

/// One for a certificate of the world's root, good until `next`.
fn response(serial: &[u8], next: &str) -> Vec<u8> {
    response_of(&[answer(ROOT, serial, GOOD, next)])
}

const ROOT: &str = "CLI Test Root";
const GOOD: &[u8] = &[0x80, 0];
const LATER: &str = "20990101000000Z";

#[test]
fn an_ocsp_response_is_stapled_to_the_certificate_that_it_is_for_and_a_reload_brings_the_next_one() {
    let world = World::new();
    let issued = world.root.issue(Leaf::server(&["a.example"]));
    let (chain, key) = world.scratch.write_identity("a", &issued);
    let serial = Certificate::read(issued.leaf_der()).unwrap().serial().to_vec();
    let first = response(&serial, "20990101000000Z");
    let staple = world.scratch.write("staple.der", &first);
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let identity = ["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()];
        let ocsp = ["--ocsp", staple.to_str().unwrap(), "--tls-in", "--connect", &address];
        let tunnel = Tunnel::start(&[&files.arguments()[..], &identity, &ocsp].concat());
        spawn(async move {
            loop {
                drop(back_end.accept_plain().await);
            }
        })
        .detach();
        assert_eq!(stapled(&tunnel, "a.example").await, first);
        assert_eq!(stapled(&tunnel, "localhost").await, b"");
        let second = response(&serial, "20980101000000Z");
        world.scratch.write("staple.der", &second);
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        assert_eq!(stapled(&tunnel, "a.example").await, second);
        // One that is over is shown to nobody, and the certificate is as good as before.
        world.scratch.write("staple.der", response(&serial, "20240108000000Z"));
        tunnel.signal("HUP");
        tunnel.says("the OCSP response was good until 20240108000000; it is not stapled").await;
        assert_eq!(stapled(&tunnel, "a.example").await, b"");
        // One for another certificate is a mistake, and the old set stays.
        world.scratch.write("staple.der", response(&[1], "20990101000000Z"));
        tunnel.signal("HUP");
        tunnel.says("not reloaded, the old set stays in place").await;
    });
}

/// So many seconds from now, as a response has it.
fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let at = format!("@{}", now + seconds);
    let date = Command::new("date").args(["-u", "-d", &at, "+%Y%m%d%H%M%SZ"]).output().expect("there is date");
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

#[test]
fn an_ocsp_response_that_runs_out_is_told_of_before_and_stapled_no_more_then() {
    let world = World::new();
    let issued = world.root.issue(Leaf::server(&["a.example"]));
    let (chain, key) = world.scratch.write_identity("a", &issued);
    let serial = Certificate::read(issued.leaf_der()).unwrap().serial().to_vec();
    let first = response(&serial, &in_seconds(8));
    let staple = world.scratch.write("staple.der", &first);
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let identity = ["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()];
        let ocsp = ["--ocsp", staple.to_str().unwrap(), "--tls-in", "--connect", &address];
        let tunnel = Tunnel::start(&[&identity[..], &ocsp].concat());
        spawn(async move {
            loop {
                drop(back_end.accept_plain().await);
            }
        })
        .detach();
        assert_eq!(stapled(&tunnel, "a.example").await, first);
        tunnel.says("staple.der: the OCSP response is good until").await;
        tunnel.says("it is not stapled").await;
        assert_eq!(stapled(&tunnel, "a.example").await, b"");
        // It was read again once, and is not expected to end any more.
        let said = tunnel.running.stderr();
        assert_eq!((said.matches("is good until").count(), said.matches("reloaded; ").count()), (1, 1), "{said}");
    });
}

#[test]
fn an_ocsp_response_that_helps_nobody_is_refused_at_the_start() {
    let world = World::new();
    let files = world.good();
    for (contents, word) in [
        (response(&[1], "20990101000000Z"), "which is in no --cert"),
        (b"nonsense".to_vec(), "not an OCSP response"),
        (armour("OCSP RESPONSE", b"x").into_bytes(), "not an OCSP response"),
    ] {
        let file = world.scratch.write("staple.der", contents);
        let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"];
        let ocsp = ["--ocsp", file.to_str().unwrap()];
        let said = lem_ssl([&arguments[..], &ocsp, &files.arguments()].concat(), b"").expect(2).stderr;
        assert!(said.contains(word) && said.contains("staple.der"), "{said}");
    }
}

/// Every authority counts for itself, from 1 perhaps.
#[test]
fn an_ocsp_response_goes_to_the_certificate_of_its_own_issuer() {
    let world = World::new();
    let [first, second, foreign] = [(); 3].map(|()| DraftKey::new());
    let identity = |name: &str, issuer: &str, key: &DraftKey| {
        let der = Draft::leaf(&[name], issuer, key).between(-10, 300).sign(&foreign);
        let chain = world.scratch.write(&format!("{name}.pem"), armour("CERTIFICATE", &der));
        let key = world.scratch.write(&format!("{name}.key"), armour("PRIVATE KEY", key.private().secret_der()));
        [chain, key].map(|path| path.to_str().unwrap().to_owned())
    };
    let [one, one_key] = identity("one.example", "One", &first);
    let [two, two_key] = identity("two.example", "Two", &second);
    let revoked = element(0xa1, &element(0x18, b"20240101000000Z"));
    let staple =
        |name: &str, answers: &[Vec<u8>]| world.scratch.write(name, response_of(answers)).to_str().unwrap().to_owned();
    let of = |issuer, status: &[u8]| answer(issuer, &[7], status, LATER);
    let for_one = staple("one.der", &[of("One", GOOD)]);
    // Another certificate of the same authority stands first, and it does not matter what is said of it.
    let for_two = staple("two.der", &[answer("Two", &[8], &revoked, LATER), of("Two", GOOD)]);
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let files = ["--cert", &one, "--key", &one_key, "--cert", &two, "--key", &two_key];
        let ocsp = ["--ocsp", &for_two, "--ocsp", &for_one, "--tls-in", "--connect", &address];
        let tunnel = Tunnel::start(&[&files[..], &ocsp].concat());
        spawn(async move {
            loop {
                drop(back_end.accept_plain().await);
            }
        })
        .detach();
        assert_eq!(stapled(&tunnel, "one.example").await, std::fs::read(&for_one).unwrap());
        assert_eq!(stapled(&tunnel, "two.example").await, std::fs::read(&for_two).unwrap());
    });
    let again = staple("again.der", &[of("One", GOOD)]);
    let both = staple("both.der", &[answer("One", &[8], GOOD, LATER), answer("One", &[9], GOOD, LATER)]);
    let mixed = staple("mixed.der", &[answer("One", &[8], GOOD, LATER), of("One", &revoked)]);
    for (ocsp, words) in [
        (
            &["--ocsp", &for_one, "--ocsp", &again][..],
            "again.der: the OCSP response is for the same certificate as that in",
        ),
        (&["--ocsp", &for_two], "08, 07, none of which is in a --cert; a certificate with this number is there"),
        (&["--ocsp", &both], "for the certificates with the serial numbers 08, 09, none of which is in a --cert"),
        (&["--ocsp", &mixed], "mixed.der: the OCSP response says that the certificate is revoked"),
        (&["--ocsp", "/dev/zero"], "/dev/zero: it is too long for an OCSP response"),
    ] {
        let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"];
        let files = ["--cert", &one, "--key", &one_key];
        let said = lem_ssl([&arguments[..], &files, ocsp].concat(), b"").expect(2).stderr;
        assert!(said.contains(words), "{said}");
    }
}
