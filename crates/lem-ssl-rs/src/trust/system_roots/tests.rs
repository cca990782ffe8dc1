//! What the environment names, and what a machine has.

use super::*;
use crate::identity::Identity;

const PART: ConfigPart = ConfigPart::Roots;

/// A folder that is removed with what is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("lem-ssl-system-roots-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root(name: &str) -> String {
    Identity::self_signed([name]).unwrap().chain_pem()
}

/// How many roots there are in what the variables name.
fn load(file: Option<&str>, folders: Option<&str>) -> Result<usize, ConfigError> {
    let mut store = RootCertStore::empty();
    let named = Named::by(file.map(OsString::from), folders.map(OsString::from)).expect("they name something");
    named.add(&mut store, PART).map(|()| store.len())
}

#[test]
fn variables_that_are_not_set_or_name_no_folder_are_none() {
    assert!(Named::by(None, None).is_none());
    assert!(Named::by(None, Some("".into())).is_none());
}

#[test]
fn an_empty_name_of_a_file_is_told_and_never_another_list() {
    for folders in [None, Some("")] {
        let error = load(Some(""), folders).unwrap_err().to_string();
        assert!(error.contains("SSL_CERT_FILE is set and empty: unset it"), "{error}");
    }
    let scratch = Scratch::new("empty");
    scratch.write("one.pem", root("one"));
    assert_eq!(load(Some(""), scratch.0.to_str()).unwrap(), 1);
}

#[test]
fn every_folder_that_is_named_must_be_there() {
    let scratch = Scratch::new("folders");
    scratch.write("one.pem", root("one"));
    let (folder, missing) = (scratch.0.to_str().unwrap(), scratch.0.join("missing"));
    let file = scratch.0.join("one.pem");
    let both = env::join_paths([&scratch.0, &missing]).unwrap();
    let both = both.to_str().unwrap();
    for named in [load(None, Some(both)), load(file.to_str(), missing.to_str())] {
        let error = named.unwrap_err();
        let words = format!("cannot read the folder {}, which SSL_CERT_DIR names", missing.display());
        assert!(error.to_string().contains(&words), "{error}");
        assert_eq!(error.io_error().unwrap().kind(), io::ErrorKind::NotFound);
    }
    assert_eq!(load(None, Some(folder)).unwrap(), 1);
    assert_eq!(load(file.to_str(), Some(folder)).unwrap(), 2);
}

#[test]
fn files_of_a_folder_are_read_as_people_have_them() {
    let [one, two, three, four, five] = ["one", "two", "three", "four", "five"].map(root);
    let scratch = Scratch::new("forms");
    scratch
        .write("mark.pem", format!("\u{feff}{one}"))
        .write("indented.pem", two.lines().map(|line| format!("  {line}\n")).collect::<String>())
        .write("label.pem", three.replace("CERTIFICATE", "X509 CERTIFICATE"))
        .write("joined.pem", format!("{}{five}", four.trim_end()))
        .write("old-line-ends.pem", root("six").replace('\n', "\r"));
    assert_eq!(load(None, scratch.0.to_str()).unwrap(), 6);
}

#[test]
fn what_is_no_authority_in_a_folder_costs_nothing_of_the_rest() {
    let scratch = Scratch::new("others");
    let good = root("good");
    let cut = &good[..good.len() / 2];
    scratch.write("a.pem", "no PEM at all").write("b.der", [0x30, 0, 7]).write("c.pem", format!("{good}{cut}"));
    scratch.write("d.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    scratch.write("e.pem", format!("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n{}", root("other")));
    fs::create_dir(scratch.0.join("folder.pem")).unwrap();
    assert_eq!(load(None, scratch.0.to_str()).unwrap(), 2);
    let empty = Scratch::new("none");
    empty.write("a.pem", "no PEM at all");
    let error = load(None, empty.0.to_str()).unwrap_err().to_string();
    assert!(error.contains("there is no certificate in the folders"), "{error}");
}

#[test]
fn a_file_of_a_folder_that_is_larger_than_is_read_is_told_and_not_left_out() {
    const LIMIT: usize = 16 * 1024 * 1024;
    let scratch = Scratch::new("large");
    scratch.write("one.pem", root("one"));
    let mut large = root("two").into_bytes();
    large.resize(LIMIT + 1, b'\n');
    scratch.write("two.pem", &large);
    let error = load(None, scratch.0.to_str()).unwrap_err().to_string();
    let words = format!("{} is larger than {LIMIT} bytes", scratch.0.join("two.pem").display());
    assert!(error.contains(&words), "{error}");
}

#[cfg(unix)]
#[test]
fn links_of_a_folder_count_once_and_those_to_nowhere_not_at_all() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new("links");
    scratch.write("one.pem", root("one"));
    for (target, link) in [("one.pem", "1234abcd.0"), ("nowhere", "a"), ("circle", "circle")] {
        symlink(target, scratch.0.join(link)).unwrap();
    }
    assert_eq!(load(None, scratch.0.to_str()).unwrap(), 1);
}

fn unread(inner: io::Error, path: &Path) -> rustls_native_certs::Error {
    rustls_native_certs::Error { context: "reading", kind: ErrorKind::Io { inner, path: path.to_owned() } }
}

fn found(certs: Vec<CertificateDer<'static>>, errors: &[io::ErrorKind]) -> CertificateResult {
    let error = |kind: &io::ErrorKind| unread(io::Error::from(*kind), "/usr/roots.pem".as_ref());
    let mut found = CertificateResult::default();
    (found.certs, found.errors) = (certs, errors.iter().map(error).collect());
    found
}

#[test]
fn a_machine_without_roots_says_so_and_trusts_nobody() {
    for certificates in [Vec::new(), vec![CertificateDer::from(vec![1, 2, 3])]] {
        let mut store = RootCertStore::empty();
        let error = own(&mut store, PART, found(certificates, &[io::ErrorKind::NotFound])).unwrap().unwrap_err();
        assert!(store.is_empty());
        assert!(error.to_string().starts_with("this machine has no trusted roots of its own"), "{error}");
    }
}

#[test]
fn roots_that_the_system_fails_to_read_are_told_and_only_some_of_them_are_not_enough() {
    let root = Identity::self_signed(["one"]).unwrap().chain()[0].clone();
    let told = |error: ConfigError| {
        assert!(error.to_string().contains("roots of this machine in /usr/roots.pem"), "{error}");
        assert!(error.io_error().is_some());
    };
    for error in [io::ErrorKind::Other, io::ErrorKind::PermissionDenied, io::ErrorKind::NotADirectory] {
        // The inner error: another list may stand in for what cannot be read at all.
        told(own(&mut RootCertStore::empty(), PART, found(Vec::new(), &[error])).unwrap().unwrap_err());
    }
    told(own(&mut RootCertStore::empty(), PART, found(vec![root.clone()], &[io::ErrorKind::Other])).unwrap_err());
    for error in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
        own(&mut RootCertStore::empty(), PART, found(vec![root.clone()], &[error])).unwrap().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_no_file_among_the_roots_of_the_machine_costs_nothing_of_the_rest() {
    use std::os::unix::fs::symlink;

    let root = Identity::self_signed(["one"]).unwrap().chain()[0].clone();
    let scratch = Scratch::new("own-links");
    scratch.write("file", "");
    for (target, link) in [("circle", "circle"), ("file/below", "through-a-file")] {
        let link = scratch.0.join(link);
        symlink(target, &link).unwrap();
        let mut found = found(vec![root.clone()], &[]);
        found.errors.push(unread(fs::metadata(&link).unwrap_err(), &link));
        own(&mut RootCertStore::empty(), PART, found).unwrap().unwrap();
    }
    // So may one be that cannot be followed now: an error of the disk (EIO), and of a server (ESTALE on Linux).
    for passing in [5, 116] {
        assert!(!is_of_the_target(&io::Error::from_raw_os_error(passing)), "{passing}");
    }
    // What a good link leads to may be readable again soon.
    let link = scratch.0.join("good");
    symlink("file", &link).unwrap();
    let mut found = found(vec![root], &[]);
    found.errors.push(unread(io::Error::from(io::ErrorKind::Other), &link));
    own(&mut RootCertStore::empty(), PART, found).unwrap_err();
}
