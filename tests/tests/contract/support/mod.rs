//! What the tests of the contract share.

mod carrier;
mod contexts;
mod door;
mod expect;
mod reset;
mod run;

pub(crate) use carrier::{Bare, Boxed, Carrier, Encrypted, options_with};
pub(crate) use contexts::{client_context, patient_builder, server_context};
pub(crate) use door::{Door, TcpDoor, TlsDoor, UnixDoor};
pub(crate) use expect::{assert_same, pattern, says};
pub(crate) use reset::{reset, reset_by};
pub(crate) use run::{at_once, both, check, until};

/// Makes a test of each named function for each kind of stream.
macro_rules! on_every_stream {
    ($($name:ident,)*) => {
        $crate::support::on_streams! { tcp: Bare::Tcp => $($name,)* }
        $crate::support::on_streams! { unix: Bare::Unix => $($name,)* }
        $crate::support::on_encrypted_streams! { $($name,)* }
        $crate::support::on_streams! { boxed_tcp: Boxed::Tcp => $($name,)* }
        $crate::support::on_streams! { boxed_tls13: Boxed::Tls13 => $($name,)* }
    };
}

/// Makes a test of each named function for each kind of stream that is encrypted.
macro_rules! on_encrypted_streams {
    ($($name:ident,)*) => {
        $crate::support::on_streams! { tls13: Encrypted::Tls13 => $($name,)* }
        $crate::support::on_streams! { tls13_on_rustls: Encrypted::Tls13OnRustls => $($name,)* }
        $crate::support::on_streams! { tls12: Encrypted::Tls12 => $($name,)* }
    };
}

/// Makes a test of each named function for everything that accepts connections.
macro_rules! on_every_door {
    ($($name:ident,)*) => {
        $crate::support::on_door! { tcp: TcpDoor => $($name,)* }
        $crate::support::on_door! { unix: UnixDoor => $($name,)* }
        $crate::support::on_door! { tls: TlsDoor => $($name,)* }
    };
}

macro_rules! on_streams {
    ($module:ident: $carrier:ident::$kind:ident => $($name:ident,)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::support::check(super::$name($crate::support::$carrier::$kind));
                }
            )*
        }
    };
}

macro_rules! on_door {
    ($module:ident: $door:ident => $($name:ident,)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::support::check(super::$name::<$crate::support::$door>());
                }
            )*
        }
    };
}

pub(crate) use {on_door, on_encrypted_streams, on_every_door, on_every_stream, on_streams};
