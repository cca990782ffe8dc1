//! The first certificate.

use lem_ssl_rs::{Error, TlsError};

use crate::support::{Authority, Service, Step, World, run};

#[test]
fn a_certificate_comes_while_it_serves_and_is_there_after_a_restart() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let service = Service::start(&world, &authority, "www.test,Other.Test", &[]);
        service.says("a new certificate for www.test, other.test is in place, valid for").await;
        for name in ["www.test", "other.test"] {
            let shown = service.shown(authority.roots(), name).await.unwrap();
            assert_eq!(shown.names(), ["www.test", "other.test"]);
        }
        assert_eq!(authority.with(|state| state.contacts.clone()), [serde_json::json!(["mailto:admin@example.org"])]);
        let asked = authority.count(Step::Directory);
        drop(service);
        // It is there at once, and nobody is asked for it.
        let service = Service::start(&world, &authority, "www.test,other.test", &[]);
        assert_eq!(service.number(&authority, "www.test").await, Some(1));
        assert_eq!((authority.count(Step::NewOrder), authority.count(Step::Account)), (1, 1));
        assert!(authority.count(Step::Directory) <= asked + 1);
    });
}

#[test]
fn clients_are_refused_until_there_is_a_certificate() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.fails(Step::NewOrder, crate::support::Trouble::Hold { done: false });
        let service = Service::start(&world, &authority, "www.test", &[]);
        authority.held().await;
        let error: Error = service.shown(authority.roots(), "www.test").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error}");
        assert!(error.to_string().contains("112") || error.to_string().contains("name"), "{error}");
        service.server.running.wait_for("--acme has no certificate for yet");
    });
}

#[test]
fn clients_that_need_a_certificate_and_a_list_of_protocols_do_not_keep_the_authority_out() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let further = ["--client-ca", &world.ca, "--alpn", "h2,http/1.1", "--tls", "1.3"];
        let service = Service::start(&world, &authority, "www.test", &further);
        service.says("a new certificate for www.test").await;
        service.says("an authority has seen the answer to its challenge for www.test").await;
    });
}

#[test]
fn each_certificate_has_its_own_names_and_others_come_from_files() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let files = world.good();
        let further = [&["--acme", "b.test"][..], &files.arguments()].concat();
        let service = Service::start(&world, &authority, "a.test", &further);
        for name in ["a.test", "b.test"] {
            service.says(&format!("a new certificate for {name}")).await;
            assert_eq!(service.shown(authority.roots(), name).await.unwrap().names(), [name]);
        }
        assert_eq!(service.shown(world.roots(), "localhost").await.unwrap().names(), ["localhost", "127.0.0.1"]);
        assert_eq!(authority.with(|state| state.accounts.len()), 1);
    });
}

#[test]
fn without_files_a_client_that_asks_for_no_name_of_ours_sees_the_first_certificate() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        let service = Service::certified(&world, &authority, "a.test").await;
        let error = service.shown(authority.roots(), "elsewhere.test").await.unwrap_err();
        let Some(problem) = TlsError::certificate(&error) else { panic!("{error}") };
        assert!(problem.to_string().contains("a.test"), "{problem}");
    });
}

#[test]
fn an_authority_with_customers_is_told_which_one_we_are() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.with(|state| state.customers = Some(("me".to_owned(), b"secret bytes".to_vec())));
        let service = Service::start(&world, &authority, "a.test", &[]);
        service.says("give --acme-eab-kid and --acme-eab-key").await;
        drop(service);
        let secret = world.scratch.write("secret", "c2VjcmV0IGJ5dGVz\n");
        for key in ["c2VjcmV0IGJ5dGVz", &format!("@{}", secret.display())] {
            let _ = std::fs::remove_dir_all(world.scratch.path().join("state"));
            let service =
                Service::start(&world, &authority, "a.test", &["--acme-eab-kid", "me", "--acme-eab-key", key]);
            service.says("a new certificate for a.test").await;
        }
    });
}

#[test]
fn names_can_be_added_and_those_that_have_a_certificate_keep_it_meanwhile() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        drop(Service::certified(&world, &authority, "a.test").await);
        authority.fails(Step::NewOrder, crate::support::Trouble::Hold { done: false });
        let service = Service::start(&world, &authority, "a.test,b.test", &[]);
        authority.held().await;
        assert_eq!(service.number(&authority, "a.test").await, Some(1));
        // What is there is not valid for the new one, and is not shown for it.
        let error = service.shown(authority.roots(), "b.test").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error}");
        drop(service);
        let service = Service::start(&world, &authority, "a.test,b.test", &[]);
        service.shows(&authority, "b.test", 2).await;
        assert_eq!(service.number(&authority, "a.test").await, Some(2));
    });
}

#[test]
fn another_contact_is_told_to_the_authority() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        drop(Service::certified(&world, &authority, "a.test").await);
        let service = Service::start(&world, &authority, "b.test", &["--acme-contact", "two@example.org"]);
        service.says("a new certificate for b.test").await;
        let contacts = serde_json::json!(["mailto:admin@example.org", "mailto:two@example.org"]);
        assert_eq!(authority.with(|state| state.contacts.clone()), [contacts]);
    });
}

#[test]
fn an_authority_that_has_begun_anew_gets_a_new_account() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        drop(Service::certified(&world, &authority, "a.test").await);
        authority.with(|state| {
            state.accounts.clear();
            state.contacts.clear();
            state.orders.clear();
        });
        let service = Service::start(&world, &authority, "b.test", &[]);
        service.says("does not know the account any more").await;
        service.says("a new certificate for b.test").await;
    });
}
