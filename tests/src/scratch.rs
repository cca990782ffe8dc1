//! Directories that clean up after themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::pki::Issued;

/// A new, empty directory that is removed with everything in it when the value is dropped.
///
/// Peers that are programs want their keys as files; this is where those live.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a directory below the system's temporary one; `purpose` becomes part of its name.
    ///
    /// # Panics
    ///
    /// When the directory cannot be made.
    pub fn new(purpose: &str) -> Self {
        /// Tests of one program run side by side.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lem-ssl-{purpose}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        // An earlier process of the same number may have died before it could clean up.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary directory can be written to");
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and says where it is.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, content).expect("the scratch directory can be written to");
        path
    }

    /// Writes `NAME.chain.pem` and `NAME.key.pem`, and says where they are.
    pub fn write_identity(&self, name: &str, identity: &Issued) -> (PathBuf, PathBuf) {
        (
            self.write(&format!("{name}.chain.pem"), &identity.chain_pem),
            self.write(&format!("{name}.key.pem"), &identity.key_pem),
        )
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file that stays behind in the temporary directory is no reason to fail a test.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_is_gone_after_its_value() {
        let scratch = Scratch::new("scratch");
        let file = scratch.write("file", "content");
        assert_eq!(fs::read_to_string(&file).unwrap(), "content");
        let path = scratch.path().to_owned();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn two_scratch_directories_are_apart() {
        assert_ne!(Scratch::new("same").path(), Scratch::new("same").path());
    }
}
