//! The arguments that say who may come in.

use clap::Args;

use super::super::access::{AccessList, Pattern};

/// Who may come in.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Who may come in (--client-ca verifies, these choose; one that fits is enough)")]
pub(crate) struct AccessArgs {
    /// Clients whose certificate has this common name, and no other; may be repeated
    #[arg(long, value_name = "NAME", value_parser = Pattern::common_name, requires = "client_ca")]
    allow_cn: Vec<Pattern>,
    /// Clients whose certificate is for this DNS name; may be repeated
    #[arg(long, value_name = "NAME", value_parser = Pattern::dns, requires = "client_ca")]
    allow_dns: Vec<Pattern>,
    /// Clients whose certificate is for this URI; spiffe://example.org/ns/*/web leaves one segment open; may be repeated
    #[arg(long, value_name = "URI", value_parser = Pattern::uri, requires = "client_ca")]
    allow_uri: Vec<Pattern>,
    /// The client whose certificate has this SHA-256 hash; may be repeated
    #[arg(long, value_name = "SHA256", value_parser = Pattern::fingerprint, requires = "client_ca")]
    allow_fingerprint: Vec<Pattern>,
    /// The same for one --route, in place of all those above: a.example=cn:NAME, dns:NAME, uri:URI, fingerprint:SHA256;
    /// may be repeated
    #[arg(long, value_name = "NAME=KIND:VALUE", requires = "client_ca")]
    route_allow: Vec<RouteAllow>,
}

/// One `--route-allow`.
#[derive(Debug, Clone)]
pub(crate) struct RouteAllow {
    name: String,
    pattern: Pattern,
}

impl std::str::FromStr for RouteAllow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, pattern)) if !name.is_empty() => Ok(Self { name: name.to_owned(), pattern: pattern.parse()? }),
            _ => Err("it is not of the form NAME=KIND:VALUE".to_owned()),
        }
    }
}

impl AccessArgs {
    /// The list for all clients that no list of a route is for; `None` lets in everybody whom the handshake does.
    pub(crate) fn general(&self) -> Option<AccessList> {
        let all = [&self.allow_cn, &self.allow_dns, &self.allow_uri, &self.allow_fingerprint];
        let patterns: Vec<_> = all.into_iter().flatten().cloned().collect();
        (!patterns.is_empty()).then(|| AccessList::new(patterns))
    }

    /// The list for the route of this name.
    pub(crate) fn of_route(&self, name: &str) -> Option<AccessList> {
        let own = self.route_allow.iter().filter(|allow| allow.name.eq_ignore_ascii_case(name));
        let patterns: Vec<_> = own.map(|allow| allow.pattern.clone()).collect();
        if patterns.is_empty() { self.general() } else { Some(AccessList::new(patterns)) }
    }

    /// A list of a route that is none of these.
    pub(crate) fn without_route<'a>(&self, routes: impl Iterator<Item = &'a str> + Clone) -> Option<&str> {
        let mut names = self.route_allow.iter().map(|allow| allow.name.as_str());
        names.find(|name| !routes.clone().any(|route| route.eq_ignore_ascii_case(name)))
    }
}
