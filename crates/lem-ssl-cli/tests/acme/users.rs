//! Certificates for a server that becomes another user, which needs root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use crate::support::{Authority, Service, World, cannot_change_user, folder, leftovers, lem_ssl, run};

const USER: [&str; 4] = ["--user", "3999999999", "--group", "7"];

/// The folder of the authority, and the files in it.
fn kept(world: &World) -> Vec<PathBuf> {
    let below = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let authority = below(folder(world).into()).next().unwrap();
    [authority.clone()].into_iter().chain(below(authority)).collect()
}

#[test]
#[ignore = "only root becomes another user"]
fn what_is_kept_is_the_users_and_what_is_not_is_told_at_the_start() {
    if cannot_change_user() {
        return;
    }
    let world = World::new();
    fs::set_permissions(world.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    run(async {
        let authority = Authority::start(&world).await;
        let service = Service::start(&world, &authority, "www.test", &USER);
        service.says("a new certificate for www.test").await;
        let state = fs::metadata(folder(&world)).unwrap();
        assert_eq!((state.uid(), state.gid(), state.mode() & 0o777), (3_999_999_999, 7, 0o700));
        assert!(kept(&world).iter().all(|path| fs::metadata(path).unwrap().uid() == 3_999_999_999));
        assert_eq!(leftovers(&world), Vec::<String>::new());
        service.server.signal("HUP");
        service.says("reloaded; new connections").await;
        drop(service);
        let arguments = Service::arguments(&world, &authority, "www.test", &USER);
        let refused = |what: &str| {
            let arguments =
                ["serve", "--listen", "127.0.0.1:0"].into_iter().chain(arguments.iter().map(String::as_str));
            let refused = lem_ssl(arguments, b"").expect(1);
            let said = refused.stderr.lines().last().unwrap();
            assert!(said.starts_with("lem-ssl: cannot use ") && said.contains(what), "{}", refused.stderr);
            assert!(said.contains("(--acme-state): permission denied"), "{}", refused.stderr);
            assert_eq!(refused.text(), "");
        };
        // What root has left there in an earlier run.
        let [authority, files @ ..] = &kept(&world)[..] else { panic!("there is a folder") };
        let certificate = files.iter().find(|file| file.ends_with("www.test.pem")).unwrap();
        chown(certificate, Some(0), Some(0)).unwrap();
        refused("www.test.pem");
        chown(certificate, Some(3_999_999_999), Some(7)).unwrap();
        fs::set_permissions(authority, fs::Permissions::from_mode(0o755)).unwrap();
        chown(authority, Some(0), Some(0)).unwrap();
        refused(".probe");
        fs::set_permissions(folder(&world), fs::Permissions::from_mode(0o700)).unwrap();
        chown(folder(&world), Some(0), Some(0)).unwrap();
        refused("state");
    });
}
