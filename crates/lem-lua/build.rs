//! Lets modules of C, which `require` finds by `package.cpath`, call the Lua that is built in.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let has = |variable, value: &str| env::var(variable).is_ok_and(|all| all.split(',').any(|one| one == value));
    // A static program loads no modules, so it need not show them anything.
    if has("CARGO_CFG_TARGET_FAMILY", "unix") && !has("CARGO_CFG_TARGET_FEATURE", "crt-static") {
        println!("cargo::rustc-link-arg-bins=-rdynamic");
    }
}
