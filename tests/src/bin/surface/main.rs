//! Checks that the public surface of the libraries is what `SURFACE.txt` of each says.
//!
//! ```text
//! cargo run -q -p lem-ssl-tests --bin surface             compares
//! cargo run -q -p lem-ssl-tests --bin surface -- --write  takes the surface as it is
//! ```
//!
//! One line for each public item that the crate's root leads to: functions and methods with their signatures, types
//! with their public fields and their variants, traits with their items, what is implemented for them, and what is
//! re-exported from other crates. The attributes that a user notices stand in front of the item.
//!
//! It also fails when a library names a crate outside of the module that is the door to it, be it by a re-export, in a
//! signature, a field, a bound or an implementation: what stands behind a door can change its version alone. Names of
//! such crates are written in full. And it fails when variants or fields could not be added to a type without breaking
//! programs, unless its documentation says that this is on purpose.
//!
//! It reads syntax, not types. It does not see what a macro writes, what comes through `*`, auto traits (whether a type
//! is `Send`), types that are public but that no name leads to, what the name of a crate without a door in a signature
//! stands for, nor what another crate changes behind a re-export.

#![forbid(unsafe_code)]

mod described;
mod door;
mod library;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use quote::{ToTokens, quote};
use syn::{ImplItem, Item, ItemImpl, Type};

use described::{Described, described, is_public, noticed, says_exhaustive, text};
use door::{DOORS, in_full};
use library::{Library, Module};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let write = env::args().any(|argument| argument == "--write");
    let compared = ["lem-rs", "lem-ssl-rs"].map(|name| compare(&root.join(name), name, write));
    match compared.into_iter().collect::<io::Result<Vec<_>>>() {
        Ok(same) if same.iter().all(|same| *same) => ExitCode::SUCCESS,
        Ok(_) => {
            println!(
                "surface: if that is meant, take it with --write, and tell it in the change log; a door cannot be taken"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("surface: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the surface of a crate is what its file says; makes it so if asked to.
fn compare(folder: &Path, name: &str, write: bool) -> io::Result<bool> {
    let mut library = Library::default();
    library.load(&folder.join("src"), &[])?;
    let (found, open) = surface(&library, &name.replace('-', "_"));
    let file = folder.join("SURFACE.txt");
    if write {
        fs::write(&file, found.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    }
    let text = fs::read_to_string(&file)?;
    let told: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    told.difference(&found).for_each(|gone| println!("surface: - {gone}"));
    found.difference(&told).for_each(|new| println!("surface: + {new}"));
    let mut is_good = told == found;
    for door in DOORS {
        for line in door.passed_by(&found) {
            println!("surface: names {} outside of {}: {line}", door.foreign, door.module);
            is_good = false;
        }
    }
    for path in &open {
        println!("surface: {path} is not #[non_exhaustive], and does not say \"Exhaustive on purpose: \" and why");
        is_good = false;
    }
    println!("surface: {name}, {} lines", found.len());
    Ok(is_good)
}

/// One line for each public item, under the names that users know; and the types to which nothing can be added.
fn surface(library: &Library, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut surface = Surface { library, lines: BTreeSet::new(), open: BTreeSet::new(), exported: BTreeMap::new() };
    surface.module(&[], name);
    for (module, items) in &library.items {
        for item in items {
            if let Item::Impl(item) = item {
                surface.implementation(module, item);
            }
        }
    }
    (surface.lines, surface.open)
}

struct Surface<'a> {
    library: &'a Library,
    lines: BTreeSet<String>,
    /// Enums and structs to which nothing can be added without breaking programs, and which do not say why.
    open: BTreeSet<String>,
    /// Where exported items are declared, and the name that users know them by.
    exported: BTreeMap<(Module, String), String>,
}

impl Surface<'_> {
    fn line(&mut self, line: String) {
        if !line.contains("#[cfg(test)]") {
            self.lines.insert(line);
        }
    }

    /// Everything that a module exports, known to users as `path`.
    fn module(&mut self, module: &[String], path: &str) {
        for item in self.library.items.get(module).into_iter().flatten().filter_map(described) {
            if item.is_public {
                self.export(&(module.to_vec(), item.name.clone()), &item, &format!("{path}::{}", item.name), "");
            }
        }
        for found in self.library.uses.get(module).into_iter().flatten().filter(|found| found.is_public) {
            let path = format!("{path}::{}", found.name);
            let declared = self.library.declared(module, &found.path);
            match declared.map(|declared| (self.library.item(&declared), declared)) {
                Ok((Some(item), declared)) => self.export(&declared, &item, &path, &found.attributes),
                Ok(_) => {}
                Err(foreign) => self.line(format!("{path}: {}use {}", found.attributes, foreign.join("::"))),
            }
        }
    }

    fn export(&mut self, declared: &(Module, String), item: &Described<'_>, path: &str, by: &str) {
        self.exported.entry(declared.clone()).or_insert(path.to_owned());
        let own = noticed(item.attributes);
        let by = if own.contains(by) { "" } else { by };
        if item.is_open && !own.contains("non_exhaustive") && !says_exhaustive(item.attributes) {
            self.open.insert(path.to_owned());
        }
        let full = |what| in_full(self.library, &declared.0, &text(what));
        let members = item.members.iter();
        let members = members.map(|(name, attributes, what)| (name, noticed(attributes) + &full(what)));
        let members: Vec<_> = members.map(|(name, what)| format!("{path}::{name}: {what}")).collect();
        self.line(format!("{path}: {by}{own}{}", full(&item.what)));
        members.into_iter().for_each(|line| self.line(line));
        if item.is_module {
            self.module(&[&declared.0[..], std::slice::from_ref(&item.name)].concat(), path);
        }
    }

    /// What is implemented for an exported type, or of an exported trait for something foreign.
    fn implementation(&mut self, module: &[String], item: &ItemImpl) {
        let mut self_type = &*item.self_ty;
        while let Type::Reference(reference) = self_type {
            self_type = &reference.elem;
        }
        // Paths and their arguments: `From<Private>` is hidden as `Private` is.
        let written = [Some(self_type.to_token_stream()), item.trait_.as_ref().map(|(path, _)| path.to_token_stream())];
        let written = written.map(|tokens| tokens.map(|tokens| text(&tokens)).unwrap_or_default());
        let declared = written.each_ref().map(|written| {
            let paths = written.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let paths = paths.map(|path| path.split("::").map(str::to_owned).collect::<Vec<_>>());
            paths.map(|path| self.library.declared(module, &path).ok()).collect::<Vec<_>>()
        });
        let is_hidden = |place| {
            let is_type = self.library.item(place).is_some_and(|item| !item.is_module);
            is_type && !self.exported.contains_key(place)
        };
        if declared.iter().flatten().flatten().any(is_hidden) {
            return;
        }
        let known_as =
            declared.iter().filter_map(|paths| paths[0].as_ref()).find(|place| self.exported.contains_key(place));
        let foreign = || {
            let path: Vec<_> =
                written[0].split('<').take(1).flat_map(|path| path.split("::")).map(str::to_owned).collect();
            self.library.declared(module, &path).map_or_else(|path| path.join("::"), |(_, name)| name)
        };
        let path = known_as.map_or_else(foreign, |place| self.exported[place].clone());
        let Some(conditions) = self.library.conditions(module) else {
            return;
        };
        // Those of the type itself are told with its module.
        let own = known_as.and_then(|(module, _)| self.library.conditions(module)).unwrap_or_default();
        let attributes = conditions.strip_prefix(&own).unwrap_or(&conditions).to_owned() + &noticed(&item.attrs);
        let (generics, _, bounds) = item.generics.split_for_impl();
        let self_ty = &item.self_ty;
        if let Some((of_trait, _)) = &item.trait_ {
            let what = in_full(self.library, module, &text(&quote!(impl #generics #of_trait for #self_ty #bounds)));
            self.line(format!("{path}: {attributes}{what}"));
            return;
        }
        // Which of the type's methods these are: those of all, or of some.
        let head = in_full(self.library, module, &text(&quote!(impl #generics #self_ty #bounds)));
        for item in &item.items {
            let (name, own, what) = match item {
                ImplItem::Fn(item) if is_public(&item.vis) => {
                    (&item.sig.ident, &item.attrs, item.sig.to_token_stream())
                }
                ImplItem::Const(item) if is_public(&item.vis) => {
                    let (name, ty) = (&item.ident, &item.ty);
                    (name, &item.attrs, quote!(const #name: #ty))
                }
                _ => continue,
            };
            let what = in_full(self.library, module, &text(&what));
            self.line(format!("{path}::{name}: {attributes}{}{what} in {head}", noticed(own)));
        }
    }
}
