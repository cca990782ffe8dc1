//! What the tests of the contract share.

mod carrier;
mod contexts;
mod door;
mod expect;
mod reset;
mod run;

pub(crate) use carrier::{
    BoxedTcp, BoxedTls13, Carrier, Encrypted, Tcp, Tls12, Tls13, Tls13OnRustls, Unix, options_with,
};
pub(crate) use contexts::{client_context, patient_builder, server_context};
pub(crate) use door::{Door, TcpDoor, TlsDoor, UnixDoor};
pub(crate) use expect::{assert_same, pattern, says};
pub(crate) use reset::{reset, reset_by};
pub(crate) use run::{at_once, both, check, until};

/// Makes a test of each named function for each kind of stream.
macro_rules! on_every_stream {
    ($($name:ident,)*) => {
        $crate::support::on_streams! { tcp: Tcp => $($name,)* }
        $crate::support::on_streams! { unix: Unix => $($name,)* }
        $crate::support::on_encrypted_streams! { $($name,)* }
        $crate::support::on_streams! { boxed_tcp: BoxedTcp => $($name,)* }
        $crate::support::on_streams! { boxed_tls13: BoxedTls13 => $($name,)* }
    };
}

/// Makes a test of each named function for each kind of stream that is encrypted.
macro_rules! on_encrypted_streams {
    ($($name:ident,)*) => {
        $crate::support::on_streams! { tls13: Tls13 => $($name,)* }
        $crate::support::on_streams! { tls13_on_rustls: Tls13OnRustls => $($name,)* }
        $crate::support::on_streams! { tls12: Tls12 => $($name,)* }
    };
}

/// Makes a test of each named function for everything that accepts connections.
macro_rules! on_every_door {
    ($($name:ident,)*) => {
        $crate::support::on_streams! { tcp: TcpDoor => $($name,)* }
        $crate::support::on_streams! { unix: UnixDoor => $($name,)* }
        $crate::support::on_streams! { tls: TlsDoor => $($name,)* }
    };
}

macro_rules! on_streams {
    ($module:ident: $carrier:ident => $($name:ident,)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::support::check(super::$name::<$crate::support::$carrier>());
                }
            )*
        }
    };
}

pub(crate) use {on_encrypted_streams, on_every_door, on_every_stream, on_streams};
