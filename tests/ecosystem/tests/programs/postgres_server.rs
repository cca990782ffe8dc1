//! A PostgreSQL server of our own, in a scratch directory.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lem_ssl_rs::{Context, Roots};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::scratch::Scratch;

/// Who connects, and with what.
pub(crate) const USER: &str = "tester";
/// Its password.
pub(crate) const PASSWORD: &str = "correct horse";

/// Stops when it is dropped.
pub(crate) struct Postgres {
    scratch: Scratch,
    programs: PathBuf,
    owner: Option<Owner>,
    authority: Authority,
    pub(crate) port: u16,
}

/// PostgreSQL does not run as root: whom it runs as then.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Postgres {
    /// Starts one that takes nothing but TLS and passwords.
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new("postgres");
        let authority = Authority::new("databases");
        let mut postgres = Self { scratch, programs: programs(), owner: owner(), authority, port: free_port() };
        postgres.initialise();
        postgres.pg_ctl("start");
        postgres
    }

    /// What its clients have to trust.
    pub(crate) fn roots(&self) -> String {
        self.authority.certificate_pem()
    }

    /// A file in its scratch directory.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        self.scratch.write(name, content)
    }

    /// A client's context that trusts it.
    pub(crate) fn context(&self) -> Context {
        Context::builder().roots(Roots::Pem(self.roots().into())).build().expect("a client's context")
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn initialise(&mut self) {
        let password = self.scratch.write("password", PASSWORD);
        self.give(self.scratch.path());
        self.give(&password);
        let data = self.data().display().to_string();
        let file = format!("--pwfile={}", password.display());
        let user = format!("--username={USER}");
        self.run("initdb", &["--pgdata", &data, &user, &file, "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]);
        let identity = self.authority.issue(Leaf::server(&["localhost"]));
        let files = [("server.crt", &identity.chain_pem), ("server.key", &identity.key_pem)];
        for (name, content) in files {
            let file = self.data().join(name);
            fs::write(&file, content).expect("the data directory can be written to");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the file is ours");
            self.give(&file);
        }
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nssl = on\nfsync = off\n",
            self.port
        );
        fs::write(self.data().join("postgresql.auto.conf"), settings).expect("the data directory can be written to");
        fs::write(self.data().join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").expect("as before");
    }

    fn give(&self, path: &Path) {
        if let Some(owner) = self.owner {
            chown(path, Some(owner.user), Some(owner.group)).expect("root may give files away");
        }
    }

    fn pg_ctl(&self, what: &str) {
        let (data, log) = (self.data().display().to_string(), self.scratch.path().join("log").display().to_string());
        self.run("pg_ctl", &["--pgdata", &data, "--log", &log, "--wait", "--mode=fast", what]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(self.scratch.path());
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        // What is started in the background would keep a pipe open.
        let report = self.scratch.path().join("report");
        let file = fs::File::create(&report).expect("the scratch directory can be written to");
        command.stdout(file.try_clone().expect("a descriptor is left")).stderr(file);
        let status = command.status().unwrap_or_else(|error| panic!("{program}: {error}"));
        let text = fs::read_to_string(report).unwrap_or_default();
        let log = fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {status}\n{text}\n{log}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pg_ctl("stop");
    }
}

/// Where the newest version's programs are: in the path, or where Debian puts them.
fn programs() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let mut places = std::env::split_paths(&paths).chain(versions.into_iter().rev());
    places.find(|place| place.join("initdb").exists()).expect("PostgreSQL's server is installed")
}

/// Whom to become, if we are root.
fn owner() -> Option<Owner> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("there is id");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    let name = if id(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" };
    Some(Owner { user: id(&["-u", name])?, group: id(&["-g", name])? })
}

/// A port that was free a moment ago: PostgreSQL takes no other kind.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}
