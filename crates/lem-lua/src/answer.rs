//! What a verb gives back to its script.

#![forbid(unsafe_code)]

use std::io;

use lem_ssl_rs::Error;
use mlua::{Lua, Value};

/// What Lua gets: one value, or `nil` and a message.
pub(crate) type Pair = (Value, Value);

/// Makes a value once Lua is at hand.
type Make = Box<dyn FnOnce(&Lua) -> mlua::Result<Value>>;

/// A verb's result, made where there is no Lua at hand.
pub(crate) enum Answer {
    Nil,
    True,
    Bytes(Vec<u8>),
    Integer(i64),
    /// What only Lua can make: an object, or a table.
    Made(Make),
    Fail(String),
    /// As `Fail`, where the message names what is not always UTF-8.
    FailBytes(Vec<u8>),
}

impl Answer {
    pub(crate) fn made(make: impl FnOnce(&Lua) -> mlua::Result<Value> + 'static) -> Self {
        Self::Made(Box::new(make))
    }

    pub(crate) fn done(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => Self::True,
            Err(error) => Self::Fail(error.to_string()),
        }
    }

    /// The result of a call of the operating system: its own words are the message.
    pub(crate) fn of_system<T>(result: io::Result<T>, answer: impl FnOnce(T) -> Self) -> Self {
        match result {
            Ok(value) => answer(value),
            Err(error) => Self::Fail(strerror(&error)),
        }
    }

    pub(crate) fn into_pair(self, lua: &Lua) -> mlua::Result<Pair> {
        let value = match self {
            Self::Nil => Value::Nil,
            Self::True => Value::Boolean(true),
            Self::Bytes(bytes) => Value::String(lua.create_string(&bytes)?),
            Self::Integer(number) => Value::Integer(number),
            Self::Made(make) => make(lua)?,
            Self::FailBytes(message) => return Ok((Value::Nil, Value::String(lua.create_string(&message)?))),
            Self::Fail(message) => return Ok((Value::Nil, Value::String(lua.create_string(&message)?))),
        };
        Ok((value, Value::Nil))
    }
}

/// The C library's words for an error, without what Rust adds to them.
pub(crate) fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].into(),
        None => text,
    }
}
