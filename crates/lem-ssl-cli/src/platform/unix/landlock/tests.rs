//! Rules of one thread: the others of the test's process have none.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use lem_ssl_tests::scratch::Scratch;

use super::*;

/// Does something on a thread that has restricted itself.
#[track_caller]
fn restricted<T: Send>(needs: &Needs, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worked = scope.spawn(|| {
            assert!(matches!(restrict(needs), Ok(Restricted::Whole(_))), "{:?}", restrict(needs));
            work()
        });
        worked.join().unwrap()
    })
}

#[track_caller]
fn denied<T>(done: io::Result<T>) {
    assert_eq!(done.err().expect("it is forbidden").kind(), io::ErrorKind::PermissionDenied);
}

fn write(path: &Path) -> io::Result<()> {
    fs::write(path, "x")
}

#[test]
fn of_files_those_beside_the_given_ones_are_read_and_nothing_is_written_or_executed() {
    let scratch = Scratch::new("landlock");
    let [given, linked, other] = ["given", "linked", "other"].map(|name| scratch.path().join(name));
    for folder in [&given, &linked, &other] {
        fs::create_dir(folder).unwrap();
        write(&folder.join("file")).unwrap();
        write(&folder.join("beside")).unwrap();
    }
    symlink(linked.join("file"), given.join("link")).unwrap();
    let needs = Needs { files: vec![given.join("link")], ..Needs::default() };
    restricted(&needs, || {
        for readable in [given.join("link"), given.join("beside"), linked.join("beside")] {
            fs::read(readable).unwrap();
        }
        denied(fs::read(other.join("file")));
        denied(fs::read("/etc/hosts"));
        denied(fs::read_dir(&other));
        denied(write(&given.join("new")));
        denied(write(&given.join("file")));
        denied(fs::remove_file(given.join("file")));
        denied(Command::new("/bin/true").status());
    });
    // A thread that was not told is as it was.
    fs::read(other.join("file")).unwrap();
}

#[test]
fn a_file_in_the_root_folder_opens_nothing_but_itself() {
    assert_eq!(around(None, Path::new("/nothing-of-this-name")), []);
    let around = |file: &str| around(None, Path::new(file));
    let proc = PathBuf::from("/proc");
    assert!(around("/proc").iter().all(|(place, access)| *place == proc && *access == AccessFs::ReadFile));
    assert!(!around("/proc/version").iter().any(|(place, _)| place.parent().is_none()));
}

#[test]
fn in_a_kept_folder_files_are_made_replaced_and_removed() {
    let scratch = Scratch::new("landlock");
    let kept = scratch.path().join("kept");
    fs::create_dir(&kept).unwrap();
    restricted(&Needs { kept: vec![kept.clone()], ..Needs::default() }, || {
        let below = kept.join("a/b");
        fs::create_dir_all(&below).unwrap();
        write(&below.join("new")).unwrap();
        write(&below.join("file")).unwrap();
        fs::rename(below.join("new"), below.join("file")).unwrap();
        assert_eq!(fs::read(below.join("file")).unwrap(), b"x");
        File::open(&below).unwrap().sync_all().unwrap();
        fs::remove_file(below.join("file")).unwrap();
        denied(symlink("/etc", below.join("link")));
        denied(write(&scratch.path().join("file")));
    });
}

#[test]
fn a_socket_is_made_and_removed_in_its_folder_and_a_written_file_is_the_only_one() {
    let scratch = Scratch::new("landlock");
    let (run, log) = (scratch.path().join("run"), scratch.path().join("log"));
    fs::create_dir(&run).unwrap();
    write(&log).unwrap();
    let needs = Needs { sockets: vec![run.join("socket")], written: vec![log.clone()], ..Needs::default() };
    restricted(&needs, || {
        let _listener = UnixListener::bind(run.join("socket")).unwrap();
        fs::remove_file(run.join("socket")).unwrap();
        denied(write(&run.join("file")));
        OpenOptions::new().append(true).create(true).open(&log).unwrap();
        denied(write(&scratch.path().join("log2")));
    });
}

#[test]
fn ports_are_listened_at_and_connected_to_as_needed() {
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = theirs.local_addr().unwrap().port();
    let connect = || TcpStream::connect(("127.0.0.1", port)).map(drop);
    let known = |ports: &[u16]| Needs { connected: Some(ports.to_vec()), ..Needs::default() };
    restricted(&known(&[]), || {
        denied(connect());
        denied(TcpListener::bind("127.0.0.1:0"));
    });
    restricted(&known(&[port]), || connect().unwrap());
    restricted(&Needs::default(), || connect().unwrap());
    restricted(&Needs { listened: vec![0], ..Needs::default() }, || {
        TcpListener::bind("127.0.0.1:0").unwrap();
        denied(TcpListener::bind(("127.0.0.2", port)));
    });
    restricted(&Needs { listened: vec![port], ..Needs::default() }, || {
        TcpListener::bind(("127.0.0.2", port)).unwrap();
    });
}

#[test]
fn names_can_be_resolved_where_that_is_needed() {
    use std::net::ToSocketAddrs;
    let needs = Needs { names: true, connected: Some(Vec::new()), ..Needs::default() };
    restricted(&needs, || {
        assert!(("localhost", 1).to_socket_addrs().unwrap().count() > 0);
        fs::read("/etc/hosts").unwrap();
        denied(fs::read("/proc/version"));
    });
}

#[test]
fn a_path_in_another_root_folder_leads_nowhere_else() {
    let scratch = Scratch::new("landlock");
    let root = scratch.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("etc/a")).unwrap();
    write(&root.join("etc/a/file")).unwrap();
    symlink("/etc/a", root.join("absolute")).unwrap();
    symlink("../../../../etc/a/file", root.join("up")).unwrap();
    let real = |path: &str| real(Some(&root), Path::new(path));
    assert_eq!(real("/absolute"), Some(root.join("etc/a")));
    assert_eq!(real("/up"), Some(root.join("etc/a/file")));
    assert_eq!(real("/../../etc"), Some(root.join("etc")));
    assert_eq!(real("/"), Some(root.clone()));
    assert_eq!(real("/etc/hosts"), None);
}

#[test]
fn what_a_kernel_lacks_is_said() {
    let of = |abi| said(LandlockStatus::Available { effective_abi: abi, kernel_abi: None });
    assert!(matches!(of(ABI::V6), Restricted::Whole(_)) && matches!(of(ABI::V9), Restricted::Whole(_)));
    let Restricted::Partly(line) = of(ABI::V3) else { panic!("it has no rules for ports") };
    assert!(line.ends_with("(ABI 3) has no rules for TCP ports, what devices are told, signals and abstract sockets"));
    for status in [LandlockStatus::NotEnabled, LandlockStatus::NotImplemented] {
        let Restricted::Partly(line) = said(status) else { panic!("there is none") };
        assert!(line.starts_with("--landlock does nothing"), "{line}");
    }
}
