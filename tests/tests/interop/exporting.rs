//! OpenSSL exports the same keying material (RFC 5705, RFC 8446 section 7.5) at the other end.

use lem_ssl_rs::{ChannelBinding, Context, ExportKeyingMaterial, Roots, Stream};

use crate::support::certificates::Certificates;
use crate::support::openssl::{s_client, s_server};
use crate::support::program::Program;
use crate::support::{VERSIONS, greet, listen_with, run};

const ARGUMENTS: [&str; 4] = ["-keymatexport", "EXPERIMENTAL-lem", "-keymatexportlen", "48"];

/// It must have printed what `stream` exports.
async fn agrees(program: &Program, stream: &Stream) {
    let said = program.says("Keying material: ").await;
    let theirs = said.split("Keying material: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let ours = stream.export_keying_material([0; 48], b"EXPERIMENTAL-lem", None).unwrap();
    let ours: String = ours.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(theirs, ours);
}

#[test]
fn our_server_exports_what_openssl_s_client_exports() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let builder = Context::builder().versions([version]).export_keying_material(true);
            let (server, port) = listen_with(builder, &certificates.server).await;
            let mut peer = s_client(port, &certificates.roots_file, &[&["-ign_eof"], &ARGUMENTS[..]].concat());
            peer.tell("hello\n");
            let stream = server.accept().await.unwrap();
            agrees(&peer, &stream).await;
            assert!(stream.channel_binding(ChannelBinding::TlsExporter).is_ok());
            greet(&stream).await;
            peer.succeeds().await;
        });
    }
}

#[test]
fn our_client_exports_what_openssl_s_server_exports() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        let (server, port) = s_server(&certificates.server, &ARGUMENTS);
        run(async {
            let roots = Roots::Pem(certificates.roots_pem.clone().into());
            let context =
                Context::builder().roots(roots).versions([version]).export_keying_material(true).build().unwrap();
            let stream = context.connect(("localhost", port)).await.unwrap();
            agrees(&server, &stream).await;
        });
    }
}
