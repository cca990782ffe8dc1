//! How a server shows itself and asks its clients.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use lem_ssl_rs::{Context, ContextBuilder, Identity, RevocationLists, Roots, UnknownName};

use super::ocsp::Staples;
use super::revocation;
use super::{CertificateEnd, Loaded, ProtocolArgs, wrong};
use crate::acme::{AcmeArgs, Otherwise};
use crate::config::Setting;
use crate::confinement::Confinement;
use crate::exit::Failure;
use crate::notify::Notifier;
use crate::platform::Needs;

/// How a server shows itself and asks its clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerArgs {
    /// Our certificate chain, PEM; with its --key it may be repeated: clients get the one for the name they ask for
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Vec<PathBuf>,
    /// The private key of the --cert before it, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Vec<PathBuf>,
    /// Make up a certificate for these names, for tests: localhost,127.0.0.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "cert")]
    pub(crate) self_signed: Vec<String>,
    /// Refuse clients without a certificate that leads to the roots in this PEM file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Vec<PathBuf>,
    /// Refuse clients whose certificate, or whose issuer's, is on a revocation list in this PEM file; may be repeated
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    pub(crate) client_crl: Vec<PathBuf>,
    /// Staple this OCSP response (DER, as `openssl ocsp -respout` writes it) to the --cert that it is for; may be repeated
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) ocsp: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    #[command(flatten)]
    pub(crate) acme: AcmeArgs,
}

impl ServerArgs {
    /// The context that these arguments describe. Reads the files, each time anew. `default_alpn` is spoken if no
    /// --alpn was given.
    pub(crate) fn context(&self, default_alpn: &[&str]) -> Result<Loaded<Context>, Failure> {
        self.builder(default_alpn, UnknownName::First)?.build()
    }

    /// As [`context`](Self::context), for who has more to say; `unknown` is for clients that ask for a name that no
    /// certificate is for.
    pub(crate) fn builder(
        &self,
        default_alpn: &[&str],
        unknown: UnknownName,
    ) -> Result<Loaded<ContextBuilder>, Failure> {
        let mut builder = self.protocol.apply(Context::builder().roots(Roots::None)).unknown_name(unknown);
        if self.protocol.alpn.is_empty() {
            builder = builder.alpn(default_alpn.iter().copied());
        }
        for file in &self.client_ca {
            builder = builder.client_roots(Roots::PemFile(file.clone()));
        }
        for file in &self.client_crl {
            builder = builder.revocation_lists(RevocationLists::PemFile(file.clone()));
        }
        let mut builder = self.add_identities(Loaded::new(builder))?;
        let (warnings, expiries) = revocation::ends(&self.client_crl, SystemTime::now());
        builder.warnings.extend(warnings);
        builder.expiries.extend(expiries);
        self.add_acme(builder, unknown)
    }

    /// Certificates that come by ACME are shown as they come.
    fn add_acme(
        &self,
        mut builder: Loaded<ContextBuilder>,
        unknown: UnknownName,
    ) -> Result<Loaded<ContextBuilder>, Failure> {
        if !self.acme.is_given() {
            return Ok(builder);
        }
        builder.warnings.extend(self.acme.load()?);
        let has_others = !self.cert.is_empty() || !self.self_signed.is_empty();
        let is_first = !has_others && unknown == UnknownName::First;
        let otherwise = if is_first { Otherwise::First } else { Otherwise::Context };
        let acme = self.acme.clone();
        Ok(builder.map(|builder| builder.identity_resolver(move |hello| acme.choose(hello, otherwise))))
    }

    /// Whether any of them says how clients are to be met.
    pub(crate) fn is_given(&self) -> bool {
        let protocol = !self.protocol.alpn.is_empty() || self.protocol.tls.is_some() || self.protocol.key_log;
        self.files().next().is_some() || !self.self_signed.is_empty() || self.acme.is_given() || protocol
    }

    /// What is wrong with the files and with what is asked of an authority, one by one: what an option is set to, and
    /// why.
    pub(crate) fn problems(&self) -> Vec<(Setting, Failure)> {
        let mut problems = self.acme.problems();
        let mut note = |option: &'static str, file: &Path, failure: Option<Failure>| {
            problems.extend(failure.map(|failure| (Setting::file(option, file), failure)));
        };
        let builder = || Context::builder().roots(Roots::None);
        for (cert, key) in self.cert.iter().zip(&self.key) {
            let loaded = Loaded::new(builder()).server_identity(cert, key, |identity| identity);
            note("cert", cert, loaded.and_then(Loaded::build).err());
        }
        let trusted = |files: &[PathBuf]| {
            files.iter().fold(builder(), |builder, file| builder.client_roots(Roots::PemFile(file.clone())))
        };
        let mut of_roots = Vec::new();
        for file in &self.client_ca {
            let failure = trusted(std::slice::from_ref(file)).build().err().map(Failure::from);
            of_roots.extend(failure.as_ref().map(ToString::to_string));
            note("client-ca", file, failure);
        }
        for file in &self.client_crl {
            let list = RevocationLists::PemFile(file.clone());
            let failure = trusted(&self.client_ca).revocation_lists(list).build().err().map(Failure::from);
            // What is wrong with the roots was said of them, unless both are one file.
            let is_new = |failure: &Failure| self.client_ca.contains(file) || !of_roots.contains(&failure.to_string());
            note("client-crl", file, failure.filter(is_new));
        }
        for file in &self.ocsp {
            note("ocsp", file, Staples::read(std::slice::from_ref(file), SystemTime::now()).err());
        }
        problems
    }

    /// The files that a reload reads again.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.cert.iter().chain(&self.key).chain(&self.client_ca).chain(&self.client_crl).chain(&self.ocsp)
    }

    /// What a server needs that reads these files again, by the paths that they have in the end.
    pub(crate) fn needs<'a>(&self, files: impl Iterator<Item = &'a PathBuf>, confinement: &Confinement) -> Needs {
        let has_acme = self.acme.is_given();
        Needs {
            files: files.cloned().collect(),
            kept: self.acme.folder().map(|folder| confinement.seen(folder)).into_iter().collect(),
            written: key_log_file().filter(|_| self.protocol.key_log).into_iter().collect(),
            // An authority says itself where it is asked.
            names: has_acme,
            connected: (!has_acme).then(Vec::new),
            abstract_sockets: Notifier::is_abstract(),
            ..Needs::default()
        }
    }

    /// The same, to be looked for elsewhere.
    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { cert, key, client_ca, client_crl, ocsp, .. } = self;
        cert.iter_mut().chain(key).chain(client_ca).chain(client_crl).chain(ocsp)
    }

    fn add_identities(&self, builder: Loaded<ContextBuilder>) -> Result<Loaded<ContextBuilder>, Failure> {
        if !self.self_signed.is_empty() {
            let made_up = Identity::self_signed(self.self_signed.iter().map(String::as_str));
            let made_up = made_up.map_err(|error| wrong(format!("{error} (--self-signed)")))?;
            let mut builder = builder;
            builder.certificates.extend(CertificateEnd::of(&made_up));
            return Ok(builder.map(|builder| builder.identity(made_up)));
        }
        if self.cert.len() != self.key.len() {
            return Err(wrong("every --cert needs its --key"));
        }
        if self.cert.is_empty() && !self.acme.is_given() {
            return Err(wrong("a server needs --cert FILE --key FILE, --acme NAMES, or --self-signed NAMES"));
        }
        let mut staples = Staples::read(&self.ocsp, SystemTime::now())?;
        let mut add = |builder: Loaded<ContextBuilder>, (cert, key): (&PathBuf, &PathBuf)| {
            builder.server_identity(cert, key, |identity| staples.put_on(identity))
        };
        let mut builder = self.cert.iter().zip(&self.key).try_fold(builder, &mut add)?;
        let (warnings, expiries) = staples.finish()?;
        builder.warnings.extend(warnings);
        builder.expiries.extend(expiries);
        Ok(builder)
    }
}

/// Where `--key-log` writes.
fn key_log_file() -> Option<PathBuf> {
    std::env::var_os("SSLKEYLOGFILE").map(PathBuf::from)
}
