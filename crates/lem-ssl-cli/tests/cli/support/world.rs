//! Certificates on disk.

use std::path::{Path, PathBuf};

use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::scratch::Scratch;

/// An authority, what it has issued, and a folder for all that.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) scratch: Scratch,
    pub(crate) ca: String,
}

/// A chain and its key, on disk.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = Authority::new("CLI Test Root");
        let scratch = Scratch::new("cli");
        let ca = text(&scratch.write("ca.pem", root.certificate_pem()));
        Self { root, scratch, ca }
    }

    /// Issues what `leaf` says, into files of this name.
    pub(crate) fn issue(&self, name: &str, leaf: Leaf<'_>) -> Files {
        let (chain, key) = self.scratch.write_identity(name, &self.root.issue(leaf));
        Files { chain: text(&chain), key: text(&key) }
    }

    /// A good certificate for `localhost` and `127.0.0.1`.
    pub(crate) fn good(&self) -> Files {
        self.issue("good", Leaf::server(&["localhost", "127.0.0.1"]))
    }

    /// A folder below ours.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn roots(&self) -> lem_ssl_rs::Roots {
        lem_ssl_rs::Roots::Pem(self.root.certificate_pem().into_bytes())
    }
}

impl Files {
    /// `--cert CHAIN --key KEY`.
    pub(crate) fn arguments(&self) -> [&str; 4] {
        ["--cert", &self.chain, "--key", &self.key]
    }

    /// The same for openssl, whose arguments have one hyphen.
    pub(crate) fn arguments_of_openssl(&self) -> [&str; 4] {
        ["-cert", &self.chain, "-key", &self.key]
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
