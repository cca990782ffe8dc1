//! PostgreSQL's server and psql, with a database of the test's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::World;
use super::service::free_port;

/// The only user, and its password.
pub(crate) const USER: &str = "tester";
pub(crate) const PASSWORD: &str = "correct horse";

/// Stops when it is dropped.
pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    pub(crate) port: u16,
}

impl Postgres {
    /// Starts one with TLS on, which takes connections without it too.
    pub(crate) fn start(world: &World) -> Self {
        let port = free_port();
        let postgres = Self { folder: world.folder("postgres"), programs: programs(), owner: owner(), port };
        postgres.give(world.scratch.path());
        postgres.give(&postgres.folder);
        let data = postgres.folder.join("data");
        let (folder, password) = (data.display().to_string(), postgres.folder.join("password"));
        fs::write(&password, PASSWORD).unwrap();
        postgres.give(&password);
        let (user, file) = (format!("--username={USER}"), format!("--pwfile={}", password.display()));
        postgres.run("initdb", &["--pgdata", &folder, &user, &file, "--auth=scram-sha-256", "--no-sync"]);
        let files = world.good();
        for (name, from) in [("server.crt", &files.chain), ("server.key", &files.key)] {
            fs::copy(from, data.join(name)).unwrap();
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            postgres.give(&data.join(name));
        }
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nssl = on\nfsync = off\n"
        );
        fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        postgres.pg_ctl("start");
        postgres
    }

    /// A program of PostgreSQL's.
    pub(crate) fn program(&self, name: &str) -> Command {
        // A client's programs may be in the path alone.
        let own = self.programs.join(name);
        let mut command = Command::new(if own.exists() { own } else { name.into() });
        command.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "30").stdin(Stdio::null());
        command
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn pg_ctl(&self, what: &str) {
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        let (data, log) = (data.display().to_string(), log.display().to_string());
        self.run("pg_ctl", &["--pgdata", &data, "--log", &log, "--wait", "--mode=fast", what]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.program(program);
        command.args(arguments).current_dir(&self.folder);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        // What is started in the background would keep a pipe open.
        let report = self.folder.join("report");
        let file = fs::File::create(&report).unwrap();
        let status = command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        let text = fs::read_to_string(report).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {status}\n{text}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pg_ctl("stop");
    }
}

/// What a program has printed, if all went well.
#[track_caller]
pub(crate) fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where the newest version's programs are: in the path, or where Debian puts them.
fn programs() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let mut places = std::env::split_paths(&paths).chain(versions.into_iter().rev());
    places.find(|place| place.join("initdb").exists()).expect("the interop tests need PostgreSQL's server")
}

/// Whom to become, if we are root: PostgreSQL does not run as root.
fn owner() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("there is id");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    let name = if id(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" };
    Some((id(&["-u", name])?, id(&["-g", name])?))
}
