//! The arguments.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lem_ssl_rs::{ClientHello, Context, Error, IdentityChoice, Roots};

use super::account::Wish;
use super::authority::Authority;
use super::files::Files;
use super::issued::Issued;
use super::keeper::Keeper;
use super::key::Binding;
use super::names::Names;
use super::shown::{Otherwise, Shown};
use super::store::Store;
use crate::base64;
use crate::bounded;
use crate::config::Setting;
use crate::confinement::Confinement;
use crate::exit::{Exit, Failure};
use crate::http::Url;
use crate::log::Log;

/// How to get certificates.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Certificates by ACME")]
pub(crate) struct AcmeArgs {
    /// Get a certificate for these names from an authority, and renew it: www.example.org,example.org; may be repeated
    #[arg(long, value_name = "NAME[,NAME]", requires = "acme_state")]
    acme: Vec<Names>,
    /// Keep account, certificates and keys in this folder; several processes can use one
    #[arg(long, value_name = "FOLDER", requires = "acme")]
    acme_state: Option<PathBuf>,
    /// Where the authority can write to about the account; may be repeated
    #[arg(long, value_name = "MAIL", requires = "acme")]
    acme_contact: Vec<String>,
    /// The authority's directory; without it, Let's Encrypt's
    #[arg(long, value_name = "URL", requires = "acme")]
    acme_directory: Option<String>,
    /// Trust the certificates in this PEM file, and no others, when asking the authority: for a private one
    #[arg(long, value_name = "FILE", requires = "acme")]
    acme_ca: Option<PathBuf>,
    /// Who we are to an authority that has customers (external account binding)
    #[arg(long, value_name = "ID", requires = "acme_eab_key")]
    acme_eab_kid: Option<String>,
    /// The secret that goes with --acme-eab-kid, in base64; @FILE reads it from a file
    #[arg(long, value_name = "KEY", requires_all = ["acme_eab_kid", "acme"])]
    acme_eab_key: Option<String>,
    /// What is shown now, by all clones.
    #[arg(skip)]
    shown: Arc<Shown>,
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// A file with the key of an account has some hundred bytes.
const MAX_KEY_FILE: usize = 64 * 1024;

/// Resolving, connecting and the handshake with an authority.
const CONNECT_DEADLINE: Duration = Duration::from_secs(20);

impl AcmeArgs {
    /// Whether certificates are asked for.
    pub(crate) fn is_given(&self) -> bool {
        !self.acme.is_empty()
    }

    /// Reads the certificates that are there, each time anew, and makes nothing; says what there is to warn of. Blocks.
    pub(crate) fn load(&self) -> Result<Vec<String>, Failure> {
        if !self.is_given() {
            return Ok(Vec::new());
        }
        // What is only asked of the authority is read once: it may be out of reach later, and nobody reads it again.
        if !self.shown.has_store()
            && let Some((_, problem)) = self.problems().into_iter().next()
        {
            return Err(problem);
        }
        let store = self.store()?;
        let mut warnings = Vec::new();
        for names in &self.acme {
            self.shown.expect(names);
            let file = Files::of(names).certificate();
            match store.read(&file) {
                Ok(None) => {}
                Ok(Some(text)) => match Issued::read(&text) {
                    Ok(issued) => self.shown.set_stored(names, issued),
                    Err(why) => warnings.push(unusable(store, &file, &why)),
                },
                Err(error) => warnings.push(unusable(store, &file, &error.to_string())),
            }
        }
        Ok(warnings)
    }

    /// Chooses what a client is shown.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>, otherwise: Otherwise) -> IdentityChoice {
        self.shown.choose(hello, otherwise)
    }

    /// The folder in which everything is kept.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.acme_state.as_deref().filter(|_| self.is_given())
    }

    /// Whether the folder is within reach once the root folder is another one.
    pub(crate) fn check_place(&self, confinement: &Confinement) -> Result<(), Failure> {
        match self.folder().filter(|base| confinement.inside(base).is_none()) {
            None => Ok(()),
            Some(base) => Err(wrong(format!("{} (--acme-state) is not inside of the --chroot folder", base.display()))),
        }
    }

    /// Who gives certificates, if they are asked for. Reads the files about that, before they are out of reach. The folder is
    /// made for whom the process will be, if something is given up, and is looked for from now on where it will be.
    pub(crate) fn authority(&self, confinement: &Confinement) -> Result<Option<Authority>, Failure> {
        let Some(base) = self.folder() else { return Ok(None) };
        self.check_place(confinement)?;
        confinement.make_folder(base).map_err(|error| unusable_folder(base, error))?;
        let builder = Context::builder().connect_deadline(CONNECT_DEADLINE).handshake_deadline(CONNECT_DEADLINE);
        let context = match &self.acme_ca {
            Some(file) => builder.roots(Roots::PemFile(file.clone())),
            None => builder,
        };
        let authority = Authority {
            context: context.build()?,
            directory: self.url()?,
            wish: Wish { contact: self.contact()?, binding: self.binding()? },
            store: self.store()?.clone(),
        };
        authority.store.move_to(&confinement.seen(base));
        Ok(Some(authority))
    }

    /// Gets certificates and renews them, as long as the machine runs. Call it when clients, and so the authority, can
    /// come in, and when everything is given up that is to be.
    pub(crate) fn keep(&self, authority: Authority, log: &Log) -> Result<Rc<Keeper>, Failure> {
        let store = &authority.store;
        store.make().map_err(|error| unusable_folder(store.folder(), error))?;
        store.check().map_err(|(path, error)| unusable_folder(&path, error))?;
        Ok(Keeper::begin(authority, &self.acme, &self.shown, log))
    }

    /// What can be found wrong without asking anybody, and without making anything: what an option is set to, and why.
    pub(crate) fn problems(&self) -> Vec<(Setting, Failure)> {
        if !self.is_given() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        // graviola panics where it cannot run.
        if !graviola::util::is_cpu_supported() {
            let why = "this CPU lacks instructions that --acme needs for its keys (AES, AVX2, BMI2 and ADX on x86_64)";
            problems.push((Setting::new("acme", ""), wrong(why)));
        }
        let mut note = |option: &'static str, value: &str, failure: Option<Failure>| {
            problems.extend(failure.map(|failure| (Setting::new(option, value), failure)));
        };
        note("acme-directory", self.directory(), self.url().err());
        for (index, names) in self.acme.iter().enumerate() {
            if self.acme[..index].iter().any(|before| before.first() == names.first()) {
                let first = names.first();
                let why = format!("two --acme begin with {first}: name the names of a certificate once");
                note("acme", &names.as_slice().join(","), Some(wrong(why)));
            }
        }
        for mail in &self.acme_contact {
            note("acme-contact", mail, contact_url(mail).err());
        }
        note("acme-eab-key", self.acme_eab_key.as_deref().unwrap_or_default(), self.binding().err());
        if let Some(file) = &self.acme_ca {
            let built = Context::builder().roots(Roots::PemFile(file.clone())).build();
            note("acme-ca", &file.to_string_lossy(), built.err().map(Failure::from));
        }
        if let Some(base) = &self.acme_state {
            let failure = match std::fs::metadata(base) {
                Ok(found) if found.is_dir() => None,
                Ok(_) => Some(unusable_folder(base, io::ErrorKind::NotADirectory.into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(unusable_folder(base, error)),
            };
            note("acme-state", &base.to_string_lossy(), failure);
        }
        problems
    }

    fn directory(&self) -> &str {
        self.acme_directory.as_deref().unwrap_or(LETS_ENCRYPT)
    }

    fn url(&self) -> Result<Url, Failure> {
        Url::parse(self.directory()).map_err(|why| wrong(format!("{why} (--acme-directory)")))
    }

    fn store(&self) -> Result<&Store, Failure> {
        let base = self.acme_state.as_deref().ok_or_else(|| wrong("--acme needs --acme-state FOLDER"))?;
        Ok(self.shown.store(|| Store::of(base, self.directory())))
    }

    fn contact(&self) -> Result<Vec<String>, Failure> {
        self.acme_contact.iter().map(|mail| contact_url(mail)).collect()
    }

    fn binding(&self) -> Result<Option<Binding>, Failure> {
        let (Some(id), Some(key)) = (&self.acme_eab_kid, &self.acme_eab_key) else { return Ok(None) };
        let text = match key.strip_prefix('@') {
            None => key.clone(),
            Some(file) => {
                let failed = |why: &dyn Display| wrong(format!("cannot read {file} (--acme-eab-key): {why}"));
                let text = bounded::read(Path::new(file), MAX_KEY_FILE).map_err(|error| failed(&error))?;
                let text = text.ok_or_else(|| failed(&"it is too long for a key"))?;
                String::from_utf8(text).map_err(|_| failed(&"it is not text in UTF-8"))?
            }
        };
        let secret = base64::decode(text.trim()).filter(|secret| !secret.is_empty());
        let secret = secret.ok_or_else(|| wrong("the key is not base64 (--acme-eab-key)"))?;
        Ok(Some(Binding { id: id.clone(), secret }))
    }
}

fn contact_url(mail: &str) -> Result<String, Failure> {
    match mail.strip_prefix("mailto:").unwrap_or(mail) {
        bare if bare.contains('@') && bare.chars().all(|letter| letter.is_ascii_graphic() && letter != ',') => {
            Ok(format!("mailto:{bare}"))
        }
        _ => Err(wrong(format!("{mail:?} is not a mail address (--acme-contact)"))),
    }
}

fn unusable_folder(folder: &Path, error: io::Error) -> Failure {
    let error = Error::io(format!("use {} (--acme-state)", folder.display()), error);
    Failure::new(Exit::Failed, error.to_string())
}

fn unusable(store: &Store, file: &str, why: &str) -> String {
    format!("warning: {} cannot be used, and a new certificate is asked for: {why}", store.path(file).display())
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
