//! What is written for users: links that work where they are read, chapters whose programs somebody runs, and an example
//! beside what is called first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Visibility};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where links lead, of the forms `[text](target)` and `[name]: target`, outside of blocks of code.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<_> = text.split("```").step_by(2).collect();
    let inline = prose.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let named = prose.iter().flat_map(|part| part.lines()).filter(|line| line.starts_with('['));
    let named = named.filter_map(|line| Some(line.split_once("]: ")?.1));
    inline.chain(named).map(str::to_owned).collect()
}

/// The names of files in a folder, without what follows the dot.
fn stems(folder: &str, extension: &str) -> BTreeSet<String> {
    let files =
        fs::read_dir(root().join(folder)).expect("the folder is there").map(|entry| entry.expect("a file").path());
    let files = files.filter(|file| file.extension().is_some_and(|found| found == extension));
    files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect()
}

const REPOSITORY: &str = "https://github.com/lem-ssl-rs/lem-ssl-rs/";
const MANUAL: &str = "https://docs.rs/lem-ssl-rs/latest/lem_ssl_rs/guide/";

#[test]
fn links_in_published_readmes_work_without_the_repository_and_lead_to_what_is_there() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains(&format!("repository = \"{}\"", REPOSITORY.trim_end_matches('/'))));
    let chapters = stems("crates/lem-ssl-rs/guide", "md");
    let mut seen = 0;
    let crates = ["lem-rs", "lem-ssl-rs", "lem-ssl-cli", "lem-lua"].map(|name| format!("crates/{name}/README.md"));
    for readme in crates.iter().map(String::as_str).chain(["README.md"]) {
        for link in links(&read(readme)) {
            seen += 1;
            assert!(link.starts_with("https://") || link.starts_with('#'), "{readme} has a relative link: {link}");
            if let Some(path) = link.strip_prefix(REPOSITORY) {
                let (_, path) = path.split_once("/main/").expect("what is on the main branch");
                assert!(root().join(path).exists(), "{readme} links to {path}, which is not there");
            }
            if let Some(chapter) = link.strip_prefix(MANUAL).filter(|chapter| !chapter.is_empty()) {
                let chapter = chapter.trim_end_matches('/');
                assert!(chapters.contains(chapter), "{readme} links to the chapter {chapter}, which is not there");
            }
        }
    }
    assert!(seen > 20, "links are found at all");
    let listed = links(&read("README.md"));
    for chapter in chapters {
        let link = format!("{MANUAL}{chapter}/");
        assert!(listed.contains(&link), "the readme does not list the chapter {chapter}");
    }
}

#[test]
fn each_feature_is_in_its_readme_and_each_dependency_that_it_counts_is_there() {
    for library in ["lem-rs", "lem-ssl-rs"] {
        let (manifest, readme) =
            (read(&format!("crates/{library}/Cargo.toml")), read(&format!("crates/{library}/README.md")));
        let features = part_of(&manifest, "[features]").filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
        let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| `")).collect();
        for feature in features.filter(|name| *name != "default" && !name.starts_with('#')) {
            let has_row =
                rows.iter().any(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{feature}`"))));
            assert!(has_row, "the readme of {library} lacks the feature {feature}");
        }
    }
    let manifest = read("crates/lem-rs/Cargo.toml");
    let needed = part_of(&manifest, "[dependencies]").filter(|line| line.contains(".workspace = true"));
    let names: Vec<_> = needed.filter_map(|line| line.split('.').next()).collect();
    assert_eq!(names, ["mio", "slab", "socket2"], "the readme of lem-rs counts them");
    assert!(read("crates/lem-rs/README.md").contains("Three dependencies (mio, slab and socket2)"));
}

/// The lines of a manifest below a head.
fn part_of<'a>(manifest: &'a str, head: &'a str) -> impl Iterator<Item = &'a str> {
    manifest.lines().skip_while(move |line| *line != head).skip(1).take_while(|line| !line.starts_with('['))
}

/// A page without a program, because it is about what the checks do.
const WITHOUT_PROGRAM: &str = "platforms";

#[test]
fn each_chapter_of_the_manual_has_a_program_that_is_run() {
    let (here, elsewhere) = (read("crates/lem-ssl-rs/src/guide.rs"), read("tests/ecosystem/src/lib.rs"));
    for chapter in stems("crates/lem-ssl-rs/guide", "md") {
        let page = read(&format!("crates/lem-ssl-rs/guide/{chapter}.md"));
        assert!(here.contains(&format!("`{chapter}`")), "{chapter} is not in the manual's list");
        let include = format!("doc = include_str!(\"../guide/{chapter}.md\")");
        let shown =
            here.lines().find(|line| line.contains(&include)).unwrap_or_else(|| panic!("{chapter} is not shown"));
        // A page that is hidden from our own documentation tests is tested where other libraries are.
        if shown.contains("cfg_attr(not(doctest)") {
            assert!(elsewhere.contains(&format!("guide/{chapter}.md\")]")), "nobody runs the programs of {chapter}");
        }
        let blocks = page.lines().filter(|line| line.starts_with("```rust")).collect::<Vec<_>>();
        assert_eq!(blocks.is_empty(), chapter == WITHOUT_PROGRAM, "{chapter}: {blocks:?}");
        for block in blocks {
            let is_run_by_a_test_of_its_own = chapter == "databases" && block == "```rust,no_run";
            let is_tested = block == "```rust" || block.starts_with("```rust,compile_fail");
            assert!(is_tested || is_run_by_a_test_of_its_own, "{chapter} has a program that is not run: {block}");
        }
    }
}

#[test]
fn the_table_of_platforms_names_what_is_checked() {
    let page = read("crates/lem-ssl-rs/guide/platforms.md");
    let script =
        ["crates", "static", "systems", "tests"].map(|file| read(&format!(".ci/sections/{file}.bash"))).concat();
    let targets = script.split("TARGETS=(").nth(1).and_then(|rest| rest.split(')').next()).expect("a list of targets");
    let mut checked: BTreeSet<_> = targets.split_whitespace().collect();
    for target in &checked {
        let row = page.lines().find(|line| line.contains(&format!("`{target}`")));
        assert!(row.is_some_and(|row| row.contains("`.ci/run targets`")), "the page lacks {target}");
    }
    checked.insert("x86_64-unknown-linux-gnu");
    let rows = page.lines().filter_map(|line| line.split('|').nth(2)).filter(|cell| cell.contains("`x86_64-"));
    for cell in rows {
        assert!(checked.contains(cell.trim().trim_matches('`')), "nothing checks {cell}");
    }
    for section in page.split("`.ci/run ").skip(1).filter_map(|rest| rest.split('`').next()) {
        assert!(script.contains(&format!("section_{section}()")), "there is no section {section}");
    }
}

/// What stands in code in a cell: `Queue::signal` and `upgrade` of `context.upgrade(stream, name)`.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    let code = cell.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split(['(', '?', '.', '<', ' ']).find(|part| !part.is_empty() && !is_variable(part)))
        .filter(|name| name.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter)))
}

/// What programs call their values.
fn is_variable(part: &str) -> bool {
    ["context", "server", "stream", "info"].contains(&part)
}

#[test]
fn the_tables_for_newcomers_name_what_the_libraries_have() {
    // Rust's own, and the command.
    const OTHERS: [&str; 6] = ["Vec", "RefCell", "Cell", "Drop", "danger", "openssl"];
    let surface = read("crates/lem-rs/SURFACE.txt") + &read("crates/lem-ssl-rs/SURFACE.txt");
    let words: BTreeSet<_> = surface.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    for page in ["from_tokio", "from_openssl"] {
        let text = read(&format!("crates/lem-ssl-rs/guide/{page}.md"));
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 4);
        let mut count = 0;
        for row in rows {
            for name in named(row.split('|').nth(2).expect("a row has three cells")) {
                count += 1;
                // TcpStream is a name for a stream.
                let path = name.strip_prefix("Tcp").filter(|rest| rest.contains(':')).unwrap_or(name);
                let is_there = surface.contains(&format!("::{path}: ")) || words.contains(name);
                assert!(is_there || OTHERS.contains(&name), "{page} names {name}, which is not there: {row}");
            }
        }
        assert!(count > 30, "{page}: only {count} names are found");
    }
}

#[test]
fn the_ways_through_the_code_name_files_and_functions_that_are_there() {
    let page = read("CONTRIBUTING.md");
    let (_, ways) = page.split_once("\n## Three ways through the code\n").expect("the chapter is there");
    let (ways, _) = ways.split_once("\n## ").expect("another chapter follows");
    let (mut files, mut names) = (0, 0);
    // A sentence of a paragraph or of a list's item: its names stand in one of its files.
    for step in ways.split("\n\n").flat_map(|part| part.split(".\n")) {
        let quoted = step.split('`').skip(1).step_by(2);
        let (paths, others): (Vec<&str>, Vec<&str>) = quoted.partition(|text| text.contains('/'));
        let sources: Vec<_> = paths.iter().map(|path| read(path)).collect();
        if sources.is_empty() {
            continue;
        }
        files += sources.len();
        let there: Vec<_> = sources.iter().flat_map(|source| words(source)).collect();
        for name in others.iter().flat_map(|text| words(text)) {
            assert!(there.contains(&name), "{name} is in none of {paths:?}");
            names += 1;
        }
    }
    assert!(files > 15 && names > 30, "{files} files and {names} names were found");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What a user calls first: with each stands an example.
const FIRST: &[(&str, &str)] = &[
    (
        "crates/lem-rs/src",
        "Machine Machine::new Machine::run Machine::spawner MachineBuilder::worker_threads \
         run_main spawn unblock yield_now sleep sleep_until timeout Deadline::after \
         Sleeper Sleeper::sleep Queue::get Queue::signal Queue::reset Inbox::take WriteQueue::new JoinHandle \
         JoinHandle::cancel JoinHandle::detach JoinHandle::cancel_on_drop JoinSet JoinSet::spawn \
         JoinSet::join_next bounded unbounded Sender::send Sender::try_send Spawner Listener::bind \
         Listener::bind_with Listener::adopt Listener::interrupt Listener::accept Listener::autospawn \
         Stream::connect Stream::adopt Stream::read Stream::read_into Stream::read_line_trimmed Stream::read_until \
         Stream::peek Stream::lines Lines::next Stream::write Stream::interrupt Stream::close Stream::shutdown \
         Stream::close_write Stream::split Stream::into_polled StreamHandle copy copy_bidirectional Address \
         ToAddress SocketOptions SocketOptions::set_nodelay SocketOptions::set_keepalive UdpSocket UdpSocket::bind \
         UdpSocket::send UdpSocket::recv_from Watcher Watcher::readable Signals::next ctrl_c Stdin::next_line \
         Stdout::write Sim",
    ),
    (
        "crates/lem-ssl-rs/src",
        "Context::new Context::builder Context::connect Context::connect_as Context::upgrade Context::explain \
         Context::listen ContextBuilder::roots ContextBuilder::trust ContextBuilder::alpn ContextBuilder::versions \
         ContextBuilder::limits ContextBuilder::identity ContextBuilder::client_auth ContextBuilder::tickets \
         ContextBuilder::identity_resolver Server::accept Server::accept_early Server::drain \
         Identity::from_pem_files Identity::from_pem Identity::self_signed \
         Identity::raw_public_key Identity::acme_challenge LiveContext::reload LiveContext::replace \
         LiveContext::watch Info Info::peer Roots Trust KnownHosts SpkiHash FleetSecret::new RevocationLists \
         TlsError::certificate Certificate::read accept_any_certificate server_verifier client_config \
         identity_with_signer export_keying_material",
    ),
];

#[test]
fn what_a_user_calls_first_has_an_example() {
    let mut missing = Vec::new();
    for (folder, names) in FIRST {
        let mut documented = BTreeMap::new();
        visit(&root().join(folder), &mut documented);
        for name in names.split_whitespace() {
            match documented.get(name) {
                None => missing.push(format!("{name}: there is no such item")),
                Some(false) => missing.push(name.to_owned()),
                Some(true) => {}
            }
        }
    }
    assert!(missing.is_empty(), "these have no example: {missing:#?}");
}

/// Every public item below a folder, and whether one of its name has an example.
fn visit(folder: &Path, found: &mut BTreeMap<String, bool>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("it can be read");
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            file.items.iter().for_each(|item| note(item, found));
        }
    }
}

fn note(item: &Item, found: &mut BTreeMap<String, bool>) {
    let mut add = |name: String, attributes: &[Attribute]| *found.entry(name).or_default() |= has_example(attributes);
    match item {
        Item::Fn(function) if is_public(&function.vis) => add(function.sig.ident.to_string(), &function.attrs),
        Item::Struct(item) if is_public(&item.vis) => add(item.ident.to_string(), &item.attrs),
        Item::Enum(item) if is_public(&item.vis) => add(item.ident.to_string(), &item.attrs),
        Item::Trait(item) if is_public(&item.vis) => {
            add(item.ident.to_string(), &item.attrs);
            for member in &item.items {
                if let syn::TraitItem::Fn(function) = member {
                    add(function.sig.ident.to_string(), &function.attrs);
                }
            }
        }
        Item::Impl(block) if block.trait_.is_none() => {
            let syn::Type::Path(path) = &*block.self_ty else { return };
            let Some(of) = path.path.segments.last() else { return };
            for member in &block.items {
                if let ImplItem::Fn(function) = member
                    && is_public(&function.vis)
                {
                    add(format!("{}::{}", of.ident, function.sig.ident), &function.attrs);
                }
            }
        }
        _ => {}
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn has_example(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(text) => matches!(&text.lit, Lit::Str(text) if text.value().trim_start().starts_with("```")),
            _ => false,
        },
        _ => false,
    })
}
