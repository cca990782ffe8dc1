# shellcheck shell=bash
# What sections need and cargo does not bring.

# Installs the packages of Debian whose programs are missing: `need_programs PROGRAM=PACKAGE...`.
need_programs() {
    local pair missing=()
    for pair in "$@"; do
        have "${pair%%=*}" || [ -x "/usr/sbin/${pair%%=*}" ] || missing+=("${pair#*=}")
    done
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
    have apt-get || fail "please install: $*"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "please install, as root: apt-get install $*"
        as_root=(sudo -n)
    fi
    "${as_root[@]}" apt-get update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
}

# Debian keeps a database's programs out of the path.
need_postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need_programs initdb=postgresql
}

# These tools run for a second each, or start compilers; a quick build of them is worth more than a good one.
need_cargo_tool() {
    have "$1" || CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install "$1" --locked
}

# A copy of the sources, to change them: prints its folder. Times stay, so that builds of it are kept.
copy_of_sources() {
    local copy="$CARGO_TARGET_DIR/$1"
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -Rp Cargo.toml Cargo.lock README.md crates tests "$copy"
    say "$copy"
}
