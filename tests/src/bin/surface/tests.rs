use super::*;

fn lines(modules: &[(&str, &str)]) -> Vec<String> {
    let mut library = Library::default();
    for (module, text) in modules {
        let module = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        library.add(module, syn::parse_file(text).unwrap().items);
    }
    surface(&library, "x").into_iter().collect()
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
