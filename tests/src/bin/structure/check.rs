//! The rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{AttrStyle, Path, Token};

use crate::circles::Folder;
use crate::read::{Module, Reading};

pub(crate) struct Crate {
    pub(crate) name: &'static str,
    /// Bottom to top.
    pub(crate) layers: &'static [&'static str],
}

pub(crate) struct Rules<'a> {
    pub(crate) crates: &'a [Crate],
    /// Further folders of `crates/`, without layers.
    pub(crate) apart: &'a [&'a str],
    pub(crate) known_circles: &'a [&'a str],
    pub(crate) max_lines: usize,
}

/// Checks sources and manifests, by their paths from the root of the workspace. What is wrong, and what is known.
pub(crate) fn check(files: &BTreeMap<String, String>, rules: &Rules<'_>) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut known) = (Vec::new(), Vec::new());
    let mut programs = BTreeMap::<_, Program<'_>>::new();
    for (path, text) in files {
        let package = path.strip_prefix("crates/").and_then(|path| path.split('/').next());
        let place = rules.crates.iter().position(|known| Some(known.name) == package);
        let above = place.map_or(&[][..], |place| &rules.crates[place + 1..]);
        if path.ends_with(".toml") {
            if place.is_none() && package.is_some_and(|name| !rules.apart.contains(&name)) {
                wrong.push(format!("{path}: no crate of this name is declared"));
            }
            wrong.extend(dependencies_on(path, text, above));
            continue;
        }
        let (lines, max) = (text.lines().count(), rules.max_lines);
        if lines > max {
            wrong.push(format!("{path}: {lines} lines, more than {max}: is it one noun?"));
        }
        let (program, module) = program_and_module(path);
        let mut reading = Reading { here: module.clone(), ..Reading::default() };
        let read = syn::parse_str(text).and_then(|tokens: TokenStream| {
            for name in names_of(&tokens, above) {
                let line = name.span().start().line;
                wrong.push(format!("{path}:{line}: names {name}, which builds on it"));
            }
            (|input: ParseStream<'_>| reading.scan(input)).parse2(tokens.clone())?;
            syn::parse2::<syn::File>(tokens)
        });
        match read {
            Ok(file) if module.is_empty() && path.contains("src/") && !forbids_unsafe(&file) => {
                wrong.push(format!("{path}: a crate root without #![forbid(unsafe_code)]"));
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{path}:{}: {error}", error.span().start().line)),
        }
        programs.entry(program).or_default().files.push((path, module, reading));
    }
    let mut folders = BTreeMap::new();
    for (name, program) in &mut programs {
        program.index();
        let layered = rules.crates.iter().find(|layered| *name == format!("crates/{}/src", layered.name));
        program.check(layered.map(|layered| layered.layers), name, &mut wrong, &mut folders);
    }
    for (name, folder) in &folders {
        let is_known = rules.known_circles.contains(&name.as_str());
        let circles = folder.circles().into_iter().map(|circle| format!("{name}: a circle of imports, {circle}"));
        if is_known { &mut known } else { &mut wrong }.extend(circles);
    }
    for name in rules.known_circles {
        if folders.get(*name).is_none_or(|folder| folder.circles().is_empty()) {
            wrong.push(format!("{name}: has no circle of imports any more, take it from the known ones"));
        }
    }
    (wrong, known)
}

/// The folder of the modules of a library or program, and which of them a file holds.
fn program_and_module(path: &str) -> (String, Module) {
    let parts: Vec<_> = path.trim_end_matches(".rs").split('/').collect();
    let package = if parts[0] == "crates" { 2 } else { 1 };
    let program = match &parts[package..] {
        ["src", "bin", _, ..] => 3,
        ["src", ..] | [_] => 1,
        _ => 2,
    };
    let (program, module) = parts.split_at(package + program);
    let module = match module {
        ["lib" | "main"] => &[],
        [module @ .., "mod"] => module,
        module => module,
    };
    (program.join("/"), module.iter().map(|&name| name.to_owned()).collect())
}

/// The modules of one library or program.
#[derive(Default)]
struct Program<'a> {
    files: Vec<(&'a str, Module, Reading)>,
    modules: BTreeSet<Module>,
    /// What `use` makes of names: the module and the name, and the path that it stands for.
    bound: HashMap<(Module, String), Module>,
}

impl Program<'_> {
    /// Takes out the files that are for tests only, and notes which names there are.
    fn index(&mut self) {
        let tests: Vec<_> = self.files.iter().flat_map(|(.., reading)| reading.test_modules.clone()).collect();
        self.files.retain(|(_, module, _)| !tests.iter().any(|tests| module.starts_with(tests)));
        for (_, module, reading) in &self.files {
            self.modules.insert(module.clone());
            let bound = reading.references.iter();
            self.bound.extend(bound.filter_map(|found| Some((found.bound.clone()?, found.path.clone()))));
        }
    }

    fn check(
        &self,
        layers: Option<&[&str]>,
        name: &str,
        wrong: &mut Vec<String>,
        folders: &mut BTreeMap<String, Folder>,
    ) {
        let height = |module: &str| layers?.iter().position(|layer| *layer == module);
        for (path, module, reading) in &self.files {
            let here = module.first().map(String::as_str).unwrap_or_default();
            if layers.is_some() && !module.is_empty() && height(here).is_none() {
                wrong.push(format!("{path}: the module `{here}` has no place in the order of layers"));
            }
            for found in &reading.references {
                let place = format!("{path}:{}", found.line);
                match self.fork(module, &found.path) {
                    Some((0, there, true)) if layers.is_some() => {
                        let is_upwards = height(here).is_some_and(|here| height(&there) > Some(here));
                        let what = format!("{place}: layer `{here}` refers to the higher layer `{there}`");
                        wrong.extend(is_upwards.then_some(what));
                    }
                    Some((depth, there, true)) => {
                        let folder = [&[name.to_owned()], &module[..depth]].concat().join("/");
                        folders.entry(folder).or_default().add(&module[depth], &there, &place);
                    }
                    Some((0, there, false)) if layers.is_some() => {
                        let what = "name the layer that it comes from";
                        wrong.push(format!("{place}: layer `{here}` names `crate::{there}`; {what}"));
                    }
                    _ => {}
                }
                if let [others @ .., last] = &found.path[..]
                    && last == "*"
                    && others != module
                    && self.modules.contains(others)
                {
                    wrong.push(format!("{place}: `*` hides which modules are meant, name what is imported"));
                }
            }
        }
    }

    /// Where the way from the root to a name leaves the way to the module that refers to it: so many modules below
    /// the root, at which name, and whether it is a module. `None` for what is the module's own or not of this crate.
    fn fork(&self, from: &[String], path: &[String]) -> Option<(usize, String, bool)> {
        let mut path = path.to_vec();
        // A name leads to a name that leads to a name: as often as there are modules at most.
        for renamed in 0..=self.modules.len() {
            let depth = from.iter().zip(&path).take_while(|(from, path)| from == path).count();
            let name = path.get(depth).filter(|_| depth < from.len())?.clone();
            if self.modules.contains(&path[..=depth]) {
                return Some((depth, name, true));
            }
            match self.bound.get(&(path[..depth].to_vec(), name.clone())) {
                Some(meant) => path = [meant, &path[depth + 1..]].concat(),
                None => return (renamed == 0).then_some((depth, name, false)),
            }
        }
        None
    }
}

/// Where tokens name crates that build on this one.
fn names_of(tokens: &TokenStream, above: &[Crate]) -> Vec<Ident> {
    let found = tokens.clone().into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => names_of(&group.stream(), above),
        TokenTree::Ident(ident) if above.iter().any(|above| ident == above.name.replace('-', "_")) => vec![ident],
        _ => Vec::new(),
    });
    found.collect()
}

/// Lines of a manifest that make a crate depend on one that builds on it, for tests included.
fn dependencies_on(path: &str, manifest: &str, above: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    let mut among_dependencies = false;
    for (number, line) in (1..).zip(manifest.lines().map(str::trim)) {
        // `[dependencies]`, `[target.'cfg(unix)'.dev-dependencies]`, `[dependencies.name]`
        let key = if let Some(section) = line.strip_prefix('[') {
            among_dependencies = section.contains("dependencies");
            section.rsplit('.').next().map(|last| last.trim_end_matches(']'))
        } else {
            line.split(['=', '.', ' ']).next()
        };
        let key = key.unwrap_or_default().trim_matches('"');
        if among_dependencies && above.iter().any(|above| above.name == key) {
            found.push(format!("{path}:{number}: depends on {key}, which builds on it"));
        }
    }
    found
}

fn forbids_unsafe(root: &syn::File) -> bool {
    root.attrs.iter().any(|attribute| {
        let lints = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        matches!(attribute.style, AttrStyle::Inner(_))
            && attribute.path().is_ident("forbid")
            && lints.is_ok_and(|lints| lints.iter().any(|lint| lint.is_ident("unsafe_code")))
    })
}
