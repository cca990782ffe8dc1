//! What is legitimate around and inside of blocks.

use lem_ssl_rs::{Context, Identity, RevocationLists, Roots};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{Place, armour, pki, server};

const BOM: &str = "\u{feff}";

#[test]
fn what_editors_and_cat_do_to_a_file_changes_nothing() {
    for place in Place::ALL {
        let good = place.good();
        let one_line = good.replace('\n', "");
        for (name, text) in [
            ("a byte order mark", format!("{BOM}{good}")),
            ("two of them", format!("{BOM}{BOM}{good}")),
            ("CR LF", good.replace('\n', "\r\n")),
            ("a byte order mark and CR LF", format!("{BOM}{}", good.replace('\n', "\r\n"))),
            ("CR alone", good.replace('\n', "\r")),
            ("no line end at the end", good.trim_end().to_owned()),
            ("blanks behind each line", good.replace('\n', " \t \n")),
            ("blanks before each line", format!("    {}", good.replace('\n', "\n\t  ")).trim_end().to_owned()),
            ("an empty line after each", good.replace('\n', "\n\n")),
            ("the end of file of DOS", format!("{good}\u{1a}")),
            ("spaces of no width", good.replace('\n', "\u{200b}\n")),
            ("spaces that do not break", good.replace('\n', "\u{a0}\n")),
            ("a form feed between pages", format!("\u{c}{good}\u{c}")),
            ("all in one line", one_line),
            ("text before", format!("Certificate:\n    Data:\n        Version: 3 (0x2)\n{good}")),
            ("text behind", format!("{good}That was it: from the front-end, for the week-end.\n")),
            ("a heading", format!("Root of ours\n===================\n{good}---\n")),
        ] {
            place.build(&text).unwrap_or_else(|error| panic!("{place:?}, {name}: {error}"));
        }
    }
}

/// Comments, and what openssl writes before a certificate.
#[test]
fn text_that_looks_a_little_like_a_block_may_stand_around_one() {
    let lines: [&[u8]; 24] = [
        b"serial=092B7AFFD0133B257864C0B928D28AE6A5A37CF3",
        b"Modulus=C0B928D28AE6A5A37CF3092B7AFFD0133B257864C0B928D28AE6A5A37CF3092B7AFFD0133B257864",
        b"/Users/JohnDoe/Documents/Projects/MyProject2/certs/c",
        b"CompanyRootCertificateAuthorityForInternalServices2024",
        b"CompanyRootCertificateAuthorityForInternalServices202425",
        b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        b"# ---- backend ----",
        b"#--- Frontend ---",
        b"# ---- Vendor ----",
        b"-- weekend --",
        b"# -- begin --",
        b"---Endorsed by",
        b"----- End-entity certificate -----",
        b"-----END-ENTITY CERTIFICATE-----",
        b"--- Beginning of the chain ---",
        b"# --- end of chain ---",
        b"# --- legend---",
        b"--- END ---",
        b"# ---- END OF LIST ----",
        b"the end certificate",
        b"# End certificate",
        b"\xc4\xd6\xdcend certificate",
        b"\xe4\xf6\xfcbegin",
        b"backend---",
    ];
    for place in Place::ALL {
        let good = place.good();
        for line in lines {
            let name = String::from_utf8_lossy(line);
            for text in [[line, b"\n", good.as_bytes()].concat(), [good.as_bytes(), line].concat()] {
                place.build(text).unwrap_or_else(|error| panic!("{place:?}, {name}: {error}"));
            }
        }
    }
}

#[test]
fn files_that_were_joined_count_whole() {
    let (one, two) = (pki().root.certificate_pem(), pki().other.certificate_pem());
    for (name, text) in [
        ("a byte order mark before each", format!("{BOM}{one}{BOM}{two}")),
        ("no line end between", format!("{}{two}", one.trim_end())),
        ("a byte order mark and no line end", format!("{}{BOM}{two}", one.trim_end())),
        ("the end of file of DOS between", format!("{one}\u{1a}{two}")),
        ("a blank between", format!("{} {two}", one.trim_end())),
        ("twice the same", format!("{one}{one}{two}")),
    ] {
        let context = server().client_roots(Roots::Pem(text.clone().into())).build();
        context.unwrap_or_else(|error| panic!("{name}: {error}"));
        let identity = Identity::from_pem(&text, &pki().server.key_pem).unwrap();
        let expected = text.matches("BEGIN").count();
        for found in [identity.chain(), &Roots::Pem(text.into()).certificates().unwrap()] {
            assert_eq!(found.len(), expected, "{name}");
            assert_eq!(found[expected - 1], *pki().other.certificate_der(), "{name}");
        }
    }
}

#[test]
fn what_a_context_takes_can_be_looked_at() {
    let scratch = Scratch::new("looked-at");
    let roots = scratch.write("roots", format!("{BOM}{}", pki().root.certificate_pem()));
    let found = Roots::PemFile(roots.clone()).certificates().unwrap();
    assert_eq!(found, [pki().root.certificate_der().clone()]);
    assert_eq!(Roots::Der(found.clone()).certificates().unwrap(), found);
    for others in [Roots::WebPki, Roots::None] {
        assert_eq!(others.certificates().unwrap(), []);
    }
    let lists = scratch.write("lists", format!("{BOM}{}{}", pki().list, pki().root.revocation_list_pem(&[])));
    let found = RevocationLists::PemFile(lists.clone()).in_der().unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], RevocationLists::Pem(pki().list.clone().into()).in_der().unwrap()[0]);
    // What a context refuses is refused, with the same words.
    let refused = Roots::PemFile(lists.clone()).certificates().unwrap_err();
    let by_context = Context::builder().roots(Roots::PemFile(lists)).build().unwrap_err();
    assert_eq!(refused.to_string(), by_context.to_string());
    assert!(RevocationLists::PemFile(roots).in_der().is_err());
}

#[test]
fn what_other_servers_want_in_one_file_may_be_there() {
    let (chain, key) = (&pki().server.chain_pem, &pki().server.key_pem);
    // A curve by its name; a group by two numbers.
    let curve = armour("EC PARAMETERS", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let group = armour("DH PARAMETERS", &[0x30, 0x06, 0x02, 0x01, 0x17, 0x02, 0x01, 0x05]);
    let encrypted = armour("ENCRYPTED PRIVATE KEY", &[0x30, 0x00]);
    for (name, chain_text, key_text) in [
        ("both in both", format!("{chain}{key}"), format!("{key}{chain}")),
        ("a curve before the key", chain.clone(), format!("{curve}{key}")),
        ("a group behind all", format!("{chain}{key}{group}"), format!("{chain}{key}{group}")),
        ("an encrypted key beside the chain", format!("{chain}{encrypted}"), key.clone()),
        ("an older label", chain.replace("CERTIFICATE", "X509 CERTIFICATE"), key.clone()),
        (
            "attributes of PKCS #12",
            format!(
                "Bag Attributes\n    friendlyName: shop\n    localKeyID: 54 69 6D\nsubject=CN = localhost\n{chain}"
            ),
            format!("Bag Attributes\n    localKeyID: 54 69\nKey Attributes: <No Attributes>\n{key}"),
        ),
    ] {
        let identity = Identity::from_pem(&chain_text, &key_text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(identity.chain(), pki().server.chain_der, "{name}");
        Context::builder().identity(identity).build().unwrap();
    }
}

#[test]
fn one_file_is_read_once_so_that_it_may_be_a_pipe() {
    let scratch = Scratch::new("files");
    let path = scratch.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let text = format!("{}{}", pki().server.chain_pem, pki().server.key_pem);
    let writing = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, text).unwrap()
    });
    let identity = Identity::from_pem_files(&path, &path).unwrap();
    writing.join().unwrap();
    assert_eq!(identity.chain(), pki().server.chain_der);
}
