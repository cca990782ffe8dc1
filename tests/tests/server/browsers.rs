//! What browsers send: with values that mean nothing, so that servers learn to ignore what they do not know (RFC 8701).

use lem_ssl_rs::ServerOptions;

use crate::support::{check, listen, raw};

/// A value that means nothing; every browser puts some of these into each of its lists.
const GREASE: u16 = 0x4a4a;

/// The list with its length in front, in two bytes.
fn list(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [words(&[kind]), list(content)].concat()
}

/// The hello of a browser, as one record.
fn hello() -> Vec<u8> {
    let name = [&[0][..], &list(b"localhost")].concat();
    let share = |group: u16, key: &[u8]| [words(&[group]), list(key)].concat();
    let suites = [
        GREASE, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x9c, 0x9d,
        0x2f, 0x35,
    ];
    let signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let extensions = [
        extension(GREASE, &[]),
        extension(0, &list(&name)),
        extension(23, &[]),                                  // extended_master_secret
        extension(0xff01, &[0]),                             // renegotiation_info
        extension(10, &list(&words(&[GREASE, 29, 23, 24]))), // supported_groups
        extension(11, &[1, 0]),                              // ec_point_formats
        extension(35, &[]),                                  // session_ticket
        extension(16, &list(b"\x02h2\x08http/1.1")),         // ALPN
        extension(5, &[1, 0, 0, 0, 0]),                      // status_request
        extension(13, &list(&words(&signatures))),           // signature_algorithms
        extension(18, &[]),                                  // signed_certificate_timestamp
        extension(51, &list(&[share(GREASE, &[0]), share(29, &[9; 32])].concat())), // key_share
        extension(45, &[1, 1]),                              // psk_key_exchange_modes
        extension(43, &[&[6][..], &words(&[GREASE, 0x0304, 0x0303])].concat()), // supported_versions
        extension(27, &[2, 0, 2]),                           // compress_certificate
        extension(17513, &list(b"\x02h2")),                  // application_settings
        extension(GREASE + 0x1010, &[0]),
        extension(21, &[0; 150]), // padding
    ]
    .concat();
    let body = [&[3, 3][..], &[7; 32], &[32], &[8; 32], &list(&words(&suites)), &[1, 0], &list(&extensions)].concat();
    let message = [&[1, 0][..], &list(&body)].concat();
    [&[22, 3, 1][..], &list(&message)].concat()
}

#[test]
fn a_browser_s_hello_is_answered_in_its_first_suite_and_group() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let browser = raw(&server).await;
        browser.write(&hello()).await.unwrap();
        let header = browser.read(5).await.unwrap();
        assert_eq!(header[..3], [22, 3, 3], "a handshake record, and no alert");
        let answer = browser.read(usize::from(u16::from_be_bytes([header[3], header[4]]))).await.unwrap();
        // ServerHello (RFC 8446 section 4.1.3): type, length, version, random, our session id again, suite.
        assert_eq!((answer[0], &answer[4..6], &answer[38..71]), (2, &[3, 3][..], &[&[32][..], &[8; 32]].concat()[..]));
        assert_eq!(answer[71..73], [0x13, 0x01], "TLS_AES_128_GCM_SHA256");
        let contains = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
        assert!(contains(&[0, 43, 0, 2, 3, 4]), "TLS 1.3");
        assert!(contains(&[0, 51, 0, 36, 0, 29, 0, 32]), "X25519");
        assert_eq!(server.counters().failed.total(), 0);
        browser.abort();
    });
}
