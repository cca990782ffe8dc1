//! The table on the page, against the tests and the manifest: a row without a test fails, and a test without a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../../crates/lem-ssl-rs/guide/crates_that_work.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const TESTS: [&str; 5] = [
    include_str!("concurrency.rs"),
    include_str!("elsewhere.rs"),
    include_str!("failing.rs"),
    include_str!("streams.rs"),
    include_str!("values.rs"),
];

/// The cells of the tables' rows, without the heads.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim().trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn tests() -> BTreeSet<&'static str> {
    let functions = TESTS.iter().flat_map(|file| file.split("#[test]\nfn ").skip(1));
    functions.filter_map(|rest| rest.split('(').next()).collect()
}

#[test]
fn each_row_of_the_table_names_tests_that_are_there_and_each_test_has_a_row() {
    let tests = tests();
    let mut named = BTreeSet::new();
    for row in rows() {
        let [name, _, _, run] = row[..] else { panic!("a row has four cells: {row:?}") };
        assert!(quoted(run).next().is_some(), "{name} names no test");
        for test in quoted(run) {
            if test.ends_with(".rs") {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(test);
                let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}, {test}: {error}"));
                assert!(text.contains("#[test]") || text.contains("by_both_protocols!"), "{test} has no test");
            } else {
                assert!(tests.contains(test), "{name} names the test {test}, which is not there");
                named.insert(test);
            }
        }
    }
    assert_eq!(tests, named, "each test has a row");
}

#[test]
fn the_table_names_the_versions_of_the_manifest() {
    for row in rows() {
        let mut cell = quoted(row[0]);
        let name = cell.next().expect("a crate's name");
        let version = row[0].rsplit(' ').next().expect("its version");
        let tested = MANIFEST.lines().filter_map(|line| line.split_once(" = ")).find(|(key, _)| *key == name);
        let (_, tested) = tested.unwrap_or_else(|| panic!("{name} is not in the manifest"));
        let tested = tested.split('"').nth(1).expect("a version");
        assert!(
            tested == version || tested.starts_with(&format!("{version}.")),
            "{name}: the table says {version}, the manifest {tested}"
        );
    }
}

#[test]
fn each_library_that_is_tested_has_a_row() {
    // What others are used with, and no library that waits.
    const USED_WITH: [&str; 8] =
        ["lem-rs", "lem-ssl-rs", "lem-ssl-tests", "bytes", "http-body-util", "hyper-util", "serde", "serde_json"];
    let parts = MANIFEST.split("dependencies]\n").skip(1).map(|part| part.split("\n[").next().unwrap_or_default());
    let names = parts.flat_map(str::lines).filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let names: BTreeSet<_> = names.filter(|name| !name.starts_with([' ', '#']) && !USED_WITH.contains(name)).collect();
    let rows = rows();
    let in_table: BTreeSet<_> = rows.iter().filter_map(|row| quoted(row[0]).next()).collect();
    assert_eq!(names, in_table);
}
