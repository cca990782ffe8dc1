//! A file that is on its way: `FILE.part`, and beside it the notes that are needed to go on.
//!
//! The file that is wanted is only ever replaced as a whole, by a rename. Everything here waits for a disk: call it off
//! the loop.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::notes::{Noted, Notes, Origin, Resume, State};
use super::place::{NOT_OURS, beside, check_owner, followed, in_the_way, is_at};
use crate::exit::{Exit, Failure};
use crate::options::wrong;
use crate::platform::{FileIdentity, links, owner, private, read_exact_at, sync_folder, take_over_rights};

/// A file on its way.
#[derive(Debug)]
pub(super) struct Part {
    target: PathBuf,
    existing: Existing,
    path: PathBuf,
    notes: Notes,
    file: File,
    /// The file is exactly as long.
    position: u64,
    /// So many bytes of it are surely on the disk.
    synced: u64,
    content: Content,
    origin: Option<Origin>,
}

/// Whether we have touched the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// It was there, and is as it was.
    Found,
    Ours,
}

/// What becomes of a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Replaced,
    /// It stays, and that is an error.
    Kept,
}

/// How often the file may vanish between our opening and our locking it.
const MAX_ATTEMPTS: usize = 16;

/// After so many bytes we wait for the disk, and note how far it has come: no more is lost in a power failure. They are
/// written to the disk sooner or later anyway, and it is awaited at the end.
const MAX_UNSYNCED: u64 = 32 << 20;

impl Part {
    /// Opens `FILE.part`, or makes it; nobody else writes to it as long as this lives.
    pub(super) fn open(target: &Path, existing: Existing) -> Result<Self, Failure> {
        // A file that is new is no link's.
        let target = if existing == Existing::Kept { target.to_owned() } else { followed(target) };
        let path = beside(&target, ".part");
        let notes = Notes::new(beside(&target, ".part.json"), beside(&target, ".part.new"));
        let shown = path.display().to_string();
        for _ in 0..MAX_ATTEMPTS {
            // A pipe would keep us waiting, and a link could lead to a file of somebody else's.
            for own in [&*path].into_iter().chain(notes.paths()) {
                if fs::symlink_metadata(own).is_ok_and(|found| !found.is_file()) {
                    return Err(in_the_way(own, "it is not a regular file"));
                }
            }
            if let Some(foreign) = notes.foreign().map_err(|error| failed("read the notes of", &shown, &error))? {
                return Err(in_the_way(foreign, NOT_OURS));
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            // Nobody else reads it before it has the rights of what it replaces.
            let (opened, is_new) = match private(&mut options.clone()).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options.open(&path), false),
                made => (made, true),
            };
            let file = match opened {
                // A download that has ended has renamed it to its target.
                Err(error) if !is_new && error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|error| failed("open", &shown, &error))?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let said = format!("another download is writing to {shown}");
                    return Err(Failure::new(Exit::Failed, said));
                }
                // Some file systems know no locks.
                Err(TryLockError::Error(_)) => {}
            }
            let found = file.metadata().map_err(|error| failed("look at", &shown, &error))?;
            // A download that ended between our opening and our locking it has renamed it to its target.
            if !is_at(&path, &found) {
                continue;
            }
            let owner_of_ours = match is_new {
                true => owner(&found),
                false => {
                    let new = notes.new_file().map_err(|error| failed("write the notes of", &shown, &error))?;
                    owner(&new)
                }
            };
            check_owner(&path, owner_of_ours)?;
            check_owner(notes.paths()[0], owner_of_ours)?;
            if links(&found) > 1 {
                return Err(in_the_way(&path, "it is a hard link, and what it shares would be overwritten"));
            }
            let origin = match notes.read().map_err(|error| failed("read the notes of", &shown, &error))? {
                Noted::Nothing if found.len() > 0 => return Err(in_the_way(&path, NOT_OURS)),
                Noted::Nothing => None,
                Noted::Ours(origin) => origin.map(|origin| *origin),
            };
            let origin = origin.filter(|origin| origin.state.known(&found) > 0);
            let (position, content) = (found.len(), Content::Found);
            let mut part = Self { target, existing, path, notes, file, position, synced: 0, content, origin };
            if let Some(state) = part.origin.as_ref().map(|origin| &origin.state) {
                let known = state.known(&found);
                part.synced = state.synced(&found);
                // What follows may be anything.
                if known < found.len() {
                    part.cut(known)?;
                }
            }
            return Ok(part);
        }
        Err(Failure::new(Exit::Failed, format!("{shown} vanishes as often as it is made")))
    }

    /// From where to go on with this URL, if there is something to go on with.
    pub(super) fn resume(&self, url: &str) -> Option<Resume> {
        let origin = self.origin.as_ref().filter(|origin| origin.is_from(url))?;
        let offset = match origin.total {
            // Not all of it can be from there, and nobody knows which bytes are not.
            Some(total) if self.position > total => 0,
            // A request for nothing would be refused: the last byte is asked for again.
            Some(total) if self.position == total => total.saturating_sub(1),
            _ => self.position,
        };
        (offset > 0).then(|| Resume { offset, origin: origin.clone() })
    }

    /// It will have this name in the working folder when it is complete.
    pub(super) fn call(&mut self, name: &str) -> Result<(), Failure> {
        let target = PathBuf::from(name);
        if self.has(&target) {
            let target = target.display();
            return Err(wrong(format!(
                "the server calls the file {target}, as its part or the notes of that are called: give -o FILE"
            )));
        }
        if self.existing == Existing::Kept && fs::symlink_metadata(&target).is_ok() {
            return Err(exists(&target));
        }
        check_replaceable(&target)?;
        self.target = target;
        Ok(())
    }

    /// Whether this is one of the files that we need until it is complete. Some systems take names for equal that differ in
    /// their case, and more.
    fn has(&self, target: &Path) -> bool {
        let identity = |path: &Path| fs::symlink_metadata(path).ok().map(|found| FileIdentity::of(&found));
        let mut own = [&*self.path].into_iter().chain(self.notes.paths());
        own.any(|own| {
            let is_named = own.file_name().is_some_and(|name| target.as_os_str().eq_ignore_ascii_case(name));
            is_named || identity(own).is_some_and(|own| identity(target) == Some(own))
        })
    }

    /// The bytes at `from`, at most as many as there is room for; `None` at the end.
    pub(super) fn read(&mut self, from: u64, mut memory: Vec<u8>) -> Result<Option<Vec<u8>>, Failure> {
        let length = memory.len().min(usize::try_from(self.position.saturating_sub(from)).unwrap_or(usize::MAX));
        memory.truncate(length);
        read_exact_at(&self.file, &mut memory, from).map_err(|error| self.failed("read", &error))?;
        Ok((length > 0).then_some(memory))
    }

    /// It is not what was wanted, and is of no use.
    pub(super) fn discard(self) {
        if self.check().is_ok() {
            let _ = fs::remove_file(&self.path);
            let _ = self.notes.remove();
        }
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, origin: Option<Origin>) -> Result<(), Failure> {
        self.cut(0)?;
        self.note(origin)
    }

    /// Keeps what a download goes on behind; the whole will have this length.
    pub(super) fn keep(&mut self, mut resume: Resume, total: u64) -> Result<(), Failure> {
        self.cut(resume.offset)?;
        (resume.origin.total, resume.origin.state) = (Some(total), State::written(self.synced));
        self.note(Some(resume.origin))
    }

    /// Drops what an answer has brought behind `offset`.
    pub(super) fn take_back(&mut self, offset: u64) -> Result<(), Failure> {
        self.check()?;
        self.cut(offset)
    }

    fn cut(&mut self, length: u64) -> Result<(), Failure> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        self.position = cut.map_err(|error| self.failed("write", &error))?;
        self.synced = self.synced.min(length);
        self.content = Content::Ours;
        Ok(())
    }

    /// Notes where it comes from; without that there is no going on.
    fn note(&mut self, origin: Option<Origin>) -> Result<(), Failure> {
        self.origin = origin;
        self.notes.write(self.origin.as_ref()).map_err(|error| self.failed("write the notes of", &error))
    }

    /// Waits until all of it is on the disk, and notes that.
    fn sync(&mut self) -> Result<(), Failure> {
        if let Err(error) = self.file.sync_data() {
            self.drop_unsynced();
            return Err(self.failed("write", &error));
        }
        self.synced = self.position;
        if let Some(origin) = &mut self.origin {
            origin.state = State::written(self.synced);
            // Those of before are still right.
            let _ = self.notes.write(Some(origin));
        }
        Ok(())
    }

    /// The disk has refused something, and nobody knows what: it must not be gone on with.
    fn drop_unsynced(&mut self) {
        let _ = self.cut(self.synced);
        if let Some(origin) = self.origin.as_mut().filter(|_| self.position > 0) {
            origin.state = State::doubtful(self.synced);
            if self.notes.write(Some(origin)).is_ok() {
                return;
            }
        }
        let _ = fs::remove_file(&self.path);
        let _ = self.notes.remove();
    }

    pub(super) fn write(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        self.check()?;
        // Not all at once: what fits on a disk that is full is kept.
        while !data.is_empty() {
            match self.file.write(data) {
                Ok(0) => return Err(self.failed("write", &io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.position += count as u64;
                    data = &data[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("write", &error)),
            }
        }
        if self.origin.is_some() && self.position - self.synced >= MAX_UNSYNCED { self.sync() } else { Ok(()) }
    }

    /// It is complete: puts it in the place of the file that is wanted.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.check()?;
        if let Err(error) = self.file.sync_all() {
            self.drop_unsynced();
            return Err(self.failed("write", &error));
        }
        self.set_rights().map_err(|error| self.failed("set the mode of", &error))?;
        self.place()?;
        sync_folder(&self.target);
        // They are of no use without the part.
        let _ = self.notes.remove();
        Ok(())
    }

    /// It gets the rights of the file that it replaces; a new one gets those that every new one has.
    fn set_rights(&self) -> io::Result<()> {
        let replaced = fs::symlink_metadata(&self.target).ok().filter(Metadata::is_file);
        take_over_rights(&self.file, &replaced.map_or_else(|| self.notes.new_file(), Ok)?)
    }

    /// Under its final name.
    fn place(&self) -> Result<(), Failure> {
        if self.existing == Existing::Kept {
            match fs::hard_link(&self.path, &self.target) {
                Ok(()) => return fs::remove_file(&self.path).map_err(|error| self.failed("remove", &error)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&self.target)),
                // Some file systems know no second names.
                Err(_) if fs::symlink_metadata(&self.target).is_ok() => return Err(exists(&self.target)),
                Err(_) => {}
            }
        }
        fs::rename(&self.path, &self.target).map_err(|error| self.failed("rename", &error))
    }

    /// Leaves nothing behind if there is nothing to go on with; says what there is for this URL.
    pub(super) fn give_up(mut self, url: &str) -> Option<(PathBuf, u64)> {
        match (self.check(), self.origin.take()) {
            (Ok(()), Some(mut origin)) if self.position > 0 => {
                let ours = origin.is_from(url);
                match self.file.sync_data().and_then(|()| self.file.metadata()) {
                    Ok(found) => {
                        origin.state = State::left(&found);
                        // Without this note it is trusted until the system ends.
                        let _ = self.note(Some(origin));
                    }
                    Err(_) => {
                        self.origin = Some(origin);
                        self.drop_unsynced();
                    }
                }
                (ours && self.position > 0).then_some((self.path, self.position))
            }
            _ => {
                let ours = self.content == Content::Ours || self.position == 0;
                if ours && self.file.metadata().is_ok_and(|found| is_at(&self.path, &found)) {
                    let _ = fs::remove_file(&self.path);
                    let _ = self.notes.remove();
                }
                None
            }
        }
    }

    /// Whether it still is the file that we have written, as far as its place and its length tell.
    fn check(&self) -> Result<(), Failure> {
        let found = self.file.metadata().map_err(|error| self.failed("look at", &error))?;
        if found.len() == self.position && is_at(&self.path, &found) {
            return Ok(());
        }
        let shown = self.path.display();
        Err(Failure::new(Exit::Failed, format!("{shown} was changed or removed by another program meanwhile")))
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Failure {
        failed(doing, &self.path.display().to_string(), error)
    }
}

/// Better now than when everything is there: nothing but a file, or a link, is replaced.
pub(super) fn check_replaceable(target: &Path) -> Result<(), Failure> {
    let shown = target.display();
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => Err(wrong(format!("{shown} is a folder: give -o FILE"))),
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(wrong(format!("{shown} is not a regular file: give -o {shown} to write to it")))
        }
        _ => Ok(()),
    }
}

/// Somebody's file has the name that ours is to have.
pub(super) fn exists(target: &Path) -> Failure {
    let target = target.display();
    wrong(format!("{target} exists: give -o {target} or --overwrite to replace it"))
}

fn failed(doing: &str, shown: &str, error: &io::Error) -> Failure {
    let error = io::Error::new(error.kind(), error.to_string());
    // Another download would not mend a disk, and would write to a part that is gone.
    Failure::from(lem_ssl_rs::Error::io(format!("{doing} {shown}"), error)).lasting()
}
