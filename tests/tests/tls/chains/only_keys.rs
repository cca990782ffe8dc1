//! Certificates that nobody could check, where only their key counts: any certificate is accepted, its key is pinned, or it is
//! known since its first use.

use lem_ssl_rs::{
    ChannelBinding, Context, ContextBuilder, Error, ExportKeyingMaterial, KnownHosts, SpkiHash, Trust, Version, danger,
};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, element};
use lem_ssl_tests::scratch::Scratch;
use rustls::pki_types::CertificateDer;

use super::kit::{Kit, accepted};
use super::{met, shown_to};
use crate::support::{provider, run, says};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

const SEQUENCE: u8 = 0x30;

/// Where the public key stands among the fields of a certificate of version 3, behind the version.
const KEY: usize = 6;

fn builder() -> ContextBuilder {
    danger::provider(Context::builder(), provider())
}

fn any() -> Context {
    danger::accept_any_certificate(builder(), "a test").unwrap().build().unwrap()
}

/// Those to whom only the key of `leaf` counts.
fn contexts(leaf: &CertificateDer<'_>, scratch: &Scratch, what: &str) -> [Context; 3] {
    let pins = Trust::Pins(vec![SpkiHash::of(leaf).unwrap()]);
    let hosts = Trust::FirstUse(KnownHosts::in_file(scratch.path().join(what)));
    [any(), builder().trust(pins).build().unwrap(), builder().trust(hosts).build().unwrap()]
}

/// The elements of a certificate that is taken apart: the fields of what is signed, and what follows that.
struct Parts {
    fields: Vec<Vec<u8>>,
    rest: Vec<Vec<u8>>,
}

impl Parts {
    fn of(certificate: &[u8]) -> Self {
        let mut rest = elements(contents(certificate));
        let fields = elements(contents(&rest.remove(0)));
        Self { fields, rest }
    }

    fn whole(&self) -> CertificateDer<'static> {
        self.around(&self.fields.concat())
    }

    /// With these bytes for what is signed.
    fn around(&self, fields: &[u8]) -> CertificateDer<'static> {
        element(SEQUENCE, &[element(SEQUENCE, fields), self.rest.concat()].concat()).into()
    }

    /// All that may be anything: neither the public key, nor the version, which says how many fields there are.
    fn arbitrary(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        let fields = self.fields.iter_mut().enumerate().filter(|(at, _)| *at != KEY && *at != 0);
        fields.map(|(_, field)| field).chain(&mut self.rest)
    }
}

/// How many bytes of an element are its tag and its length, and how many it has in all.
fn extent(bytes: &[u8]) -> (usize, usize) {
    let (head, length) = match usize::from(bytes[1]) {
        short @ 0..=0x7f => (2, short),
        0x81 => (3, usize::from(bytes[2])),
        _ => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
    };
    (head, head + length)
}

fn contents(element: &[u8]) -> &[u8] {
    &element[extent(element).0..]
}

fn elements(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (one, rest) = bytes.split_at(extent(bytes).1);
        elements.push(one.to_vec());
        bytes = rest;
    }
    elements
}

/// Elements that mean nothing, of several tags and lengths.
fn garbage() -> impl Iterator<Item = Vec<u8>> {
    const CONTENTS: [&[u8]; 5] = [b"", b"\0", b"\xff\xff\xff", b"\x30\x84\xff\xff\xff\xff", &[0x17; 300]];
    [0x02, 0x04, 0x05, 0x13, 0x17, SEQUENCE, 0x31, 0xa3]
        .into_iter()
        .flat_map(|tag| CONTENTS.map(|contents| element(tag, contents)))
}

/// A certificate of whose fields nothing but the key makes sense.
fn senseless(kit: &Kit) -> CertificateDer<'static> {
    let mut parts = Parts::of(&kit.leaf().sign(&kit.root));
    parts.arbitrary().for_each(|field| *field = element(0x04, b"no sense"));
    parts.whole()
}

#[test]
fn a_certificate_that_nobody_could_check_is_accepted_where_only_its_key_counts() {
    run(async {
        const UNKNOWN: &[u8] = &[0x2b, 6, 1, 4, 1, 1, 1];
        let scratch = Scratch::new("only-keys");
        for what in ["of version 1", "with a critical extension that is not known", "without dates", "senseless"] {
            let kit = Kit::new();
            let leaf = match what {
                "of version 1" => Draft { version: 1, extensions: Vec::new(), ..kit.leaf() }.sign(&kit.root),
                "without dates" => Draft { not_before: (0x17, "soon".to_owned()), ..kit.leaf() }.sign(&kit.root),
                "senseless" => senseless(&kit),
                _ => kit.leaf().with(UNKNOWN, true, &[5, 0]).sign(&kit.root),
            };
            let contexts = contexts(&leaf, &scratch, what);
            let mut case = kit.case(what, vec![leaf], accepted(&[0]));
            for context in contexts {
                for version in VERSIONS {
                    let (result, told) = shown_to(context.clone(), &case, version).await;
                    result.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(told, None);
                }
            }
            // Somebody who has seen the certificate has not its key.
            case.key = DraftKey::new();
            for version in VERSIONS {
                says(&shown_to(any(), &case, version).await.0.unwrap_err(), &["does not go with the key"]);
            }
        }
    });
}

#[test]
fn the_key_of_a_certificate_is_found_whatever_stands_in_its_other_fields() {
    let kit = Kit::new();
    let whole = kit.leaf().sign(&kit.root);
    let key = SpkiHash::of(&whole).unwrap();
    let count = Parts::of(&whole).arbitrary().count();
    assert_eq!(count, 8, "serial number, algorithm, issuer, dates, subject, extensions; algorithm and signature");
    for garbage in garbage() {
        for at in 0..count {
            let mut parts = Parts::of(&whole);
            *parts.arbitrary().nth(at).unwrap() = garbage.clone();
            assert_eq!(SpkiHash::of(&parts.whole()).unwrap(), key, "{at}: {garbage:02x?}");
        }
        let mut parts = Parts::of(&whole);
        parts.arbitrary().for_each(|field| *field = garbage.clone());
        assert_eq!(SpkiHash::of(&parts.whole()).unwrap(), key, "{garbage:02x?}");
    }
}

#[test]
fn a_certificate_that_is_cut_off_has_no_key() {
    let kit = Kit::new();
    for whole in [kit.leaf().sign(&kit.root), senseless(&kit)] {
        let key = SpkiHash::of(&whole).unwrap();
        for end in 0..whole.len() {
            SpkiHash::of(&whole[..end]).unwrap_err();
        }
        // Cut off inside of what is signed, with lengths around it that are right.
        let parts = Parts::of(&whole);
        let fields = parts.fields.concat();
        let mut ends = parts.fields.iter().scan(0, |end, field| {
            *end += field.len();
            Some(*end)
        });
        let with_key: Vec<usize> = ends.by_ref().skip(KEY).collect();
        for end in 0..fields.len() {
            let found = SpkiHash::of(&parts.around(&fields[..end])).ok();
            assert_eq!(found, with_key.contains(&end).then_some(key), "{end}");
        }
        // Nor has one that is not signed.
        let unsigned = Parts { rest: parts.rest[..1].to_vec(), ..parts };
        SpkiHash::of(&unsigned.whole()).unwrap_err();
    }
}

#[test]
fn a_channel_is_bound_to_a_certificate_whose_dates_are_none() {
    run(async {
        let kit = Kit::new();
        let leaf = Draft { not_after: (0x17, "never".to_owned()), ..kit.leaf() };
        let case = kit.alone("without dates", leaf, accepted(&[0]));
        let (bound, _) =
            met(any(), &case, Version::Tls13, |stream| stream.channel_binding(ChannelBinding::TlsServerEndPoint)).await;
        let bound: Result<Vec<u8>, Error> = bound.unwrap();
        assert_eq!(bound.unwrap().len(), 32);
    });
}
