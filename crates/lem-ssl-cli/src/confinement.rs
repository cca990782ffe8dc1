//! What a server gives up once it is set up: root's rights, the file system, whatever it does not need.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use lem_ssl_rs::{Context, Error, Roots};

use crate::config::Setting;
use crate::exit::{Exit, Failure};
use crate::log::Log;
use crate::platform::{
    Account, Needs, Restricted, SocketFile, change_root, is_root, make_private_folder, restrict, try_to_open,
};
use crate::say;

/// What is given up.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rights that are given up when everything is open")]
pub(crate) struct ConfinementArgs {
    /// Go on as this user, a name or a number, with the user's groups; root can do that, and cannot be become again
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Go on as this group in place of the user's own
    #[arg(long, value_name = "GROUP", requires = "user")]
    group: Option<String>,
    /// Take this folder for the root folder; files are read again from inside of it
    #[arg(long, value_name = "FOLDER")]
    chroot: Option<PathBuf>,
    /// Have the Linux kernel close all files and ports that are not needed (Landlock); as much of it as it can do
    #[arg(long)]
    landlock: bool,
}

/// What is given up, looked up.
#[derive(Debug)]
pub(crate) struct Confinement {
    account: Option<Account>,
    root: Option<Root>,
    is_restricted: bool,
    /// For messages: `user lem, root folder /srv/lem`.
    words: String,
}

/// A folder that becomes the root folder.
#[derive(Debug)]
struct Root {
    /// As it was named, from where we are.
    named: PathBuf,
    /// Without links.
    real: PathBuf,
}

impl ConfinementArgs {
    /// Looks up users, groups and folders, and whether they can be changed to.
    pub(crate) fn plan(&self) -> Result<Confinement, Failure> {
        let confinement = self.find()?;
        self.rights_missing().map_or(Ok(confinement), |why| Err(wrong(why)))
    }

    /// Looks up users, groups and folders.
    pub(crate) fn find(&self) -> Result<Confinement, Failure> {
        let account = self.account()?;
        let root = self.root()?;
        let mut words = String::new();
        let parts = [("user", self.user.as_deref()), ("group", self.group.as_deref())];
        for (name, value) in parts {
            if let Some(value) = value {
                let _ = write!(words, "{name} {value}, ");
            }
        }
        if let Some(root) = &self.chroot {
            let _ = write!(words, "root folder {}, ", root.display());
        }
        let words = words.trim_end_matches(", ").to_owned();
        Ok(Confinement { account, root, is_restricted: self.landlock, words })
    }

    /// What is wrong, one by one: what an option is set to, and why.
    pub(crate) fn problems(&self) -> Vec<(Setting, Failure)> {
        let user = Setting::new("user", self.user.clone().unwrap_or_default());
        let root = Setting::file("chroot", self.chroot.as_deref().unwrap_or(Path::new("")));
        let account = self.account().err().map(|failure| (user, failure));
        account.into_iter().chain(self.root().err().map(|failure| (root, failure))).collect()
    }

    /// What is no problem of the options, but may become one.
    pub(crate) fn remark(&self) -> Option<String> {
        Some(format!("remark: {}; this check was made by another user", self.rights_missing()?))
    }

    fn rights_missing(&self) -> Option<&'static str> {
        let wants = self.user.is_some() || self.chroot.is_some();
        (wants && !is_root()).then_some("--user and --chroot are for root, who alone can become others")
    }

    fn account(&self) -> Result<Option<Account>, Failure> {
        self.user.as_ref().map(|user| Account::find(user, self.group.as_deref())).transpose()
    }

    fn root(&self) -> Result<Option<Root>, Failure> {
        let Some(folder) = &self.chroot else { return Ok(None) };
        let unusable =
            |why: io::Error| Failure::new(Exit::Usage, reason(&format!("use {} (--chroot)", folder.display()), why));
        let real = folder.canonicalize().map_err(unusable)?;
        if !real.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Some(Root { named: std::path::absolute(folder).map_err(unusable)?, real }))
    }
}

impl Confinement {
    /// Where what is at this path now is found in the end; `None` if it is out of reach then.
    pub(crate) fn inside(&self, path: &Path) -> Option<PathBuf> {
        match &self.root {
            None => Some(path.to_owned()),
            Some(root) => root.inside(path),
        }
    }

    /// The path under which something is looked up in the end: what is inside of the new root folder stays the same, and of
    /// everything else there may be another one at the same path.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.inside(path).unwrap_or_else(absolute)
    }

    /// The same for an address, if it is that of a Unix-domain socket.
    pub(crate) fn seen_address(&self, address: &str) -> String {
        match address.strip_prefix("unix:") {
            Some(path) if self.root.is_some() => format!("unix:{}", self.seen(Path::new(path)).display()),
            _ => address.to_owned(),
        }
    }

    /// Makes a folder whose files are written later, if it is missing: it is the user's, then. Does nothing where nothing is
    /// given up.
    pub(crate) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if !self.is_changed() && !self.is_restricted {
            return Ok(());
        }
        let missing = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        if missing.is_empty() {
            return Ok(());
        }
        make_private_folder(folder)?;
        missing.iter().try_for_each(|folder| self.account.iter().try_for_each(|account| account.give(folder)))
    }

    /// Has the kernel close what is not needed, if that was asked for. Call it before there is another thread: those that there
    /// are stay as they are.
    pub(crate) fn restrict(&self, needs: Needs) -> Result<Option<Restricted>, Failure> {
        if !self.is_restricted {
            return Ok(None);
        }
        let root = self.root.as_ref().map(|root| root.real.clone());
        let restricted = restrict(&Needs { root, ..needs });
        restricted
            .map(Some)
            .map_err(|why| Failure::new(Exit::Failed, format!("cannot use Landlock (--landlock): {why}")))
    }

    /// Becomes the user in the root folder. Call it when everything is open, and before anybody is served.
    pub(crate) fn enter<'a>(
        &self,
        sockets: impl IntoIterator<Item = &'a mut SocketFile>,
        log: &Log,
    ) -> Result<(), Failure> {
        // Paths are looked at from outside, as long as we are there. A file whose path is changed too early is not found by
        // who removes it after a failure.
        let moved: Vec<_> = sockets.into_iter().map(|socket| (self.seen(socket.path()), socket)).collect();
        if let Some(root) = &self.root {
            let doing = format!("make {} the root folder (--chroot)", root.named.display());
            let failed = |error| Failure::new(Exit::Failed, reason(&doing, error));
            change_root(&root.real).map_err(failed)?;
            moved.into_iter().for_each(|(path, socket)| socket.move_to(path));
            std::env::set_current_dir("/").map_err(failed)?;
        }
        match &self.account {
            Some(account) => account.assume()?,
            None if self.root.is_some() => log.warn("warning: --chroot without --user: root can leave any root folder"),
            None => {}
        }
        Ok(())
    }

    /// Says which of these files cannot be read any more, and what comes of that.
    pub(crate) fn tell_unreadable<'a>(
        &self,
        files: impl IntoIterator<Item = &'a PathBuf>,
        consequence: &str,
        log: &Log,
    ) {
        let mut files: Vec<_> = files.into_iter().filter(|_| self.is_changed()).collect();
        files.sort();
        files.dedup();
        for file in files {
            if let Err(error) = try_to_open(file) {
                self.tell_lost(&file.display(), &reason("", error), consequence, log);
            }
        }
    }

    /// The same of the operating system's roots.
    pub(crate) fn tell_unreadable_roots(&self, log: &Log) {
        if self.is_changed()
            && let Err(error) = Context::builder().roots(Roots::System).build()
        {
            self.tell_lost(&"the operating system's roots", &error, "a reload keeps what is in place", log);
        }
    }

    /// Says that names are not found any more, if there is nothing that says where to ask.
    pub(crate) fn tell_nameless(&self, log: &Log) {
        if self.root.is_some() {
            let file = PathBuf::from("/etc/resolv.conf");
            self.tell_unreadable([&file], "the C library does not know whom to ask for names", log);
        }
    }

    fn tell_lost(&self, what: &dyn fmt::Display, why: &dyn fmt::Display, consequence: &str, log: &Log) {
        let words = &self.words;
        log.warn(format!("warning: {what}: out of reach after the start ({words}), and {consequence}: {why}"));
    }

    /// Whether paths or rights are others than at the start.
    fn is_changed(&self) -> bool {
        self.account.is_some() || self.root.is_some()
    }
}

impl Root {
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let absolute = std::path::absolute(path).ok()?;
        // Its folder without links, and its name as it is: it may be a link that changes.
        // What is not there yet is taken as it stands behind the last folder that is.
        let real = absolute.ancestors().skip(1).find_map(|folder| {
            let rest = absolute.strip_prefix(folder).ok()?;
            Some(folder.canonicalize().ok()?.join(rest))
        });
        let real = real.or_else(|| absolute.canonicalize().ok());
        let below = real.as_deref().and_then(|real| real.strip_prefix(&self.real).ok());
        let below = below.or_else(|| absolute.strip_prefix(&self.named).ok())?;
        // Where that leads is not known before the folders are there.
        let climbs = below.components().any(|part| part == Component::ParentDir);
        (!climbs).then(|| Path::new("/").join(below))
    }
}

impl Restricted {
    /// Says it in the log.
    pub(crate) fn tell(&self, log: &Log, is_quiet: bool) {
        match self {
            Self::Whole(line) => log.line(line),
            // Who asked for it has to know that it is not there, log or not.
            Self::Partly(line) if is_quiet => say::line(line),
            Self::Partly(line) => log.warn(line),
        }
    }
}

/// What went wrong, in the words that the library has for it.
fn reason(doing: &str, error: io::Error) -> String {
    Error::io(doing, error).to_string()
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
