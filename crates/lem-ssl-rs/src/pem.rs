//! PEM files (RFC 7468), and what people get wrong with them.
//!
//! The one reader for everything that comes as PEM. Every block is accounted for: it is taken, it is one of the few that
//! may stand beside what is wanted, or the whole text is refused with the line, the label and what would help. A text that
//! is not understood never works partly: the part that is missing may be the one that keeps somebody out.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;

#[cfg(feature = "system-roots")]
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::der;
use crate::error::{ConfigError, ConfigPart};
use crate::text::looks_like_utf16;

mod around;
mod kind;
mod scan;

use kind::{Kind, advice_of_content, key_of};
use scan::{Block, Headers};

/// Where a text comes from, for messages.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    File(&'a Path),
    /// What the caller gave: `the PEM text`.
    Given(&'static str),
}

impl Origin<'_> {
    /// The file's name for a command line that is told.
    fn argument(&self) -> Cow<'_, str> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b',');
        match self {
            Self::File(path) => match path.to_str() {
                Some(path) if !path.starts_with('-') && path.bytes().all(is_plain) => path.into(),
                _ => "FILE".into(),
            },
            Self::Given(_) => "FILE".into(),
        }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Given(what) => f.write_str(what),
        }
    }
}

/// Something that was found, and the line where its block begins.
pub(crate) struct Found<T> {
    pub(crate) item: T,
    pub(crate) line: usize,
}

/// What a text is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Trusted certificates, and nothing else.
    Roots,
    /// Our own certificates. Keys may be there, as other servers want them in one file.
    Chain,
    /// Our own key. Certificates may be there.
    Key,
    /// Revocation lists, and nothing else.
    Lists,
}

/// Reads a file that should hold certificates or a key, as PEM.
pub(crate) fn read_file(part: ConfigPart, path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_up_to(MAX_CERTIFICATES, "certificates and keys", part, path)
}

/// Reads a file that should hold revocation lists, as PEM.
pub(crate) fn read_lists_file(path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_up_to(MAX_LISTS, "revocation lists", ConfigPart::ClientAuth, path)
}

fn read_up_to(max: u64, of_what: &str, part: ConfigPart, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let failed = |error| ConfigError::new(part, format!("cannot read {}", path.display())).because(error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let problem = format!("cannot read {}: it is a directory, not a PEM file", path.display());
        return Err(ConfigError::new(part, problem));
    }
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    let length = file.take(max + 1).read_to_end(&mut text).map_err(failed)?;
    if length as u64 > max {
        let problem = format!("{} is larger than {max} bytes, the limit for files with {of_what}", path.display());
        return Err(ConfigError::new(part, problem));
    }
    Ok(text)
}

/// No file of certificates is larger; reading stops here, whatever a path leads to.
const MAX_CERTIFICATES: u64 = 16 * 1024 * 1024;

/// An entry of a revocation list takes about 50 bytes as PEM, and there are lists with millions of them.
const MAX_LISTS: u64 = 256 * 1024 * 1024;

/// The trusted certificates in a text: at least one, and nothing else.
pub(crate) fn roots(
    part: ConfigPart,
    from: Origin<'_>,
    text: &[u8],
) -> Result<Vec<Found<CertificateDer<'static>>>, ConfigError> {
    certificates(&Reader { part, from, role: Role::Roots }, text)
}

/// The certificates in a text that somebody else has put beside others, perhaps without any: everything else in it is passed
/// over.
#[cfg(feature = "system-roots")]
pub(crate) fn certificates_among(text: &[u8]) -> Vec<CertificateDer<'static>> {
    match scan::blocks(text) {
        Ok(blocks) => {
            let certificates = blocks.iter().filter(|block| matches!(Kind::of(&block.label), Kind::Certificate));
            certificates.filter_map(|block| block.der().ok().map(CertificateDer::from)).collect()
        }
        // Of a damaged text, what another reader finds in it.
        Err(_) => CertificateDer::pem_slice_iter(text).flatten().collect(),
    }
}

/// Our own certificates in a text: at least one.
pub(crate) fn chain(from: Origin<'_>, text: &[u8]) -> Result<Vec<Found<CertificateDer<'static>>>, ConfigError> {
    certificates(&Reader { part: ConfigPart::Identity, from, role: Role::Chain }, text)
}

fn certificates(reader: &Reader<'_>, text: &[u8]) -> Result<Vec<Found<CertificateDer<'static>>>, ConfigError> {
    let certificates = |(kind, line, der)| match kind {
        Kind::Certificate => Some(Found { item: CertificateDer::from(der), line }),
        _ => None,
    };
    let items = reader.read(text)?;
    let (has_blocks, has_key) = (!items.is_empty(), items.iter().any(|(kind, ..)| kind.is_key()));
    let found: Vec<_> = items.into_iter().filter_map(certificates).collect();
    match found.is_empty() {
        false => Ok(found),
        true if has_key => Err(reader.nothing(": there is a private key in it; are the two files exchanged?")),
        true if has_blocks => Err(reader.nothing(ONLY_PARAMETERS)),
        true => Err(reader.nothing(hint(text))),
    }
}

/// The private key in a text: exactly one.
pub(crate) fn private_key(from: Origin<'_>, text: &[u8]) -> Result<Found<PrivateKeyDer<'static>>, ConfigError> {
    let reader = Reader { part: ConfigPart::Identity, from, role: Role::Key };
    let items = reader.read(text)?;
    let has_certificate = items.iter().any(|(kind, ..)| matches!(kind, Kind::Certificate));
    let has_blocks = !items.is_empty();
    let mut keys = items.into_iter().filter(|(kind, ..)| kind.is_key());
    let Some((kind, line, der)) = keys.next() else {
        return Err(match has_certificate {
            true => reader.nothing(": there is a certificate in it; are the two files exchanged?"),
            false if has_blocks => reader.nothing(ONLY_PARAMETERS),
            false => reader.nothing(hint(text)),
        });
    };
    if let Some((_, second, _)) = keys.next() {
        let problem = format!("there are two private keys in {from}, in lines {line} and {second}: remove one");
        return Err(reader.error(problem));
    }
    let key = if matches!(kind, Kind::Key) { key_of(der) } else { None };
    match key {
        Some(item) => Ok(Found { item, line }),
        None => Err(reader.error(format!(
            "the private key in {from}, line {line}, is encrypted: decrypt it first, with \"openssl pkey -in {} -out \
             NEW.pem\"",
            from.argument()
        ))),
    }
}

/// The revocation lists in a text: at least one, and nothing else.
pub(crate) fn revocation_lists(
    from: Origin<'_>,
    text: &[u8],
) -> Result<Vec<Found<CertificateRevocationListDer<'static>>>, ConfigError> {
    let reader = Reader { part: ConfigPart::ClientAuth, from, role: Role::Lists };
    let items = reader.read(text)?;
    if items.is_empty() {
        return Err(reader.nothing(hint(text)));
    }
    let list = |(_, line, der): (Kind, usize, Vec<u8>)| Found { item: CertificateRevocationListDer::from(der), line };
    Ok(items.into_iter().map(list).collect())
}

/// What is read, from where, and what for.
struct Reader<'a> {
    part: ConfigPart,
    from: Origin<'a>,
    role: Role,
}

impl Reader<'_> {
    /// Every block of the text, which all may stand here.
    fn read(&self, text: &[u8]) -> Result<Vec<(Kind, usize, Vec<u8>)>, ConfigError> {
        self.check_is_text(text)?;
        let blocks = scan::blocks(text).map_err(|damage| self.damaged(damage.line, &damage.what))?;
        let is_wanted = |block: &Block| self.role.wants(&Kind::of(&block.label));
        let finds_some = blocks.iter().any(is_wanted);
        let mut wanted = 0;
        let mut items = Vec::with_capacity(blocks.len());
        for block in &blocks {
            wanted += usize::from(is_wanted(block));
            let like_it = || blocks.iter().filter(|other| other.label == block.label).count();
            items.push(self.read_block(block, wanted, finds_some, like_it)?);
        }
        Ok(items)
    }

    /// `number` counts the blocks that are wanted; `finds_some` says whether there are any in the whole text, and
    /// `count_like_it` how many have the same label.
    fn read_block(
        &self,
        block: &Block,
        number: usize,
        finds_some: bool,
        count_like_it: impl Fn() -> usize,
    ) -> Result<(Kind, usize, Vec<u8>), ConfigError> {
        let Block { line, label, headers, .. } = block;
        let kind = match (Kind::of(label), headers) {
            (Kind::Key, Headers::Encrypted) => Kind::EncryptedKey,
            (kind, _) => kind,
        };
        if !self.role.allows(&kind) {
            let advice = kind.advice(self.role).replace("COUNT", &count_like_it().to_string());
            let advice = advice.replace("FILE", &self.from.argument());
            let from = self.from;
            return Err(self.error(match finds_some {
                true => format!("{from}, line {line}: the block \"{label}\" is not {}{advice}", self.role.wanted()),
                false => format!("{}: the block \"{label}\" in line {line} is none{advice}", self.none()),
            }));
        }
        if matches!(kind, Kind::EncryptedKey) {
            // Nothing can be said of what is inside.
            return Ok((kind, *line, Vec::new()));
        }
        let der = block.der().map_err(|problem| self.damaged(*line, &format!("the block \"{label}\" {problem}")))?;
        if !kind.is_as_labelled(&der) {
            let problem = match der::only(&der, der::SEQUENCE) {
                None => "holds bytes that are no element of DER, or more or less than one; is it cut off?".to_owned(),
                Some(_) => {
                    let advice = advice_of_content(&der).replace("FILE", &self.from.argument());
                    format!("holds something other than its label says{advice}")
                }
            };
            let problem = format!("line {line}: the block \"{label}\" {problem}");
            return Err(self.error(match self.role.wants(&kind) {
                true => format!("{} number {number} in {} cannot be read: {problem}", self.role.item(), self.from),
                false => format!("{}, {problem}", self.from),
            }));
        }
        Ok((kind, *line, der))
    }

    /// Without the bytes themselves: they may be a key's.
    fn damaged(&self, line: usize, problem: &str) -> ConfigError {
        self.error(format!("{} is not valid PEM: line {line}: {problem}", self.from))
    }

    fn none(&self) -> String {
        format!("there is no {} in {}", self.role.item(), self.from)
    }

    fn nothing(&self, hint: &str) -> ConfigError {
        self.error(format!("{}{}", self.none(), hint.replace("FILE", &self.from.argument())))
    }

    fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.part, problem)
    }

    /// What is not text at all has no lines to speak of.
    fn check_is_text(&self, text: &[u8]) -> Result<(), ConfigError> {
        if is_der(text) || is_java_keystore(text) {
            return Err(self.nothing(hint(text)));
        }
        if !text.contains(&0) {
            return Ok(());
        }
        let line = text.split(|byte| *byte == 0).next().unwrap_or_default().split(|byte| *byte == b'\n').count();
        let problem = if looks_like_utf16(text) {
            format!(
                "{}, line {line}: this is UTF-16, as Windows PowerShell writes it: convert it, with \"iconv -f UTF-16 \
                 -t UTF-8 {}\"",
                self.from,
                self.from.argument()
            )
        } else {
            format!("{}, line {line}: there are zero bytes here: it is no text, or in UTF-16 in parts", self.from)
        };
        Err(self.error(problem))
    }
}

impl Role {
    fn allows(self, kind: &Kind) -> bool {
        match self {
            Self::Roots => matches!(kind, Kind::Certificate),
            Self::Lists => matches!(kind, Kind::List),
            Self::Chain | Self::Key => {
                matches!(kind, Kind::Certificate | Kind::Key | Kind::EncryptedKey | Kind::Parameters)
            }
        }
    }

    /// Whether a block of this kind is what is looked for.
    fn wants(self, kind: &Kind) -> bool {
        match self {
            Self::Roots | Self::Chain => matches!(kind, Kind::Certificate),
            Self::Key => kind.is_key(),
            Self::Lists => matches!(kind, Kind::List),
        }
    }

    fn item(self) -> &'static str {
        match self {
            Self::Roots | Self::Chain => "certificate",
            Self::Key => "private key",
            Self::Lists => "revocation list",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Roots => "a trusted certificate",
            Self::Chain => "a certificate of ours",
            Self::Key => "a private key",
            Self::Lists => "a revocation list",
        }
    }
}

const ONLY_PARAMETERS: &str = ": there are only parameters in it, as those of a curve; what they are for is missing";

/// Why there may be nothing in a text.
fn hint(text: &[u8]) -> &'static str {
    let start: Vec<u8> = text.iter().take(1024).map(u8::to_ascii_lowercase).collect();
    let contains = |words: &[u8]| start.windows(words.len()).any(|window| window == words);
    if text.iter().all(u8::is_ascii_whitespace) {
        ": it is empty"
    } else if is_java_keystore(text) {
        ": it is a keystore of Java (JKS). \"keytool -exportcert -rfc -keystore FILE -alias NAME\" takes a certificate out of \
         it; for a key, \"keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 -deststoretype PKCS12\" and then \
         \"openssl pkcs12 -in NEW.p12 -noenc -out NEW.pem\""
    } else if is_der(text) {
        ": it looks like DER or BER, which has to be converted to PEM, with \"openssl x509\", \"pkey\" or \"crl\" and \
         \"-inform DER\", \"openssl pkcs7 -inform DER -print_certs\", or \"openssl pkcs12\""
    } else if contains(b"<html") || contains(b"<!doctype") {
        ": it is a web page (HTML); what did the download say?"
    } else if contains(b"ssh-") || contains(b"ecdsa-sha2-") {
        ": it looks like a key of SSH, which is another format"
    } else {
        ": it has no \"-----BEGIN\" line"
    }
}

/// Whether bytes begin as the keystores of Java do that are no PKCS #12: JKS, and JCEKS.
fn is_java_keystore(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4])
}

/// Whether bytes begin like an element of DER: a sequence whose length takes bytes of its own, or fits. In BER it may have
/// none, as the keystores of some programs.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [der::SEQUENCE, 0x80..=0x84, ..] => true,
        [der::SEQUENCE, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}
