//! The table of clauses names tests that exist.

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

fn sources(folder: &Path, text: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}

#[test]
fn every_test_that_the_table_of_clauses_names_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let session = here.join("../crates/lem-ssl-rs/src/session");
    let table = fs::read_to_string(session.join("record/RFC8446.md")).unwrap();
    let mut text = String::new();
    sources(&here.join("tests"), &mut text).unwrap();
    sources(&session, &mut text).unwrap();
    let mut named = HashSet::new();
    for row in table.lines().filter(|row| row.starts_with("| ") && !row.starts_with("| clause")) {
        let [place, test] = [2, 1].map(|column| row.rsplit('|').nth(column).unwrap().trim().trim_matches('`'));
        // What others keep, and have tests of their own for.
        if test == "none of ours" {
            assert!(
                ["rustls", "provider", "../../record_layer.rs"].iter().any(|other| place.starts_with(other)),
                "{row}"
            );
            continue;
        }
        assert!(text.contains(&format!("fn {test}(")), "no test {test}: {row}");
        named.insert(test);
    }
    assert!(named.len() > 12, "the table was not read: {named:?}");
}
