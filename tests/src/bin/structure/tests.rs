use crate::check::{Crate, check};

const CRATES: &[Crate] = &[
    Crate { name: "low", layers: &["error", "net", "stream"], unsafe_layer: None },
    Crate { name: "high", layers: &["error", "sys"], unsafe_layer: Some("sys") },
    Crate { name: "bench", layers: &[], unsafe_layer: None },
];

fn violations(files: &[(&str, &str)]) -> Vec<String> {
    check(&files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect(), CRATES, 5)
}

/// What is wrong with a source of `low`.
fn in_low(path: &str, text: &str) -> String {
    let root = "#![forbid(unsafe_code)] pub use stream::{Stream as Flow, self}; pub use lem_rs::Machine;";
    let mut files = vec![("crates/low/src/lib.rs", root)];
    files.extend(
        ["crates/low/src/error.rs", "crates/low/src/net/mod.rs", "crates/low/src/stream.rs"].map(|path| (path, "")),
    );
    let path = format!("crates/low/src/{path}");
    files.retain(|(other, _)| *other != path);
    files.push((&path, text));
    violations(&files).join("\n").replace(&path, "").replace(" refers to the higher layer", " >")
}

#[test]
fn a_reference_upwards_is_found_wherever_it_stands() {
    for text in [
        "use crate::net::Tcp;",
        "pub(crate) use crate::net as n;",
        "use crate::{error::E, net::{self as n}};",
        "use super::{net::X};",
        "fn f(x: &crate::net::B) {}",
        "fn f() -> Vec<crate::net::D> { todo!() }",
        "fn f() { crate::net::e::<u8>() }",
        "fn f() { g::<fn(crate::net::T)>(crate::error::e::<crate::error::E>) }",
        "fn f() { println!(\"{}\", vec![crate::net::X]) }",
        "fn f() { crate::net::now!() }",
        "macro_rules! m { () => { use $crate::net::X; } }",
        "#[derive(crate::net::Derived)] struct S;",
        "struct S { #[arg(parser = crate::net::parse)] a: u8 }",
        "impl<T: super::net::Tr> S<T> where T: 'static {}",
        "mod inner { use super::super::net; mod more {} }",
        "#[cfg(any(test, unix))] use crate::net::X;",
        "#[cfg(not(test))] mod a { use crate::net::X; }",
        "struct A { #[cfg(test)] b: u8, c: crate::net::E }",
        "#[cfg(test)] fn a(b: [u8; 2]) {} fn c() { crate::net::d() }",
    ] {
        assert_eq!(in_low("error.rs", text), ":1: layer `error` > `net`", "{text}");
    }
    assert_eq!(in_low("net/tcp.rs", "use super::super::{\n stream::X};"), ":2: layer `net` > `stream`");
}

#[test]
fn what_is_below_beside_foreign_or_for_tests_is_no_violation() {
    for text in [
        "use crate::{error::Error, net::Tcp, self}; use super::error; use self::inner::X; use crate::stream::S;",
        "pub(crate) fn f(&self) { self.x(); self::g() } pub(in crate::stream) struct S;",
        "// crate::sim\nfn f() { \"crate::sim\"; r#\"crate::sim\"# }",
        "fn f() { crate::trace!(\"x\"); m!(crate::trace!(x)) }",
        "use crate::Machine; use ::sim::X; use std::io::*; use Enum::*; use crate::error::Enum::*;",
        "#[cfg(unix)] mod inner { use super::*; }",
        "#[cfg(test)] mod tests { use crate::sim::Stream; }",
        "#[cfg(all(unix, test))] #[allow(x)] use crate::sim::X;",
        "impl S { #[cfg(test)] pub(crate) fn f(&self) { crate::sim::f() } }",
    ] {
        assert_eq!(in_low("stream.rs", text), "", "{text}");
    }
    let outside = ("crates/low/src/net.rs", "#[cfg(test)] mod tests;");
    let tests =
        ["crates/low/src/net/tests.rs", "crates/low/src/net/tests/more.rs"].map(|path| (path, "use crate::no::X;"));
    assert_eq!(violations(&[outside, tests[0], tests[1]]), [""; 0]);
}

#[test]
fn names_that_hide_where_they_come_from_are_found() {
    assert_eq!(in_low("net/tcp.rs", "use crate::Flow;"), ":1: layer `net` > `stream`");
    let unknown = ":1: layer `net` names `crate::Unknown`; name the layer that it comes from";
    assert_eq!(in_low("net/tcp.rs", "use crate::Unknown;"), unknown);
    let all = ":1: `*` hides which modules are meant, name what is imported";
    assert_eq!(in_low("net/tcp.rs", "use super::*;"), all);
    assert_eq!(in_low("util/mod.rs", ""), ": the module `util` has no place in the order of layers");
}

#[test]
fn a_circle_inside_a_folder_is_found_also_through_its_facade() {
    let folder = [
        ("crates/low/src/net/mod.rs", "mod a; mod b; mod c; pub use b::{B as Bee}; use a::*; pub struct Own;"),
        ("crates/low/src/net/a.rs", "\nuse super::{Bee, Own};"),
        ("crates/low/src/net/b.rs", "use crate::net::c::C; use super::c::D;"),
        ("crates/low/src/net/b/inner.rs", "use super::super::c; use super::X;"),
        ("crates/low/src/net/c.rs", "fn f() { m!(super::a::b::g()) }"),
    ];
    let star = "crates/low/src/net/mod.rs:1: `*` hides which modules are meant, name what is imported";
    let circle = "crates/low/src/net: a circle of imports\n    crates/low/src/net/a.rs:2: a -> b\
        \n    crates/low/src/net/b.rs:1: b -> c\n    crates/low/src/net/c.rs:1: c -> a";
    assert_eq!(violations(&folder), [star, circle]);
    let cut = [&folder[1..4], &[("crates/low/src/net/c.rs", "#[cfg(test)] use super::a;")]].concat();
    assert_eq!(violations(&cut), [""; 0]);
}

#[test]
fn of_several_circles_the_shortest_is_shown() {
    let program = [
        ("tests/tests/x/main.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("tests/tests/x/a.rs", "use crate::b::B;"),
        ("tests/tests/x/b/mod.rs", "use crate::c::C; use crate::d;"),
        ("tests/tests/x/c.rs", "use crate::a;"),
        ("tests/tests/x/d.rs", "use crate::e;"),
        ("tests/tests/x/e.rs", "use super::d;"),
    ];
    let shown =
        "tests/tests/x: a circle of imports\n    tests/tests/x/d.rs:1: d -> e\n    tests/tests/x/e.rs:1: e -> d";
    assert_eq!(violations(&program), [shown]);
}

#[test]
fn a_crate_that_names_or_needs_one_above_is_found() {
    let source = ("crates/low/tests/a.rs", "// high\nfn f() { m!(high::X); \"high\"; higher }");
    assert_eq!(violations(&[source]), ["crates/low/tests/a.rs:2: names high, which builds on it"]);
    let needs = |manifest| violations(&[("crates/low/Cargo.toml", manifest)]);
    for manifest in [
        "[dependencies]\nhigh.workspace = true",
        "[dependencies]\nhigh = { path = \"../high\" }",
        "[dev-dependencies]\n\"high\"=\"1\"",
        "[target.'cfg(unix)'.build-dependencies]\nhigh = \"1\"",
        "[dependencies]\nrenamed = { package = \"high\" }",
        "\n[dependencies.high]",
    ] {
        assert_eq!(needs(manifest), ["crates/low/Cargo.toml:2: depends on high, which builds on it"], "{manifest}");
    }
    let harmless = "[package]\nhigh = 1\n[dependencies] # high\nhigher = \"1\"\n[features]\nhigh = []";
    assert_eq!(needs(harmless), [""; 0]);
    assert_eq!(violations(&[("crates/bench/Cargo.toml", ""), ("crates/high/Cargo.toml", "")]), [""; 0]);
    assert_eq!(violations(&[("crates/x/Cargo.toml", "")]), ["crates/x/Cargo.toml: no crate of this name is declared"]);
}

#[test]
fn long_files_roots_without_the_ban_and_what_is_no_rust_are_found() {
    assert_eq!(in_low("error.rs", "\n\n\n\n\n\n"), ": 6 lines, more than 5: is it one noun?");
    for root in ["lib.rs", "main.rs", "bin/a.rs", "bin/a/main.rs"] {
        assert_eq!(
            in_low(root, "//! #![forbid(unsafe_code)]"),
            ": a crate root without #![forbid(unsafe_code)]",
            "{root}"
        );
        assert_eq!(in_low(root, "#![forbid( other, unsafe_code )]"), "", "{root}");
    }
    assert_eq!(in_low("net/lib.rs", ""), "");
    assert_eq!(violations(&[("crates/low/examples/a.rs", ""), ("tests/tests/a.rs", "")]), [""; 0]);
    assert_eq!(in_low("error.rs", "\nfn fn"), ":2: expected identifier, found keyword `fn`");
    assert_eq!(in_low("error.rs", "\nfn f() {")[..3], *":2:");
}

#[test]
fn beside_a_layer_with_unsafe_code_every_other_file_forbids_it() {
    let files = |path, text| {
        violations(&[
            ("crates/high/src/lib.rs", ""),
            ("crates/high/src/sys.rs", "fn f() { unsafe { g() } }"),
            ("crates/high/tests/a.rs", ""),
            (path, text),
        ])
    };
    for (path, what) in [
        ("crates/high/src/error.rs", "a file beside unsafe code"),
        ("crates/high/src/error/sys.rs", "a file beside unsafe code"),
        ("crates/high/src/sys/more.rs", "a file beside unsafe code"),
        ("crates/high/src/main.rs", "a crate root"),
        ("crates/high/src/bin/a.rs", "a crate root"),
    ] {
        assert_eq!(files(path, ""), [format!("{path}: {what} without #![forbid(unsafe_code)]")]);
        assert_eq!(files(path, "#![forbid(unsafe_code)]"), [""; 0]);
    }
}
