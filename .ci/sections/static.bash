# shellcheck shell=bash
# Sections that build static programs, and run them where there is nothing else.

WITHOUT_C=(env -u HOST_CC -u TARGET_CC -u HOST_CXX -u TARGET_CXX CC=/bin/false CXX=/bin/false AR=/bin/false)

# What a static program of glibc is built with. Such a program cannot look up getrandom(2) by its name, and would want
# /dev/urandom without the second flag.
STATIC_FLAGS="-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\""

# The target of static programs by glibc; fails, with words, where there are none.
static_target() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    case "$host" in
    *-linux-gnu) say "$host" ;;
    *)
        say "skipped: static programs are checked on Linux with glibc, this is $host" >&2
        return 1
        ;;
    esac
}

# One file that runs on any machine of its kind, built without a C compiler: every name that one could be called by leads to
# a program that fails. rustc finds its linker by another way. By the quick profile; the section release has the other.
section_static() {
    local target
    target=$(static_target) || return 0
    RUSTFLAGS="$STATIC_FLAGS" "${WITHOUT_C[@]}" \
        cargo build "${PLAIN_RUSTLS[@]}" "${PLAIN_GRAVIOLA[@]}" --target "$target" \
        -p lem-ssl-rs --example fetch -p lem-ssl-cli --bin lem-ssl
    runs_alone "$CARGO_TARGET_DIR/$target/debug"
}

# The programs of a folder need nothing but themselves and two files of names.
runs_alone() {
    is_static "$1/examples/fetch"
    is_static "$1/lem-ssl"
    "$1/examples/fetch"
    empty_root "$1/examples/fetch"
    finds_names "$1/lem-ssl"
}

is_static() {
    if readelf -d "$1" | grep NEEDED; then
        fail "$1 needs shared libraries"
    fi
    say "$(basename "$1"): no shared libraries"
}

# Static programs as they are released, how large they are, and what is not in them.
section_release() {
    local target
    target=$(static_target) || return 0
    RUSTFLAGS="$STATIC_FLAGS" "${WITHOUT_C[@]}" cargo build --release --target "$target" \
        -p lem-ssl-rs --example fetch -p lem-ssl-cli --bin lem-ssl
    stripped "$CARGO_TARGET_DIR/$target/release/examples/fetch"
    stripped "$CARGO_TARGET_DIR/$target/release/lem-ssl"
    runs_alone "$CARGO_TARGET_DIR/$target/release"
    RUSTFLAGS="$STATIC_FLAGS" only_connects "$target"
}

stripped() {
    strip "$1"
    say "$(basename "$1"): $(wc -c <"$1") bytes"
}

# A program that only connects contains no handshake of servers and no code that signs: to name either where
# every client comes by would make it larger by a tenth.
only_connects() {
    local symbols unwanted='rustls::server::(hs|tls12|tls13)::|rustls_graviola::sign::|lem_ssl_rs::(server|tickets|pem)::'
    # By the profile of the workspace, so that what was built for it serves here.
    "${WITHOUT_C[@]}" CARGO_PROFILE_RELEASE_{STRIP=none,LTO=thin,CODEGEN_UNITS=4,DEBUG=line-tables-only} \
        cargo build --locked --release --target "$1" --manifest-path crates/lem-ssl-bench/fetch-lem/Cargo.toml
    symbols=$(nm --demangle "$CARGO_TARGET_DIR/$1/release/fetch-lem")
    grep -q 'rustls::client::tls13::' <<<"$symbols" || fail "the program that only connects has no symbols"
    if grep -E "$unwanted" <<<"$symbols"; then
        fail "a program that only connects contains this"
    fi
    say "a program that only connects contains no server, and nothing that signs"
}

# Runs a program where there is nothing but the program and the name localhost: no library, no device,
# no /proc.
empty_root() {
    local root
    root=$(mktemp -d)
    mkdir "$root/etc"
    printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
    printf 'nameserver 127.0.0.1\n' >"$root/etc/resolv.conf"
    run_in_root "$root" "$@"
}

# Runs a program where there is nothing but the program and what is in a folder, which is gone then:
# `run_in_root FOLDER PROGRAM ARGUMENT...`.
run_in_root() {
    local root="$1" program="$2"
    shift 2
    if unshare -r true 2>/dev/null; then
        cp "$program" "$root/program"
        unshare -r chroot "$root" /program "$@"
        say "it runs in an empty root folder"
    else
        say "skipped: this machine lets nobody change the root folder"
    fi
    rm -rf "$root"
}

# Runs the command as a server and as a client where there is nothing but the two files of names: one name stands in the
# first, the other is asked for at the server that the second names.
finds_names() {
    local root
    if ! unshare -rn true 2>/dev/null; then
        say "skipped: no permission for network namespaces"
        return
    fi
    root=$(mktemp -d)
    cp "$1" "$root/program"
    mkdir "$root/etc"
    printf '127.0.0.1 localhost listed.test\n' >"$root/etc/hosts"
    printf 'nameserver 127.0.0.1\n' >"$root/etc/resolv.conf"
    # shellcheck disable=SC2016 # the inner shell's variables
    unshare -rn bash -euo pipefail -c '
        ip link set lo up
        mkfifo "$1/ready"
        python3 .ci/name-server.py >"$1/ready" &
        names=$!
        read -r _ <"$1/ready"
        chroot "$1" /program serve --quiet --http --listen 127.0.0.1:4433 --self-signed listed.test,asked.test >"$1/ready" &
        server=$!
        trap "kill $names $server" EXIT
        read -r _ <"$1/ready"
        for name in listed.test asked.test; do
            chroot "$1" /program get --quiet --danger-accept-any-certificate -o - "https://$name:4433/" | grep -F "$name"
        done
    ' bash "$root"
    rm -rf "$root"
    say "$(basename "$1") finds names in an empty root folder"
}
