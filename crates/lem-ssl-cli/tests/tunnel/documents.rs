//! What the documents say of options.

use crate::support::lem_ssl;

/// What is between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_option_that_the_comparison_names_as_ours_is_there() {
    let table = include_str!("../../doc/from-others.md");
    let help = lem_ssl(["tunnel", "--help"], b"").expect(0).text();
    let known: Vec<&str> = help
        .split(|letter: char| letter != '-' && !letter.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("--"))
        .collect();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| here |"));
    let ours: Vec<_> = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next()).collect();
    assert!(ours.len() > 60);
    let named: Vec<_> = ours.iter().flat_map(|cell| quoted(cell)).filter(|text| text.starts_with("--")).collect();
    for option in named {
        let name = option.split([' ', '=']).next().unwrap();
        assert!(known.contains(&name), "{name} is no option of the tunnel");
    }
    // What is not there has its reason.
    let reasonless = ours.iter().find(|cell| cell.starts_with("not there") && !cell.starts_with("not there: "));
    assert_eq!(reasonless, None);
}
