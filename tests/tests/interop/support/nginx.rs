//! nginx with a configuration of the test's.

use std::process::Command;

use super::certificates::{Certificates, OnFile};
use super::program::{Program, start_on_free_port};

/// Starts nginx with this identity on a free port, and says which. `directives` go into its server block, which
/// answers `GET /` with "hello from nginx". Its log, with every failed handshake, is its output.
#[track_caller]
pub(crate) fn nginx(certificates: &Certificates, identity: &OnFile, directives: &str) -> (Program, u16) {
    let directory = certificates.scratch.path().join(format!("nginx-{}", unique()));
    std::fs::create_dir(&directory).expect("the scratch directory can be written to");
    start_on_free_port("getrlimit(RLIMIT_NOFILE)", |port| {
        let configuration = directory.join("nginx.conf");
        let text = TEMPLATE
            .replace("DIRECTORY", &directory.display().to_string())
            .replace("CHAIN", &identity.chain.display().to_string())
            .replace("KEY", &identity.key.display().to_string())
            .replace("PORT", &port.to_string())
            .replace("DIRECTIVES", directives);
        std::fs::write(&configuration, text).expect("the scratch directory can be written to");
        let mut command = Command::new("nginx");
        command.arg("-e").arg("stderr").arg("-p").arg(&directory).arg("-c").arg(&configuration);
        command
    })
}

fn unique() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// One process, in the foreground, so that nothing outlives it, with all its files in a directory of ours. `info` is
/// the level at which it tells of failed handshakes; that it has bound its port it tells at a higher one.
const TEMPLATE: &str = r#"
daemon off;
master_process off;
pid DIRECTORY/pid;
error_log stderr info;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path DIRECTORY/body;
    proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi;
    uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate CHAIN;
        ssl_certificate_key KEY;
        root DIRECTORY;
        location = / { return 200 "hello from nginx\n"; }
        location = /reused { return 200 "reused: $ssl_session_reused\n"; }
        location = /client { return 200 "client: $ssl_client_s_dn\n"; }
        DIRECTIVES
    }
}
"#;
