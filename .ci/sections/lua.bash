# shellcheck shell=bash
# The section about Lua.

# Lua on the machine: its own C, the modules, the command. With each Lua that can be built in, and as one static file.
section_lua() {
    local manifest=crates/lem-lua/Cargo.toml lua target program
    local -x CARGO_TARGET_DIR="$CARGO_TARGET_DIR/lua"
    need_programs cc=gcc openssl=openssl curl=curl readelf=binutils
    cargo fmt --manifest-path "$manifest" --check
    cargo clippy --locked --manifest-path "$manifest" --all-targets --features interop -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --manifest-path "$manifest" --no-deps
    cargo test --locked --manifest-path "$manifest" --features interop
    for lua in lua51 luajit; do
        say "--- $lua"
        cargo test --locked --manifest-path "$manifest" --no-default-features --features "$lua" --lib --test scripts --test command
    done
    target=$(static_target) || return 0
    RUSTFLAGS="$STATIC_FLAGS" cargo build --locked --release --target "$target" --manifest-path "$manifest" --bin lem
    program="$CARGO_TARGET_DIR/$target/release/lem"
    stripped "$program"
    is_static "$program"
    runs_a_script_alone "$program"
}

# A script with a server and a client, where there is nothing but the program and the script.
runs_a_script_alone() {
    local root
    root=$(mktemp -d)
    cat >"$root/script.lua" <<'END'
local ssl, utils = require 'lem.ssl', require 'lem.utils'
local context = ssl.newcontext { selfsigned = 'alone' }
local server = assert(context:listen '127.0.0.1:0')
utils.spawn(function()
	local stream = server:accept()
	stream:write 'a script runs in an empty root folder\n'
	stream:close()
end)
local client = ssl.newcontext { ca = context:certificate() }
local _, port = server:address()
print((assert(client:connect('127.0.0.1', port, 'alone')):read '*a'))
END
    run_in_root "$root" "$1" /script.lua
}
