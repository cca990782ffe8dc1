//! What is compiled only for unit tests does not belong to the architecture.

use crate::token::{Spanned, Token};

/// A source without the items behind `#[cfg(test)]`.
#[derive(Debug, Default)]
pub(crate) struct Stripped {
    pub(crate) tokens: Vec<Spanned>,
    /// Modules that are declared for tests only and stand in files of their own.
    pub(crate) test_modules: Vec<String>,
}

/// Takes out every item whose attribute says that it is for tests only.
pub(crate) fn strip_tests(tokens: &[Spanned]) -> Stripped {
    let mut stripped = Stripped::default();
    let mut at = 0;
    while at < tokens.len() {
        match test_only_item(tokens, at) {
            Some((start, end)) => {
                stripped.test_modules.extend(file_module(&tokens[start..end]));
                at = end;
            }
            None => {
                stripped.tokens.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    stripped
}

/// Where the item starts and ends that a test attribute at `at` stands before, if one does.
fn test_only_item(tokens: &[Spanned], at: usize) -> Option<(usize, usize)> {
    let attribute_end = attribute_end(tokens, at)?;
    if !is_test_attribute(&tokens[at..attribute_end]) {
        return None;
    }
    let mut start = attribute_end;
    while let Some(end) = self::attribute_end(tokens, start) {
        start = end;
    }
    // Before a field, an arm or a statement the attribute has no end that text alone could show.
    let keyword = tokens.get(start)?.token.ident()?;
    ITEM_KEYWORDS.contains(&keyword).then(|| (start, item_end(tokens, start)))
}

/// The end of the outer attribute that starts at `at`.
fn attribute_end(tokens: &[Spanned], at: usize) -> Option<usize> {
    let starts = is_punct(tokens, at, '#') && is_punct(tokens, at + 1, '[');
    starts.then(|| balanced_end(tokens, at + 1))
}

/// `#[cfg(test)]`, or `#[cfg(all(.., test, ..))]`; `any` and `not` leave the item in other builds.
fn is_test_attribute(attribute: &[Spanned]) -> bool {
    let inside = |name, at: usize| {
        let named = attribute.get(at)?.token.ident()? == name;
        (named && is_punct(attribute, at + 1, '(')).then_some(at + 2)
    };
    let Some(condition) = inside("cfg", 2) else {
        return false;
    };
    let conditions = inside("all", condition).unwrap_or(condition);
    let mut depth = 0;
    for spanned in &attribute[conditions..] {
        match &spanned.token {
            Token::Punct('(') => depth += 1,
            Token::Punct(')') => depth -= 1,
            Token::Ident(name) if name == "test" && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Behind the `;` or the block that ends the item at `start`.
fn item_end(tokens: &[Spanned], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].token {
            Token::Punct(';') => return at + 1,
            Token::Punct('{') => return balanced_end(tokens, at),
            Token::Punct('(' | '[') => at = balanced_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Behind the bracket that closes the one at `open`.
fn balanced_end(tokens: &[Spanned], open: usize) -> usize {
    let mut depth = 0;
    for (at, spanned) in tokens.iter().enumerate().skip(open) {
        match spanned.token {
            Token::Punct('(' | '[' | '{') => depth += 1,
            Token::Punct(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The name in `mod name;`, after whatever visibility.
fn file_module(item: &[Spanned]) -> Option<String> {
    let at = item.iter().position(|t| t.token.ident() == Some("mod"))?;
    is_punct(item, at + 2, ';').then(|| item[at + 1].token.ident().map(str::to_owned))?
}

fn is_punct(tokens: &[Spanned], at: usize, wanted: char) -> bool {
    tokens.get(at).is_some_and(|spanned| spanned.token == Token::Punct(wanted))
}

const ITEM_KEYWORDS: &[&str] = &[
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "macro_rules",
    "mod",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
    "use",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tokens;

    fn rest(text: &str) -> String {
        let name = |spanned: &Spanned| spanned.token.ident().map(str::to_owned);
        let stripped = strip_tests(&tokens(text));
        let names: Vec<_> = stripped.tokens.iter().filter_map(name).collect();
        names.join(" ")
    }

    #[test]
    fn a_test_module_is_gone_and_what_follows_stays() {
        let text = "use a; #[cfg(test)] mod tests { use b; fn c() { d } } fn e() {}";
        assert_eq!(rest(text), "use a fn e");
    }

    #[test]
    fn test_imports_and_functions_are_gone() {
        let text = "#[cfg(test)] use crate::{a, b}; #[cfg(test)] pub(crate) fn c(d: [u8; 2]) { e } f";
        assert_eq!(rest(text), "f");
    }

    #[test]
    fn further_attributes_go_with_the_item() {
        let text = "#[cfg(test)] #[path = \"x.rs\"] #[allow(a)] mod b; c";
        assert_eq!(rest(text), "c");
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_named() {
        let stripped = strip_tests(&tokens("#[cfg(test)] pub(crate) mod fixtures; mod real;"));
        assert_eq!(stripped.test_modules, ["fixtures"]);
    }

    #[test]
    fn conditions_that_hold_outside_of_tests_do_not_hide_anything() {
        for condition in ["not(test)", "any(test, unix)", "all(unix, not(test))", "unix"] {
            let text = format!("#[cfg({condition})] mod a {{ b }}");
            assert!(rest(&text).ends_with("mod a b"), "{condition}");
        }
        assert_eq!(rest("#[cfg(all(unix, test))] mod a { b }"), "");
    }

    #[test]
    fn a_test_only_field_does_not_swallow_the_rest() {
        let text = "struct A { #[cfg(test)] b: u8, c: crate::d::E } fn f() {}";
        assert!(rest(text).ends_with("c crate d E fn f"));
    }
}
