//! The modules of a crate, and where the names in them lead.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use syn::{Item, UseTree};

use crate::described::{Described, described, is_public, noticed};

/// The names of modules from the crate's root down.
pub(crate) type Module = Vec<String>;

/// What the modules of a crate hold.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) items: BTreeMap<Module, Vec<Item>>,
    pub(crate) uses: BTreeMap<Module, Vec<Use>>,
}

/// What `use` makes known: under which name, and the path as it is written.
pub(crate) struct Use {
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    pub(crate) attributes: String,
    pub(crate) is_public: bool,
}

impl Library {
    /// Reads the sources in a folder, which are the modules below `module`.
    pub(crate) fn load(&mut self, folder: &Path, module: &[String]) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_own = ["lib", "mod"].contains(&name.as_str());
            let below = if is_own { module.to_vec() } else { [module, &[name]].concat() };
            if path.is_dir() {
                self.load(&path, &below)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&fs::read_to_string(&path)?)
                    .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
                self.add(below, file.items);
            }
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, module: Module, items: Vec<Item>) {
        self.items.entry(module.clone()).or_default();
        for item in items {
            match item {
                Item::Use(item) => {
                    let (is_public, attributes) = (is_public(&item.vis), noticed(&item.attrs));
                    for (name, path) in ends(&item.tree, Vec::new()) {
                        let found = Use { name, path, attributes: attributes.clone(), is_public };
                        self.uses.entry(module.clone()).or_default().push(found);
                    }
                }
                Item::Mod(item) if noticed(&item.attrs).contains("cfg(test)") => {}
                mut item => {
                    if let Item::Mod(inline) = &mut item
                        && let Some((_, items)) = inline.content.take()
                    {
                        self.add([&module[..], &[inline.ident.to_string()]].concat(), items);
                    }
                    self.items.entry(module.clone()).or_default().push(item);
                }
            }
        }
    }

    /// Where the item is declared that a path seen from `module` leads to, or its path in another crate.
    pub(crate) fn declared(&self, module: &[String], path: &[String]) -> Result<(Module, String), Vec<String>> {
        let mut place = module.to_vec();
        for (at, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => place.clear(),
                "super" => drop(place.pop()),
                "self" => {}
                name => {
                    let below = [&place[..], &[name.to_owned()]].concat();
                    if self.items.contains_key(&below) && at + 1 < path.len() {
                        place = below;
                        continue;
                    }
                    let declared = (place, name.to_owned());
                    let item = self.item(&declared);
                    if item.as_ref().is_some_and(|item| !item.is_module) {
                        return Ok(declared);
                    }
                    // `use name;` is a crate.
                    let bound = |found: &&Use| found.name == name && found.path != [name];
                    return match self.uses.get(&declared.0).and_then(|uses| uses.iter().find(bound)) {
                        Some(found) => self.declared(&declared.0, &[&found.path[..], &path[at + 1..]].concat()),
                        None if item.is_some() => Ok(declared),
                        None => Err(path.to_vec()),
                    };
                }
            }
        }
        Err(path.to_vec())
    }

    /// Under which conditions a module is compiled; `None` if that is for tests only.
    pub(crate) fn conditions(&self, module: &[String]) -> Option<String> {
        let conditions = (1..=module.len()).map(|depth| {
            let mut items = self.items.get(&module[..depth - 1])?.iter().filter_map(described);
            let declared = items.find(|item| item.is_module && item.name == module[depth - 1])?;
            Some(noticed(declared.attributes))
        });
        conditions.collect()
    }

    /// The item of this name; the module of this name, if there is none.
    pub(crate) fn item(&self, (module, name): &(Module, String)) -> Option<Described<'_>> {
        let items = self.items.get(module)?.iter().filter_map(described).filter(|item| item.name == *name);
        items.min_by_key(|item| item.is_module)
    }
}

/// The names that a `use` binds, and their paths as they are written.
fn ends(tree: &UseTree, mut path: Vec<String>) -> Vec<(String, Vec<String>)> {
    let (segment, alias) = match tree {
        UseTree::Group(group) => return group.items.iter().flat_map(|tree| ends(tree, path.clone())).collect(),
        UseTree::Path(tree) => {
            path.push(tree.ident.to_string());
            return ends(&tree.tree, path);
        }
        UseTree::Name(tree) => (tree.ident.to_string(), None),
        UseTree::Rename(tree) => (tree.ident.to_string(), Some(tree.rename.to_string())),
        UseTree::Glob(_) => ("*".to_owned(), None),
    };
    if segment != "self" || path.is_empty() {
        path.push(segment);
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(name, path)]
}
