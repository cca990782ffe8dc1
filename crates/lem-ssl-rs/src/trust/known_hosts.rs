//! Trust on first use: the keys that servers had when they were first seen, in a file.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lem_rs::{Deadline, Phase, sleep, unblock};
use rustls::pki_types::{CertificateDer, ServerName};

use super::server_name::{canonical, canonical_of};
use super::servers::{Remembering, Remembers};
use super::spki::Hasher;
use crate::error::{CertificateFault, CertificateProblem, ConfigError, ConfigPart, Error, TlsError};
use crate::text::{lines, looks_like_utf16};
use crate::x509::SpkiHash;

/// A file with the key of every server, as it was when the server was first seen: for
/// [`Trust::FirstUse`](crate::Trust::FirstUse).
///
/// A server that is not in the file is accepted, and written into it when the handshake is finished: then it has shown that
/// it owns the key. Only then is there a stream. From then on it must have that key. Another one is refused with
/// [`CertificateFault::KeyChanged`](crate::CertificateFault::KeyChanged), which names both keys and the file; a person who knows
/// that the new key is right takes the server's line out.
///
/// Every line has a server's name or IP address, without a port, and an [`SpkiHash`](crate::SpkiHash); lines that begin with
/// `#` are comments, and stay. A name is what [`Context::connect`](crate::Context::connect) takes before the port; capitals, a
/// dot at its end, and the way in which an address is written make no difference, and a line whose name no server can have is
/// an error. Servers behind different ports of one name must have the same key, or files of their own; so must those that have
/// one link-local address behind different interfaces, since the zone of an address (`%eth0`) is left out. The file is
/// read when a context is built, and again before every connection, so it can be edited at any time; it is replaced as a
/// whole, and processes that share it take turns, by a lock on a file of the same name with `.lock` behind it. All of that is
/// off the loop, and under the deadline of the connection; if the file is locked for so long, the error says so.
///
/// ```no_run
/// # use lem_ssl_rs::{Context, Error, KnownHosts, Trust};
/// let hosts = KnownHosts::in_file("/var/lib/agent/known_hosts");
/// let context = Context::builder().trust(Trust::FirstUse(hosts)).build()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KnownHosts {
    file: Arc<PathBuf>,
    max_hosts: usize,
    /// What the file said when it was last read.
    hosts: Arc<Mutex<HashMap<String, SpkiHash>>>,
}

impl KnownHosts {
    /// Keeps the keys in this file. It need not exist, its folder must.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self { file: Arc::new(path.into()), max_hosts: DEFAULT_MAX_HOSTS, hosts: Arc::default() }
    }

    /// How many servers are kept; one more is refused. Default 10,000.
    #[must_use]
    pub fn max_hosts(mut self, most: usize) -> Self {
        self.max_hosts = most;
        self
    }

    /// Reads the file. Blocks.
    pub(super) fn load(&self) -> Result<(), ConfigError> {
        let text = self.read()?;
        *self.hosts() = self.parse(&text)?;
        Ok(())
    }

    /// Whether a server may have this key.
    pub(super) fn check(&self, name: &ServerName<'_>, presented: SpkiHash) -> Result<(), CertificateFault> {
        let host = canonical(name);
        let known = self.hosts().get(&host).copied();
        self.compare(&host, presented, known)
    }

    fn compare(&self, host: &str, presented: SpkiHash, known: Option<SpkiHash>) -> Result<(), CertificateFault> {
        match known {
            Some(known) if known != presented => Err(CertificateFault::KeyChanged {
                host: host.to_owned(),
                presented,
                known,
                file: PathBuf::clone(&self.file),
            }),
            _ => Ok(()),
        }
    }

    /// Writes a server's key into the file, if it is not there. Blocks. The lock is held until the new file is in
    /// place.
    fn record(
        &self,
        _lock: &File,
        host: &str,
        presented: SpkiHash,
    ) -> Result<Result<(), CertificateFault>, ConfigError> {
        // Another process may have been first.
        let mut text = self.read()?;
        let mut hosts = self.parse(&text)?;
        if let Err(fault) = self.compare(host, presented, hosts.get(host).copied()) {
            *self.hosts() = hosts;
            return Ok(Err(fault));
        }
        if !hosts.contains_key(host) {
            if hosts.len() >= self.max_hosts {
                let problem =
                    format!("holds {} servers, and may hold no more, so {host} cannot be remembered", hosts.len());
                return Err(self.wrong(&problem));
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!("{host} {presented}\n"));
            self.replace(&text)?;
            hosts.insert(host.to_owned(), presented);
        }
        *self.hosts() = hosts;
        Ok(Ok(()))
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, SpkiHash>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, problem: &str) -> ConfigError {
        ConfigError::new(ConfigPart::Trust, format!("the file of known servers, {}, {problem}", self.file.display()))
    }

    /// The file's text; none if there is no file.
    fn read(&self) -> Result<String, ConfigError> {
        let failed = |error| self.wrong("cannot be read").because(error);
        let file = match File::open(&*self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match folder_of(&self.file).is_dir() {
                true => return Ok(String::new()),
                false => return Err(self.wrong("cannot be written: its folder does not exist")),
            },
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        // Whatever the path leads to, and says of its length.
        let length = file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if length as u64 > MAX_BYTES {
            return Err(self.wrong(&format!("has more than the {MAX_BYTES} bytes that are read")));
        }
        if looks_like_utf16(&bytes) {
            return Err(self.wrong("is UTF-16, as Windows PowerShell writes it: write it in UTF-8"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = lines(&String::from_utf8_lossy(valid)).count().max(1);
            self.wrong(&format!("cannot be understood: line {line} is not UTF-8"))
        })
    }

    /// Names are compared in their canonical form. One that no server can have is refused: its line would be good for
    /// nothing, and the server that it was meant for would be accepted with any key.
    fn parse(&self, text: &str) -> Result<HashMap<String, SpkiHash>, ConfigError> {
        let mut hosts = HashMap::new();
        for (number, line) in lines(text) {
            let wrong = |problem: &str| self.wrong(&format!("cannot be understood: line {number} {problem}"));
            let mut fields = line.split_ascii_whitespace();
            let (host, hash) = match (fields.next(), fields.next(), fields.next()) {
                (None, ..) => continue,
                (Some(comment), ..) if comment.starts_with('#') => continue,
                (Some(host), Some(hash), None) => (host, hash),
                _ => return Err(wrong("must have a name and the hash of a key")),
            };
            let canonical = canonical_of(host).map_err(|error| wrong(&format!("has a mistake: {error}")))?;
            let hash = hash.parse().map_err(|error| wrong(&format!("has a mistake: {error}")))?;
            if hosts.insert(canonical, hash).is_some_and(|before| before != hash) {
                return Err(wrong(&format!("has another key for {host} than a line before it")));
            }
        }
        Ok(hosts)
    }

    /// The lock under which the file is changed; `None` if somebody else holds it. Blocks.
    fn try_lock(&self) -> Result<Option<File>, ConfigError> {
        let failed = |error| self.wrong("cannot be locked").because(error);
        let path = self.lock_file();
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    fn lock_file(&self) -> PathBuf {
        let mut path = PathBuf::clone(&self.file).into_os_string();
        path.push(".lock");
        path.into()
    }

    /// Records under the lock, which no future keeps; `None` if the lock is held. Blocks.
    fn try_record(&self, host: &str, presented: SpkiHash) -> Result<Option<Result<(), CertificateFault>>, ConfigError> {
        let Some(lock) = self.try_lock()? else { return Ok(None) };
        self.record(&lock, host, presented).map(Some)
    }

    /// Records once nobody else changes the file. It waits on the loop: a worker thread that waits in the system waits for as
    /// long as the other process likes.
    async fn record_within(
        &self,
        deadline: Deadline,
        target: &str,
        host: &str,
        presented: SpkiHash,
    ) -> Result<Result<(), CertificateFault>, Error> {
        loop {
            let (hosts, host) = (self.clone(), host.to_owned());
            let attempt = async { Ok(unblock(move || hosts.try_record(&host, presented)).await??) };
            if let Some(recorded) = deadline.limit(Phase::Handshake, target, attempt).await? {
                return Ok(recorded);
            }
            sleep(LOCK_PAUSE.min(deadline.remaining())).await;
            if deadline.remaining().is_zero() {
                let lock = self.lock_file();
                let problem = format!(
                    "cannot be changed: {} is locked, by another process or by other connections of this one",
                    lock.display()
                );
                return Err(self.wrong(&problem).into());
            }
        }
    }

    /// What is at the end of all links, whether it exists or not: a link stays one.
    fn target(&self) -> io::Result<PathBuf> {
        let mut target = PathBuf::clone(&self.file);
        for _ in 0..MAX_LINKS {
            match fs::read_link(&target) {
                Ok(next) => target = folder_of(&target).join(next),
                Err(_) => return Ok(target),
            }
        }
        Err(io::Error::other("there are too many links, or they lead in a circle"))
    }

    /// Puts a new text in the file's place, so that there is always the old one or the new one.
    fn replace(&self, text: &str) -> Result<(), ConfigError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let failed = |error| self.wrong("cannot be written").because(error);
        let target = self.target().map_err(failed)?;
        let mut temporary = target.clone().into_os_string();
        temporary.push(format!(".{}-{}.new", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let temporary = PathBuf::from(temporary);
        let write = || {
            let mut file = File::options().create_new(true).write(true).open(&temporary)?;
            if let Ok(before) = fs::metadata(&target) {
                file.set_permissions(before.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &target)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&temporary);
            failed(error)
        })?;
        sync_folder(folder_of(&target));
        Ok(())
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a new name in a folder outlast a crash. File systems that cannot do that make it durable in their own time.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// So long a file is left alone that is locked; it is changed in a fraction of that.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// Enough for a person or an agent, and little to read before each connection.
const DEFAULT_MAX_HOSTS: usize = 10_000;

/// Ten thousand long lines.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Remembers servers in a file.
pub(super) struct Memory {
    hosts: KnownHosts,
    hasher: Hasher,
}

impl Memory {
    pub(super) fn new(hosts: KnownHosts, hasher: Hasher) -> Self {
        Self { hosts, hasher }
    }
}

impl Remembers for Memory {
    fn before(&self, deadline: Deadline, target: String) -> Remembering {
        let hosts = self.hosts.clone();
        Box::pin(async move {
            let load = async { Ok(unblock(move || hosts.load()).await??) };
            deadline.limit(Phase::Handshake, &target, load).await
        })
    }

    fn after(
        &self,
        name: ServerName<'static>,
        chain: Vec<CertificateDer<'static>>,
        deadline: Deadline,
        target: String,
    ) -> Remembering {
        let (hosts, host) = (self.hosts.clone(), canonical(&name));
        let presented = chain.first().and_then(|leaf| self.hasher.hash_certificate(leaf));
        Box::pin(async move {
            // The handshake has looked at the key.
            let Some(presented) = presented else { return Err(Error::Closed) };
            if hosts.hosts().get(&host) == Some(&presented) {
                return Ok(());
            }
            match hosts.record_within(deadline, &target, &host, presented).await? {
                Ok(()) => Ok(()),
                Err(fault) => Err(TlsError::Certificate(Box::new(CertificateProblem::of_leaf(fault, chain))).into()),
            }
        })
    }
}
