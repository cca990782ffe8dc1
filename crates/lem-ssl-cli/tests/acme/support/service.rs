//! A server that gets its certificate from an authority, as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use lem_ssl_rs::{Certificate, Context, Error, Roots, now, sleep};

use super::authority::Authority;
use super::command::{Running, Server};
use super::world::World;

/// `lem-ssl serve --acme`.
pub(crate) struct Service {
    pub(crate) server: Server,
}

impl Service {
    /// Starts it, for these names; the authority finds it.
    #[track_caller]
    pub(crate) fn start(world: &World, authority: &Authority, names: &str, further: &[&str]) -> Self {
        Self::start_by(&[], world, authority, names, further)
    }

    /// The same by way of another program.
    #[track_caller]
    pub(crate) fn start_by(by: &[&str], world: &World, authority: &Authority, names: &str, further: &[&str]) -> Self {
        let arguments = Self::arguments(world, authority, names, further);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let service = Self { server: Server::start_by(by, &arguments) };
        authority.validates_at(service.server.address.parse().unwrap());
        service
    }

    /// As [`start`](Self::start); it has got a new certificate.
    pub(crate) async fn certified(world: &World, authority: &Authority, names: &str) -> Self {
        let service = Self::start(world, authority, names, &[]);
        let first = names.split(',').next().unwrap_or_default();
        service.says(&format!("a new certificate for {first}")).await;
        service
    }

    /// As [`start`](Self::start), where the authority does not look.
    #[track_caller]
    pub(crate) fn elsewhere(world: &World, authority: &Authority, names: &str, further: &[&str]) -> Self {
        let arguments = Self::arguments(world, authority, names, further);
        Self { server: Server::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) }
    }

    /// What is started, but for where it listens.
    pub(crate) fn arguments(world: &World, authority: &Authority, names: &str, further: &[&str]) -> Vec<String> {
        let state = folder(world);
        let arguments = ["--http", "--acme", names, "--acme-directory", &authority.directory(), "--acme-ca", &world.ca];
        let arguments = [&arguments[..], &["--acme-state", &state, "--acme-contact", "admin@example.org"], further];
        arguments.concat().into_iter().map(str::to_owned).collect()
    }

    /// The certificate that a client is shown that asks for this name, and trusts these roots.
    pub(crate) async fn shown(&self, roots: Roots, name: &str) -> Result<Certificate, Error> {
        let context = Context::builder().roots(roots).build().unwrap();
        let stream = context.connect_as(self.server.address.as_str(), name).await?;
        Ok(Certificate::read(&stream.info().unwrap().peer_certificates[0]).unwrap())
    }

    /// The number of the certificate that is shown: they are counted from 1.
    pub(crate) async fn number(&self, authority: &Authority, name: &str) -> Option<u8> {
        self.shown(authority.roots(), name).await.ok().map(|certificate| certificate.serial()[0])
    }

    /// Waits until it shows the certificate of this number, or a later one.
    pub(crate) async fn shows(&self, authority: &Authority, name: &str, number: u8) {
        let end = now() + Duration::from_secs(60);
        while self.number(authority, name).await.is_none_or(|shown| shown < number) {
            assert!(now() < end, "it never shows number {number}: {}", self.said());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has said this, and lets the loop go on meanwhile.
    pub(crate) async fn says(&self, text: &str) {
        let end = now() + Duration::from_secs(60);
        while !self.said().contains(text) {
            assert!(now() < end, "never said {text:?}: {}", self.said());
            sleep(Duration::from_millis(5)).await;
        }
        lem_ssl_tests::plain::assert_plain(&self.said());
    }

    /// What it has said, without the clients that were refused: a test asks often.
    pub(crate) fn said(&self) -> String {
        let said = self.server.running.stderr();
        let lines = said.lines().filter(|line| !line.contains("the client asks for a name that no"));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// Starts the command, and reads this many lines of what it says on standard output.
#[track_caller]
pub(crate) fn start(arguments: &[&str], lines: usize) -> (Running, Vec<String>) {
    let mut running = Running::start(arguments);
    let output = BufReader::new(running.stdout()).lines().take(lines).map_while(Result::ok).collect::<Vec<_>>();
    assert_eq!(output.len(), lines, "{}", running.stderr());
    (running, output)
}

/// The folder that the processes of a test share.
pub(crate) fn folder(world: &World) -> String {
    world.scratch.path().join("state").to_str().unwrap().to_owned()
}

/// Removes the account from the folder, with its key.
pub(crate) fn forget_account(world: &World) {
    for folder in std::fs::read_dir(folder(world)).unwrap() {
        std::fs::remove_file(folder.unwrap().path().join("account.json")).unwrap();
    }
}

/// The folder of the authority in it.
pub(crate) fn inside(world: &World) -> PathBuf {
    std::fs::read_dir(folder(world)).unwrap().next().unwrap().unwrap().path()
}

/// All files there.
pub(crate) fn files(world: &World) -> Vec<PathBuf> {
    std::fs::read_dir(inside(world)).unwrap().map(|file| file.unwrap().path()).collect()
}

/// The files that stay behind and should not.
pub(crate) fn leftovers(world: &World) -> Vec<String> {
    let names = files(world).into_iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| !["lock", "account.json", "www.test.pem"].contains(&name.as_str())).collect()
}
