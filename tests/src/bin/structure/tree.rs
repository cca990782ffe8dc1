//! The files of the workspace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A Rust source below one of our folders.
pub(crate) struct SourceFile {
    /// Relative to the folder that was asked for.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl SourceFile {
    /// The path of the module that the file holds, when it lies in `src`; a crate root and the
    /// programs in `src/bin` are above all modules and give `None`.
    pub(crate) fn module(&self) -> Option<Vec<String>> {
        let below = self.path.strip_prefix("src").ok()?.with_extension("");
        let mut module: Vec<_> = below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        match module.first().map(String::as_str) {
            Some("lib" | "main" | "build") if module.len() == 1 => None,
            None | Some("bin") => None,
            Some(_) => Some(module),
        }
    }

    /// Whether a compiler starts reading here, in a library or in a program of ours.
    pub(crate) fn is_crate_root(&self) -> bool {
        let parts: Vec<_> = self.path.iter().filter_map(|part| part.to_str()).collect();
        matches!(parts[..], ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] | ["src", "bin", _, "main.rs"])
    }
}

/// All Rust sources below `folder`, in a stable order; none if there is no such folder.
pub(crate) fn sources(folder: &Path) -> io::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect(folder, Path::new(""), &mut found)?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The names of the folders in `folder`, sorted; none if there is no such folder.
pub(crate) fn folders(folder: &Path) -> io::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn collect(root: &Path, below: &Path, found: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = below.join(&*name);
        if entry.file_type()?.is_dir() {
            // Builds and what fuzzing leaves behind are not ours.
            if !name.starts_with('.') && !matches!(&*name, "target" | "corpus" | "artifacts") {
                collect(root, &path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(root.join(&path))?;
            found.push(SourceFile { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> SourceFile {
        let (path, text) = (path.into(), String::new());
        SourceFile { path, text }
    }

    #[test]
    fn a_path_says_which_module_it_holds() {
        let module = |path| file(path).module().map(|module| module.join("::"));
        assert_eq!(module("src/stream.rs").as_deref(), Some("stream"));
        assert_eq!(module("src/stream/mod.rs").as_deref(), Some("stream"));
        assert_eq!(module("src/net/lib.rs").as_deref(), Some("net::lib"));
        for outside in ["src/lib.rs", "src/main.rs", "src/bin/x.rs", "tests/a.rs", "build.rs"] {
            assert_eq!(module(outside), None, "{outside}");
        }
    }

    #[test]
    fn roots_are_libraries_and_programs() {
        for root in ["src/lib.rs", "src/main.rs", "src/bin/a.rs", "src/bin/a/main.rs"] {
            assert!(file(root).is_crate_root(), "{root}");
        }
        for other in ["src/a.rs", "src/a/lib.rs", "src/bin/a/b.rs", "examples/a.rs"] {
            assert!(!file(other).is_crate_root(), "{other}");
        }
    }
}
