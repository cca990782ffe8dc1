//! How large a program gets: a fetch program is built, alone, in release mode, linked statically.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::meter::children_time;
use crate::name::Name;
use crate::outcome::Outcome;

/// The number of crates with the cryptography that comes with the library, and with the same one, the size of the stripped
/// static binary in KiB, and the CPU seconds of a clean build: other programs on the machine do not change those.
pub(super) fn measure(name: Name, scratch: &Path) -> Outcome<Vec<f64>> {
    let program = match name {
        Name::Lem => "fetch-lem",
        _ => "fetch-tokio",
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(program).join("Cargo.toml");
    if !manifest.exists() {
        return Err(format!("the sources of the fetch program are gone: {}", manifest.display()).into());
    }
    let target = scratch.join(program);
    let crates = count_in_tree(&manifest, &[])?;
    let usual = match name {
        Name::Lem => crates,
        _ => count_in_tree(&manifest, &["--no-default-features", "--features", "usual"])?,
    };
    let host = "x86_64-unknown-linux-gnu";
    let before = children_time();
    let status = cargo("build", &manifest)
        .args(["--locked", "--release", "--quiet", "--target", host])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .stdout(Stdio::null())
        .status()?;
    let seconds = children_time().saturating_sub(before).as_secs_f64();
    if !status.success() {
        return Err(format!("{program} cannot be built: {status}").into());
    }
    let bytes = fs::metadata(target.join(host).join("release").join(program))?.len();
    fs::remove_dir_all(target)?;
    Ok(vec![usual as f64, crates as f64, bytes as f64 / 1024.0, seconds])
}

fn count_in_tree(manifest: &Path, features: &[&str]) -> Outcome<usize> {
    let tree = cargo("tree", manifest)
        .args(["--locked", "--edges", "normal,build", "--prefix", "none", "--no-dedupe", "--format", "{p}"])
        .args(features)
        .output()?;
    if !tree.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&tree.stderr)).into());
    }
    Ok(count_crates(&String::from_utf8_lossy(&tree.stdout)))
}

fn cargo(verb: &str, manifest: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg(verb).arg("--manifest-path").arg(manifest);
    command
}

/// The lines of a tree that are different; the program itself is none of them.
fn count_crates(tree: &str) -> usize {
    let mut lines: Vec<_> = tree.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_is_needed_twice_counts_once() {
        assert_eq!(count_crates("fetch v0.1.0\nmio v1.0.0\nlibc v0.2.0\nslab v0.4.0\nlibc v0.2.0\n\n"), 3);
    }
}
