//! The manual's program that asks a database, against a real one.

use std::process::{Command, Output};

use crate::postgres_server::{PASSWORD, Postgres, USER};

fn ask(server: &Postgres, password: &str, roots: &str) -> Output {
    let database = format!("user={USER} password='{password}' dbname=postgres port={}", server.port);
    let roots = server.write("roots.pem", roots);
    let mut command = Command::new(env!("CARGO_BIN_EXE_databases"));
    command.env("DATABASE", database).env("DATABASE_CA", roots).output().expect("the program was built")
}

#[test]
fn the_program_of_the_chapter_on_databases_prints_what_the_chapter_says() {
    let server = Postgres::start();
    let output = ask(&server, PASSWORD, &server.roots());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let page = include_str!("../../../../crates/lem-ssl-rs/guide/databases.md");
    let shown = page.split("cargo run\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it shows a run");
    assert_eq!(String::from_utf8_lossy(&output.stdout), shown);
}

#[test]
fn the_program_of_the_chapter_on_databases_trusts_no_other_authority_and_tells_a_wrong_password() {
    let server = Postgres::start();
    let stranger = lem_ssl_tests::pki::Authority::new("a stranger").certificate_pem();
    for (password, roots, said) in
        [(PASSWORD, stranger, "not among the trusted roots"), ("no", server.roots(), "password")]
    {
        let output = ask(&server, password, &roots);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(said), "{errors}");
    }
}
