//! pebble, the authority that Let's Encrypt tests clients with, and the name server that comes with it.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Context, ReadMode, Roots};
use lem_ssl_tests::pki::Leaf;
use serde_json::json;

use super::command::Server;
use super::service::{Service, folder, start};
use super::world::World;

/// A running pebble. Dropping it ends it.
pub(crate) struct Pebble {
    children: Vec<Child>,
    port: u16,
    management: u16,
    /// Where it connects to.
    tls_port: u16,
    names: u16,
    configuration: PathBuf,
}

/// What is asked of it, beside the defaults.
#[derive(Default)]
pub(crate) struct Wishes<'a> {
    /// Variables of its environment.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Customers only: an id, and a key in base64url.
    pub(crate) customer: Option<(&'a str, &'a str)>,
}

impl Pebble {
    #[track_caller]
    pub(crate) fn start(world: &World, wishes: &Wishes<'_>) -> Self {
        let files = world.issue("pebble", Leaf::server(&["localhost", "127.0.0.1"]));
        let [port, management, tls_port, names, http] = free_ports();
        let mut configuration = json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": files.chain,
            "privateKey": files.key,
            "httpPort": http,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": wishes.customer.is_some(),
        });
        if let Some((id, key)) = wishes.customer {
            configuration["externalAccountMACKeys"] = json!({ id: key });
        }
        let text = json!({ "pebble": configuration }).to_string();
        let configuration = world.scratch.write("pebble.json", text);
        let mut pebble = Self { children: Vec::new(), port, management, tls_port, names, configuration };
        pebble.begin(wishes);
        pebble
    }

    /// Ends it, and starts it anew: it knows nothing of what was before.
    #[track_caller]
    pub(crate) fn restart(&mut self, wishes: &Wishes<'_>) {
        self.end();
        self.begin(wishes);
    }

    /// More than once, if need be: another connection may hold one of the ports, which were free when they were chosen, for a
    /// moment, and a program that cannot listen ends.
    fn begin(&mut self, wishes: &Wishes<'_>) {
        for _ in 0..3 {
            self.spawn(wishes);
            if self.listens_within(Duration::from_secs(20)) {
                return;
            }
            self.end();
        }
        panic!("pebble does not listen");
    }

    fn spawn(&mut self, wishes: &Wishes<'_>) {
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        names.args(["-management", "127.0.0.1:0", "-dns01", &format!("127.0.0.1:{}", self.names)]);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&self.configuration).arg("-strict");
        pebble.args(["-dnsserver", &format!("127.0.0.1:{}", self.names)]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").envs(wishes.variables.iter().copied());
        for mut command in [names, pebble] {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.children.push(command.spawn().expect("the interop tests need pebble and pebble-challtestsrv"));
        }
    }

    fn listens_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let ports = [self.port, self.management, self.names];
        while ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    fn end(&mut self) {
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A server that it gives certificates to, where it connects to.
    #[track_caller]
    pub(crate) fn service(&self, world: &World, names: &str, further: &[&str]) -> Service {
        self.service_at(world, self.tls_port, names, further)
    }

    /// The same where it does not connect to.
    #[track_caller]
    pub(crate) fn service_elsewhere(&self, world: &World, names: &str) -> Service {
        self.service_at(world, 0, names, &[])
    }

    #[track_caller]
    fn service_at(&self, world: &World, port: u16, names: &str, further: &[&str]) -> Service {
        let (listen, directory) = (format!("127.0.0.1:{port}"), format!("https://localhost:{}/dir", self.port));
        let (state, ca) = (folder(world), world.ca.as_str());
        let arguments = ["serve", "--listen", &listen, "--http", "--acme", names, "--acme-directory", &directory];
        let arguments = [&arguments[..], &["--acme-ca", ca, "--acme-state", &state], further].concat();
        let (running, lines) = start(&arguments, 1);
        let address = lines[0].strip_prefix("listening on ").unwrap().to_owned();
        Service { server: Server { running, address } }
    }

    /// What its certificates lead to: another root each time that it starts.
    pub(crate) async fn roots(&self, world: &World) -> Roots {
        let context = Context::builder().roots(world.roots()).build().unwrap();
        let stream = context.connect(("localhost", self.management)).await.unwrap();
        stream.write("GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let answer = String::from_utf8(stream.read(ReadMode::All).await.unwrap()).unwrap();
        Roots::Pem(answer.split_once("\r\n\r\n").unwrap().1.as_bytes().to_vec())
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.end();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are there, or two could be the same.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
