//! The peer's address as accept(2) told it, or as it was connected to: the kernel forgets it when the connection is reset.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::endpoint::Endpoint;

/// A peer's address that is kept with its socket. There is a type for each kind of address, so that no socket is larger
/// than its own needs.
pub(super) trait KeptPeer {
    /// `None`: the kernel has to be asked.
    fn endpoint(&self) -> Option<Endpoint>;
}

/// Nothing is kept: of a Unix-domain socket, whose peer the kernel never forgets, and of a socket that was opened elsewhere.
impl KeptPeer for () {
    fn endpoint(&self) -> Option<Endpoint> {
        None
    }
}

impl KeptPeer for SocketAddrV4 {
    fn endpoint(&self) -> Option<Endpoint> {
        Some(Endpoint::Ip((*self).into()))
    }
}

/// An IPv4 address as a socket of both families shows it.
pub(super) struct Mapped(pub(super) SocketAddrV4);

impl KeptPeer for Mapped {
    fn endpoint(&self) -> Option<Endpoint> {
        let address = SocketAddr::new(self.0.ip().to_ipv6_mapped().into(), self.0.port());
        Some(Endpoint::Ip(address))
    }
}

/// An IPv6 address without flow information, which takes less room than the standard library's.
pub(super) struct V6 {
    ip: [u8; 16],
    scope: [u8; 4],
    port: [u8; 2],
}

impl KeptPeer for V6 {
    fn endpoint(&self) -> Option<Endpoint> {
        let (port, scope) = (u16::from_ne_bytes(self.port), u32::from_ne_bytes(self.scope));
        Some(Endpoint::Ip(SocketAddrV6::new(Ipv6Addr::from(self.ip), port, 0, scope).into()))
    }
}

/// How an address is kept.
pub(super) enum Kept {
    Nothing,
    V4(SocketAddrV4),
    Mapped(Mapped),
    V6(V6),
}

impl Kept {
    pub(super) fn of(peer: &Endpoint) -> Self {
        match peer {
            // What is connected to without an address of its own is some other address.
            Endpoint::Ip(address) if address.ip().is_unspecified() => Self::Nothing,
            Endpoint::Ip(SocketAddr::V4(address)) => Self::V4(*address),
            Endpoint::Ip(SocketAddr::V6(address)) => Self::of_v6(address),
            Endpoint::Unix(_) => Self::Nothing,
        }
    }

    fn of_v6(address: &SocketAddrV6) -> Self {
        match (address.ip().to_ipv4_mapped(), address.scope_id(), address.flowinfo()) {
            (Some(ip), 0, 0) => Self::Mapped(Mapped(SocketAddrV4::new(ip, address.port()))),
            (_, scope, 0) => Self::V6(V6 {
                ip: address.ip().octets(),
                scope: scope.to_ne_bytes(),
                port: address.port().to_ne_bytes(),
            }),
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_address_that_it_was() {
        for text in ["192.0.2.1:443", "[::ffff:192.0.2.1]:443", "[2001:db8::1]:443", "[fe80::1%7]:65535", "[::1]:1"] {
            let peer = Endpoint::Ip(text.parse().unwrap());
            let told = match Kept::of(&peer) {
                Kept::Nothing => None,
                Kept::V4(kept) => kept.endpoint(),
                Kept::Mapped(kept) => kept.endpoint(),
                Kept::V6(kept) => kept.endpoint(),
            };
            assert_eq!(told, Some(peer), "{text}");
        }
        for peer in ["0.0.0.0:1", "[::]:1"].map(|text| Endpoint::Ip(text.parse().unwrap())) {
            assert!(matches!(Kept::of(&peer), Kept::Nothing), "{peer}");
        }
        assert!(matches!(Kept::of(&Endpoint::Unix(None)), Kept::Nothing));
    }
}
