//! Landlock: rules of the Linux kernel that a process gives itself, and that nobody takes back.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::platform::needs::{Needs, Restricted};

/// The newest rules that this is written for. Later ones would forbid what nobody has thought of.
const NEWEST: ABI = ABI::V6;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// In a folder whose files are ours: none is moved to another folder.
const KEEP: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile});

/// In the folder of a socket: it is held against other starts, too.
const LISTEN: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir | MakeSock | RemoveFile});

const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});

/// What the C library reads to resolve names: who is to be asked, and how.
const NAMES: [&str; 6] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/ld.so.cache"];

/// Where the parts of the C library are that do so.
const LIBRARIES: [&str; 8] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/nix/store", "/gnu/store"];

/// Where systems keep their roots, and where the links lead that are there.
const ROOTS: [&str; 8] = [
    "/etc",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/ssl",
    "/usr/lib/ssl",
    "/usr/local/ssl",
    "/opt/etc/ssl",
];

/// The kernel's table of interfaces, and where its links lead.
const INTERFACES: [&str; 2] = ["/sys/class/net", "/sys/devices"];

/// Names are asked for over TCP if the answer is long.
const NAME_SERVICE: u16 = 53;

/// Closes everything to this thread, and to those that it starts from now on, but for what is needed. What is open stays so.
///
/// Does as much as the kernel can; the error is for what it should be able to do and does not.
pub(crate) fn restrict(needs: &Needs) -> Result<Restricted, String> {
    enforce(needs).map(said).map_err(|error| error.to_string())
}

fn enforce(needs: &Needs) -> Result<LandlockStatus, RulesetError> {
    let scopes = if needs.abstract_sockets { Scope::Signal.into() } else { Scope::from_all(NEWEST) };
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?.handle_access(AccessNet::BindTcp)?;
    if needs.connected.is_some() {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut rules = rules.scope(scopes)?.create()?;
    for (place, access) in places(needs) {
        rules = allow(rules, &place, access)?;
    }
    for &port in &needs.listened {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    if let Some(ports) = &needs.connected {
        let names = needs.names.then_some(NAME_SERVICE);
        for port in ports.iter().copied().chain(names) {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(rules.restrict_self()?.landlock)
}

/// What is not there needs no rule.
fn allow(rules: RulesetCreated, place: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(place) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(rules),
    }
}

/// The places that are needed, without links, and for what.
fn places(needs: &Needs) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let root = needs.root.as_deref();
    let mut places = Vec::new();
    let names = needs.names.then_some(NAMES).into_iter().flatten().map(PathBuf::from);
    for file in names.chain(needs.files.iter().cloned()) {
        places.extend(around(root, &file));
    }
    let libraries = needs.names.then_some(LIBRARIES).into_iter().flatten();
    let roots = needs.roots.then_some(ROOTS).into_iter().flatten();
    let interfaces = needs.interfaces.then_some(INTERFACES).into_iter().flatten();
    let folders = libraries.chain(roots).chain(interfaces).map(Path::new);
    for folder in folders.chain(needs.folders.iter().map(PathBuf::as_path)) {
        places.extend(real(root, folder).map(|folder| (folder, READ)));
    }
    places.extend(needs.kept.iter().filter_map(|folder| Some((real(root, folder)?, KEEP))));
    places.extend(needs.written.iter().filter_map(|file| Some((real(root, file)?, WRITE))));
    // They are bound before the root folder is another one.
    places.extend(needs.sockets.iter().filter_map(|socket| Some((real(None, folder_of(socket))?, LISTEN))));
    places
}

/// The folder in which a file stands, and the one to which it leads as a link: another one may be put into either. Of a file
/// that stands in the root folder itself, the file alone.
fn around(root: Option<&Path>, file: &Path) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let target = real(root, file);
    let folders = [real(root, folder_of(file)), target.as_deref().map(|target| folder_of(target).to_owned())];
    let folders = folders.into_iter().flatten().map(|folder| match (&target, folder.parent()) {
        (Some(target), None) => (target.clone(), AccessFs::ReadFile.into()),
        _ => (folder, READ),
    });
    folders.filter(|(place, _)| place.parent().is_some()).collect()
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where a path leads, seen from here, if it is looked up with `root` as the root folder; `None` if nothing is there.
fn real(root: Option<&Path>, path: &Path) -> Option<PathBuf> {
    let Some(root) = root else { return fs::canonicalize(path).ok() };
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let found = openat2(File::open(root).ok()?, path, how).ok()?;
    fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()
}

/// What older kernels lack (landlock(7)).
fn said(status: LandlockStatus) -> Restricted {
    let abi = match status {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled => {
            return Restricted::Partly("--landlock does nothing: Landlock is not turned on in this kernel".to_owned());
        }
        LandlockStatus::NotImplemented => {
            return Restricted::Partly("--landlock does nothing: this kernel has no Landlock".to_owned());
        }
    };
    let since = [
        (ABI::V3, "the cutting of files"),
        (ABI::V4, "TCP ports"),
        (ABI::V5, "what devices are told"),
        (ABI::V6, "signals and abstract sockets"),
    ];
    let missing: Vec<_> = since.iter().filter(|(version, _)| abi < *version).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        return Restricted::Whole(
            "Landlock: files and ports that are not needed are closed to this process".to_owned(),
        );
    }
    let missing = missing.join(", ");
    Restricted::Partly(format!(
        "Landlock: files that are not needed are closed to this process; this kernel (ABI {abi}) has no rules for {missing}"
    ))
}

#[cfg(test)]
mod tests;
