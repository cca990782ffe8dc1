//! Certificates of an authority's for a server that has given up what it does not need.

use std::fs;

use crate::support::{
    Authority, Service, World, as_root, cannot_be_root, folder, lacks_landlock, leftovers, lem_ssl, run, start_by,
};

#[test]
fn with_rules_of_the_kernel_a_certificate_comes_and_is_kept() {
    if lacks_landlock() {
        return;
    }
    let world = World::new();
    run(async {
        let authority = Authority::late_in_life(&world).await;
        for number in [1, 2] {
            let service = Service::start(&world, &authority, "www.test", &["--landlock"]);
            service.says("Landlock: files").await;
            service.shows(&authority, "www.test", number).await;
            service.says("a new certificate for www.test").await;
        }
        assert_eq!(leftovers(&world), Vec::<String>::new());
    });
}

#[test]
fn in_another_root_folder_a_certificate_comes_and_a_reload_needs_nothing_from_outside() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let jail = world.scratch.path().to_str().unwrap();
        // The authority has a name, too.
        fs::write(world.folder("etc").join("hosts"), "127.0.0.1 localhost\n").unwrap();
        for further in [&["--chroot", jail][..], &["--chroot", jail, "--landlock"]] {
            let _ = fs::remove_dir_all(folder(&world));
            let service = Service::start_by(as_root(), &world, &authority, "www.test", further);
            service.says("a new certificate for www.test").await;
            fs::rename(&world.ca, format!("{}.away", world.ca)).unwrap();
            service.server.signal("HUP");
            service.says("reloaded; new connections").await;
            service.shown(authority.roots(), "www.test").await.unwrap();
            fs::rename(format!("{}.away", world.ca), &world.ca).unwrap();
            assert_eq!(leftovers(&world), Vec::<String>::new());
        }
    });
}

#[test]
fn a_folder_outside_of_the_new_root_folder_is_refused() {
    if cannot_be_root() {
        return;
    }
    let world = World::new();
    let (jail, state) = (world.folder("jail"), folder(&world));
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--http", "--acme", "a.test", "--acme-state", &state];
    let arguments = [&arguments[..], &["--chroot", jail.to_str().unwrap()]].concat();
    let refused = start_by(as_root(), &arguments).finish().expect(2);
    assert!(refused.stderr.contains("(--acme-state) is not inside of the --chroot folder"), "{}", refused.stderr);
    let checked = lem_ssl([&arguments[..], &["--check-config"]].concat(), b"").expect(2);
    assert!(checked.stderr.contains("(--acme-state) is not inside of the --chroot folder"), "{}", checked.stderr);
}
