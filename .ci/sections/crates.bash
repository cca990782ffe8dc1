# shellcheck shell=bash
# Sections about the published crates: their features, their dependencies, their packages.

# The crates as users get them: alone, so that nothing that is built beside them turns features on.
section_features() {
    cargo clippy -p lem-rs -p lem-ssl-rs -p lem-ssl-cli -- -D warnings
    cargo test -p lem-rs
    cargo test -p lem-ssl-features
    cargo test -p lem-ssl-features --no-default-features
    cargo test "${PLAIN_RUSTLS[@]}" -p lem-ssl-features --no-default-features --features ring
    lib_tests --features graviola
}

# For programs that do a few handshakes and no more: to optimise what does them costs more than it saves.
PLAIN_RUSTLS=(--config 'profile.dev.package.rustls.opt-level=0')
PLAIN_GRAVIOLA=(--config 'profile.dev.package.graviola.opt-level=0')

# The library's own tests with these features only: its examples turn some on for themselves, by a line of the manifest
# that is left out here.
lib_tests() {
    local copy
    copy=$(copy_of_sources as-published)
    sed -i.before '/^lem-ssl-rs = { path = "\."/d' "$copy/crates/lem-ssl-rs/Cargo.toml"
    if cmp -s "$copy"/crates/lem-ssl-rs/Cargo.toml{,.before}; then
        fail "crates/lem-ssl-rs/Cargo.toml turns nothing on for its examples: run its tests as they are"
    fi
    (cd "$copy" && cargo test -p lem-ssl-rs --lib --no-default-features "$@")
}

section_tree() {
    local crates number
    # The lock file is what was tested: it has to be complete.
    cargo metadata --locked --format-version 1 >/dev/null
    # An asterisk marks what the tree has already shown.
    crates=$(cargo tree -p lem-ssl-rs -e normal --prefix none --format '{p}' |
        sed 's/ (\*)$//; s/ (\/.*)$//' | sort -u)
    number=$(wc -l <<<"$crates")
    say "$crates"
    say "$number crates, at most $MAX_CRATES"
    [ "$number" -le "$MAX_CRATES" ] || fail "the tree has grown too large"
}

section_msrv() {
    local version toolchain=""
    version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    [ -n "$version" ] || fail "Cargo.toml states no rust-version"
    if have rustup; then
        toolchain=$(rustup toolchain list | sed 's/ .*//' | grep -E "^${version//./\\.}(\.[0-9]+)?-" |
            head -n 1 || true)
    fi
    if [ -n "$toolchain" ]; then
        cargo "+$toolchain" check --workspace
        say "rust-version $version: checked with $toolchain"
    else
        say "rust-version $version: no such toolchain is installed, and Debian has packages of 1.63, 1.85 and 1.96 only:" \
            "nothing but clippy's lint incompatible_msrv has checked it"
    fi
}

section_deny() {
    need_cargo_tool cargo-deny
    cargo deny check bans licenses sources
}

# Where cryptography comes from: features that are built and tested without each other.
PROVIDERS=(graviola ring aws-lc-rs)

# The optional features of a crate, by its manifest: those that are neither the default nor a provider.
optional_features() {
    local names
    names=$(sed -n '/^\[features\]$/,/^\[/s/^\([a-z0-9-]*\) = .*/\1/p' "crates/$1/Cargo.toml" |
        grep -vxF -e default "${PROVIDERS[@]/#/-e}" || true)
    [ -n "$names" ] || fail "crates/$1/Cargo.toml has no list of features that this script can read"
    say "$names"
}

# Each feature alone, all that go with it, and all together. AWS-LC needs a C compiler and nothing else on common systems.
section_every_feature() {
    local feature features
    features=$(optional_features lem-ssl-rs)
    for feature in $features; do
        say "--- the default and $feature"
        cargo clippy -p lem-ssl-rs --lib --features "$feature" -- -D warnings
        cargo test -p lem-ssl-features --features "$feature"
    done
    features=$(optional_features lem-rs)
    for feature in $features; do
        cargo clippy -p lem-rs --features "$feature" -- -D warnings
    done
    say "--- no feature, and each provider of its own"
    cargo clippy -p lem-ssl-rs --lib --no-default-features -- -D warnings
    for feature in ring aws-lc-rs; do
        cargo clippy -p lem-ssl-rs --lib --no-default-features --features "$feature" -- -D warnings
        lib_tests --features "$feature"
    done
    cargo test -p lem-ssl-features --no-default-features --features aws-lc-rs
    say "--- all together"
    cargo clippy -p lem-ssl-rs --lib --all-features -- -D warnings
    cargo test -p lem-ssl-features --all-features
    cargo test -p lem-rs --all-features
    cargo test -p lem-ssl-rs --all-features
}

# The oldest versions of what the manifests of users' crates allow. Needs the unstable options of a nightly cargo. The tests'
# own dependencies are left out: only new versions of those are of interest.
section_minimal() {
    local copy
    cargo +nightly --version || fail "the oldest versions of dependencies need a nightly toolchain"
    copy=$(copy_of_sources oldest)
    sed -i.before '/^    "tests",$/d' "$copy/Cargo.toml"
    sed -i.before '/^lem-ssl-tests = /d' "$copy/crates/lem-ssl-cli/Cargo.toml"
    (
        cd "$copy"
        rm Cargo.lock
        cargo +nightly generate-lockfile -Z direct-minimal-versions
        cargo check --locked -p lem-rs -p lem-ssl-rs -p lem-ssl-cli
        cargo test --locked -p lem-ssl-features
    )
}

# The packages as they would be published, each built from what is in its own archive.
section_package() {
    # cargo takes archives of one version for one and the same, unpacked and built; while we work,
    # the version stays and the archive changes.
    local target="$CARGO_TARGET_DIR/packages"
    rm -rf "$target" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/lem-*-[0-9]*
    CARGO_TARGET_DIR="$target" cargo package -p lem-rs -p lem-ssl-rs -p lem-ssl-cli --allow-dirty
}
