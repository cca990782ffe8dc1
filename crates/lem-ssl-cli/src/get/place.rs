//! Where a part and its notes are, and what may be there already.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::name::{self, MAX_NAME};
use crate::exit::Failure;
use crate::options::wrong;
use crate::platform::{FileIdentity, name_length, name_start, owner};

/// Why a file is not written to.
pub(super) const NOT_OURS: &str = "it is not from a download by this command; remove it, or give another -o FILE";

/// Something else has the place of a file that we need.
pub(super) fn in_the_way(path: &Path, why: &str) -> Failure {
    wrong(format!("{} is in the way: {why}", path.display()))
}

/// Whether what is there, if anything is, belongs to whom new files belong: others could change it under our hands.
pub(super) fn check_owner(path: &Path, ours: u32) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if owner(&found) != ours => Err(in_the_way(path, "it belongs to another user")),
        _ => Ok(()),
    }
}

/// Where links lead to, there or not: they stay, and what they lead to is made or replaced.
pub(super) fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many as the kernel follows; one that leads in a circle cannot be opened anyway.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    path
}

/// Whether what stands at this path is this file.
pub(super) fn is_at(path: &Path, file: &Metadata) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| FileIdentity::of(&found) == FileIdentity::of(file))
}

/// The same path with something behind its name; a name that would become too long is cut, and told from others that are
/// cut by a checksum.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    const MAX_ENDING: usize = ".part.json".len();
    let name = path.file_name().unwrap_or_default();
    let mut short = OsString::from(name);
    if name_length(name) + MAX_ENDING > MAX_NAME {
        let mark = format!("~{:016x}", name::checksum(name.as_encoded_bytes()));
        short = name_start(name, MAX_NAME - MAX_ENDING - mark.len());
        short.push(mark);
    }
    short.push(ending);
    path.with_file_name(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_of_another_user_is_in_the_way() {
        let path = std::env::current_exe().unwrap();
        let ours = owner(&fs::metadata(&path).unwrap());
        assert!(check_owner(&path, ours).is_ok());
        let refused = check_owner(&path, ours + 1).unwrap_err().to_string();
        assert!(refused.ends_with("is in the way: it belongs to another user"), "{refused}");
        assert!(check_owner(&path.join("nothing"), ours + 1).is_ok());
    }

    #[test]
    fn names_beside_a_long_one_fit_and_differ() {
        assert_eq!(beside(Path::new("a/x.iso"), ".part"), Path::new("a/x.iso.part"));
        let (one, other) = ("ü".repeat(127), format!("{}y", "ü".repeat(127)));
        for ending in [".part", ".part.json"] {
            let (one, other) = (beside(Path::new(&one), ending), beside(Path::new(&other), ending));
            assert_ne!(one, other);
            assert!(one.as_os_str().len() <= MAX_NAME && other.as_os_str().len() <= MAX_NAME);
            assert!(one.to_str().is_some_and(|name| name.starts_with('ü') && name.ends_with(ending)), "{one:?}");
        }
        let fits = "x".repeat(MAX_NAME - 10);
        assert_eq!(beside(Path::new(&fits), ".part"), PathBuf::from(format!("{fits}.part")));
    }
}
