//! The rules.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

use crate::read::{Module, Reading};

pub(crate) struct Crate {
    pub(crate) name: &'static str,
    /// Bottom to top. A crate without layers is only kept out of those below it.
    pub(crate) layers: &'static [&'static str],
    /// The only layer with unsafe code, if there is one: the library cannot forbid it at its root, so all others do.
    pub(crate) unsafe_layer: Option<&'static str>,
}

impl Crate {
    /// Whether a file of this crate has to forbid unsafe code by itself.
    fn must_forbid_unsafe(&self, path: &str, module: &[String]) -> bool {
        let Some(layer) = self.unsafe_layer else { return is_root(path, module) };
        let [folder, module @ ..] = module else { return false };
        let is_library = module.is_empty() && path.ends_with("/lib.rs");
        folder.contains("/src") && !is_library && module != [layer]
    }
}

fn is_root(path: &str, module: &[String]) -> bool {
    module.len() == 1 && path.contains("src/")
}

/// Who imports whom in one folder, and the first place where it does so.
type Imports = BTreeMap<(String, String), String>;

/// What is wrong with sources and manifests, by their paths from the root of the workspace.
pub(crate) fn check(files: &BTreeMap<String, String>, crates: &[Crate], max_lines: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut readings = Vec::new();
    for (path, text) in files {
        let package = path.strip_prefix("crates/").and_then(|path| path.split('/').next());
        let place = crates.iter().position(|known| Some(known.name) == package);
        let above = place.map_or(&[][..], |place| &crates[place + 1..]);
        if path.ends_with(".toml") {
            if package.is_some() && place.is_none() {
                wrong.push(format!("{path}: no crate of this name is declared"));
            }
            wrong.extend(dependencies_on(path, text, above));
            continue;
        }
        let lines = text.lines().count();
        if lines > max_lines {
            wrong.push(format!("{path}: {lines} lines, more than {max_lines}: is it one noun?"));
        }
        let module = module_of(path);
        let must_forbid = match place {
            Some(place) => crates[place].must_forbid_unsafe(path, &module),
            None => is_root(path, &module),
        };
        let what = if is_root(path, &module) { "a crate root" } else { "a file beside unsafe code" };
        let read = text.parse::<TokenStream>().map_err(syn::Error::from).and_then(|tokens| {
            for name in names_of(tokens.clone(), above) {
                let line = name.span().start().line;
                wrong.push(format!("{path}:{line}: names {name}, which builds on it"));
            }
            readings.push((path, Reading::of(module, tokens.clone())?));
            syn::parse2::<syn::File>(tokens)
        });
        match read {
            Ok(file) if must_forbid && !forbids_unsafe(&file) => {
                wrong.push(format!("{path}: {what} without #![forbid(unsafe_code)]"));
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{path}:{}: {error}", error.span().start().line)),
        }
    }
    wrong.extend(check_references(readings, crates));
    wrong
}

/// What is wrong with the references of all sources.
fn check_references(mut readings: Vec<(&String, Reading)>, crates: &[Crate]) -> Vec<String> {
    let mut wrong = Vec::new();
    let tests: Vec<_> = readings.iter().flat_map(|(_, reading)| reading.test_modules.clone()).collect();
    readings.retain(|(_, reading)| !tests.iter().any(|tests| reading.here.starts_with(tests)));
    let mut modules = Modules::default();
    for (_, reading) in &readings {
        modules.all.insert(reading.here.clone());
        modules.bound.extend(reading.bound.clone());
    }
    let mut folders = BTreeMap::<String, Imports>::new();
    for (path, reading) in &readings {
        let layered = crates.iter().find(|layered| reading.here[0] == format!("crates/{}/src", layered.name));
        let layers = layered.map(|layered| layered.layers).filter(|layers| !layers.is_empty());
        let height = |module: &str| layers?.iter().position(|layer| *layer == module);
        let here = reading.here.get(1).map(String::as_str).unwrap_or_default();
        if layers.is_some() && !here.is_empty() && height(here).is_none() {
            wrong.push(format!("{path}: the module `{here}` has no place in the order of layers"));
        }
        for found in &reading.references {
            let place = format!("{path}:{}", found.line);
            match modules.fork(&reading.here, &found.path) {
                Some((1, there, true)) if layers.is_some() => {
                    let is_upwards = height(here).is_some_and(|here| height(&there) > Some(here));
                    let what = || format!("{place}: layer `{here}` refers to the higher layer `{there}`");
                    wrong.extend(is_upwards.then(what));
                }
                Some((depth, there, true)) => {
                    let imports = folders.entry(reading.here[..depth].join("/")).or_default();
                    imports.entry((reading.here[depth].clone(), there)).or_insert(place.clone());
                }
                Some((1, there, false)) if layers.is_some() => {
                    let what = "name the layer that it comes from";
                    wrong.push(format!("{place}: layer `{here}` names `crate::{there}`; {what}"));
                }
                _ => {}
            }
            if let [others @ .., last] = &found.path[..]
                && last == "*"
                && others != reading.here
                && modules.all.contains(others)
            {
                wrong.push(format!("{place}: `*` hides which modules are meant, name what is imported"));
            }
        }
    }
    for (folder, imports) in &folders {
        let circles = imports.keys().filter_map(|(from, to)| shortest_way(imports, to, from));
        if let Some(circle) = circles.min_by_key(Vec::len) {
            let imported = circle.iter().cycle().skip(circle.len() - 1).zip(&circle);
            let edges = imported.map(|(from, to)| (from.to_string(), to.to_string()));
            let shown: String =
                edges.map(|edge| format!("\n    {}: {} -> {}", imports[&edge], edge.0, edge.1)).collect();
            wrong.push(format!("{folder}: a circle of imports{shown}"));
        }
    }
    wrong
}

/// The module that a file holds: the folder of its library or program, and the names below that.
fn module_of(path: &str) -> Module {
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
    [&[program.join("/")], &module.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()[..]].concat()
}

/// The modules of all libraries and programs.
#[derive(Default)]
struct Modules {
    all: BTreeSet<Module>,
    /// What `use` makes of names: the module and the name, and the path that it stands for.
    bound: HashMap<(Module, String), Module>,
}

impl Modules {
    /// Where the way from the root to a name leaves the way to the module that refers to it: so many modules below
    /// the root, at which name, and whether it is a module. `None` for what is the module's own or not of this crate.
    fn fork(&self, from: &[String], path: &[String]) -> Option<(usize, String, bool)> {
        let mut path = path.to_vec();
        // A name leads to a name that leads to a name: as often as there are modules at most.
        for renamed in 0..=self.all.len() {
            let depth = from.iter().zip(&path).take_while(|(from, path)| from == path).count();
            let name = path.get(depth).filter(|_| depth < from.len())?.clone();
            if self.all.contains(&path[..=depth]) {
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

/// The modules by which one imports another, both included.
fn shortest_way<'a>(imports: &'a Imports, start: &'a str, end: &str) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![start]]);
    while let Some(way) = ways.pop_front() {
        let last = way[way.len() - 1];
        if last == end {
            return Some(way);
        }
        for (_, next) in imports.keys().filter(|(from, _)| from == last) {
            if seen.insert(next) {
                ways.push_back([&way[..], &[next]].concat());
            }
        }
    }
    None
}

/// Where tokens name crates that build on this one.
fn names_of(tokens: TokenStream, above: &[Crate]) -> Vec<Ident> {
    let found = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => names_of(group.stream(), above),
        TokenTree::Ident(ident) if above.iter().any(|above| ident == above.name.replace('-', "_")) => vec![ident],
        _ => Vec::new(),
    });
    found.collect()
}

/// Lines of a manifest that make a crate depend on one that builds on it, for tests included, under whatever name.
fn dependencies_on(path: &str, manifest: &str, above: &[Crate]) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for (number, line) in (1..).zip(manifest.lines()) {
        if line.starts_with('[') {
            section = line;
        }
        let mut words = line.split('#').next().unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '-');
        let name = words.find(|word| above.iter().any(|above| above.name == *word));
        if let Some(name) = name.filter(|_| section.contains("dependencies")) {
            found.push(format!("{path}:{number}: depends on {name}, which builds on it"));
        }
    }
    found
}

fn forbids_unsafe(root: &syn::File) -> bool {
    let mut bans = root.attrs.iter().filter(|attribute| attribute.path().is_ident("forbid"));
    bans.any(|ban| ban.to_token_stream().to_string().contains("unsafe_code"))
}
