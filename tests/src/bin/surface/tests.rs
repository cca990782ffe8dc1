use super::*;

fn library(modules: &[(&str, &str)]) -> Library {
    let mut library = Library::default();
    for (module, text) in modules {
        let module = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        library.add(module, syn::parse_file(text).unwrap().items);
    }
    library
}

fn lines(modules: &[(&str, &str)]) -> Vec<String> {
    surface(&library(modules), "x").0.into_iter().collect()
}

#[test]
fn what_the_root_leads_to_is_listed_and_nothing_else() {
    let root = "mod a; #[cfg(unix)] mod b; mod c; pub use c::d; pub use a::{S, T as Tr, f}; pub use a::Thing as It; use a::Private; pub(crate) fn g() {}
        #[cfg(feature = \"more\")] pub mod door { pub use crate::b::E; }";
    let a = "pub use other::Thing; pub struct S<T> { pub x: Vec<T>, y: u8 } pub struct Private; pub fn f(mut n: &[u8]) -> (u8, u8) { 1 }
        pub trait T: Sized + 'static { type A: Clone; const C: u8; fn g(&mut self); fn h<X: ?Sized>(self) where X: T {} }
        impl<T> S<T> { pub fn new(mut self: Box<Self>) -> Self { } fn own() {} pub(crate) fn near() {} #[cfg(test)] pub fn t() {} }
        impl<T> From<Private> for S<T> {} impl From<super::b::E> for S<u8> {} impl Clone for Private {} impl From<S<u8>> for Thing<u8> {} impl T for &str {}
        #[cfg(test)] mod tests { pub fn t() {} }";
    let b = "use crate::a::{self, S}; #[derive(Debug)] #[non_exhaustive] pub enum E { A, B { #[doc = \"x\"] n: u8 } }
        impl S<E> { pub const N: usize = 1; } impl Drop for a::S<E> {}";
    let expected = [
        "other::Thing: impl From<S<u8>> for Thing<u8>",
        "x::It: use other::Thing",
        "x::S: #[cfg(unix)] impl Drop for a::S<E>",
        "x::S: impl From<super::b::E> for S<u8>",
        "x::S: struct S<T> { .. }",
        "x::S::N: #[cfg(unix)] const N: usize in impl S<E>",
        "x::S::new: fn new(self: Box<Self>) -> Self in impl<T> S<T>",
        "x::S::x: Vec<T>",
        "x::Tr: impl T for &str",
        "x::Tr: trait T: Sized + 'static",
        "x::Tr::A: type A: Clone",
        "x::Tr::C: const C: u8",
        "x::Tr::g: fn g(&mut self)",
        "x::Tr::h: fn h<X: ?Sized>(self) where X: T { .. }",
        "x::d: mod d",
        "x::d::U: type U = u8",
        "x::door: #[cfg(feature = \"more\")] mod door",
        "x::door::E: #[derive(Debug)] #[non_exhaustive] enum E",
        "x::door::E::A: A",
        "x::door::E::B: B { n: u8 }",
        "x::f: fn f(n: &[u8]) -> (u8, u8)",
    ];
    let c = "pub mod d { pub type U = u8; pub(crate) type V = u8; }";
    assert_eq!(lines(&[("", root), ("a", a), ("b", b), ("c", c)]), expected);
}

#[test]
fn a_function_is_told_from_the_module_of_its_name() {
    let modules = [("", "mod time; pub use time::sleep;"), ("time", "mod sleep; pub use sleep::sleep;")];
    assert_eq!(
        lines(&[modules[0], modules[1], ("time::sleep", "pub async fn sleep() {}")]),
        ["x::sleep: async fn sleep()"]
    );
}

/// What a planted library says of rustls beside its door.
fn beside_the_door(modules: &[(&str, &str)]) -> Vec<String> {
    let lines = lines(modules).into_iter().map(|line| line.replacen("x::", "lem_ssl_rs::", 1)).collect();
    DOORS[0].passed_by(&lines).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_name_of_rustls_outside_of_its_door_is_found_however_it_gets_there() {
    let root =
        "mod a; pub mod danger; pub mod dangerous; pub use a::{Choice, E, Info, Plain, Sees, Verifies}; pub use rustls;
        pub use rustls::pki_types; pub use rustls::Stream as Renamed;";
    let a = "use std::sync::Arc; use rustls::crypto::{self, CryptoProvider as Provider}; use rustls::pki_types::CertificateDer;
        use rustls as tls; use rustls::Error;
        pub struct Info { pub version: Option<tls::ProtocolVersion>, hidden: Provider }
        pub enum E { Broken(Error), Cut { reset: bool } }
        pub trait Sees<'a>: rustls::KeyLog { fn sees(&self, hello: &rustls::server::ClientHello<'a>); }
        pub struct Plain; impl Plain { pub fn new(p: Arc<Provider>) -> Self {} pub fn chain(&self) -> &[CertificateDer<'_>] {}
        fn own(_: Provider) {} }
        impl From<Error> for Plain {} impl From<io::Error> for Plain {}
        pub struct Verifies<T: crypto::KeyProvider>(T); pub type Choice = Vec<Provider>;";
    let danger = "use rustls::ClientConfig; pub use rustls; pub fn config(config: ClientConfig) {}";
    let dangerous = "use rustls::ClientConfig; pub fn config(config: &ClientConfig) {}";
    let expected = [
        "lem_ssl_rs::Choice: type Choice = Vec<rustls::crypto::CryptoProvider>",
        "lem_ssl_rs::E::Broken: Broken(rustls::Error)",
        "lem_ssl_rs::Info::version: Option<rustls::ProtocolVersion>",
        "lem_ssl_rs::Plain: impl From<rustls::Error> for Plain",
        "lem_ssl_rs::Plain::new: fn new(p: Arc<rustls::crypto::CryptoProvider>) -> Self in impl Plain",
        "lem_ssl_rs::Renamed: use rustls::Stream",
        "lem_ssl_rs::Sees: trait Sees<'a>: rustls::KeyLog",
        "lem_ssl_rs::Sees::sees: fn sees(&self, hello: &rustls::server::ClientHello<'a>)",
        "lem_ssl_rs::Verifies: struct Verifies<T: rustls::crypto::KeyProvider> { .. }",
        "lem_ssl_rs::dangerous::config: fn config(config: &rustls::ClientConfig)",
        "lem_ssl_rs::rustls: use rustls",
    ];
    assert_eq!(beside_the_door(&[("", root), ("a", a), ("danger", danger), ("dangerous", dangerous)]), expected);
}

#[test]
fn what_is_called_like_rustls_and_is_not_passes() {
    let root = "mod a; pub use a::{Error, S};";
    let a = "use crate::a::other::Alert; pub struct Error; pub struct S { pub rustls_like: Alert, pub error: Error }";
    assert_eq!(beside_the_door(&[("", root), ("a", a), ("a::other", "pub struct Alert;")]), [""; 0]);
}

#[test]
fn a_type_to_which_nothing_can_be_added_says_that_it_is_so_on_purpose() {
    let root = "mod a; pub use a::*; pub use a::{Cause, Closed, Fields, Half, Kind, Pair, Side, Unit};";
    let a = "#[non_exhaustive] pub enum Cause { A } pub enum Kind { A } #[non_exhaustive] pub struct Closed { pub a: u8 }
        pub struct Fields { pub a: u8 } pub struct Half { pub a: u8, b: u8 } pub struct Pair(pub u8, u8); pub struct Unit;
        /// One of two.
        ///
        /// Exhaustive on purpose: there are two.
        pub enum Side { A, B } pub enum Private { A }";
    let open = surface(&library(&[("", root), ("a", a)]), "x").1;
    assert_eq!(open.into_iter().collect::<Vec<_>>(), ["x::Fields", "x::Kind", "x::Unit"]);
}
