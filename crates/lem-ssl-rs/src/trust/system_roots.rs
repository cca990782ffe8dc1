//! The operating system's list of roots, or what the environment names in its place.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, ErrorKind, load_native_certs};

use super::anchors::{add_file, anchor};
use crate::error::{ConfigError, ConfigPart};
use crate::pem;

/// What the variables name was named by somebody, and must be there. The system's own list holds odd old certificates; those
/// that cannot be read trust nobody, and are passed over.
///
/// # Errors
/// The outer one: of what the variables name, or that the machine's own list would be shorter than it is. The inner
/// one: the machine has no roots of its own, or none that can be read.
pub(super) fn add(store: &mut RootCertStore, part: ConfigPart) -> Result<Result<(), ConfigError>, ConfigError> {
    match Named::by(env::var_os("SSL_CERT_FILE"), env::var_os("SSL_CERT_DIR")) {
        Some(named) => named.add(store, part).map(Ok),
        None => own(store, part, load_native_certs()),
    }
}

/// What the variables name.
struct Named {
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Named {
    /// `None` if they are not set.
    fn by(file: Option<OsString>, folders: Option<OsString>) -> Option<Self> {
        let folders =
            folders.iter().flat_map(env::split_paths).filter(|folder| !folder.as_os_str().is_empty()).collect();
        let named = Self { file: file.map(PathBuf::from), folders };
        (named.file.is_some() || !named.folders.is_empty()).then_some(named)
    }

    fn add(&self, store: &mut RootCertStore, part: ConfigPart) -> Result<(), ConfigError> {
        let before = store.len();
        match &self.file {
            Some(file) if !file.as_os_str().is_empty() => add_file(store, part, file)?,
            // Taken for unset, it would let the machine's own list count in silence.
            Some(_) if self.folders.is_empty() => {
                let problem = "the variable SSL_CERT_FILE is set and empty: unset it, or let it name a file";
                return Err(ConfigError::new(part, problem));
            }
            _ => {}
        }
        // What links lead to is read once: folders have each file under several names.
        let mut seen = HashSet::new();
        for folder in &self.folders {
            add_folder(store, part, folder, &mut seen)?;
        }
        if store.len() == before {
            let problem = "there is no certificate in the folders that SSL_CERT_DIR names";
            return Err(ConfigError::new(part, problem));
        }
        Ok(())
    }
}

/// Adds the authorities in the files of a folder.
fn add_folder(
    store: &mut RootCertStore,
    part: ConfigPart,
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
) -> Result<(), ConfigError> {
    let failed = |error: io::Error| {
        let problem = format!("cannot read the folder {}, which SSL_CERT_DIR names", folder.display());
        ConfigError::new(part, problem).because(error)
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort_unstable();
    for file in files {
        let is_new =
            fs::canonicalize(&file).and_then(|target| Ok(fs::metadata(&target)?.is_file() && seen.insert(target)));
        match is_new {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) if is_of_the_file(&error) || leads_nowhere(&file) => continue,
            Err(error) => return Err(ConfigError::new(part, format!("cannot read {}", file.display())).because(error)),
        }
        match pem::read_file(part, &file) {
            Ok(text) => add_authorities(store, &pem::certificates_among(&text)),
            Err(error) if error.io_error().is_some_and(is_of_the_file) => {}
            // One that is too large too: what is in it is not known, and may be authorities.
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether nobody but the file's owner can mend it: it is gone, or not for us. Anything else may pass, and a list must not be
/// shorter for that.
fn is_of_the_file(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

/// Whether it is a link to what is not there, in a circle, or through a file.
fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && fs::canonicalize(path).is_err_and(|error| is_of_the_target(&error))
}

/// Whether a link that fails so has no target. Another reason, as of a disk or a server, may pass.
fn is_of_the_target(error: &io::Error) -> bool {
    let kind = error.kind();
    let is_about_the_name =
        matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename);
    // The kind of a circle of links has a name only, until the standard library declares it stable.
    is_about_the_name || format!("{kind:?}") == "FilesystemLoop"
}

/// Takes what was found in the machine's own places.
fn own(
    store: &mut RootCertStore,
    part: ConfigPart,
    found: CertificateResult,
) -> Result<Result<(), ConfigError>, ConfigError> {
    let before = store.len();
    add_authorities(store, &found.certs);
    let has_some = store.len() > before;
    let mut unreadable = None;
    for error in found.errors {
        let unread = match error.kind {
            ErrorKind::Io { inner, path } if has_some && (is_of_the_file(&inner) || leads_nowhere(&path)) => continue,
            ErrorKind::Io { inner, .. } if inner.kind() == io::ErrorKind::NotFound => continue,
            ErrorKind::Io { inner, path } => {
                let problem = format!("cannot read the trusted roots of this machine in {}", path.display());
                ConfigError::new(part, problem).because(inner)
            }
            ErrorKind::Os(error) if !has_some => {
                ConfigError::new(part, format!("cannot read the trusted roots of this machine: {error}"))
            }
            // Some that cannot be read.
            _ => continue,
        };
        unreadable.get_or_insert(unread);
    }
    match (has_some, unreadable) {
        (true, None) => Ok(Ok(())),
        (true, Some(unread)) => Err(unread),
        // Roots that are there and cannot be read are told as such, and are no more than none.
        (false, Some(unread)) => Ok(Err(unread)),
        (false, None) => {
            let problem = "this machine has no trusted roots of its own, or none that can be read: install them (the \
                           package ca-certificates, for example), name a file with SSL_CERT_FILE, or trust another \
                           list";
            Ok(Err(ConfigError::new(part, problem)))
        }
    }
}

fn add_authorities(store: &mut RootCertStore, certificates: &[CertificateDer<'_>]) {
    store.roots.extend(certificates.iter().filter_map(|certificate| anchor(certificate).ok()));
}

#[cfg(test)]
mod tests;
