//! What users see of an item, as text.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Field, Generics, Item, TraitItem, Visibility};

/// What users see of an item.
pub(crate) struct Described<'a> {
    pub(crate) name: String,
    pub(crate) is_public: bool,
    pub(crate) is_module: bool,
    /// An enum, or a struct whose fields are all public: a program may rely on what it has.
    pub(crate) is_open: bool,
    pub(crate) attributes: &'a [Attribute],
    pub(crate) what: TokenStream,
    /// Fields, variants, a trait's items.
    pub(crate) members: Vec<(String, &'a [Attribute], TokenStream)>,
}

pub(crate) fn described(item: &Item) -> Option<Described<'_>> {
    let head = |kind: TokenStream, ident: &syn::Ident, generics: &Generics| {
        let bounds = &generics.where_clause;
        quote!(#kind #ident #generics #bounds)
    };
    let mut members = Vec::new();
    let (attributes, vis, ident, what) = match item {
        Item::Mod(syn::ItemMod { attrs, vis, ident, .. }) => (attrs, vis, ident, quote!(mod #ident)),
        Item::Fn(item) => (&item.attrs, &item.vis, &item.sig.ident, item.sig.to_token_stream()),
        Item::Const(syn::ItemConst { attrs, vis, ident, ty, .. }) => (attrs, vis, ident, quote!(const #ident: #ty)),
        Item::Static(syn::ItemStatic { attrs, vis, ident, ty, .. }) => (attrs, vis, ident, quote!(static #ident: #ty)),
        Item::Type(syn::ItemType { attrs, vis, ident, generics, ty, .. }) => {
            (attrs, vis, ident, quote!(type #ident #generics = #ty))
        }
        Item::Struct(item) => {
            let hides = item.fields.iter().any(|field| !is_public(&field.vis)).then(|| quote!({ .. }));
            let public = |(at, field): (usize, &'_ Field)| is_public(&field.vis).then_some(at);
            for at in item.fields.iter().enumerate().filter_map(public) {
                let field = item.fields.iter().nth(at)?;
                let (name, ty) = (field.ident.as_ref().map_or(at.to_string(), ToString::to_string), &field.ty);
                members.push((name, &field.attrs[..], quote!(#ty)));
            }
            (&item.attrs, &item.vis, &item.ident, {
                let head = head(quote!(struct), &item.ident, &item.generics);
                quote!(#head #hides)
            })
        }
        Item::Enum(item) => {
            for variant in &item.variants {
                let (name, fields) = (&variant.ident, &variant.fields);
                members.push((name.to_string(), &variant.attrs[..], quote!(#name #fields)));
            }
            (&item.attrs, &item.vis, &item.ident, head(quote!(enum), &item.ident, &item.generics))
        }
        Item::Trait(item) => {
            for item in &item.items {
                members.push(match item {
                    TraitItem::Fn(item) => {
                        let (signature, default) =
                            (item.sig.to_token_stream(), item.default.as_ref().map(|_| quote!({ .. })));
                        (item.sig.ident.to_string(), &item.attrs[..], quote!(#signature #default))
                    }
                    TraitItem::Type(syn::TraitItemType { attrs, ident, generics, colon_token, bounds, .. }) => {
                        (ident.to_string(), &attrs[..], quote!(type #ident #generics #colon_token #bounds))
                    }
                    TraitItem::Const(syn::TraitItemConst { attrs, ident, ty, .. }) => {
                        (ident.to_string(), &attrs[..], quote!(const #ident: #ty))
                    }
                    _ => continue,
                });
            }
            let (colon, above) = (&item.colon_token, &item.supertraits);
            let (ident, generics, bounds) = (&item.ident, &item.generics, &item.generics.where_clause);
            (&item.attrs, &item.vis, ident, quote!(trait #ident #generics #colon #above #bounds))
        }
        _ => return None,
    };
    let (is_public, is_module) = (is_public(vis), matches!(item, Item::Mod(_)));
    let is_open = match item {
        Item::Enum(_) => true,
        Item::Struct(item) => item.fields.iter().all(|field| self::is_public(&field.vis)),
        _ => false,
    };
    Some(Described { name: ident.to_string(), is_public, is_module, is_open, attributes, what, members })
}

pub(crate) fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// Whether a type's documentation says that it is exhaustive on purpose.
pub(crate) fn says_exhaustive(attributes: &[Attribute]) -> bool {
    let docs = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    docs.map(ToTokens::to_token_stream).any(|doc| doc.to_string().contains("Exhaustive on purpose: "))
}

/// The attributes that a user notices.
pub(crate) fn noticed(attributes: &[Attribute]) -> String {
    let noticed = ["cfg", "derive", "non_exhaustive", "must_use", "deprecated"];
    let noticed = |attribute: &&Attribute| {
        let hidden = attribute.path().is_ident("doc") && attribute.meta.require_list().is_ok();
        hidden || noticed.iter().any(|name| attribute.path().is_ident(name))
    };
    attributes.iter().filter(noticed).map(|attribute| format!("#[{}] ", text(&attribute.meta))).collect()
}

/// Tokens as people write them.
pub(crate) fn text(what: &impl ToTokens) -> String {
    let spaced = without_attributes(what.to_token_stream()).to_string();
    let text = TIGHT.iter().fold(spaced, |text, (wide, tight)| text.replace(wide, tight));
    text.trim_end_matches(',').to_owned()
}

fn without_attributes(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter();
    let mut kept = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => drop(tokens.next()),
            TokenTree::Group(group) => {
                let inside = without_attributes(group.stream());
                kept.extend([TokenTree::from(Group::new(group.delimiter(), inside))]);
            }
            token => kept.extend([token]),
        }
    }
    kept
}

/// How tokens stand apart, and how people write them. Whether an argument can be changed is its body's concern.
const TIGHT: &[(&str, &str)] = &[
    (" :: ", "::"),
    (":: ", "::"),
    (" <", "<"),
    ("< ", "<"),
    (" >", ">"),
    (" ,", ","),
    (" :", ":"),
    (" ;", ";"),
    ("& ", "&"),
    ("* ", "*"),
    ("? ", "?"),
    (" (", "("),
    ("->(", "-> ("),
    ("=(", "= ("),
    (",(", ", ("),
    ("for(", "for ("),
    ("=<", "= <"),
    (",)", ")"),
    (",>", ">"),
    ("(mut ", "("),
    (", mut ", ", "),
    (", }", " }"),
];
