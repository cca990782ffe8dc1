# shellcheck shell=bash
# Sections that test, lint, document and measure the workspace, and the workspaces apart.

# What the daily sections need and cargo does not bring: all of it, for packages cannot be installed by two at a time.
section_tools() {
    need_programs openssl=openssl nginx=nginx-light curl=curl python3=python3 readelf=binutils ss=iproute2 \
        pebble=pebble wrk=wrk slapd=slapd ldapsearch=ldap-utils swaks=swaks promtool=prometheus jq=jq \
        chromium=chromium systemd-analyze=systemd h2load=nghttp2-client
    need_postgresql
    # swaks speaks TLS by this module.
    perl -MNet::SSLeay -e 1 2>/dev/null || install_packages libnet-ssleay-perl
    cargo --version
    openssl version
}

# Many of these tests wait: for an authority's next answer, for a deadline. So there are more at once than processors.
section_test() {
    RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}" cargo test --workspace
}

section_structure() {
    cargo run -q --bin structure
    cargo run -q --bin surface
}

# The library's own records are the default; these programs make thousands of connections, and none may depend on it.
section_records() {
    # The whole workspace, so that what the tests have built serves here.
    LEM_TESTS_ON_RUSTLS_RECORDS=1 cargo test --workspace --test tls --test server --test faults
}

# By the programs that the tests have built.
section_simulate() {
    cargo run -q --bin simulate -- --seeds "$SEEDS"
    # The guide's example finds its mistake, and the mended program is clean.
    cargo run -q --example simulate --features lem-ssl-rs/sim,lem-ssl-rs/self-signed
}

section_interop() {
    need_postgresql
    # The whole workspace, so that what the tests have built serves here. Where Debian keeps nginx is in the path of root
    # alone.
    PATH="$PATH:/usr/sbin" cargo test --workspace --test interop
    PATH="$PATH:/usr/sbin" cargo test --workspace --test cli --test get --test tunnel --test acme -- --ignored
}

section_fmt() {
    cargo fmt --all --check
}

# All targets are those that `cargo test` builds by itself; the others are named.
section_clippy() {
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --workspace --test interop --test lossy -- -D warnings
}

section_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    docs_show_features
}

# As docs.rs builds them, with a nightly compiler: whatever needs a feature has to say so.
docs_show_features() {
    local crate feature features pages="$CARGO_TARGET_DIR/docs.rs/doc"
    if ! cargo +nightly --version; then
        say "skipped: without a nightly toolchain nobody sees whether the documentation shows which features are needed"
        return
    fi
    # The providers bring C and no item. Traits of others are on types of lem-rs, and are shown there.
    for crate in lem-rs lem-ssl-rs; do
        features=$(optional_features "$crate")
        [ "$crate" = lem-rs ] || features=$(grep -vxE 'futures-io|tokio-io' <<<"$features")
        CARGO_TARGET_DIR="$CARGO_TARGET_DIR/docs.rs" RUSTDOCFLAGS="--cfg docsrs -D warnings" \
            cargo +nightly doc --no-deps -p "$crate" --features "${features//$'\n'/,}"
        for feature in $features; do
            grep -rqE "Available on.*crate feature.{0,10}$feature" "$pages/${crate//-/_}" ||
                fail "the documentation of $crate does not show what needs the feature $feature"
        done
    done
}

# The workspaces apart: fuzz targets and the bench. They are run by sections of their names.
section_apart() {
    local manifest profile="$CARGO_TARGET_DIR/profile.toml"
    # By the workspace's profile, so that what has been type-checked for that, or for another of these, serves here.
    mkdir -p "$CARGO_TARGET_DIR"
    sed -n '/^\[profile\.dev/,/^$/p' Cargo.toml >"$profile"
    for manifest in crates/lem-ssl-bench/{,fetch-lem/,fetch-tokio/}Cargo.toml; do
        cargo clippy --config "$profile" --locked --manifest-path "$manifest" --all-targets -- -D warnings
    done
    # Nothing is linked, so libFuzzer, which is C++, need not be built.
    CUSTOM_LIBFUZZER_PATH="$CARGO_TARGET_DIR/libfuzzer.a" \
        cargo clippy --config "$profile" --locked --manifest-path fuzz/Cargo.toml --lib --bins -- -D warnings
}

# Every interleaving of what other threads may do to a machine. Some seconds, after the build.
section_loom() {
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom" cargo test --locked --manifest-path loom/Cargo.toml
}

# Libraries and programs of others over our streams: hyper, axum, WebSockets, codecs, PostgreSQL, curl, wrk, h2load. And the
# chapters of the manual that need libraries of others: their programs, and the table of crates that work.
section_ecosystem() {
    local manifest=tests/ecosystem/Cargo.toml
    need_programs wrk=wrk h2load=nghttp2-client
    need_postgresql
    cargo fmt --manifest-path "$manifest" --check
    # Clippy compiles what it looks at, so that the libraries of others need not be type-checked apart.
    RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/clippy" cargo test --locked --manifest-path "$manifest" --features interop
}

# Lost, late and doubled packets, in network namespaces.
section_lossy() {
    if ! unshare --net true 2>/dev/null && ! unshare --map-root-user --net true 2>/dev/null; then
        say "skipped: no permission for network namespaces"
        return
    fi
    if ! [ -w /dev/net/tun ]; then
        say "skipped: no permission for TUN devices"
        return
    fi
    cargo test --workspace --test lossy
}

# Connections that come and go through a network that fails: a short one; ten minutes are the default. More programs on
# simulated connections than on other days.
section_soak() {
    cargo run -q --release -p lem-ssl-tests --bin soak -- --seconds 20 --connections 500
    cargo run -q --release -p lem-ssl-tests --bin simulate -- --seeds 60000
}

section_fuzz() {
    local source target seeds
    cargo +nightly --version || fail "fuzzing needs a nightly toolchain"
    need_cargo_tool cargo-fuzz
    for source in fuzz/fuzz_targets/*.rs; do
        target=$(basename "$source" .rs)
        say "--- $target"
        mkdir -p "fuzz/corpus/$target"
        seeds=()
        [ ! -d "fuzz/seeds/$target" ] || seeds=("fuzz/seeds/$target")
        CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" cargo +nightly fuzz run --fuzz-dir fuzz \
            "$target" "fuzz/corpus/$target" "${seeds[@]}" -- -max_total_time="$FUZZ_SECONDS"
    done
}

section_bench() {
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/bench" \
        cargo run --release --manifest-path crates/lem-ssl-bench/Cargo.toml -- --quick
}
