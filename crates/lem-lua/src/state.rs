//! Lua itself, with its whole standard library.

use mlua::{Lua, LuaOptions, StdLib};

/// A state for a program's own scripts.
///
/// Scripts have all that `lua` gives them, the module `debug` and modules of C in `package.cpath` included: what was
/// written for the original asks for both.
#[expect(unsafe_code, reason = "mlua marks a state with `debug` and modules of C as unsafe, and scripts need both")]
pub(crate) fn new_state() -> Lua {
    // SAFETY: what mlua asks its caller to answer for is that nothing in the state breaks Rust's rules. Ours does not:
    // this is the only unsafe block of the crate. A script can, through `debug` or a module of C that it loads itself;
    // it is a part of the program, as trusted as a crate that the program links.
    unsafe { Lua::unsafe_new_with(StdLib::ALL, LuaOptions::default()) }
}
