# shellcheck shell=bash
# The section that changes the code and looks whether a test notices.

# What the core computes, changed here and there: a change that no test notices is a missing test, or none that matters:
# tests/MUTANTS.md argues those. It lists the ones that no test noticed, and fails when there are too many of them.
section_mutants() {
    local -x CARGO_PROFILE_DEV_DEBUG=0
    local output="$CARGO_TARGET_DIR/mutants" caught missed
    need_cargo_tool cargo-mutants
    rm -rf "$output"
    # Of each crate's programs those that notice most of its mutants: to build them all for each costs more than to run them.
    # What is about memory only the program allocations notices; a test of it that takes a minute is about cryptography.
    mutants_of lem-rs "stream proto runtime" --lib --test contract --test machine --test outside --test allocations \
        -- --skip large_writes_on_an_encrypted_stream
    mutants_of lem-ssl-rs "session transport tickets trust server" --lib --test tls --test server --test files
    caught=$(cat "$output"/*/mutants.out/{caught,timeout}.txt | wc -l)
    missed=$(cat "$output"/*/mutants.out/missed.txt | wc -l)
    say "$caught mutants were noticed, $missed were not"
    [ "$((missed * 5))" -le "$((caught + missed))" ] || fail "more than a fifth of the mutants were not noticed"
}

# One shard of the mutants of some modules of a crate, tried with these test programs: `mutants_of CRATE MODULES OPTION...`.
mutants_of() {
    local crate="$1" module tested=() status=0
    for module in $2; do
        tested+=(--file "crates/$crate/src/$module.rs" --file "crates/$crate/src/$module/**/*.rs")
    done
    shift 2
    mkdir -p "$output/$crate"
    cargo mutants --package "$crate" --test-package "$crate,lem-ssl-tests" "${tested[@]}" "${MUTANTS_ELSEWHERE[@]}" \
        --shard "$(($(git rev-list --count HEAD) % MUTANT_SHARDS))/$MUTANT_SHARDS" --baseline skip --timeout 120 \
        --build-timeout 300 --no-shuffle --colors never --output "$output/$crate" -- "$@" || status=$?
    # 2: some were missed. 3: some hung, and were cut short: that is noticed, too.
    case "$status" in
    0 | 2 | 3) ;;
    *) fail "cargo mutants has failed" ;;
    esac
}

# Functions that no program of these packages is built with: tests/features has their tests, in the section every-feature.
MUTANTS_ELSEWHERE=(--exclude-re 'will_settle|poll_flush_later|RemoteTimer| system::')
