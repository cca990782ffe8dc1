//! What a process needs of files and ports once it runs.

use std::path::PathBuf;

/// What a process needs of files and ports once it runs: everything else can be closed to it.
#[derive(Debug, Default)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has rules that these become"))]
pub(crate) struct Needs {
    /// The folder that becomes the root folder; what follows is looked up in it, but for `sockets`.
    pub(crate) root: Option<PathBuf>,
    /// Files that are read again. Others may be put in their place.
    pub(crate) files: Vec<PathBuf>,
    /// Folders that are read, with everything below them.
    pub(crate) folders: Vec<PathBuf>,
    /// Folders in which files and folders are made, replaced and removed.
    pub(crate) kept: Vec<PathBuf>,
    /// Files that are written to, and no other in their folders.
    pub(crate) written: Vec<PathBuf>,
    /// Unix-domain sockets that are listened at.
    pub(crate) sockets: Vec<PathBuf>,
    /// Whether names are resolved, by whatever the C library asks.
    pub(crate) names: bool,
    /// Whether the operating system's roots are read.
    pub(crate) roots: bool,
    /// Whether the kernel's table of interfaces is read.
    pub(crate) interfaces: bool,
    /// TCP ports that are listened at; 0 for one that is free.
    pub(crate) listened: Vec<u16>,
    /// TCP ports that are connected to; `None` if they are not known.
    pub(crate) connected: Option<Vec<u16>>,
    /// Whether an abstract Unix-domain socket of another process is written to.
    pub(crate) abstract_sockets: bool,
}

/// What closing the rest has come to, as a line for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Restricted {
    /// All of it.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system does any of it"))]
    Whole(String),
    /// Some of it, or nothing.
    Partly(String),
}
