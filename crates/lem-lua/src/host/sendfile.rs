//! Sending a part of a file.

#![forbid(unsafe_code)]

use std::rc::Rc;

use lem_ssl_rs::Error;
use mlua::{Lua, Table, UserDataRef, Value};

use super::limit::limited;
use crate::answer::Answer;
use crate::io::duplex::{Duplex, Handle};
use crate::io::file::FileStream;
use crate::scheduler::Scheduler;

/// What is read of a file at once.
const BLOCK: u64 = 64 * 1024;

/// The verb `sendfile`: how many bytes were sent; `nil` and what is wrong with the stream; `false` and that, if it has
/// not begun; or, as a value, what is wrong with the file. And `sent`: how many bytes of the last one were sent.
pub(super) fn install<D: Duplex>(lua: &Lua, scheduler: &Rc<Scheduler>, verbs: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    type Arguments<D> = (UserDataRef<Handle<D>>, UserDataRef<Handle<FileStream>>, u64, u64);
    verbs.set(
        "sendfile",
        lua.create_function(move |lua, (handle, file, size, offset): Arguments<D>| {
            handle.use_now();
            shared.abandon_refused();
            if let Err(error) = handle.check_write() {
                return Ok((Value::Boolean(false), Value::String(lua.create_string(D::words(&error))?)));
            }
            let guard = handle.sending.begin();
            let (stream, file, limit) = (handle.stream.clone(), file.stream.clone(), handle.limit.get());
            shared.start(lua, async move {
                // Its bytes would count as sent.
                if let Err(error) = limited(limit, stream.settle()).await {
                    return Answer::Fail(D::words(&error));
                }
                let mut sent = 0;
                while sent < size {
                    let count = usize::try_from(BLOCK.min(size - sent)).unwrap_or(0);
                    let block = match file.read_at(offset + sent, count).await {
                        Ok(block) if block.is_empty() => break,
                        Ok(block) => block,
                        Err(Error::Closed) => return Answer::Bytes(b"file closed".to_vec()),
                        Err(error) => return Answer::Bytes(FileStream::words(&error).into_bytes()),
                    };
                    let before = stream.written();
                    let written = match guard.check() {
                        Ok(()) => limited(limit, stream.write(&block)).await,
                        interrupted => interrupted,
                    };
                    if let Err(error) = written {
                        // A write of another one cannot have come between: the stream is held.
                        guard.add(stream.written() - before);
                        return Answer::Fail(D::words(&error));
                    }
                    sent = guard.add(block.len() as u64);
                }
                Answer::Integer(i64::try_from(sent).unwrap_or(i64::MAX))
            })
        })?,
    )?;
    verbs.set("sent", lua.create_function(|_, handle: UserDataRef<Handle<D>>| Ok(handle.sending.sent.get()))?)
}
