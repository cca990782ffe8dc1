//! What webpki finds wrong with a certificate or a revocation list, of a peer's or of ours.

use std::borrow::Cow;

use webpki::Error;

use super::no_words;

/// What is wrong with "it".
pub(crate) fn webpki(error: &Error) -> Cow<'static, str> {
    let words = match error {
        Error::BadDer | Error::TrailingData(_) => "it is damaged, or written in a way that the standard does not allow",
        Error::BadDerTime => "a date in it is written in a way that the standard does not allow",
        Error::CaUsedAsEndEntity => "it is an authority's, which cannot be a peer's own",
        Error::EndEntityUsedAsCa => "a certificate that is no authority's vouches for another",
        Error::EmptyEkuExtension => "it says that it is for no purpose at all (extended key usage)",
        Error::ExtensionValueInvalid
        | Error::MalformedExtensions
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint => "an extension in it is not well formed",
        Error::InvalidSerialNumber => "its serial number is written in a way that the standard does not allow",
        Error::InvalidCrlNumber => "its number is missing or not well formed",
        Error::MalformedDnsIdentifier => "one of its names is not valid",
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => "its chain offers too many ways to look at all of them",
        Error::MaximumPathDepthExceeded => "its chain is too long",
        Error::NameConstraintViolation => "an authority above it may not vouch for one of its names",
        Error::PathLenConstraintViolated => "more authorities stand in its chain than one of them allows",
        Error::SignatureAlgorithmMismatch => "it names two different algorithms for its signature",
        Error::UnknownIssuer => "no trusted root vouches for it",
        Error::UnsupportedCertVersion => "it is of version 1 or 2 of the format; version 3 is needed",
        Error::UnsupportedCriticalExtension => {
            "it has an extension that is marked as critical and is not understood here"
        }
        Error::UnsupportedNameType => "the name is of a kind that no certificate can be checked for",
        Error::UnsupportedCrlVersion => "it is of version 1 of the format; version 2 is needed",
        Error::UnsupportedDeltaCrl => {
            "it says only what has changed since another list (a delta list): give the whole list"
        }
        Error::UnsupportedIndirectCrl => {
            "it is about certificates of other issuers (an indirect list), which is not understood here: give each \
             issuer's own list"
        }
        Error::UnsupportedRevocationReason | Error::UnsupportedRevocationReasonsPartitioning => {
            "it tells a reason for a revocation, or is about some reasons only, in a way that is not understood here"
        }
        Error::UnsupportedCrlIssuingDistributionPoint => {
            "it is about some certificates of its issuer only, in a way that is not understood here: give the whole list"
        }
        Error::InvalidSignatureForPublicKey | Error::InvalidCrlSignatureForPublicKey => "its signature does not verify",
        Error::IssuerNotCrlSigner => "its issuer is not allowed to sign revocation lists (key usage)",
        other => return no_words(other),
    };
    words.into()
}
