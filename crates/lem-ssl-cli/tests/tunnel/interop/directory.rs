//! Programs for directories (LDAP) through the tunnel. Debian's speak TLS by another library than OpenSSL.

use std::process::{Command, Output, Stdio};

use crate::support::{Service, Tunnel, World, free_port, printed};

/// slapd, with an empty directory below `dc=example`. It stops with its value.
struct Directory {
    _service: Service,
    port: u16,
}

const ADMINISTRATOR: &str = "cn=admin,dc=example";

impl Directory {
    #[track_caller]
    fn start(world: &World) -> Self {
        let (folder, files, port) = (world.folder("directory"), world.good(), free_port());
        let data = world.folder("directory/data");
        let settings = format!(
            "include /etc/ldap/schema/core.schema\npidfile {0}/pid\n\
             TLSCACertificateFile {1}\nTLSCertificateFile {2}\nTLSCertificateKeyFile {3}\n\
             database ldif\ndirectory {4}\nsuffix dc=example\nrootdn {ADMINISTRATOR}\nrootpw secret\n",
            folder.display(),
            world.ca,
            files.chain,
            files.key,
            data.display(),
        );
        let file = world.scratch.write("directory/slapd.conf", settings);
        let mut command = Command::new("slapd");
        // With a level of messages it stays in front.
        command.args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}/"), "-f"]).arg(file);
        let service = Service::start(command.stdout(Stdio::null()), port).expect("slapd starts");
        Self { _service: service, port }
    }
}

/// A client's program, which trusts the world's authority and wants a name that fits.
fn ldap(world: &World, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.env("LDAPTLS_CACERT", &world.ca).env("LDAPTLS_REQCERT", "demand");
    command.args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|_| panic!("the interop tests need {program}"))
}

#[test]
#[ignore = "needs other programs"]
fn ldapsearch_verifies_the_tunnel_with_starttls_and_without() {
    let world = World::new();
    let directory = Directory::start(&world);
    let files = world.good();
    let address = format!("localhost:{}", directory.port);
    let inward = [&["--tls-in", "--connect", &address][..], &files.arguments()].concat();
    let outward = ["--tls-out", "--starttls-out", "ldap", "--out-ca", &world.ca];
    let begun = ["--starttls-in", "ldap"];
    let ldaps = Tunnel::start(&inward);
    let starttls = Tunnel::start(&[&inward[..], &begun].concat());
    let both = Tunnel::start(&[&inward[..], &begun, &outward].concat());
    // By its number: for localhost OpenLDAP wants a certificate with the name of the machine.
    let url = |scheme: &str, tunnel: &Tunnel| format!("{scheme}://{}/", tunnel.address);
    let entry = "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: An example\n";
    let entry = world.scratch.write("entry.ldif", entry);
    let bind = ["-x", "-D", ADMINISTRATOR, "-w", "secret"];
    let add = ["-ZZ", "-H", &url("ldap", &both), "-f", entry.to_str().unwrap()];
    printed(ldap(&world, "ldapadd", &[&bind[..], &add].concat()));
    let search = ["-LLL", "-b", "dc=example", "(dc=example)", "o"];
    for (url, further) in
        [(url("ldaps", &ldaps), None), (url("ldap", &starttls), Some("-ZZ")), (url("ldap", &both), Some("-ZZ"))]
    {
        let connection = [&bind[..], &["-H", &url], further.as_slice()].concat();
        let found = printed(ldap(&world, "ldapsearch", &[&connection[..], &search].concat()));
        assert_eq!(found, "dn: dc=example\no: An example\n\n", "{url}");
    }
    // In plain text, and by a name that the certificate is not for, nobody gets any further.
    let plain = ldap(&world, "ldapsearch", &[&bind[..], &["-H", &url("ldap", &starttls)], &search].concat());
    assert!(!plain.status.success());
    let other = url("ldap", &starttls).replace("127.0.0.1", "127.0.0.2");
    let wrong = ldap(&world, "ldapsearch", &[&bind[..], &["-ZZ", "-H", &other], &search].concat());
    assert!(!wrong.status.success());
}
