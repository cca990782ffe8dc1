//! What can be used as an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::Address;
use crate::endpoint::Endpoint;
use crate::error::AddressError;

/// What can be used as an address.
///
/// ```
/// use lem_rs::{AddressError, ToAddress};
///
/// assert_eq!("example.org:443".to_address()?.to_string(), "example.org:443");
/// assert_eq!("[2001:db8::1]:443".to_address()?.port(), Some(443));
/// assert_eq!(("example.org", 443).to_address()?.host(), Some("example.org"));
/// assert!("example.org:70000".to_address().is_err());
/// # Ok::<(), AddressError>(())
/// ```
pub trait ToAddress {
    /// The address.
    ///
    /// # Errors
    /// What is wrong with the text.
    fn to_address(&self) -> Result<Address, AddressError>;

    /// The address, for an encrypted connection: a URL whose scheme stands for plain text (`http://`) is refused.
    ///
    /// # Errors
    /// As [`to_address`](Self::to_address), and for such a scheme.
    ///
    /// ```
    /// # use lem_rs::ToAddress;
    /// assert!("https://example.org".to_encrypted_address().is_ok());
    /// let error = "http://example.org".to_encrypted_address().unwrap_err();
    /// assert_eq!(error.problem(), "http:// is plain text: write https://, or use TcpStream or Listener");
    /// ```
    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        self.to_address()
    }
}

impl ToAddress for str {
    fn to_address(&self) -> Result<Address, AddressError> {
        self.parse()
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        Address::parse_encrypted(self, None)
    }
}

impl ToAddress for String {
    fn to_address(&self) -> Result<Address, AddressError> {
        self.parse()
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        Address::parse_encrypted(self, None)
    }
}

impl ToAddress for (&str, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        // Nothing else can be written that way, and it is quick to recognize.
        match self.0.parse::<IpAddr>() {
            Ok(ip) => (ip, self.1).to_address(),
            Err(_) => Address::parse(self.0, Some(self.1)),
        }
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => (ip, self.1).to_address(),
            Err(_) => Address::parse_encrypted(self.0, Some(self.1)),
        }
    }
}

impl ToAddress for (String, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        (self.0.as_str(), self.1).to_address()
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        (self.0.as_str(), self.1).to_encrypted_address()
    }
}

impl ToAddress for (&String, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        (self.0.as_str(), self.1).to_address()
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        (self.0.as_str(), self.1).to_encrypted_address()
    }
}

impl ToAddress for (IpAddr, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(Address::Ip(SocketAddr::from(*self)))
    }
}

impl ToAddress for (Ipv4Addr, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(Address::Ip(SocketAddr::from(*self)))
    }
}

impl ToAddress for (Ipv6Addr, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(Address::Ip(SocketAddr::from(*self)))
    }
}

impl ToAddress for SocketAddr {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(Address::Ip(*self))
    }
}

impl ToAddress for Endpoint {
    fn to_address(&self) -> Result<Address, AddressError> {
        match self {
            Self::Ip(address) => Ok(Address::Ip(*address)),
            Self::Unix(Some(path)) => Ok(Address::Unix(path.clone())),
            Self::Unix(None) => Err(AddressError::new("", "the socket has no name")),
        }
    }
}

impl ToAddress for Address {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(self.clone())
    }
}

impl<A: ToAddress + ?Sized> ToAddress for &A {
    fn to_address(&self) -> Result<Address, AddressError> {
        (**self).to_address()
    }

    fn to_encrypted_address(&self) -> Result<Address, AddressError> {
        (**self).to_encrypted_address()
    }
}
