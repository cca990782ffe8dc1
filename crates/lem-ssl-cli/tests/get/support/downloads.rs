//! A folder that things are downloaded into.

use std::fs;
use std::path::PathBuf;

use super::command::{Finished, Running, lem_ssl};
use super::site::Site;
use super::world::World;

pub(crate) struct Downloads {
    folder: PathBuf,
    ca: String,
}

impl Downloads {
    pub(crate) fn new(world: &World) -> Self {
        Self { folder: world.folder("downloads"), ca: world.ca.clone() }
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The names of all that is in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The arguments for a download of this path into `file`.
    fn arguments(&self, site: &Site, path: &str, further: &[&str]) -> Vec<String> {
        let mut arguments = vec!["get".to_owned(), site.url(path), "--ca".to_owned(), self.ca.clone()];
        arguments.extend(further.iter().map(|&argument| argument.to_owned()));
        arguments
    }

    /// Downloads `/file` into `file`.
    pub(crate) fn get(&self, site: &Site) -> Finished {
        self.get_with(site, &[])
    }

    pub(crate) fn get_with(&self, site: &Site, further: &[&str]) -> Finished {
        let file = self.path("file");
        lem_ssl(self.arguments(site, "/file", &[&["-o", &file], further].concat()), b"")
    }

    /// Downloads this path to standard output.
    pub(crate) fn print(&self, site: &Site, path: &str, further: &[&str]) -> Finished {
        lem_ssl(self.arguments(site, path, &[&["-o", "-"], further].concat()), b"")
    }

    /// Starts a download of `/file` into `file`.
    pub(crate) fn start(&self, site: &Site) -> Running {
        Running::start(self.arguments(site, "/file", &["-o", &self.path("file")]))
    }
}
