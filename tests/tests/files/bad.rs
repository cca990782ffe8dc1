//! What is refused, wherever it stands: nothing works partly.

use lem_ssl_rs::{Context, Identity, Roots};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{Place, armour, element, pki, says};

/// A good block, whose label and inside a case changes.
fn damaged(place: Place) -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let good = place.good();
    let begin = good.lines().next().unwrap().to_owned();
    let end = good.lines().last().unwrap().to_owned();
    let label = begin.trim_matches('-').trim_start_matches("BEGIN ").to_owned();
    let middle = good.lines().nth(1).unwrap().to_owned();
    let body = good.replace(&begin, "").replace(&end, "");
    let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(good.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let text = |text: String| text.into_bytes();
    let with_begin = |line: &str| good.replace(&begin, line).into_bytes();
    let with_end = |line: &str| good.replace(&end, line).into_bytes();
    let mut cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("four dashes before BEGIN", with_begin(&begin[1..]), &["line 1", "not well formed"]),
        ("six dashes before BEGIN", with_begin(&format!("-{begin}")), &["line 1", "not well formed"]),
        ("four dashes behind the label", with_begin(&begin[..begin.len() - 1]), &["line 1", "not well formed"]),
        ("six dashes behind the label", with_begin(&format!("{begin}-")), &["line 1", "not well formed"]),
        ("no dashes at all", with_begin(begin.trim_matches('-')), &["line 1", "not well formed"]),
        ("no dashes before BEGIN", with_begin(begin.trim_start_matches('-')), &["line 1", "not well formed"]),
        ("small letters", with_begin(&begin.to_lowercase()), &["line 1", "not well formed"]),
        ("no blank after BEGIN", with_begin(&begin.replace("BEGIN ", "BEGIN")), &["line 1", "not well formed"]),
        ("no label", with_begin("-----BEGIN -----"), &["line 1", "not well formed"]),
        ("a begin that was cut off", with_begin("-----BEGIN"), &["line 1", "not well formed"]),
        (
            "long dashes",
            with_begin(&begin.replace("-----", "\u{2014}\u{2014}\u{2014}")),
            &["line 1", "not well formed"],
        ),
        ("a misspelt begin", with_begin(&begin.replace("BEGIN", "BEIGN")), &["line 2", "base64 outside of a block"]),
        ("a comment sign before BEGIN", with_begin(&format!("# {begin}")), &["line 1", "stands behind other text"]),
        ("a quotation", with_begin(&format!("> {begin}")), &["line 1", "stands behind other text"]),
        ("a web page around it", with_begin(&format!("<pre>{begin}")), &["line 1", "stands behind other text"]),
        ("no begin at all", with_begin(""), &["line 2", "base64 outside of a block"]),
        ("four dashes before END", with_end(&end[1..]), &["not well formed"]),
        ("six dashes behind END", with_end(&format!("{end}-")), &["not well formed"]),
        ("small letters in END", with_end(&end.to_lowercase()), &["not well formed"]),
        ("another label in END", with_end("-----END NOTHING-----"), &["ends what begins as", "line 1"]),
        ("no end", text(good.replace(&end, "")), &["line 1", "has no \"-----END", "cut off?"]),
        ("an end alone before it", text(format!("{end}\n{good}")), &["line 1", "ends what has not begun"]),
        ("cut off in the middle", text(good[..good.len() / 2].to_owned()), &["line 1", "has no \"-----END"]),
        ("a begin twice", text(format!("{begin}\n{good}")), &["line 2", "inside of another block", "in line 1"]),
        ("an empty block", text(format!("{begin}\n{end}\n")), &["line 1", "is empty"]),
        ("a letter too few", text(good.replacen(&middle, &middle[1..], 1)), &["line 1", "is not base64"]),
        ("a foreign letter", text(good.replacen(&middle, &format!("!{}", &middle[1..]), 1)), &["line 1", "base64"]),
        ("line ends in two letters", text(good.replace('\n', "\\n")), &["line 1", "in the place of line ends"]),
        ("dots in the place of the middle", text(good.replace(&middle, "...")), &["line 1", "is not base64"]),
        ("a header", text(good.replace(&begin, &format!("{begin}\nComment: mine\n"))), &["line 1", "header lines"]),
        ("a zero byte behind it", [good.as_bytes(), &[0]].concat(), &["zero bytes"]),
        ("UTF-16", utf16.clone(), &["line 1", "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"]),
        ("UTF-16 without a mark", utf16[2..].to_vec(), &["line 1", "UTF-16"]),
        ("UTF-16 behind the first", [good.as_bytes(), &utf16].concat(), &["UTF-16"]),
        ("base64 alone", text(body), &["base64 outside of a block"]),
        ("nothing inside but zeros", text(armour(&label, &[0; 100])), &["line 1", "no element of DER"]),
        ("another kind of content", text(armour(&label, &[0x30, 3, 2, 1, 0])), &["line 1", "other than its label"]),
    ];
    let dashes_of_windows = [&b"\x97\x97\x97\x97\x97"[..], &begin.as_bytes()[5..], b"\n", good.as_bytes()].concat();
    cases.push(("dashes of Windows", dashes_of_windows, &["line 1", "not well formed", "remove the line"]));
    // Behind a good one, it is the same, and must not be passed over.
    let behind: Vec<_> =
        cases.iter().map(|(name, text, _)| (*name, [good.as_bytes(), text].concat(), &[][..])).collect();
    cases.extend(behind);
    cases
}

#[test]
fn a_damaged_block_is_refused_in_every_place_first_or_behind_a_good_one() {
    let mut refused = 0;
    for place in Place::ALL {
        for (name, text, words) in damaged(place) {
            let name = format!("{place:?}, {name}");
            let error = place.build(&text).err().unwrap_or_else(|| panic!("{name}: it was taken")).to_string();
            says(&name, &error, words);
            refused += 1;
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn a_block_that_has_no_business_there_is_refused_with_the_way_out() {
    use Place::{Chain, ClientRoots, Key, Lists, Roots};
    let certificate = pki().root.certificate_pem();
    let labelled = |label: &str| armour(label, &[0x30, 0]);
    let key = pki().server.key_pem.clone();
    let everywhere: &[Place] = &Place::ALL;
    let pkcs7 = pkcs7();
    let cases: [(&str, String, &[Place], &[&str]); 26] = [
        (
            "trusted",
            certificate.replace("CERT", "TRUSTED CERT"),
            everywhere,
            &["openssl storeutl -certs FILE", "such blocks (1)"],
        ),
        ("three trusted", certificate.replace("CERT", "TRUSTED CERT").repeat(3), everywhere, &["such blocks (3)"]),
        ("request", labelled("CERTIFICATE REQUEST"), everywhere, &["an authority is sent"]),
        ("old request", labelled("NEW CERTIFICATE REQUEST"), everywhere, &["an authority is sent"]),
        ("PKCS #7", labelled("PKCS7"), everywhere, &["openssl pkcs7 -in FILE -print_certs"]),
        ("PKCS #12", labelled("PKCS12"), everywhere, &["openssl asn1parse -in FILE", "openssl pkcs12 -in NEW.p12"]),
        ("PKCS #7 as a certificate", armour("CERTIFICATE", &pkcs7), everywhere, &["CERTIFICATE"]),
        ("CMS", labelled("CMS"), everywhere, &["openssl pkcs7 -in FILE -print_certs"]),
        ("SSH", labelled("OPENSSH PRIVATE KEY"), everywhere, &["ssh-keygen -p -m PKCS8"]),
        ("DSA", labelled("DSA PRIVATE KEY"), everywhere, &["DSA is not spoken any more"]),
        ("a public key", labelled("PUBLIC KEY"), everywhere, &["public key alone"]),
        (
            "PGP",
            "-----BEGIN PGP MESSAGE-----\nVersion: 1\n\nAAAA\n=abcd\n-----END PGP MESSAGE-----\n".into(),
            everywhere,
            &["PGP MESSAGE", "nothing is known"],
        ),
        (
            "SSH 2",
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n".into(),
            everywhere,
            &["not well formed"],
        ),
        ("attribute certificate", labelled("ATTRIBUTE CERTIFICATE"), everywhere, &["nothing is known"]),
        ("a session", labelled("SSL SESSION PARAMETERS"), everywhere, &["nothing is known"]),
        ("a label of no words", labelled("CERT-IFICATE"), everywhere, &["not well formed"]),
        ("a label with a blank behind", labelled("CERTIFICATE "), everywhere, &["not well formed"]),
        ("a key", key.clone(), &[Roots, ClientRoots, Lists], &["it is a private key", "exchanged?"]),
        ("an encrypted key", labelled("ENCRYPTED PRIVATE KEY"), &[Roots, ClientRoots, Lists], &["it is a private key"]),
        ("a list", pki().list.clone(), &[Roots, ClientRoots, Chain, Key], &["it is a revocation list", "remove it"]),
        (
            "a list among roots",
            pki().list.clone(),
            &[Roots, ClientRoots],
            &["with revocation_lists", "as --client-crl"],
        ),
        ("a certificate", certificate.clone(), &[Lists], &["it is a certificate"]),
        ("a group", labelled("DH PARAMETERS"), &[Roots, ClientRoots, Lists], &["remove it"]),
        ("a second key", pki().client.key_pem.clone(), &[Key], &["two private keys", "remove one"]),
        ("an encrypted key beside it", labelled("ENCRYPTED PRIVATE KEY"), &[Key], &["two private keys"]),
        (
            "a broken certificate beside it",
            armour("CERTIFICATE", &[0x30, 0]),
            &[Key, Chain],
            &["CERTIFICATE", "label says"],
        ),
    ];
    for (name, block, places, words) in cases {
        for place in places {
            let name = format!("{place:?}, {name}");
            for text in [format!("{}{block}", place.good()), format!("{block}{}", place.good())] {
                let error = place.build(&text).err().unwrap_or_else(|| panic!("{name}: it was taken")).to_string();
                says(&name, &error, words);
            }
        }
    }
}

/// The beginning of PKCS #7 (RFC 2315 section 7).
fn pkcs7() -> Vec<u8> {
    element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]))
}

#[test]
fn what_stands_under_the_label_of_a_certificate_is_told_with_the_way_out() {
    let pkcs12 = element(0x30, &[element(2, &[3]), pkcs7()].concat());
    for place in [Place::Roots, Place::ClientRoots, Place::Chain] {
        for (name, der, words) in [
            ("PKCS #7", pkcs7(), "it is PKCS #7; take the certificates out of it, with \"openssl pkcs7 -in FILE"),
            ("PKCS #12", pkcs12.clone(), "it is PKCS #12; take the certificates and the key out of it, with"),
            ("a key", pki().server.key_der.clone(), "it may be a private key"),
        ] {
            let error = place.build(armour("CERTIFICATE", &der)).unwrap_err().to_string();
            says(name, &error, &["certificate number 1", "something other than its label says", words]);
        }
    }
    let error = Place::Key.build(armour("PRIVATE KEY", &pkcs12)).unwrap_err().to_string();
    says("a key", &error, &["private key number 1", "it is PKCS #12"]);
}

/// The first line may be lost with its begin, and whatever is left must not be passed over.
#[test]
fn what_is_left_of_a_block_without_its_first_lines_is_refused() {
    for place in [Place::Roots, Place::ClientRoots, Place::Chain, Place::Lists] {
        let good = place.good();
        let rest: String =
            good.lines().skip(2).filter(|line| !line.starts_with('-')).map(|line| format!("{line}\n")).collect();
        for text in [format!("{good}{rest}"), format!("{rest}{good}"), format!("{good}{}", rest.replace('\n', "\n\n"))]
        {
            says(
                "rest",
                &place.build(text).unwrap_err().to_string(),
                &["base64 outside of a block", "remove the line"],
            );
        }
    }
}

#[test]
fn a_certificate_with_something_behind_it_in_its_block_is_refused() {
    let der = pki().root.certificate_der();
    let (more, less) = ([der.as_ref(), &[0]].concat(), &der[..der.len() - 1]);
    for place in [Place::Roots, Place::ClientRoots, Place::Chain] {
        for der in [&more, less] {
            let error = place.build(armour("CERTIFICATE", der)).unwrap_err().to_string();
            says(
                "trailing",
                &error,
                &["certificate number 1 in ", "cannot be read", "line 1", "more or less than one"],
            );
        }
    }
}

#[test]
fn a_file_that_is_something_else_says_what_it_looks_like() {
    let scratch = Scratch::new("files");
    let der = pki().root.certificate_der().to_vec();
    let escaped = Place::Roots.good().replace('\n', "\\n");
    let json = format!("{{\"data\": {{\"certificate\": \"{escaped}\"}}}}\n");
    // What "base64 -w 0" makes of a certificate's first line, and the beginning of what follows.
    let base64 = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ4akNDQVd5Z0F3SUJBZ0lVZU1rUS9nSkl6Vm1VK0NwdEpSa0ZI\n";
    let secret = format!("apiVersion: v1\nkind: Secret\ndata:\n  tls.crt: {base64}");
    let cases: [(&str, Vec<u8>, &[&str]); 20] = [
        ("empty", Vec::new(), &["it is empty"]),
        ("blank", b" \n\t\n".to_vec(), &["it is empty"]),
        ("der", der.clone(), &["looks like DER", "-inform DER"]),
        ("der-then-pem", [&der[..], Place::Roots.good().as_bytes()].concat(), &["looks like DER"]),
        ("pem-then-der", [Place::Roots.good().as_bytes(), &der].concat(), &["zero bytes"]),
        ("jks", [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2][..], &der].concat(), &["keystore of Java", "-exportcert"]),
        ("jceks", vec![0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2], &["keystore of Java", "-importkeystore"]),
        ("json", json.into(), &["line 1", "in the place of line ends", "jq -r"]),
        ("a-quotation", format!("\"{escaped}\"").into(), &["line 1", "in the place of line ends"]),
        ("base64", base64.into(), &["line 1", "base64 of a whole PEM file", "base64 -d FILE > NEW.pem"]),
        ("base64-lines", base64.replacen("LUNF", "LUNF\n", 1).into(), &["line 1", "base64 -d FILE"]),
        ("secret", secret.into(), &["line 4", "secret of Kubernetes", "base64 -d"]),
        ("html", b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n".to_vec(), &["web page"]),
        ("ssh", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here\n".to_vec(), &["key of SSH"]),
        ("prose", b"the certificate is in the mail\n".to_vec(), &["has no \"-----BEGIN\" line"]),
        (
            "ber",
            [&[0x30, 0x80, 2, 1, 3, 0x30, 0x80, 6, 9][..], &[0; 20]].concat(),
            &["looks like DER or BER", "pkcs12"],
        ),
        ("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3], &["zero bytes"]),
        ("large", vec![b'\n'; 16 * 1024 * 1024 + 1], &["larger than 16777216 bytes"]),
        ("lines", "-\n".repeat(1_000_000).into_bytes(), &["has no \"-----BEGIN\" line"]),
        ("words", "--end".repeat(100_000).into_bytes(), &["has no \"-----BEGIN\" line"]),
    ];
    for (name, content, words) in cases {
        let path = scratch.write(name, content);
        let shown = path.display().to_string();
        let roots = Context::builder().roots(Roots::PemFile(path.clone())).build().unwrap_err().to_string();
        let chain = Identity::from_pem_files(&path, &path).unwrap_err().to_string();
        for error in [roots, chain] {
            says(name, &error, &[&[shown.as_str()], words].concat());
        }
    }
}

#[test]
fn a_file_with_nothing_but_parameters_is_told_as_that() {
    let text = armour("EC PARAMETERS", &element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]));
    for place in [Place::Chain, Place::Key] {
        let error = place.build(&text).unwrap_err().to_string();
        says("parameters", &error, &["there is no ", "there are only parameters in it"]);
        assert!(!error.contains("BEGIN"), "{error}");
    }
}

#[test]
fn a_command_that_is_told_names_the_file_if_a_shell_reads_the_name_as_it_is() {
    let scratch = Scratch::new("files");
    let text = pki().root.certificate_pem().replace("CERT", "TRUSTED CERT");
    for (name, argument) in [("trusted.pem", None), ("two words.pem", Some("-certs FILE "))] {
        let path = scratch.write(name, &text);
        let expected = argument.map_or_else(|| format!("-certs {} ", path.display()), str::to_owned);
        let error = Context::builder().roots(Roots::PemFile(path)).build().unwrap_err().to_string();
        says(name, &error, &[&expected, "line 1", "TRUSTED CERTIFICATE"]);
    }
}

#[test]
fn no_change_of_one_letter_drops_a_block() {
    let text = (pki().root.certificate_pem() + &pki().other.certificate_pem()).into_bytes();
    let key = &pki().server.key_pem;
    let (mut taken, mut refused) = (0, 0);
    let changes: [&[u8]; 9] = [b"", b"-", b" ", b"\n", b"\r", b"X", b"#", "\u{feff}".as_bytes(), &[0]];
    for at in 0..text.len() {
        for (replaced, change) in changes.iter().flat_map(|change| [(0, change), (1, change)]) {
            let changed = [&text[..at], change, &text[at + replaced..]].concat();
            match Identity::from_pem(&changed, key) {
                Ok(identity) => {
                    taken += 1;
                    assert_eq!(identity.chain().len(), 2, "{}", String::from_utf8_lossy(&changed));
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken}, {refused}");
}
