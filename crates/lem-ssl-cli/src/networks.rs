//! Networks whose word is taken: a list of addresses with prefixes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use lem_ssl_rs::Endpoint;

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Addresses that begin with these bits.
    Prefix { address: IpAddr, bits: u8 },
    /// Clients of a Unix-domain socket.
    Unix,
}

impl Network {
    /// Whether this client is in it. IPv4 on a socket for both families is IPv4.
    pub(crate) fn has(self, client: &Endpoint) -> bool {
        match (self, client.ip()) {
            (Self::Unix, None) => true,
            (Self::Prefix { address, bits }, Some(client)) => match (address, client.ip().to_canonical()) {
                (IpAddr::V4(network), IpAddr::V4(client)) => {
                    same(u128::from(network.to_bits()), u128::from(client.to_bits()), 32 - u32::from(bits))
                }
                (IpAddr::V6(network), IpAddr::V6(client)) => {
                    same(network.to_bits(), client.to_bits(), 128 - u32::from(bits))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// The prefix of IPv4 in IPv6 (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

/// Whether two addresses differ in nothing but their last bits.
fn same(one: u128, other: u128, last: u32) -> bool {
    (one ^ other).checked_shr(last).unwrap_or_default() == 0
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let wrong = || format!("{text:?} is not a network: write 10.0.0.0/8, 192.0.2.7, fd00::/8 or unix");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => all,
            Some(bits) => Some(bits)
                .filter(is_number)
                .and_then(|bits| bits.parse().ok())
                .filter(|&bits| bits <= all)
                .ok_or_else(wrong)?,
        };
        let beyond = match address {
            IpAddr::V4(ip) => !same(u128::from(ip.to_bits()) & ones(32 - bits), 0, 0),
            IpAddr::V6(ip) => !same(ip.to_bits() & ones(128 - bits), 0, 0),
        };
        if beyond {
            return Err(format!("{text} has bits beyond its prefix: which of the two is meant?"));
        }
        // Clients over IPv4 are compared as such, also on a socket for both families.
        Ok(match address.to_canonical() {
            IpAddr::V4(ip) if address.is_ipv6() && bits >= MAPPED_BITS => {
                Self::Prefix { address: ip.into(), bits: bits - MAPPED_BITS }
            }
            _ => Self::Prefix { address, bits },
        })
    }
}

/// So many ones at the end.
fn ones(count: u8) -> u128 {
    1_u128.checked_shl(u32::from(count)).map_or(u128::MAX, |power| power - 1)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { address, bits } => write!(f, "{address}/{bits}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, client: &str) -> bool {
        let client = if client.is_empty() { Endpoint::Unix(None) } else { Endpoint::Ip(client.parse().unwrap()) };
        network.parse::<Network>().unwrap().has(&client)
    }

    #[test]
    fn a_client_is_in_a_network_by_the_bits_of_the_prefix() {
        for (network, client, is_in) in [
            ("10.0.0.0/8", "10.255.0.1:1", true),
            ("10.0.0.0/8", "11.0.0.1:1", false),
            ("192.0.2.7", "192.0.2.7:9", true),
            ("192.0.2.7", "192.0.2.6:9", false),
            ("192.0.2.4/31", "192.0.2.5:9", true),
            ("0.0.0.0/0", "203.0.113.1:1", true),
            ("0.0.0.0/0", "[2001:db8::1]:1", false),
            ("10.0.0.0/8", "[::ffff:10.1.1.1]:1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1:1", true),
            ("::ffff:10.0.0.0/104", "[::ffff:10.1.1.1]:1", true),
            ("::ffff:10.0.0.0/104", "11.1.1.1:1", false),
            ("::ffff:192.0.2.7", "192.0.2.7:9", true),
            ("::ffff:0.0.0.0/96", "203.0.113.1:1", true),
            ("::/0", "[2001:db8::1]:1", true),
            ("::/0", "10.0.0.1:1", false),
            ("2001:db8::/33", "[2001:db8:7fff::1]:1", true),
            ("2001:db8::/33", "[2001:db8:8000::1]:1", false),
            ("::1", "[::1]:5", true),
            ("unix", "", true),
            ("unix", "127.0.0.1:1", false),
            ("0.0.0.0/0", "", false),
        ] {
            assert_eq!(has(network, client), is_in, "{network} {client}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.1/8",
            "2001:db8::1/32",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "a/8",
            "10/8",
            "10.0.0.0/8/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
