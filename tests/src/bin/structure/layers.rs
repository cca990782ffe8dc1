//! The order of the layers inside one crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::paths::{Reference, reexports, references};
use crate::strip::{Stripped, strip_tests};
use crate::token::tokens;
use crate::tree::SourceFile;

/// What is wrong with the layers of one crate, one line each.
pub(crate) struct Findings {
    pub(crate) violations: Vec<String>,
    /// The layers that have files, bottom to top.
    pub(crate) present: Vec<&'static str>,
}

/// Checks the modules in `files` against `layers`, which are in order from bottom to top.
///
/// `folder` is the crate's folder as it shall be shown.
pub(crate) fn check(folder: &Path, layers: &'static [&'static str], files: &[SourceFile]) -> Findings {
    let stripped: Vec<_> = files.iter().map(|file| strip_tests(&tokens(&file.text))).collect();
    let order = Order { layers, facade: facade(files, &stripped) };
    let test_modules = test_modules(files, &stripped);

    let mut violations = Vec::new();
    let mut present = BTreeSet::new();
    for (file, stripped) in files.iter().zip(&stripped) {
        let Some(module) = file.module() else {
            continue;
        };
        if test_modules.iter().any(|tests| module.starts_with(tests)) {
            continue;
        }
        let shown = folder.join(&file.path);
        let shown = shown.display();
        let Some(height) = order.height(&module[0]) else {
            violations.push(format!("{shown}: the module `{}` has no place in the order of layers", module[0]));
            continue;
        };
        present.insert(height);
        for reference in references(&stripped.tokens, &module) {
            let line = reference.line;
            if let Some(what) = order.objection(height, &reference) {
                violations.push(format!("{shown}:{line}: {what}"));
            }
        }
    }
    Findings { violations, present: present.into_iter().map(|height| layers[height]).collect() }
}

struct Order {
    layers: &'static [&'static str],
    /// The names that the crate root exports, and the module or crate each comes from.
    facade: BTreeMap<String, String>,
}

impl Order {
    fn height(&self, layer: &str) -> Option<usize> {
        self.layers.iter().position(|known| *known == layer)
    }

    /// What is wrong with a reference from a layer of this height, if anything.
    fn objection(&self, height: usize, reference: &Reference) -> Option<String> {
        let here = self.layers[height];
        let top = reference.top.as_str();
        let origin = match self.facade.get(top) {
            _ if self.height(top).is_some() => top,
            Some(origin) => origin,
            None => {
                return Some(format!("layer `{here}` names `crate::{top}`; name the layer that it comes from"));
            }
        };
        // A name that the root exports from another crate has no height here.
        (self.height(origin)? > height).then(|| format!("layer `{here}` refers to the higher layer `{origin}`"))
    }
}

fn facade(files: &[SourceFile], stripped: &[Stripped]) -> BTreeMap<String, String> {
    let root = Path::new("src/lib.rs");
    let mut pairs = files.iter().zip(stripped);
    pairs
        .find(|(file, _)| file.path == root)
        .map(|(_, stripped)| reexports(&stripped.tokens).into_iter().collect())
        .unwrap_or_default()
}

/// The paths of modules in files of their own that only tests compile.
fn test_modules(files: &[SourceFile], stripped: &[Stripped]) -> Vec<Vec<String>> {
    let pairs = files.iter().zip(stripped);
    pairs
        .flat_map(|(file, stripped)| {
            let parent = file.module().unwrap_or_default();
            stripped.test_modules.iter().map(move |name| {
                let mut module = parent.clone();
                module.push(name.clone());
                module
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &[&str] = &["error", "net", "stream"];

    fn violations(files: &[(&str, &str)]) -> Vec<String> {
        let source = |&(path, text): &(&str, &str)| SourceFile { path: path.into(), text: text.to_owned() };
        let files: Vec<_> = files.iter().map(source).collect();
        check(Path::new("c"), LAYERS, &files).violations
    }

    #[test]
    fn references_downwards_and_sideways_are_fine() {
        let stream = "use crate::{error::Error, net::Tcp}; use super::error; use self::inner::X;";
        let inner = "use super::Stream; use crate::stream::Stream as S;";
        let files = [("src/stream.rs", stream), ("src/stream/inner.rs", inner)];
        assert_eq!(violations(&files), [""; 0]);
    }

    #[test]
    fn references_upwards_are_found_with_their_line() {
        let found = violations(&[
            ("src/error.rs", "\nuse crate::net::Tcp;"),
            ("src/net/tcp.rs", "fn f() {\n super::super::stream::g() }"),
        ]);
        let expected = [
            "c/src/error.rs:2: layer `error` refers to the higher layer `net`",
            "c/src/net/tcp.rs:2: layer `net` refers to the higher layer `stream`",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_facade_hides_no_reference_upwards() {
        let root = ("src/lib.rs", "mod stream; pub use stream::{Stream as Flow, self};");
        let found = violations(&[root, ("src/net.rs", "use crate::Flow;")]);
        let expected = ["c/src/net.rs:1: layer `net` refers to the higher layer `stream`"];
        assert_eq!(found, expected);
        let found = violations(&[root, ("src/net.rs", "use crate::Unknown;")]);
        assert!(found[0].contains("`crate::Unknown`"), "{found:?}");
    }

    #[test]
    fn names_of_other_crates_are_fine() {
        let root = ("src/lib.rs", "pub use lem_rs::Machine;");
        assert_eq!(violations(&[root, ("src/net.rs", "use crate::Machine;")]), [""; 0]);
    }

    #[test]
    fn modules_without_a_place_are_found() {
        let found = violations(&[("src/util/mod.rs", "")]);
        let expected = ["c/src/util/mod.rs: the module `util` has no place in the order of layers"];
        assert_eq!(found, expected);
    }

    #[test]
    fn tests_may_look_upwards() {
        let inside = "#[cfg(test)] mod tests { use crate::stream::Stream; }";
        let outside = "#[cfg(test)] mod tests;";
        let found = violations(&[
            ("src/error.rs", inside),
            ("src/net.rs", outside),
            ("src/net/tests.rs", "use crate::stream::Stream;"),
            ("src/net/tests/more.rs", "use crate::stream::Stream;"),
            ("src/lib.rs", "#[cfg(test)] mod fixtures;"),
            ("src/fixtures.rs", ""),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
