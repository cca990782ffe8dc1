//! Who we are, and whom the command has to be.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// What makes the command root: nothing if we are, and otherwise a namespace in which it is.
pub(crate) fn as_root() -> &'static [&'static str] {
    if is_root() { &[] } else { &["unshare", "-r"] }
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("there is /proc").uid() == 0
}

/// Whether a test that needs the command to be root has to be left out, which is said.
pub(crate) fn cannot_be_root() -> bool {
    let can = is_root() || Command::new("unshare").args(["-r", "true"]).status().is_ok_and(|status| status.success());
    left_out(can, "nobody may make a namespace of users here")
}

/// Whether a test that becomes other users has to be left out, which is said.
pub(crate) fn cannot_change_user() -> bool {
    left_out(is_root(), "only root becomes another user")
}

/// Whether a test of Landlock has to be left out, which is said.
pub(crate) fn lacks_landlock() -> bool {
    #[cfg(target_os = "linux")]
    let has = {
        use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
        let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        rules.handle_access(AccessFs::from_all(ABI::V1)).and_then(Ruleset::create).is_ok()
    };
    #[cfg(not(target_os = "linux"))]
    let has = false;
    left_out(has, "this kernel has no Landlock")
}

fn left_out(can: bool, why: &str) -> bool {
    if !can {
        eprintln!("skipped: {why}");
    }
    !can
}
