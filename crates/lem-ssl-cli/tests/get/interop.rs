//! From nginx.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::process::Command;

use crate::support::{Nginx, Running, World, lem_ssl, pattern, signal};

/// SHA-256, as another program counts it.
fn checksum(path: &str) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("the interop tests need sha256sum");
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
#[ignore = "needs other programs"]
fn a_gigabyte_arrives_whole_though_the_download_is_killed_twice() {
    const MIB: usize = 1 << 20;
    let world = World::new();
    let files = world.good();
    let folder = world.folder("site");
    let mut out = BufWriter::new(File::create(folder.join("large")).unwrap());
    for number in 0..1024 {
        out.write_all(&pattern(MIB, number)).unwrap();
    }
    out.into_inner().unwrap();
    let certificate = format!("ssl_certificate {}; ssl_certificate_key {};", files.chain, files.key);
    let nginx = Nginx::start(&folder, &format!("listen 127.0.0.1:PORT ssl; {certificate}"));
    let target = world.folder("downloads").join("large");
    let part = world.folder("downloads").join("large.part");
    let url = format!("https://localhost:{}/large", nginx.port);
    let arguments = ["get", &url, "-o", target.to_str().unwrap(), "--ca", &world.ca];
    let mut before = 0;
    for _ in 0..2 {
        let running = Running::start(arguments);
        // Some way on, and not at the end.
        while fs::metadata(&part).map_or(0, |found| found.len()) < before + 100 * MIB as u64 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        signal(running.id(), "KILL");
        running.finish();
        assert!(!target.exists());
        before = fs::metadata(&part).unwrap().len();
        assert!(before < 1024 * MIB as u64);
    }
    let ended = lem_ssl(arguments, b"").expect(0);
    assert!(
        ended.stderr.contains(&format!("1073741824 bytes, {before} bytes of them had been there")),
        "{}",
        ended.stderr
    );
    assert_eq!(checksum(target.to_str().unwrap()), checksum(folder.join("large").to_str().unwrap()));
    assert!(!part.exists());
}

#[test]
#[ignore = "needs other programs"]
fn what_nginx_says_is_understood() {
    let world = World::new();
    let files = world.good();
    let folder = world.folder("site");
    fs::write(folder.join("page"), "hello").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    let certificate = format!("ssl_certificate {}; ssl_certificate_key {};", files.chain, files.key);
    let directives = "listen 127.0.0.1:PORT ssl; location /old { return 301 /page; } location /gone { return 410; }";
    let nginx = Nginx::start(&folder, &format!("{directives} {certificate}"));
    let get = |path: &str| {
        let url = format!("https://localhost:{}{path}", nginx.port);
        lem_ssl(["get", &url, "-o", "-", "--ca", &world.ca], b"")
    };
    assert_eq!(get("/page").expect(0).stdout, b"hello");
    assert_eq!(get("/old").expect(0).stdout, b"hello");
    assert_eq!(get("/empty").expect(0).stdout, b"");
    assert!(get("/gone").expect(12).stderr.contains("410 Gone"));
    assert!(get("/nothing").expect(12).stderr.contains("404 Not Found"));
}
