//! Opening files and devices.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lem_ssl_rs::unblock;
use mlua::{Lua, Table, UserDataRef, Value};

use super::limit::limited;
use crate::answer::{Answer, strerror};
use crate::io::duplex::{Duplex, Handle};
use crate::io::file::{FileStream, Lock};
use crate::scheduler::Scheduler;

/// "Invalid argument", on every system.
const EINVAL: i32 = 22;

type FileHandle = Handle<FileStream>;

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    host.set(
        "open",
        lua.create_function(move |lua, (path, mode, permissions): (PathBuf, String, Option<u32>)| {
            let scheduler = shared.clone();
            shared.start(lua, async move {
                match unblock(move || open(&path, &mode, permissions)).await {
                    Ok(opened) => {
                        Answer::of_system(opened.and_then(|file| stream_of(&scheduler, file)), |stream| stream)
                    }
                    Err(error) => Answer::Fail(error.to_string()),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    let standard =
        move |lua: &Lua, number: u8| Answer::of_system(standard(&shared, number), |stream| stream).into_pair(lua);
    host.set("standard", lua.create_function(standard)?)?;
    let release = |lua: &Lua, number: u8| Answer::of_system(release(number), |()| Answer::True).into_pair(lua);
    host.set("release", lua.create_function(release)?)?;
    let shared = scheduler.clone();
    host.set(
        "seek",
        lua.create_function(move |lua, (handle, whence, offset): (UserDataRef<FileHandle>, String, i64)| {
            shared.abandon_refused();
            if let Err(error) = handle.check_write() {
                return Answer::Fail(FileStream::words(&error)).into_pair(lua);
            }
            let stream = handle.stream.clone();
            let from = match whence.as_str() {
                "set" => SeekFrom::Start(u64::try_from(offset).unwrap_or(u64::MAX)),
                "end" => SeekFrom::End(offset),
                _ => SeekFrom::Current(offset),
            };
            shared.start(lua, async move { number(stream.seek(from).await) })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "settle",
        lua.create_function(move |lua, handle: UserDataRef<FileHandle>| {
            shared.abandon_refused();
            if let Err(error) = handle.check_write() {
                return Answer::Fail(FileStream::words(&error)).into_pair(lua);
            }
            let (stream, limit) = (handle.stream.clone(), handle.limit.get());
            shared.start(lua, async move {
                match limited(limit, stream.settle()).await {
                    Ok(()) => Answer::True,
                    Err(error) => Answer::Fail(FileStream::words(&error)),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "read_at",
        lua.create_function(move |lua, (handle, offset, count): (UserDataRef<FileHandle>, u64, usize)| {
            let stream = handle.stream.clone();
            shared.start(lua, async move {
                match stream.read_at(offset, count).await {
                    Ok(block) => Answer::Bytes(block),
                    Err(error) => Answer::Fail(FileStream::words(&error)),
                }
            })
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "size",
        lua.create_function(move |lua, handle: UserDataRef<FileHandle>| {
            let stream = handle.stream.clone();
            shared.start(lua, async move { number(stream.size().await) })
        })?,
    )?;
    let lock = |lua: &Lua, (handle, kind): (UserDataRef<FileHandle>, String)| {
        let kind = match kind.as_str() {
            "r" => Lock::Read,
            "w" => Lock::Write,
            _ => Lock::None,
        };
        match handle.stream.lock(kind) {
            Ok(()) => Answer::True,
            Err(error) => Answer::Fail(FileStream::words(&error)),
        }
        .into_pair(lua)
    };
    host.set("lock", lua.create_function(lock)?)
}

fn number(result: Result<u64, lem_ssl_rs::Error>) -> Answer {
    match result {
        Ok(number) => Answer::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
        Err(error) => Answer::Fail(FileStream::words(&error)),
    }
}

/// Opens in a mode of C's `fopen`: it comes checked.
fn open(path: &Path, mode: &str, permissions: Option<u32>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let updates = mode.contains('+');
    match mode.as_bytes().first() {
        Some(b'w') => options.write(true).create(true).truncate(true).read(updates),
        Some(b'a') => options.append(true).create(true).read(updates),
        _ => options.read(true).write(updates),
    };
    if mode.contains('x') {
        options.create_new(true);
    }
    #[cfg(unix)]
    if let Some(permissions) = permissions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, permissions);
    }
    #[cfg(not(unix))]
    let _ = permissions;
    options.open(path)
}

/// Standard input, output or error. A pipe or a device is opened once more: what the machine changes of it is then
/// seen by none of the programs that share the first. What cannot be opened again is used as it is, by threads.
#[cfg(unix)]
fn standard(scheduler: &Scheduler, number: u8) -> io::Result<Answer> {
    use std::os::fd::AsFd;
    let shared = File::from(match number {
        0 => io::stdin().as_fd().try_clone_to_owned()?,
        1 => io::stdout().as_fd().try_clone_to_owned()?,
        _ => io::stderr().as_fd().try_clone_to_owned()?,
    });
    match opened_again(&shared, number)? {
        Some(own) => stream_of(scheduler, own),
        None => Ok(made(scheduler, "file", FileStream::new(shared))),
    }
}

/// This pipe or device, opened once more. The open does not wait: a pipe without a writer is open to a reader at once, and
/// one without a reader is not open to a writer ("No such device or address").
#[cfg(target_os = "linux")]
fn opened_again(shared: &File, number: u8) -> io::Result<Option<File>> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let kind = shared.metadata()?.file_type();
    if !kind.is_fifo() && !kind.is_char_device() {
        return Ok(None);
    }
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    let options = options.read(number == 0).write(number != 0).custom_flags(flags);
    Ok(options.open(format!("/dev/fd/{number}")).ok())
}

/// Elsewhere what is opened there is the same pipe or device, with the same flags.
#[cfg(all(unix, not(target_os = "linux")))]
fn opened_again(_shared: &File, _number: u8) -> io::Result<Option<File>> {
    Ok(None)
}

/// The program's own standard input or output is no more: the program at the other end sees that.
#[cfg(unix)]
fn release(number: u8) -> io::Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    match number {
        0 => rustix::stdio::dup2_stdin(&nothing)?,
        1 => rustix::stdio::dup2_stdout(&nothing)?,
        // Errors are still told.
        _ => {}
    }
    Ok(())
}

#[cfg(not(unix))]
fn release(_number: u8) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn standard(_scheduler: &Scheduler, _number: u8) -> io::Result<Answer> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A regular file is worked on by threads; whatever else can be opened is waited for.
fn stream_of(scheduler: &Scheduler, file: File) -> io::Result<Answer> {
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from_raw_os_error(EINVAL));
    }
    if kind.is_file() {
        return Ok(made(scheduler, "file", FileStream::new(file)));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() || kind.is_char_device() || kind.is_socket() {
            return device(scheduler, file);
        }
    }
    Ok(made(scheduler, "file", FileStream::new(file)))
}

/// A device that the kernel cannot watch, as `/dev/null`, is always ready: it is used as a file is.
#[cfg(unix)]
fn device(scheduler: &Scheduler, file: File) -> io::Result<Answer> {
    let (reader, writer) = (file.try_clone()?, file.try_clone()?);
    let access = rustix::fs::fcntl_getfl(&file)?;
    let (reads, writes) = if access.contains(rustix::fs::OFlags::RDWR) {
        (true, true)
    } else {
        let writes = access.contains(rustix::fs::OFlags::WRONLY);
        (!writes, writes)
    };
    match crate::io::pipe::Pipe::new(reads.then_some(reader), writes.then_some(writer)) {
        Ok(pipe) => Ok(made(scheduler, "pipe", pipe)),
        Err(lem_ssl_rs::Error::Io { .. }) => Ok(made(scheduler, "file", FileStream::new(file))),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// A table of the stream's handle and the name of its verbs.
fn made<D: Duplex>(scheduler: &Scheduler, verbs: &'static str, stream: D) -> Answer {
    let handle = Handle::new(scheduler, stream);
    Answer::made(move |lua| {
        let table = lua.create_table()?;
        table.set("handle", lua.create_userdata(handle)?)?;
        table.set("verbs", verbs)?;
        Ok(Value::Table(table))
    })
}

/// For modules that make streams of their own.
#[cfg(unix)]
pub(super) fn pipe_answer(scheduler: &Scheduler, pipe: crate::io::pipe::Pipe, id: u32) -> Answer {
    let handle = Handle::new(scheduler, pipe);
    Answer::made(move |lua| {
        let table = lua.create_table()?;
        table.set("handle", lua.create_userdata(handle)?)?;
        table.set("verbs", "pipe")?;
        table.set("id", id)?;
        Ok(Value::Table(table))
    })
}

/// The words of an error that Lua has not raised.
pub(super) fn words(error: &io::Error) -> String {
    strerror(error)
}
