//! Every interface: over both families where the machine has both.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where to listen for all that comes, the better first: `[::]` means IPv4 as well.
pub(super) fn any(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
}

/// Whether listening failed in a way that IPv4 alone must not paper over: half of a service would look like a whole one.
/// Everything else is how a machine without IPv6 fails.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_machine_without_ipv6_falls_back_to_ipv4() {
        for kind in [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied] {
            assert!(is_refusal(&kind.into()), "{kind}");
        }
        // EAFNOSUPPORT on Linux, and what OpenBSD says to a socket for both families.
        assert!(!is_refusal(&io::Error::from_raw_os_error(97)));
        for kind in [io::ErrorKind::AddrNotAvailable, io::ErrorKind::Unsupported, io::ErrorKind::InvalidInput] {
            assert!(!is_refusal(&kind.into()), "{kind}");
        }
    }
}
