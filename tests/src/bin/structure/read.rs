//! What a source file refers to.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::Brace;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, Token, UseTree};

/// The names of modules from the crate's root down; empty for the root itself.
pub(crate) type Module = Vec<String>;

/// A path that starts in this crate.
pub(crate) struct Reference {
    pub(crate) line: usize,
    /// From the crate's root down, `super` and `self` resolved; the last name may be `*`.
    pub(crate) path: Module,
    /// Where `use` makes it known, and under which name.
    pub(crate) bound: Option<(Module, String)>,
}

/// What a file says about modules, without the items that are only compiled for unit tests.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) references: Vec<Reference>,
    /// Modules in files of their own that are declared for tests only.
    pub(crate) test_modules: Vec<Module>,
    /// The module that is being read: the file's or an inline one.
    pub(crate) here: Module,
}

impl Reading {
    /// Reads the tokens of a file or of a part of it, a macro's arguments as well.
    pub(crate) fn scan(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
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
            TokenTree::Group(group) => (|input: ParseStream<'_>| self.scan(input)).parse2(group.stream()),
            _ => Ok(()),
        }
    }

    fn path(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let mut path = self.here.clone();
        let from_root = input.peek(Token![crate]);
        loop {
            let ident = input.call(Ident::parse_any)?;
            path = step(path, &ident);
            if input.peek(Token![::]) && input.peek3(Ident::peek_any) {
                input.parse::<Token![::]>()?;
                continue;
            }
            // Macros that are exported live in the root by definition.
            if !(from_root && path.len() == 1 && input.peek(Token![!])) {
                self.references.push(Reference { line: ident.span().start().line, path, bound: None });
            }
            return Ok(());
        }
    }

    /// A tree of imports that begins in `from`.
    fn import(&mut self, tree: &UseTree, from: Module) {
        let (span, path, alias) = match tree {
            UseTree::Path(tree) => return self.import(&tree.tree, step(from, &tree.ident)),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree, from.clone())),
            UseTree::Name(tree) => (tree.ident.span(), step(from, &tree.ident), None),
            UseTree::Rename(tree) => {
                (tree.ident.span(), step(from, &tree.ident), Some(tree.rename.unraw().to_string()))
            }
            UseTree::Glob(tree) => (tree.star_token.span, [from, vec!["*".to_owned()]].concat(), None),
        };
        let name = alias.or_else(|| path.last().cloned());
        let bound = name.map(|name| (self.here.clone(), name));
        self.references.push(Reference { line: span.start().line, path, bound });
    }
}

fn step(mut path: Module, ident: &Ident) -> Module {
    match ident.unraw().to_string().as_str() {
        "crate" => path.clear(),
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
