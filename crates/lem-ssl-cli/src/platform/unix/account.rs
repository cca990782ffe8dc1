//! A user with its groups, whom the process becomes.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

use lem_ssl_rs::Error;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist, setgid, setgroups, setuid};

use crate::exit::{Exit, Failure};

/// A user with its groups.
#[derive(Debug)]
pub(crate) struct Account {
    user: Uid,
    group: Gid,
    /// The supplementary ones.
    groups: Vec<Gid>,
}

impl Account {
    /// Looks up a user and a group, each by its name or its number; without a group, it is the user's own.
    ///
    /// A number needs no entry among the users. Without one there are no supplementary groups.
    pub(crate) fn find(user: &str, group: Option<&str>) -> Result<Self, Failure> {
        let number = number(user).map_err(|why| wrong(format!("{user:?} {why} (--user)")))?;
        let (id, entry) = match number.map(Uid::from_raw) {
            // That nobody can be asked means no more than that there is none.
            Some(id) => (id, User::from_uid(id).unwrap_or_default()),
            None => {
                let entry = named(user)?;
                (entry.uid, Some(entry))
            }
        };
        if id.is_root() {
            return Err(wrong(format!("{user} is root, and would give up nothing (--user)")));
        }
        let own = entry.as_ref().map(|entry| entry.gid);
        let group = match (group, own) {
            (Some(group), _) => group_of(group)?,
            (None, Some(own)) => own,
            (None, None) => {
                return Err(wrong(format!(
                    "{user} is not among the users, and so has no group: give --group (--user)"
                )));
            }
        };
        let groups = match entry.map(|entry| CString::new(entry.name)) {
            Some(Ok(name)) => getgrouplist(&name, group)
                .map_err(|error| failed(Exit::Failed, "look up the groups of the user (--user)", error))?,
            _ => Vec::new(),
        };
        Ok(Self { user: id, group, groups })
    }

    /// Gives it this file or folder.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.user.as_raw()), Some(self.group.as_raw()))
    }

    /// Becomes it, with all threads, and for good.
    pub(crate) fn assume(&self) -> Result<(), Failure> {
        // The groups first: who is not root any more cannot change them.
        setgroups(&self.groups).map_err(|error| failed(Exit::Failed, "set the groups of the user (--user)", error))?;
        setgid(self.group).map_err(|error| failed(Exit::Failed, "set the group of the user (--user)", error))?;
        setuid(self.user).map_err(|error| failed(Exit::Failed, "become the user (--user)", error))?;
        if setuid(Uid::from_raw(0)).is_ok() {
            let why =
                "the process could become root again: it has capabilities that outlast a change of users (--user)";
            return Err(Failure::new(Exit::Failed, why));
        }
        Ok(())
    }
}

/// Reads an identifier's number; `None` for a name.
fn number(text: &str) -> Result<Option<u32>, &'static str> {
    if text.is_empty() {
        return Err("is no name");
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    // The greatest one means "leave it as it is" to the system.
    match text.parse() {
        Ok(u32::MAX) | Err(_) => Err("is too large a number"),
        Ok(number) => Ok(Some(number)),
    }
}

fn named(user: &str) -> Result<User, Failure> {
    match User::from_name(user) {
        Ok(Some(entry)) => Ok(entry),
        Ok(None) => Err(wrong(format!("there is no user {user:?} (--user)"))),
        Err(error) => Err(failed(Exit::Usage, &format!("look up the user {user:?} (--user)"), error)),
    }
}

fn group_of(group: &str) -> Result<Gid, Failure> {
    match number(group).map_err(|why| wrong(format!("{group:?} {why} (--group)")))? {
        Some(number) => Ok(Gid::from_raw(number)),
        None => match Group::from_name(group) {
            Ok(Some(entry)) => Ok(entry.gid),
            Ok(None) => Err(wrong(format!("there is no group {group:?} (--group)"))),
            Err(error) => Err(failed(Exit::Usage, &format!("look up the group {group:?} (--group)"), error)),
        },
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(Exit::Usage, message)
}

fn failed(exit: Exit, doing: &str, error: nix::Error) -> Failure {
    Failure::new(exit, Error::io(doing, error.into()).to_string())
}
