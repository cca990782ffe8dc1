//! Modules of C, compiled here.

use std::process::Command;

use crate::support::{Folder, said};

/// Without Lua's headers, which need not be installed.
const MODULE: &str = r#"
typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *);
extern long long luaL_checkinteger(lua_State *, int);
extern void lua_pushinteger(lua_State *, long long);
extern void lua_pushcclosure(lua_State *, lua_CFunction, int);

static int add(lua_State *lua) {
    lua_pushinteger(lua, luaL_checkinteger(lua, 1) + luaL_checkinteger(lua, 2));
    return 1;
}

int luaopen_native(lua_State *lua) {
    lua_pushcclosure(lua, add, 0);
    return 1;
}
"#;

#[test]
fn a_module_of_c_is_found_by_its_path_and_called() {
    let folder = Folder::new("native");
    let source = folder.file("native.c", MODULE);
    let module = folder.file("native.so", "");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o", &module, &source]).status();
    assert!(made.expect("a C compiler is installed").success());
    let path = module.replace("native.so", "?.so");
    let script = folder.file("script.lua", "print(require 'native'(40, 2))");
    let ended = said(Command::new(env!("CARGO_BIN_EXE_lem")).arg(script).env("LUA_CPATH", path));
    assert_eq!(ended, ("42\n".into(), String::new(), 0));
}
