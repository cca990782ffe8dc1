//! Clients whose certificates were revoked.

use lem_ssl_rs::{
    ClientAuth, ConfigPart, Context, ContextBuilder, Error, RevocationLists, Roots, Server, TlsError, Version,
};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{both, check, client_builder, identity, issue, says, server_builder, until};

struct Club {
    root: Authority,
    member: Issued,
    expelled: Issued,
}

impl Club {
    fn new() -> Self {
        let root = Authority::new("Club");
        let member = root.issue(Leaf::client(&["member.test"]));
        let expelled = root.issue(Leaf::client(&["expelled.test"]));
        Self { root, member, expelled }
    }

    fn builder(&self) -> ContextBuilder {
        let roots = Roots::Pem(self.root.certificate_pem().into_bytes());
        server_builder().identity(identity(&issue(&["localhost"]))).client_roots(roots)
    }

    fn list(&self) -> RevocationLists {
        RevocationLists::Pem(self.root.revocation_list_pem(&[&self.expelled]).into_bytes())
    }
}

fn client(version: Version, issued: &Issued) -> Context {
    client_builder().versions([version]).identity(identity(issued)).build().unwrap()
}

async fn is_welcome(server: &Server, issued: &Issued) {
    for version in [Version::Tls12, Version::Tls13] {
        let context = client(version, issued);
        let (connected, accepted) = both(context.connect_as(server.local_addr(), "localhost"), server.accept()).await;
        connected.unwrap();
        assert_eq!(accepted.unwrap().info().unwrap().peer_certificates, issued.chain_der);
    }
}

async fn is_refused_as_revoked(server: &Server, issued: &Issued) {
    for version in [Version::Tls12, Version::Tls13] {
        let before = server.counters().failed;
        let refused = match client(version, issued).connect_as(server.local_addr(), "localhost").await {
            Ok(stream) => stream.read(1).await.map(drop),
            Err(error) => Err(error),
        };
        says(refused, &["revoked"]);
        until(|| server.counters().failed.certificate == before.certificate + 1).await;
        assert_eq!(server.counters().failed.total(), before.total() + 1);
    }
}

#[test]
fn a_revoked_client_is_refused_and_the_others_are_not() {
    check(async {
        let club = Club::new();
        for auth in [ClientAuth::Required, ClientAuth::Optional] {
            let context = club.builder().client_auth(auth).revocation_lists(club.list()).build().unwrap();
            let server = context.listen("127.0.0.1:0").await.unwrap();
            is_refused_as_revoked(&server, &club.expelled).await;
            is_welcome(&server, &club.member).await;
        }
    });
}

#[test]
fn a_client_below_a_revoked_intermediate_is_refused() {
    check(async {
        let root = Authority::new("Root");
        let between = root.intermediate("Between");
        let member = between.issue(Leaf::client(&["member.test"]));
        let list = between.revocation_list_pem(&[&member]);
        let roots = Roots::Pem(root.certificate_pem().into_bytes());
        let builder = server_builder().identity(identity(&issue(&["localhost"]))).client_roots(roots);
        let lists = [root.revocation_list_pem(&[]), list].concat();
        let context = builder.revocation_lists(RevocationLists::Pem(lists.into_bytes())).build().unwrap();
        let server = context.listen("127.0.0.1:0").await.unwrap();
        is_refused_as_revoked(&server, &member).await;
        is_welcome(&server, &between.issue(Leaf::client(&["another.test"]))).await;
    });
}

#[test]
fn a_list_of_somebody_else_revokes_nothing() {
    check(async {
        let club = Club::new();
        // The names of the issuers are the same, the keys are not: such a list is not believed, whatever it says.
        let impostor = Authority::new("Another Club");
        let list = RevocationLists::Pem(impostor.revocation_list_pem(&[&club.member]).into_bytes());
        let server = club.builder().revocation_lists(list).build().unwrap().listen("127.0.0.1:0").await.unwrap();
        is_welcome(&server, &club.member).await;
    });
}

#[test]
fn lists_come_from_files_too_and_add_up() {
    check(async {
        let club = Club::new();
        let scratch = Scratch::new("server");
        let other = Authority::new("Another Club");
        let expelled = other.issue(Leaf::client(&["expelled.test"]));
        let file = scratch.write("lists.pem", other.revocation_list_pem(&[&expelled]));
        let context = club
            .builder()
            .client_roots(Roots::Pem(other.certificate_pem().into_bytes()))
            .revocation_lists(club.list())
            .revocation_lists(RevocationLists::PemFile(file))
            .build()
            .unwrap();
        let server = context.listen("127.0.0.1:0").await.unwrap();
        is_refused_as_revoked(&server, &expelled).await;
        is_refused_as_revoked(&server, &club.expelled).await;
        is_welcome(&server, &club.member).await;
    });
}

#[test]
fn a_list_that_came_by_a_reload_counts_for_the_next_client() {
    check(async {
        let club = Club::new();
        let server = club.builder().build().unwrap().listen("127.0.0.1:0").await.unwrap();
        is_welcome(&server, &club.expelled).await;
        server.context().reload(|| club.builder().revocation_lists(club.list()).build()).unwrap();
        is_refused_as_revoked(&server, &club.expelled).await;
        is_welcome(&server, &club.member).await;
    });
}

#[test]
fn a_client_that_was_revoked_meanwhile_does_not_come_back_by_resuming() {
    check(async {
        for version in [Version::Tls12, Version::Tls13] {
            let club = Club::new();
            let server = club.builder().build().unwrap().listen("127.0.0.1:0").await.unwrap();
            let context = client(version, &club.expelled);
            for resumed in [false, true] {
                let (connected, accepted) =
                    both(context.connect_as(server.local_addr(), "localhost"), server.accept()).await;
                let (connected, accepted) = (connected.unwrap(), accepted.unwrap());
                // What the server gives for the next time comes before the answer.
                accepted.write("x").await.unwrap();
                assert_eq!(connected.read(1).await.unwrap(), b"x");
                assert_eq!(accepted.info().unwrap().resumed, resumed, "{version:?}");
            }
            server.context().reload(|| club.builder().revocation_lists(club.list()).build()).unwrap();
            let refused = match context.connect_as(server.local_addr(), "localhost").await {
                Ok(stream) => stream.read(1).await.map(drop),
                Err(error) => Err(error),
            };
            says(refused, &["ended the connection with an alert", "revoked"]);
            until(|| server.counters().failed.total() == 1).await;
            assert_eq!(server.counters().failed.certificate, 1, "{version:?}");
        }
    });
}

#[test]
fn a_list_that_is_none_is_an_error_that_says_so() {
    let club = Club::new();
    let armoured = |body: &str| format!("-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n");
    let cases = [
        (String::new(), "no revocation list"),
        (club.root.certificate_pem(), "no revocation list"),
        (armoured("!!!!"), "PEM"),
        (armoured("AAAA"), "revocation list"),
        (armoured("MAA="), "revocation list"),
    ];
    for (text, words) in cases {
        let built = club.builder().revocation_lists(RevocationLists::Pem(text.clone().into_bytes())).build();
        is_about_clients(&built);
        says(built, &[words]);
    }
    let built = club.builder().revocation_lists(RevocationLists::PemFile("/nowhere/lists.pem".into())).build();
    is_about_clients(&built);
    says(built, &["/nowhere/lists.pem", "no such file"]);
}

#[track_caller]
fn is_about_clients(built: &Result<Context, Error>) {
    let error = built.as_ref().unwrap_err();
    assert!(
        matches!(TlsError::of(error), Some(TlsError::Config(config)) if config.part() == ConfigPart::ClientAuth),
        "{error:?}"
    );
}

#[test]
fn a_file_with_a_broken_list_is_named() {
    let club = Club::new();
    let scratch = Scratch::new("server");
    let text = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    let file = scratch.write("broken.pem", [club.root.revocation_list_pem(&[]), text.into()].concat());
    let built = club.builder().revocation_lists(RevocationLists::PemFile(file.clone())).build();
    says(built, &["revocation list", &file.display().to_string()]);
}

#[test]
fn lists_show_where_they_come_from_and_not_what_is_in_them() {
    assert_eq!(format!("{:?}", RevocationLists::Pem(b"some text".to_vec())), "Pem(9 bytes)");
    assert_eq!(format!("{:?}", RevocationLists::PemFile("lists.pem".into())), "PemFile(\"lists.pem\")");
}
