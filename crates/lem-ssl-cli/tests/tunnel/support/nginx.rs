//! nginx with a configuration of the test's.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::WATCHDOG;

/// A running nginx. Dropping it ends it.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) port: u16,
}

impl Nginx {
    /// Starts it in this folder, with these directives in its only server block. In them, `PORT` is its port.
    #[track_caller]
    pub(crate) fn start(folder: &Path, directives: &str) -> Self {
        // Between our asking and its taking the port somebody else may: then once more.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let configuration = folder.join("nginx.conf");
            let text = TEMPLATE
                .replace("DIRECTIVES", directives)
                .replace("PORT", &port.to_string())
                .replace("FOLDER", &folder.display().to_string());
            std::fs::write(&configuration, text).unwrap();
            let mut command = Command::new("nginx");
            command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(&configuration);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("the interop tests need nginx");
            let end = Instant::now() + WATCHDOG;
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { child, port };
                }
                assert!(Instant::now() < end, "nginx does not listen");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("nginx does not start");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One process, in the foreground, so that nothing outlives it, with all its files in a folder of ours.
const TEMPLATE: &str = r#"
daemon off;
master_process off;
pid FOLDER/pid;
error_log stderr error;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        root FOLDER;
        DIRECTIVES
    }
}
"#;
