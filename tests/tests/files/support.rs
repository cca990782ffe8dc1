//! Certificates, the four places where a text is read, and what an error must look like.

use std::sync::OnceLock;

use lem_ssl_rs::{Context, ContextBuilder, Error, Identity, Listener, RevocationLists, Roots, Version, spawn};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use lem_ssl_tests::watched_machine;

pub(crate) struct Pki {
    pub(crate) root: Authority,
    pub(crate) other: Authority,
    pub(crate) server: Issued,
    pub(crate) client: Issued,
    pub(crate) list: String,
}

pub(crate) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::new("Test Root");
        let server = root.issue(Leaf::server(&["localhost"]));
        let client = root.issue(Leaf::client(&["client.test"]));
        let list = root.revocation_list_pem(&[&client]);
        Pki { root, other: Authority::new("Other Root"), server, client, list }
    })
}

/// What a text is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Roots,
    ClientRoots,
    Chain,
    Key,
    Lists,
}

impl Place {
    pub(crate) const ALL: [Self; 5] = [Self::Roots, Self::ClientRoots, Self::Chain, Self::Key, Self::Lists];

    /// What is right here.
    pub(crate) fn good(self) -> String {
        match self {
            Self::Roots | Self::ClientRoots => pki().root.certificate_pem(),
            Self::Chain => pki().server.chain_pem.clone(),
            Self::Key => pki().server.key_pem.clone(),
            Self::Lists => pki().list.clone(),
        }
    }

    /// Builds a context in which everything is right but, perhaps, this text.
    pub(crate) fn build(self, text: impl AsRef<[u8]>) -> Result<Context, Error> {
        let text = text.as_ref().to_vec();
        let (chain, key) = (&pki().server.chain_pem, &pki().server.key_pem);
        match self {
            Self::Roots => Context::builder().roots(Roots::Pem(text)).build(),
            Self::ClientRoots => server().client_roots(Roots::Pem(text)).build(),
            Self::Chain => Context::builder().identity(Identity::from_pem(text, key)?).build(),
            Self::Key => Context::builder().identity(Identity::from_pem(chain, text)?).build(),
            Self::Lists => server().client_roots(roots()).revocation_lists(RevocationLists::Pem(text)).build(),
        }
    }
}

pub(crate) fn roots() -> Roots {
    Roots::Pem(pki().root.certificate_pem().into())
}

/// What a server with these roots and lists makes of a client with this identity.
pub(crate) fn meet(client_roots: &str, lists: &str, chain: &str, key: &str) -> Result<(), Error> {
    let lists = RevocationLists::Pem(lists.into());
    let context = server().client_roots(Roots::Pem(client_roots.into())).revocation_lists(lists);
    let mut last = Ok(());
    for version in [Version::Tls12, Version::Tls13] {
        last = meet_at(&context.clone().versions([version]).build().unwrap(), chain, key);
    }
    last
}

/// What this server makes of a client with this identity.
pub(crate) fn meet_at(context: &Context, chain: &str, key: &str) -> Result<(), Error> {
    let identity = Identity::from_pem(chain, key).unwrap();
    let near = Context::builder().roots(roots()).identity(identity).build().unwrap();
    watched_machine()
        .run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().clone();
            let connecting = spawn(async move { near.connect_as(&address, "localhost").await.map(drop) });
            let accepted = context.upgrade_server(listener.accept().await.unwrap()).await.map(drop);
            let _ = connecting.await;
            accepted
        })
        .unwrap()
}

/// A server's builder with its identity.
pub(crate) fn server() -> ContextBuilder {
    let identity = Identity::from_pem(&pki().server.chain_pem, &pki().server.key_pem).unwrap();
    Context::builder().roots(Roots::None).identity(identity)
}

/// One line for people, with these parts, without anything of the code or of a key.
#[track_caller]
pub(crate) fn says(name: &str, message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{name}: {part:?} is not in {message:?}");
    }
    for foreign in ["\n", "::", "Other(", "{ ", "unhandled", "BadDer", "Error(", "[4", "Some("] {
        assert!(!message.contains(foreign), "{name}: {foreign:?} is in {message:?}");
    }
    for key in [&pki().server.key_pem, &pki().client.key_pem] {
        let digits: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        // What all keys of a kind begin with says nothing.
        for at in 48..digits.len() - 8 {
            assert!(!message.contains(&digits[at..at + 8]), "{name}: a part of a key is in {message:?}");
        }
    }
}

/// Any bytes in the armour of PEM.
pub(crate) fn armour(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut body = String::new();
    for group in der.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let letter = char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]);
            body.push(if digit <= group.len() { letter } else { '=' });
        }
    }
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// An element of DER.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..0x80 => bytes.push(length as u8),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(content);
    bytes
}
