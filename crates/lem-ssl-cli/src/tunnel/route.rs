//! Which back end is for which name.

use std::collections::HashMap;

/// Chooses by the name that a client asks for (SNI): an exact name before a wildcard, which stands for one label as in
/// certificates (RFC 9525 section 6.3), before the default.
#[derive(Debug)]
pub(super) struct Routes<B> {
    exact: HashMap<String, B>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, B>,
    default: Option<B>,
}

impl<B> Routes<B> {
    pub(super) fn new(default: Option<B>) -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new(), default }
    }

    /// Adds a route.
    pub(super) fn add(&mut self, name: &str, back_end: B) -> Result<(), String> {
        let name = normal(name);
        let (table, rest) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcard, parent),
            None => (&mut self.exact, name.as_str()),
        };
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if rest.is_empty() || !rest.chars().all(allowed) || rest.split('.').any(str::is_empty) {
            return Err(format!("invalid name {name:?}: write example.org or *.example.org"));
        }
        if rest.parse::<std::net::IpAddr>().is_ok() {
            return Err(format!("{name} is an address, and clients only ask for names (RFC 6066 section 3)"));
        }
        match table.insert(rest.to_owned(), back_end) {
            None => Ok(()),
            Some(_) => Err(format!("there are two routes for {name}")),
        }
    }

    /// Everything that names lead to.
    pub(super) fn all(&self) -> impl Iterator<Item = &B> {
        self.exact.values().chain(self.wildcard.values()).chain(&self.default)
    }

    /// The back end for a client that asks for this name, or for none.
    pub(super) fn choose(&self, name: Option<&str>) -> Option<&B> {
        let found = name.map(normal).and_then(|name| {
            let by_wildcard = || self.wildcard.get(name.split_once('.')?.1);
            self.exact.get(&name).or_else(by_wildcard)
        });
        found.or(self.default.as_ref())
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(default: Option<u8>) -> Routes<u8> {
        let mut routes = Routes::new(default);
        routes.add("a.example", 1).unwrap();
        routes.add("*.example", 2).unwrap();
        routes.add("*.b.example", 3).unwrap();
        routes
    }

    #[test]
    fn an_exact_name_comes_before_a_wildcard_and_that_before_the_default() {
        let routes = routes(Some(9));
        for (name, back_end) in [
            (Some("a.example"), 1),
            (Some("A.Example."), 1),
            (Some("c.example"), 2),
            (Some("b.example"), 2),
            (Some("x.b.example"), 3),
            (Some("y.x.b.example"), 9),
            (Some("x.a.example"), 9),
            (Some("example"), 9),
            (None, 9),
        ] {
            assert_eq!(routes.choose(name), Some(&back_end), "{name:?}");
        }
    }

    #[test]
    fn without_a_default_an_unknown_name_has_no_back_end() {
        let routes = routes(None);
        assert_eq!(routes.choose(Some("elsewhere.test")), None);
        assert_eq!(routes.choose(None), None);
    }

    #[test]
    fn a_name_that_nobody_can_ask_for_is_refused() {
        let mut routes = routes(None);
        for name in
            ["", "*.", "*", "a b", "a..b", "ünïcode.example", "*.*.example", "192.0.2.1", "a.example", "A.EXAMPLE."]
        {
            assert!(routes.add(name, 0).is_err(), "{name:?}");
        }
    }
}
