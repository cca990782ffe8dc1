//! Which proxy a server is reached by, if any: what the command line says, or the environment.

use std::net::SocketAddr;

use lem_ssl_rs::Endpoint;

use super::proxy::Proxy;
use super::url::Url;
use crate::networks::Network;

/// Which proxy a server is reached by.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    proxy: Option<Proxy>,
    exempt: Vec<Exempt>,
}

/// Servers that are reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exempt {
    All,
    /// A host and those below it, on every port or on one.
    Host(String, Option<u16>),
    Network(Network),
}

impl Proxies {
    /// What `--proxy` says: one for everything, or `none`.
    pub(crate) fn of_option(text: &str) -> Result<Self, String> {
        let proxy = if text == "none" { None } else { Some(Proxy::parse(text)?) };
        Ok(Self { proxy, exempt: Vec::new() })
    }

    /// What the environment says (`HTTPS_PROXY` and `NO_PROXY`, or the same in lower case), read by `variable`.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let find = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
        };
        let Some((name, text)) = find(["https_proxy", "HTTPS_PROXY"]) else { return Ok(Self::default()) };
        let proxy = Proxy::parse(&text).map_err(|why| format!("{why} ({name} in the environment)"))?;
        let exempt = find(["no_proxy", "NO_PROXY"]).map(|(_, list)| Exempt::list(&list)).unwrap_or_default();
        Ok(Self { proxy: Some(proxy), exempt })
    }

    /// The proxy for this URL; `None`: its server is reached directly.
    pub(crate) fn of_url(&self, url: &Url) -> Option<&Proxy> {
        let (host, port) = url.host();
        self.proxy.as_ref().filter(|_| !self.exempt.iter().any(|exempt| exempt.has(host, port)))
    }
}

impl Exempt {
    fn list(text: &str) -> Vec<Self> {
        let entries = text.split(|letter: char| letter == ',' || letter.is_ascii_whitespace());
        entries.filter(|entry| !entry.is_empty()).map(Self::parse).collect()
    }

    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
        if let Ok(network @ Network::Prefix { .. }) = bare.parse() {
            return Self::Network(network);
        }
        let (host, port) = match entry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => (host, Some(port)),
            None => (entry, None),
        };
        let host = host.trim_start_matches("*.").trim_start_matches('.');
        Self::Host(host.to_ascii_lowercase(), port)
    }

    /// `host` is in lower case.
    fn has(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Host(exempt, exempt_port) => {
                let below = || host.strip_suffix(exempt.as_str()).is_some_and(|rest| rest.ends_with('.'));
                exempt_port.is_none_or(|exempt| exempt == port) && !exempt.is_empty() && (host == exempt || below())
            }
            Self::Network(network) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host.parse().is_ok_and(|ip| network.has(&Endpoint::Ip(SocketAddr::new(ip, port))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(no_proxy: &str, url: &str) -> bool {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy.example:3128".to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        };
        Proxies::of_environment(variable).unwrap().of_url(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn the_environment_says_who_is_reached_directly() {
        for (list, url, direct) in [
            ("", "https://a.example/", false),
            ("*", "https://a.example/", true),
            ("a.example", "https://a.example/", true),
            ("A.example", "https://x.a.EXAMPLE/", true),
            (".a.example", "https://a.example/", true),
            ("*.a.example", "https://b.a.example/", true),
            ("a.example", "https://ba.example/", false),
            ("x, a.example:8443", "https://a.example:8443/", true),
            ("x a.example:8443", "https://a.example/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("192.0.2.7", "https://192.0.2.7:8443/", true),
            ("[::1]", "https://[::1]/", true),
            ("::1", "https://[::1]:8443/", true),
            (".", "https://a.example/", false),
            ("unix", "https://unix/", true),
        ] {
            assert_eq!(proxy_of(list, url), !direct, "{list} {url}");
        }
    }

    #[test]
    fn the_variable_that_is_wrong_is_named() {
        let of = |text: &str| Proxies::of_environment(|name| (name == "https_proxy").then(|| text.to_owned()));
        assert!(of("socks5://a:1").unwrap_err().ends_with("(https_proxy in the environment)"));
        assert!(of("").unwrap().proxy.is_none());
        assert!(Proxies::of_option("none").unwrap().proxy.is_none());
    }
}
