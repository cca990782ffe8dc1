//! The checks of the whole workspace.

use std::fs;
use std::io;
use std::path::Path;

use crate::Crate;
use crate::layers;
use crate::token::{Token, tokens};
use crate::tree::{SourceFile, folders, sources};

/// What was looked at and what was found.
#[derive(Default)]
pub(crate) struct Report {
    /// One line per crate and per further folder.
    pub(crate) checked: Vec<String>,
    pub(crate) violations: Vec<String>,
    files: usize,
    crates: usize,
}

impl Report {
    /// The closing line.
    pub(crate) fn summary(&self) -> String {
        let violations = match self.violations.len() {
            0 => "no violations".to_owned(),
            some => count(some, "violation"),
        };
        let files = count(self.files, "file");
        let crates = count(self.crates, "crate");
        format!("{files}, {crates}, {violations}")
    }
}

/// Checks everything below `root`.
pub(crate) fn workspace(root: &Path, crates: &[Crate], apart: &[&str], max_lines: usize) -> io::Result<Report> {
    let mut report = Report::default();
    for (place, krate) in crates.iter().enumerate() {
        let folder = Path::new("crates").join(krate.name);
        let files = sources(&root.join(&folder))?;
        if files.is_empty() {
            continue;
        }
        report.crates += 1;
        let above: Vec<_> = crates[place + 1..].iter().map(|above| above.name).collect();
        let manifest = fs::read_to_string(root.join(&folder).join("Cargo.toml"))?;
        report.violations.extend(
            imports_from_above(&folder, &files, &above).into_iter().chain(dependencies_on(&folder, &manifest, &above)),
        );
        let mut order = String::new();
        if !krate.layers.is_empty() {
            let findings = layers::check(&folder, krate.layers, &files);
            report.violations.extend(findings.violations);
            order = format!(": {}", findings.present.join(" < "));
        }
        let line = format!("{}, {}{order}", folder.display(), count(files.len(), "file"));
        report.checked.push(line);
        report.each_file(&folder, &files, max_lines);
    }

    for name in folders(&root.join("crates"))? {
        let folder = Path::new("crates").join(&name);
        if apart.contains(&name.as_str()) {
            report.further_folder(root, &folder, max_lines)?;
        } else if !crates.iter().any(|krate| krate.name == name) {
            let line = format!("{}: no crate of this name is declared", folder.display());
            report.violations.push(line);
        }
    }
    for folder in ["tests", "fuzz"] {
        report.further_folder(root, Path::new(folder), max_lines)?;
    }
    Ok(report)
}

impl Report {
    /// A folder whose modules have no layers.
    fn further_folder(&mut self, root: &Path, folder: &Path, max_lines: usize) -> io::Result<()> {
        let files = sources(&root.join(folder))?;
        if !files.is_empty() {
            let line = format!("{}, {}", folder.display(), count(files.len(), "file"));
            self.checked.push(line);
        }
        self.each_file(folder, &files, max_lines);
        Ok(())
    }

    /// What holds for every file wherever it lies.
    fn each_file(&mut self, folder: &Path, files: &[SourceFile], max_lines: usize) {
        self.files += files.len();
        for file in files {
            let shown = folder.join(&file.path);
            let lines = file.text.lines().count();
            if lines > max_lines {
                self.violations
                    .push(format!("{}: {lines} lines, more than {max_lines}: is it one noun?", shown.display()));
            }
            if file.is_crate_root() && !forbids_unsafe(&file.text) {
                self.violations.push(format!("{}: a crate root without #![forbid(unsafe_code)]", shown.display()));
            }
        }
    }
}

/// Places where a crate's sources name a crate that builds on it.
fn imports_from_above(folder: &Path, files: &[SourceFile], above: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for spanned in tokens(&file.text) {
            let Some(ident) = spanned.token.ident() else {
                continue;
            };
            if above.iter().any(|name| name.replace('-', "_") == ident) {
                let shown = folder.join(&file.path);
                let line = spanned.line;
                found.push(format!("{}:{line}: names {ident}, which builds on it", shown.display()));
            }
        }
    }
    found
}

/// Lines of a manifest that make a crate depend on one that builds on it, for tests included.
fn dependencies_on(folder: &Path, manifest: &str, above: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut among_dependencies = false;
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        // `[dependencies]`, `[target.'cfg(unix)'.dev-dependencies]`, `[dependencies.name]`
        let key = if let Some(section) = line.strip_prefix('[') {
            among_dependencies = section.contains("dependencies");
            section.rsplit('.').next().map(|last| last.trim_end_matches(']'))
        } else {
            line.split(['=', '.', ' ']).next()
        };
        let key = key.unwrap_or_default().trim_matches('"');
        if among_dependencies && above.contains(&key) {
            let shown = folder.join("Cargo.toml");
            let number = number + 1;
            found.push(format!("{}:{number}: depends on {key}, which builds on it", shown.display()));
        }
    }
    found
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn forbids_unsafe(root: &str) -> bool {
    let wanted = tokens("#![forbid(unsafe_code)]");
    let wanted: Vec<&Token> = wanted.iter().map(|spanned| &spanned.token).collect();
    let found = tokens(root);
    let found: Vec<&Token> = found.iter().map(|spanned| &spanned.token).collect();
    found.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn a_crate_that_names_one_above_is_found() {
        let files = [
            file("src/a.rs", "use std::io;\nuse lem_ssl_rs::Context;"),
            file("src/b.rs", "// lem_ssl_rs does this better\nlem_ssl_rsx"),
        ];
        let found = imports_from_above(Path::new("c"), &files, &["lem-ssl-rs"]);
        assert_eq!(found, ["c/src/a.rs:2: names lem_ssl_rs, which builds on it"]);
    }

    #[test]
    fn a_dependency_on_a_crate_above_is_found_in_every_spelling() {
        for manifest in [
            "[dependencies]\nup.workspace = true",
            "[dependencies]\nup = { path = \"../up\" }",
            "[dev-dependencies]\n\"up\"=\"1\"",
            "[target.'cfg(unix)'.build-dependencies]\nup = \"1\"",
            "\n[dependencies.up]",
        ] {
            let found = dependencies_on(Path::new("c"), manifest, &["up"]);
            assert_eq!(found, ["c/Cargo.toml:2: depends on up, which builds on it"], "{manifest}");
        }
        let harmless = "[package]\nup = 1\n[dependencies]\nuptime = \"1\"\nx = \"up\"\n[features]\nup = []";
        assert_eq!(dependencies_on(Path::new("c"), harmless, &["up"]), [""; 0]);
    }

    #[test]
    fn roots_without_the_ban_and_long_files_are_found() {
        let mut report = Report::default();
        let files = [
            file("src/lib.rs", "//! #![forbid(unsafe_code)]"),
            file("src/main.rs", "#![forbid( unsafe_code )]"),
            file("src/a.rs", "\n\n\n\n"),
        ];
        report.each_file(Path::new("c"), &files, 3);
        let expected = [
            "c/src/a.rs: 4 lines, more than 3: is it one noun?",
            "c/src/lib.rs: a crate root without #![forbid(unsafe_code)]",
        ];
        report.violations.sort();
        assert_eq!(report.violations, expected);
        assert_eq!(report.summary(), "3 files, 0 crates, 2 violations");
    }
}
