//! What TLS has numbers for, by the names of its registry (IANA, "Transport Layer Security Parameters").
//!
//! These types are ours: what a stream tells of a connection does not change when rustls does.

mod alert;
mod cipher_suite;
mod named_group;
mod signature_scheme;

pub use alert::AlertDescription;
pub use cipher_suite::CipherSuite;
pub use named_group::NamedGroup;
pub use signature_scheme::SignatureScheme;

#[cfg(test)]
mod tests {
    use super::*;

    /// As rustls' names and ours are compared: its own marks and spellings aside.
    fn plain(name: &str) -> String {
        name.to_lowercase().replace("tls13_", "tls_").replace("nised", "nized").replace('_', "")
    }

    #[test]
    fn every_number_leads_back_to_itself() {
        for number in 0..=u16::MAX {
            assert_eq!(CipherSuite::from_number(number).number(), number);
            assert_eq!(NamedGroup::from_number(number).number(), number);
            assert_eq!(SignatureScheme::from_number(number).number(), number);
        }
        for number in 0..=u8::MAX {
            assert_eq!(AlertDescription::from_number(number).number(), number);
        }
    }

    #[test]
    fn alerts_suites_and_groups_have_the_names_that_rustls_knows_them_by() {
        for number in 0..=u8::MAX {
            let theirs = plain(&format!("{:?}", rustls::AlertDescription::from(number)));
            let ours = AlertDescription::from_number(number).name().map(plain);
            let is_unknown = theirs.contains("(0x") || number == 121;
            assert!(ours.as_ref() == Some(&theirs).filter(|_| !is_unknown) || number == 121, "{ours:?}, {theirs}");
        }
        for number in 0..=u16::MAX {
            if let Some(name) = CipherSuite::from_number(number).name() {
                assert_eq!(plain(name), plain(&format!("{:?}", rustls::CipherSuite::from(number))));
            }
            let theirs = plain(&format!("{:?}", rustls::NamedGroup::from(number)));
            match NamedGroup::from_number(number).name() {
                Some(name) => assert!(plain(name) == theirs || number == 0x11ed, "{name}, {theirs}"),
                None => assert!(theirs.contains("(0x"), "{theirs}"),
            }
        }
    }

    #[cfg(feature = "graviola")]
    #[test]
    fn what_the_default_cryptography_agrees_on_has_names() {
        let provider = rustls_graviola::default_provider();
        for suite in &provider.cipher_suites {
            assert!(CipherSuite::from_number(suite.suite().into()).name().is_some(), "{suite:?}");
        }
        for group in provider.kx_groups.iter().map(|group| group.name()) {
            assert!(NamedGroup::from_number(group.into()).name().is_some(), "{group:?}");
        }
        for scheme in provider.signature_verification_algorithms.supported_schemes() {
            assert!(SignatureScheme::from_number(scheme.into()).name().is_some(), "{scheme:?}");
        }
    }
}
