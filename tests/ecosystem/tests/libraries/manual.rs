//! The manual's pages and the programs that they show.

/// The first Rust program of a page.
fn shown(page: &str) -> &str {
    let from = page.find("```rust").expect("it shows a program");
    let block = page[from..].split_once('\n').expect("a program has lines").1;
    block.split("```").next().expect("a block ends")
}

#[test]
fn the_chapter_on_databases_shows_the_program_that_is_run() {
    let page = include_str!("../../../../crates/lem-ssl-rs/guide/databases.md");
    let program = include_str!("../../src/bin/databases.rs");
    for (number, (shown, run)) in shown(page).lines().zip(program.lines()).enumerate() {
        assert_eq!(shown, run, "line {} of the program", number + 1);
    }
    assert!(shown(page) == program, "one of them ends sooner");
}
