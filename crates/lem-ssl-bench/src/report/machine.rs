//! What was measured, and on what.

use std::fs;

/// The machine, and the versions that take part, in two lines.
pub(crate) fn about() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = cpu_name(&read("/proc/cpuinfo")).unwrap_or("an unknown CPU").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    // The kernel's own numbers; what a distribution or a host adds says nothing about speed.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let versions: Vec<_> = SHOWN.iter().filter_map(|name| Some(format!("{name} {}", version(LOCK, name)?))).collect();
    format!("{cpu}, {cores} cores, Linux {kernel}\n{}\n", versions.join(", "))
}

fn cpu_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(package.split_once('"')?.0)
}

const LOCK: &str = include_str!("../../Cargo.lock");

const SHOWN: [&str; 7] =
    ["lem-ssl-rs", "rustls", "rustls-graviola", "tokio", "tokio-rustls", "async-io", "futures-rustls"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_known() {
        assert!(SHOWN.iter().all(|name| version(LOCK, name).is_some_and(|version| !version.is_empty())));
    }

    #[test]
    fn the_cpu_has_a_name() {
        assert_eq!(cpu_name("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_name("processor\t: 0\n"), None);
    }
}
