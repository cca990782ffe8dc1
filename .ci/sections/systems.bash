# shellcheck shell=bash
# Sections about other systems and processors.

# What the published crates are type-checked for, warnings denied: nothing is linked, so no other system's libraries are
# needed.
TARGETS=(x86_64-pc-windows-gnu aarch64-apple-darwin x86_64-unknown-freebsd aarch64-unknown-linux-musl
    x86_64-unknown-linux-musl)

# Debian's packages have the standard library's source, and none of it compiled for other systems.
BUILD_STD=(-Z build-std=std,panic_abort,panic_unwind)

section_targets() {
    local target of_targets=()
    if ! .ci/debian-rust "$CARGO_TARGET_DIR/targets/rust"; then
        say "skipped: a compiler with the source of its standard library can only be had from Debian's packages here"
        return
    fi
    # What Windows' standard library imports is listed by a tool of this name.
    need_programs x86_64-w64-mingw32-dlltool=binutils-mingw-w64-x86-64
    for target in "${TARGETS[@]}"; do
        of_targets+=(--target "$target")
    done
    with_std cargo check "${BUILD_STD[@]}" "${of_targets[@]}" -p lem-rs -p lem-ssl-rs -p lem-ssl-cli
    say "type-checked: ${TARGETS[*]}"
}

# With Debian's compiler, which may build its standard library.
with_std() {
    env RUSTC="$CARGO_TARGET_DIR/targets/rust/rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS="-D warnings ${STD_FLAGS:-}" \
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$CARGO_TARGET_DIR/targets" "$@"
}

# The unwinder that Rust's own toolchain for musl brings, and Debian's compiler does not: LLVM's, which Debian has built for
# glibc. One function of glibc's is all that it lacks.
unwinder_for_musl() {
    [ ! -e "$1/libunwind.a" ] || return 0
    rm -rf "$1"
    mkdir -p "$1"
    (
        cd "$1"
        apt-get download -o APT::Sandbox::User=root libunwind-15-dev
        dpkg-deb -x libunwind-15-dev_*.deb unpacked
        musl-gcc -O1 -c -o shim.o -x c - <<'END'
#include <stdarg.h>
#include <stdio.h>
int __fprintf_chk(FILE *file, int level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vfprintf(file, format, arguments);
    va_end(arguments);
    return count;
}
END
        cp unpacked/usr/lib/llvm-15/lib/libunwind.a made.a
        ar r made.a shim.o
        mv made.a libunwind.a
    )
}

# The static programs by musl, which resolves names by itself: they run where there is nothing but the two files of names.
section_musl() {
    local target=x86_64-unknown-linux-musl libraries="$CARGO_TARGET_DIR/targets/musl"
    if [ "$(uname -sm)" != "Linux x86_64" ] || ! .ci/debian-rust "$CARGO_TARGET_DIR/targets/rust"; then
        say "skipped: programs by musl are built on x86_64 Linux with Debian's packages"
        return
    fi
    need_programs musl-gcc=musl-tools
    unwinder_for_musl "$libraries"
    # The wrapper of GCC knows static programs at a fixed address only.
    STD_FLAGS="-C linker=musl-gcc -C link-self-contained=no -C relocation-model=static -C target-feature=+crt-static \
        -L native=$libraries" \
        CARGO_PROFILE_RELEASE_STRIP=symbols with_std "${WITHOUT_C[@]}" cargo build --release \
        -Z build-std=std,panic_unwind --target "$target" -p lem-ssl-rs --example fetch -p lem-ssl-cli --bin lem-ssl
    runs_alone "$CARGO_TARGET_DIR/targets/$target/release"
}

# The libraries' own tests and the example on a processor and a system that nobody here has: ARM by QEMU, Windows by Wine.
section_emulated() {
    if [ "$(uname -sm)" != "Linux x86_64" ] || ! .ci/debian-rust "$CARGO_TARGET_DIR/targets/rust"; then
        say "skipped: what is emulated is built on x86_64 Linux with Debian's packages"
        return
    fi
    on_arm
    on_windows
}

on_arm() {
    local target=aarch64-unknown-linux-gnu
    local -x CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    local -x CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu"
    need_programs qemu-aarch64=qemu-user aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu
    [ -e /usr/aarch64-linux-gnu/lib/crt1.o ] || install_packages libc6-dev-arm64-cross
    with_std cargo test "${BUILD_STD[@]}" --target "$target" -p lem-rs -p lem-ssl-rs --lib
    with_std cargo build "${BUILD_STD[@]}" --target "$target" -p lem-rs -p lem-ssl-rs --example fetch
    $CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER "$CARGO_TARGET_DIR/targets/$target/debug/examples/fetch"
}

on_windows() {
    local target=x86_64-pc-windows-gnu wine=/usr/lib/wine/wine64
    local -x CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
    local -x CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="$wine"
    local -x WINEPREFIX="$CARGO_TARGET_DIR/targets/wine" WINEDEBUG=-all
    local -x WINEDLLOVERRIDES="bcryptprimitives=n;mscoree=;mshtml=" STD_FLAGS="-C link-self-contained=no"
    need_programs x86_64-w64-mingw32-gcc=gcc-mingw-w64-x86-64
    [ -x "$wine" ] || install_packages wine64
    "$wine" wineboot --init
    lends_randomness "$WINEPREFIX/drive_c/windows/system32"
    with_std cargo test "${BUILD_STD[@]}" --target "$target" -p lem-rs -p lem-ssl-rs --lib
    with_std cargo build "${BUILD_STD[@]}" --target "$target" \
        -p lem-rs -p lem-ssl-rs --example fetch -p lem-ssl-cli --bin lem-ssl
    "$wine" "$CARGO_TARGET_DIR/targets/$target/debug/examples/fetch.exe"
    "$wine" "$CARGO_TARGET_DIR/targets/$target/debug/lem-ssl.exe" --version
}

# Wine 8 has no ProcessPrng, which Rust's standard library takes its random numbers from on Windows 10 and later.
lends_randomness() {
    x86_64-w64-mingw32-gcc -shared -O1 -o "$1/bcryptprimitives.dll" -x c - -ladvapi32 <<'END'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) { return SystemFunction036(bytes, (ULONG)count); }
END
}
