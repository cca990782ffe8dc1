//! nginx with a configuration of the test's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::service::{Service, free_port};

/// A running nginx. Dropping it ends it.
pub(crate) struct Nginx {
    service: Option<Service>,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Nginx {
    /// Starts it in this folder, with these directives in its only server block. In them, `PORT` is its port.
    #[track_caller]
    pub(crate) fn start(folder: &Path, directives: &str) -> Self {
        // Between our asking and its taking the port somebody else may: then once more.
        for _ in 0..10 {
            let port = free_port();
            let text = TEMPLATE
                .replace("DIRECTIVES", directives)
                .replace("PORT", &port.to_string())
                .replace("FOLDER", &folder.display().to_string());
            std::fs::write(folder.join("nginx.conf"), text).unwrap();
            if let Some(service) = Self::launch(folder, port) {
                return Self { service: Some(service), folder: folder.to_owned(), port };
            }
        }
        panic!("nginx does not start");
    }

    fn launch(folder: &Path, port: u16) -> Option<Service> {
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        Service::start(command.stdout(Stdio::null()), port)
    }

    /// Kills it, with everything that it has under way.
    pub(crate) fn kill(&mut self) {
        self.service = None;
    }

    /// Starts it again, on its port, after it was killed.
    #[track_caller]
    pub(crate) fn revive(&mut self) {
        self.service = Some(Self::launch(&self.folder, self.port).expect("nginx starts again"));
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
