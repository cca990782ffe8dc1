//! Why webpki cannot read one of our files' blocks, in words.

use webpki::Error;

/// What is wrong with a certificate or a revocation list, after "it cannot be used: ".
pub(crate) fn unreadable(error: &Error) -> &'static str {
    match error {
        Error::BadDer | Error::TrailingData(_) => "it is damaged, or written in a way that the standard does not allow",
        Error::BadDerTime => "a date in it is written in a way that the standard does not allow",
        Error::InvalidSerialNumber => "its serial number is written in a way that the standard does not allow",
        Error::UnsupportedCertVersion => "it is of version 1 or 2 of the format; version 3 is needed",
        Error::UnsupportedCriticalExtension => {
            "it has an extension that is marked as critical and is not understood here"
        }
        Error::ExtensionValueInvalid | Error::MalformedExtensions | Error::MalformedNameConstraint => {
            "an extension in it is not well formed"
        }
        Error::SignatureAlgorithmMismatch => "it names two different algorithms for its signature",
        Error::UnsupportedCrlVersion => "it is of version 1 of the format; version 2 is needed",
        Error::UnsupportedDeltaCrl => {
            "it says only what has changed since another list (a delta list): give the whole list"
        }
        Error::UnsupportedIndirectCrl => {
            "it is about certificates of other issuers (an indirect list), which is not understood here: give each \
             issuer's own list"
        }
        Error::UnsupportedCrlIssuingDistributionPoint => {
            "it is about some certificates of its issuer only, in a way that is not understood here: give the whole list"
        }
        Error::UnsupportedRevocationReason | Error::UnsupportedRevocationReasonsPartitioning => {
            "it tells a reason for a revocation, or is about some reasons only, in a way that is not understood here"
        }
        Error::InvalidCrlNumber => "its number is missing or not well formed",
        _ => "something in it is not understood here",
    }
}
