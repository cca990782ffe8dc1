//! What a source file refers to.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::Brace;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, Token, UseTree};

/// Names from the root down: the folder of a library or program, and the modules in it.
pub(crate) type Module = Vec<String>;

/// A path that starts in this crate.
pub(crate) struct Reference {
    pub(crate) line: usize,
    /// From the root down, `super` and `self` resolved; the last name may be `*`.
    pub(crate) path: Module,
}

/// What a file says about modules, without the items that are only compiled for unit tests.
#[derive(Default)]
pub(crate) struct Reading {
    /// The module that is being read: the file's or an inline one.
    pub(crate) here: Module,
    pub(crate) references: Vec<Reference>,
    /// What `use` makes of names: in which module, which name, and the path that it stands for.
    pub(crate) bound: Vec<((Module, String), Module)>,
    /// Modules in files of their own that are declared for tests only.
    pub(crate) test_modules: Vec<Module>,
}

impl Reading {
    pub(crate) fn of(module: Module, tokens: TokenStream) -> syn::Result<Self> {
        let mut reading = Self { here: module, ..Self::default() };
        reading.scan_all(tokens)?;
        Ok(reading)
    }

    fn scan_all(&mut self, tokens: TokenStream) -> syn::Result<()> {
        (|input: ParseStream<'_>| self.scan(input)).parse2(tokens)
    }

    /// Reads the tokens of a file or of a part of it, a macro's arguments as well.
    fn scan(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            if let Some(item) = test_item(input) {
                if let Item::Mod(ItemMod { ident, content: None, .. }) = item {
                    self.test_modules.push(step(self.here.clone(), &ident));
                }
            } else if let Some(import) = attempt(input, ItemUse::parse) {
                if import.leading_colon.is_none() {
                    self.import(&import.tree, self.here.clone());
                }
            } else if input.peek(Token![mod]) && input.peek2(syn::Ident) && input.peek3(Brace) {
                input.parse::<Token![mod]>()?;
                self.here.push(input.parse::<Ident>()?.unraw().to_string());
                self.scan_token(input)?;
                self.here.pop();
            } else if input.peek(Token![crate]) || input.peek(Token![super]) || input.peek(Token![self]) {
                self.path(input)?;
            } else {
                self.scan_token(input)?;
            }
        }
        Ok(())
    }

    fn scan_token(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        match input.parse()? {
            TokenTree::Group(group) => self.scan_all(group.stream()),
            _ => Ok(()),
        }
    }

    fn path(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let from_root = input.peek(Token![crate]);
        let mut ident = input.call(Ident::parse_any)?;
        let mut path = step(self.here.clone(), &ident);
        while input.peek(Token![::]) && input.peek3(Ident::peek_any) {
            input.parse::<Token![::]>()?;
            ident = input.call(Ident::parse_any)?;
            path = step(path, &ident);
        }
        // Macros that are exported live in the root by definition.
        if !(from_root && path.len() == 2 && input.peek(Token![!])) {
            self.references.push(Reference { line: ident.span().start().line, path });
        }
        Ok(())
    }

    /// A tree of imports that begins in `from`.
    fn import(&mut self, tree: &UseTree, from: Module) {
        let (ident, name) = match tree {
            UseTree::Path(tree) => return self.import(&tree.tree, step(from, &tree.ident)),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree, from.clone())),
            UseTree::Glob(tree) => {
                let line = tree.star_token.span.start().line;
                return self.references.push(Reference { line, path: [from, vec!["*".to_owned()]].concat() });
            }
            UseTree::Name(tree) => (&tree.ident, None),
            UseTree::Rename(tree) => (&tree.ident, Some(tree.rename.unraw().to_string())),
        };
        let path = step(from, ident);
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.bound.push(((self.here.clone(), name), path.clone()));
        }
        self.references.push(Reference { line: ident.span().start().line, path });
    }
}

fn step(mut path: Module, ident: &Ident) -> Module {
    match ident.unraw().to_string().as_str() {
        "crate" => path.truncate(1),
        "super" => drop(path.pop()),
        "self" => {}
        name => path.push(name.to_owned()),
    }
    path
}

/// Takes what `parse` finds at the start of `input`, or nothing.
fn attempt<T>(input: ParseStream<'_>, parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>) -> Option<T> {
    let ahead = input.fork();
    let found = parse(&ahead).ok()?;
    input.advance_to(&ahead);
    Some(found)
}

/// Takes an item that is for tests only. A field, an arm or a statement is none.
fn test_item(input: ParseStream<'_>) -> Option<Item> {
    let attributes = Attribute::parse_outer(&input.fork()).ok()?;
    attributes.iter().any(is_for_tests).then(|| attempt(input, Item::parse)).flatten()
}

/// `#[cfg(test)]`, or `#[cfg(all(.., test, ..))]`; `any` and `not` leave the item in other builds.
fn is_for_tests(attribute: &Attribute) -> bool {
    fn holds_in_tests_only(condition: &Meta) -> bool {
        let all = condition.require_list().ok().filter(|list| list.path.is_ident("all"));
        let all = all.and_then(|list| list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok());
        condition.path().is_ident("test") || all.is_some_and(|all| all.iter().any(holds_in_tests_only))
    }
    attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(|condition| holds_in_tests_only(&condition))
}
