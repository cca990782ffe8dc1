//! Paths and the modules that they lead to.

use crate::token::{Spanned, Token};

/// A path that starts at the crate root, after `super` has been resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    /// Its first segment: a top-level module, a re-export, or `*`.
    pub(crate) top: String,
}

/// Everything that a module refers to by `crate::`, `super::` or `self::` and that does not lie
/// below its own top-level module.
///
/// `module` is the path of the file's module; inline modules inside of it are followed.
pub(crate) fn references(tokens: &[Spanned], module: &[String]) -> Vec<Reference> {
    let mut leaves = Vec::new();
    let mut here = module.to_vec();
    // How many braces were open before the brace of each inline module that we are in.
    let mut inline = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(spanned) = tokens.get(at) {
        at += 1;
        match &spanned.token {
            Token::Punct('{') => depth += 1,
            Token::Punct('}') => {
                depth -= 1;
                if inline.pop_if(|outside| *outside == depth).is_some() {
                    here.pop();
                }
            }
            Token::Ident(name) => match name.as_str() {
                "mod" => {
                    if let Some(name) = inline_module(tokens, at) {
                        here.push(name);
                        inline.push(depth);
                    }
                }
                "crate" | "super" | "self" => at = tree(tokens, at - 1, &here, &mut leaves),
                _ => {}
            },
            _ => {}
        }
    }
    // Macros that are exported live in the root by definition.
    let paths = leaves.into_iter().filter(|leaf| !leaf.is_root_macro);
    paths
        .filter_map(|leaf| {
            let line = leaf.line;
            let top = leaf.path.into_iter().next()?;
            (Some(&top) != module.first()).then_some(Reference { line, top })
        })
        .collect()
}

/// What `use` in a crate root makes of its modules' names: `(name, first segment)`.
pub(crate) fn reexports(tokens: &[Spanned]) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    for (at, spanned) in tokens.iter().enumerate() {
        if spanned.token.ident() == Some("use") {
            tree(tokens, at + 1, &[], &mut leaves);
        }
    }
    leaves.into_iter().filter_map(|leaf| Some((leaf.name, leaf.path.into_iter().next()?))).collect()
}

/// One end of a path or of a tree of paths.
struct Leaf {
    /// From the crate root; empty for the root itself.
    path: Vec<String>,
    /// The name that it is known by: an alias or the last segment.
    name: String,
    line: usize,
    /// Whether it is called as `crate::name!`.
    is_root_macro: bool,
}

/// Collects the ends of the path or tree at `at`, seen from the module `base`; says where it ends.
fn tree(tokens: &[Spanned], mut at: usize, base: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let mut path = base.to_vec();
    while let Some(spanned) = tokens.get(at) {
        let segment = match &spanned.token {
            Token::Ident(name) => name.as_str(),
            Token::Punct('*') => "*",
            Token::Punct('{') => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.token != Token::Punct('}')) {
                    // A comma, or something that is no path: step over it.
                    at = tree(tokens, at, &path, leaves).max(at + 1);
                }
                return at + 1;
            }
            _ => return at,
        };
        match segment {
            "crate" => path.clear(),
            "super" => drop(path.pop()),
            "self" => {}
            name => path.push(name.to_owned()),
        }
        let next = |ahead: usize| tokens.get(at + ahead).map(|spanned| &spanned.token);
        // What follows the separator of `name::<T>` is no segment.
        if next(1) == Some(&Token::PathSep) && next(2) != Some(&Token::Punct('<')) {
            at += 2;
            continue;
        }
        let alias = match (next(1), next(2)) {
            (Some(Token::Ident(word)), Some(Token::Ident(alias))) if word == "as" => Some(alias),
            _ => None,
        };
        leaves.push(Leaf {
            name: alias.map_or(segment, String::as_str).to_owned(),
            line: spanned.line,
            is_root_macro: path.len() == 1 && next(1) == Some(&Token::Punct('!')),
            path,
        });
        return at + if alias.is_some() { 3 } else { 1 };
    }
    at
}

/// The name in `mod name {`, of which `at` is the name.
fn inline_module(tokens: &[Spanned], at: usize) -> Option<String> {
    let name = tokens.get(at)?.token.ident()?;
    (tokens.get(at + 1)?.token == Token::Punct('{')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tokens;

    fn tops(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<_> = module.iter().map(|&name| name.to_owned()).collect();
        let found = references(&tokens(text), &module);
        found.into_iter().map(|reference| reference.top).collect()
    }

    #[test]
    fn imports_from_the_crate_root_are_found() {
        assert_eq!(tops("use crate::net::Tcp;", &["a"]), ["net"]);
        assert_eq!(tops("pub(crate) use crate::net as n;", &["a"]), ["net"]);
        assert_eq!(tops("use crate::*;", &["a"]), ["*"]);
    }

    #[test]
    fn every_branch_of_a_tree_is_found() {
        let text = "use crate::{Error, net::{self, tcp::Tcp}, proto::*, self};";
        assert_eq!(tops(text, &["a"]), ["Error", "net", "net", "proto"]);
    }

    #[test]
    fn paths_in_expressions_and_types_are_found() {
        let text = "fn f(x: &crate::a::B) -> Vec<crate::c::D> { crate::e::<u8>(); $crate::g::h!() }";
        assert_eq!(tops(text, &["z"]), ["a", "c", "e", "g"]);
    }

    #[test]
    fn super_counts_modules_and_inline_modules() {
        assert_eq!(tops("use super::net;", &["stream"]), ["net"]);
        assert_eq!(tops("use super::other;", &["stream", "reader"]), [""; 0]);
        assert_eq!(tops("use super::super::net::X;", &["stream", "reader"]), ["net"]);
        assert_eq!(tops("use super::{super::net, a};", &["stream", "reader"]), ["net"]);
        let text = "mod inner { use super::super::net; mod more {} } use super::time;";
        assert_eq!(tops(text, &["stream"]), ["net", "time"]);
    }

    #[test]
    fn visibilities_and_receivers_are_no_references() {
        let text = "pub(crate) fn f(&self) { self.x(); self::g() } pub(super) struct S;";
        assert_eq!(tops(text, &["a"]), [""; 0]);
    }

    #[test]
    fn macros_of_the_root_are_no_references() {
        assert_eq!(tops("crate::trace!(\"x\"); crate::time::now!()", &["a"]), ["time"]);
    }

    #[test]
    fn the_line_is_that_of_the_name() {
        let found = references(&tokens("use crate::{\n  a,\n  b,\n};"), &["z".to_owned()]);
        let lines: Vec<_> = found.iter().map(|reference| reference.line).collect();
        assert_eq!(lines, [2, 3]);
    }

    #[test]
    fn the_facade_tells_where_its_names_come_from() {
        let text = "pub use error::{Error, Timeout as Late}; pub use crate::net::Tcp; pub use lem_rs::*;";
        let found = reexports(&tokens(text));
        let pairs: Vec<_> = found.iter().map(|(n, o)| (n.as_str(), o.as_str())).collect();
        let expected = [("Error", "error"), ("Late", "error"), ("Tcp", "net"), ("*", "lem_rs")];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn broken_text_ends() {
        for text in ["use crate::{a, {", "crate::", "super::super::", "use crate::{,,;}", "mod"] {
            tops(text, &["a"]);
        }
    }
}
