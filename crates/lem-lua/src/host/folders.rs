//! Folders, and what the system knows of files: on worker threads.

#![forbid(unsafe_code)]

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use lem_ssl_rs::unblock;
use mlua::{Lua, Table, Value};

use crate::answer::{Answer, strerror};
use crate::scheduler::Scheduler;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    host.set(
        "lfs",
        lua.create_function(move |lua, (what, path, new): (String, PathBuf, Option<PathBuf>)| {
            shared.start(lua, on_thread(move || change(&what, path, new.unwrap_or_default()), |()| Answer::True))
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "touch",
        lua.create_function(move |lua, (path, accessed, modified): (PathBuf, Option<f64>, Option<f64>)| {
            shared.start(lua, on_thread(move || touch(path, accessed, modified), |()| Answer::True))
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "dir",
        lua.create_function(move |lua, path: PathBuf| {
            let list = |names: Vec<Vec<u8>>| {
                Answer::made(move |lua| {
                    let names: Vec<_> =
                        names.iter().map(|name| lua.create_string(name)).collect::<mlua::Result<_>>()?;
                    Ok(Value::Table(lua.create_sequence_from(names)?))
                })
            };
            shared.start(lua, on_thread(move || names_in(path), list))
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "attributes",
        lua.create_function(move |lua, (path, follow): (PathBuf, bool)| {
            let read = move || if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
            let table = |metadata| Answer::made(move |lua| attributes(lua, &metadata).map(Value::Table));
            shared.start(lua, on_thread(read, table))
        })?,
    )?;
    let currentdir = |_: &Lua, ()| match std::env::current_dir() {
        Ok(path) => Ok((Some(path), None)),
        Err(error) => Ok((None, Some(strerror(&error)))),
    };
    host.set("currentdir", lua.create_function(currentdir)?)
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
    answer: impl FnOnce(T) -> Answer,
) -> Answer {
    match unblock(work).await {
        Ok(result) => Answer::of_system(result, answer),
        Err(error) => Answer::Fail(error.to_string()),
    }
}

fn change(what: &str, path: PathBuf, new: PathBuf) -> io::Result<()> {
    match what {
        "mkdir" => fs::create_dir(path),
        "rmdir" => fs::remove_dir(path),
        "remove" => fs::remove_file(path),
        "chdir" => std::env::set_current_dir(path),
        "rename" => fs::rename(path, new),
        "link" => fs::hard_link(path, new),
        #[cfg(unix)]
        "symlink" => std::os::unix::fs::symlink(path, new),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn touch(path: PathBuf, accessed: Option<f64>, modified: Option<f64>) -> io::Result<()> {
    let times = FileTimes::new().set_accessed(time_of(accessed)?).set_modified(time_of(modified)?);
    // A folder is not opened to be written.
    let opened = if path.is_dir() { File::open(path) } else { File::options().append(true).create(true).open(path) };
    opened?.set_times(times)
}

/// Seconds since 1970, or before; without them, now. What no clock reaches is invalid.
fn time_of(seconds: Option<f64>) -> io::Result<SystemTime> {
    let Some(seconds) = seconds else { return Ok(SystemTime::now()) };
    let since = Duration::try_from_secs_f64(seconds.abs()).ok();
    let epoch = SystemTime::UNIX_EPOCH;
    let time = since.and_then(|since| if seconds < 0.0 { epoch.checked_sub(since) } else { epoch.checked_add(since) });
    time.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn names_in(path: PathBuf) -> io::Result<Vec<Vec<u8>>> {
    let mut names = vec![b".".to_vec(), b"..".to_vec()];
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().into_encoded_bytes());
    }
    Ok(names)
}

#[cfg(unix)]
fn attributes(lua: &Lua, metadata: &Metadata) -> mlua::Result<Table> {
    use std::os::unix::fs::MetadataExt;
    let table = lua.create_table()?;
    for (name, number) in [
        ("dev", metadata.dev()),
        ("ino", metadata.ino()),
        ("nlink", metadata.nlink()),
        ("uid", metadata.uid().into()),
        ("gid", metadata.gid().into()),
        ("rdev", metadata.rdev()),
        ("size", metadata.size()),
        ("blksize", metadata.blksize()),
        ("blocks", metadata.blocks()),
    ] {
        table.set(name, i64::try_from(number).unwrap_or(i64::MAX))?;
    }
    table.set("access", metadata.atime())?;
    table.set("modification", metadata.mtime())?;
    table.set("change", metadata.ctime())?;
    table.set("mode", kind(metadata))?;
    table.set("permissions", permissions(metadata.mode()))?;
    Ok(table)
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => "file",
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "link",
        () if kind.is_socket() => "socket",
        () if kind.is_fifo() => "named pipe",
        () if kind.is_char_device() => "char device",
        () if kind.is_block_device() => "block device",
        () => "other",
    }
}

#[cfg(unix)]
fn permissions(mode: u32) -> String {
    (0..9).map(|bit| if mode & (0o400 >> bit) == 0 { '-' } else { ['r', 'w', 'x'][bit % 3] }).collect()
}

#[cfg(not(unix))]
fn attributes(lua: &Lua, metadata: &Metadata) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.set("size", i64::try_from(metadata.len()).unwrap_or(i64::MAX))?;
    table.set("mode", if metadata.is_dir() { "directory" } else { "file" })?;
    Ok(table)
}
