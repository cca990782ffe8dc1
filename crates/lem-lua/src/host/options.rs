//! Options of contexts, as scripts give them: what is wrong with them is a text, to be raised.

#![forbid(unsafe_code)]

#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use mlua::{LuaString, Table, Value};

/// One text, or a list of them.
pub(super) fn texts(options: &Table, name: &str) -> Result<Option<Vec<String>>, String> {
    let Some(texts) = strings(options, name)? else { return Ok(None) };
    Ok(Some(texts.iter().map(LuaString::to_string_lossy).collect()))
}

/// One text or name of a file, or a list of them.
pub(super) fn names(options: &Table, name: &str) -> Result<Option<Vec<PathBuf>>, String> {
    let Some(names) = strings(options, name)? else { return Ok(None) };
    Ok(Some(names.iter().map(path).collect::<Result<_, _>>()?))
}

#[cfg(unix)]
fn path(name: &LuaString) -> Result<PathBuf, String> {
    Ok(std::ffi::OsStr::from_bytes(&name.as_bytes()).into())
}

#[cfg(not(unix))]
fn path(name: &LuaString) -> Result<PathBuf, String> {
    Ok(name.to_str().map_err(text_of)?.to_owned().into())
}

fn strings(options: &Table, name: &str) -> Result<Option<Vec<LuaString>>, String> {
    let list = match options.get::<Value>(name).map_err(text_of)? {
        Value::Nil => return Ok(None),
        Value::String(text) => return Ok(Some(vec![text])),
        Value::Table(list) => list,
        other => {
            let kind = other.type_name();
            return Err(format!("{name} is a string or a list of strings, not a {kind}"));
        }
    };
    let text = |value| match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{name} is a list of strings, and has a {}", other.type_name())),
    };
    whole_list(&list, name)?.into_iter().map(text).collect::<Result<_, _>>().map(Some)
}

/// The values of a list. One that is empty or has holes is a mistake, as of a variable that is not set: it must not be
/// taken for one that was not given.
pub(super) fn whole_list(list: &Table, name: &str) -> Result<Vec<Value>, String> {
    let values: Vec<Value> = list.sequence_values().collect::<mlua::Result<_>>().map_err(text_of)?;
    let count = list.pairs::<Value, Value>().count();
    if values.is_empty() {
        let problem = if count == 0 { "an empty list" } else { "a list without a first element" };
        return Err(format!("{name} is {problem}; leave it out if nothing is meant"));
    } else if count > values.len() {
        return Err(format!("{name} is a list with holes, or with names"));
    }
    Ok(values)
}

/// True or false, and nothing that only counts as one of them.
pub(super) fn flag(options: &Table, name: &str) -> Result<Option<bool>, String> {
    match options.get::<Value>(name).map_err(text_of)? {
        Value::Nil => Ok(None),
        Value::Boolean(on) => Ok(Some(on)),
        other => Err(format!("{name} is true or false, not a {}", other.type_name())),
    }
}

/// A number of seconds.
pub(super) fn seconds(options: &Table, name: &str) -> Result<Option<Duration>, String> {
    let Some(seconds) = options.get::<Option<f64>>(name).map_err(text_of)? else { return Ok(None) };
    let limit = Duration::try_from_secs_f64(seconds);
    limit.map(Some).map_err(|_| format!("{name} is a number of seconds, not {seconds}"))
}

fn text_of(error: mlua::Error) -> String {
    error.to_string()
}
