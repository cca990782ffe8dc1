//! Where a download goes to.

use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lem_ssl_rs::stdio::Stdout;
use lem_ssl_rs::{Error, unblock};

use super::notes::{Origin, Resume};
use super::part::{self, Existing, Part};
use crate::exit::{Exit, Failure};
use crate::options::wrong;

/// Where a download goes to. What waits for a disk runs off the loop.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    /// A file, which is replaced when everything is there.
    Part(Arc<Mutex<Option<Part>>>),
    /// A device or a pipe: what is written cannot be taken back.
    Direct(Arc<File>, PathBuf),
    Stdout(Arc<Stdout>),
}

/// What became of a piece.
pub(super) enum Taken {
    /// The memory may be used again.
    Memory(Vec<u8>),
    /// Nobody reads any more.
    Gone,
}

impl Sink {
    pub(super) fn stdout() -> Result<Self, Failure> {
        crate::stdio::ensure_open()?;
        Ok(Self::Stdout(Arc::new(Stdout::open()?)))
    }

    /// Whether it is shown as it comes.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && std::io::stdout().is_terminal()
    }

    /// Whether what is written can be read and taken back.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Part(_))
    }

    /// What the user has named: a file, or something to write to at once. To open a pipe may wait for its reader, for
    /// ever: race it against a signal.
    pub(super) async fn named(path: PathBuf) -> Result<Self, Failure> {
        // `path.file_name()` does not tell such a path from one without the slash.
        if path.file_name().is_none() || path.to_string_lossy().ends_with(std::path::is_separator) {
            return Err(wrong(format!("-o {}: that names a folder, and no file in it", path.display())));
        }
        off_the_loop(move || match fs::metadata(&path) {
            Ok(found) if found.is_dir() => Err(wrong(format!("{} is a folder", path.display()))),
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(&path).map_err(|error| cannot("open", &path, error))?;
                Ok(Self::Direct(Arc::new(file), path))
            }
            // Better now than when everything is there: a name that is too long, or a folder that is none.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("write", &path, error)),
            _ => Self::part(&path, Existing::Replaced),
        })
        .await
    }

    /// A file in the working folder that nobody has named, or that is yet to be named by the server.
    pub(super) async fn unnamed(path: PathBuf, existing: Existing, is_final: bool) -> Result<Self, Failure> {
        off_the_loop(move || {
            if is_final {
                part::check_replaceable(&path)?;
            }
            Self::part(&path, existing)
        })
        .await
    }

    fn part(path: &Path, existing: Existing) -> Result<Self, Failure> {
        Ok(Self::Part(Arc::new(Mutex::new(Some(Part::open(path, existing)?)))))
    }

    /// From where to go on with this URL.
    pub(super) async fn resume(&self, url: &str) -> Result<Option<Resume>, Failure> {
        let url = url.to_owned();
        self.with_part(None, move |part| Ok(part.resume(&url))).await
    }

    /// The file will have this name when everything is there.
    pub(super) async fn call(&self, name: String) -> Result<(), Failure> {
        self.with_part((), move |part| part.call(&name)).await
    }

    /// What was written from `from` on, at most as much as there is memory for; `None` at the end.
    pub(super) async fn read(&self, from: u64, memory: Vec<u8>) -> Result<Option<Vec<u8>>, Failure> {
        self.with_part(None, move |part| part.read(from, memory)).await
    }

    /// What was written is of no use.
    pub(super) async fn discard(&self) -> Result<(), Failure> {
        let Self::Part(part) = self else { return Ok(()) };
        let part = part.clone();
        off_the_loop(move || {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(part) = part {
                part.discard();
            }
            Ok(())
        })
        .await
    }

    /// Begins anew.
    pub(super) async fn restart(&self, origin: Option<Origin>) -> Result<(), Failure> {
        self.with_part((), move |part| part.restart(origin)).await
    }

    /// Keeps what it goes on behind; the whole will have this length.
    pub(super) async fn keep(&self, resume: Resume, total: u64) -> Result<(), Failure> {
        self.with_part((), move |part| part.keep(resume, total)).await
    }

    /// Drops what stands behind `offset`.
    pub(super) async fn take_back(&self, offset: u64) -> Result<(), Failure> {
        self.with_part((), move |part| part.take_back(offset)).await
    }

    pub(super) async fn write(&self, data: Vec<u8>) -> Result<Taken, Failure> {
        match self {
            Self::Stdout(output) => match output.write_owned(data).await {
                Ok(memory) => Ok(Taken::Memory(memory)),
                Err(Error::Closed) => Ok(Taken::Gone),
                Err(error) => Err(error.into()),
            },
            Self::Direct(file, path) => {
                let (file, path) = (file.clone(), path.clone());
                off_the_loop(move || match (&*file).write_all(&data) {
                    Ok(()) => Ok(Taken::Memory(data)),
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Taken::Gone),
                    Err(error) => Err(cannot("write", &path, error)),
                })
                .await
            }
            Self::Part(part) => {
                let part = part.clone();
                off_the_loop(move || {
                    if let Some(part) = &mut *part.lock().unwrap_or_else(PoisonError::into_inner) {
                        part.write(&data)?;
                    }
                    Ok(Taken::Memory(data))
                })
                .await
            }
        }
    }

    /// Everything is there.
    pub(super) async fn finish(&self) -> Result<(), Failure> {
        match self {
            Self::Part(part) => {
                let part = part.clone();
                off_the_loop(move || {
                    let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
                    part.map_or(Ok(()), Part::finish)
                })
                .await
            }
            Self::Direct(file, path) => {
                let (file, path) = (file.clone(), path.clone());
                off_the_loop(move || crate::stdio::settle(&file).map_err(|error| cannot("write", &path, error))).await
            }
            Self::Stdout(output) => Ok(output.sync().await?),
        }
    }

    /// It came to nothing; says what is kept for another time.
    pub(super) fn give_up(&self, url: &str) -> Option<(PathBuf, u64)> {
        let Self::Part(part) = self else { return None };
        part.lock().unwrap_or_else(PoisonError::into_inner).take()?.give_up(url)
    }

    async fn with_part<T: Send + 'static>(
        &self,
        otherwise: T,
        work: impl FnOnce(&mut Part) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let Self::Part(part) = self else { return Ok(otherwise) };
        let part = part.clone();
        off_the_loop(move || match &mut *part.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(part) => work(part),
            None => Ok(otherwise),
        })
        .await
    }
}

async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    unblock(work).await.unwrap_or_else(|error| Err(Error::from(error).into()))
}

fn cannot(doing: &str, path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::Failed, Error::io(format!("{doing} {}", path.display()), error).to_string())
}
