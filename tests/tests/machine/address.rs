//! Addresses as people write them: what is understood, and what is said of what is not.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use lem_rs::{Address, Endpoint, Error, TcpStream, ToAddress};

use crate::support::run;

fn name(host: &str, port: u16) -> Address {
    Address::Name { host: host.into(), port }
}

fn ip(text: &str) -> Address {
    Address::Ip(text.parse().unwrap())
}

#[test]
fn every_form_of_an_address_is_understood() {
    let cases = [
        ("host:80", name("host", 80)),
        ("host:65535", name("host", 65535)),
        ("host:1", name("host", 1)),
        ("host:0", name("host", 0)),
        ("host:00443", name("host", 443)),
        ("host:https", name("host", 443)),
        ("host:HTTPS", name("host", 443)),
        ("host:imaps", name("host", 993)),
        ("host:secure-mqtt", name("host", 8883)),
        ("Example.ORG:443", name("Example.ORG", 443)),
        ("example.org.:443", name("example.org.", 443)),
        ("_service._tcp.example.org:443", name("_service._tcp.example.org", 443)),
        ("xn--mnchen-3ya.example:443", name("xn--mnchen-3ya.example", 443)),
        ("1.example:443", name("1.example", 443)),
        ("127.0.0.1.example:443", name("127.0.0.1.example", 443)),
        ("0x.example:443", name("0x.example", 443)),
        ("https://host", name("host", 443)),
        ("https://host/", name("host", 443)),
        ("https://host/path?query#fragment", name("host", 443)),
        ("https://host?query", name("host", 443)),
        ("https://host#fragment", name("host", 443)),
        ("https://host:8443/path", name("host", 8443)),
        ("https://host/a:b@c", name("host", 443)),
        ("HTTPS://host/", name("host", 443)),
        ("wss://host/socket", name("host", 443)),
        ("https://192.0.2.1/", ip("192.0.2.1:443")),
        ("https://[2001:db8::1]/", ip("[2001:db8::1]:443")),
        ("https://[2001:db8::1]:444/", ip("[2001:db8::1]:444")),
        ("192.0.2.1:443", ip("192.0.2.1:443")),
        ("[::1]:443", ip("[::1]:443")),
        ("[::1]:https", ip("[::1]:443")),
        ("[::ffff:192.0.2.1]:443", ip("[::ffff:192.0.2.1]:443")),
        ("[::]:0", ip("[::]:0")),
        ("unix:/run/service.sock", Address::Unix("/run/service.sock".into())),
        ("unix:relative.sock", Address::Unix("relative.sock".into())),
        ("unix:/with spaces/and:colons", Address::Unix("/with spaces/and:colons".into())),
    ];
    for (text, expected) in cases {
        assert_eq!(text.to_address().as_ref(), Ok(&expected), "{text}");
        assert_eq!(text.parse().as_ref(), Ok(&expected), "{text}");
        assert_eq!(text.to_owned().to_address().as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn the_port_beside_the_text_wins() {
    let cases = [
        ("host", name("host", 443)),
        ("host:80", name("host", 443)),
        ("host:https", name("host", 443)),
        ("https://host/path", name("host", 443)),
        ("https://host:8443/path", name("host", 443)),
        ("192.0.2.1", ip("192.0.2.1:443")),
        ("192.0.2.1:80", ip("192.0.2.1:443")),
        ("::1", ip("[::1]:443")),
        ("[::1]", ip("[::1]:443")),
        ("[::1]:80", ip("[::1]:443")),
        ("2001:db8::1:80", ip("[2001:db8::1:80]:443")),
    ];
    for (text, expected) in cases {
        assert_eq!((text, 443).to_address().as_ref(), Ok(&expected), "{text}");
        assert_eq!((text.to_owned(), 443).to_address().as_ref(), Ok(&expected), "{text}");
    }
    assert_eq!(("host:https", 8443).to_address(), Ok(name("host", 8443)));
}

#[test]
fn what_is_no_text_is_understood_too() {
    let socket: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
    assert_eq!(socket.to_address(), Ok(Address::Ip(socket)));
    assert_eq!((socket.ip(), 80).to_address(), Ok(ip("[2001:db8::1]:80")));
    assert_eq!(Endpoint::Ip(socket).to_address(), Ok(Address::Ip(socket)));
    let path = PathBuf::from("/run/service.sock");
    assert_eq!(Endpoint::Unix(Some(path.clone())).to_address(), Ok(Address::Unix(path)));
    assert_eq!(Endpoint::Unix(None).to_address().unwrap_err().problem(), "the socket has no name");
    assert_eq!(name("host", 1).to_address(), Ok(name("host", 1)));
    assert_eq!((&&"host:1").to_address(), Ok(name("host", 1)));
    let host = String::from("host");
    assert_eq!((&host, 1).to_address(), Ok(name("host", 1)));
    assert!((&String::from("http://host"), 1).to_encrypted_address().is_err());
    assert_eq!((Ipv4Addr::LOCALHOST, 1).to_address().unwrap().to_string(), "127.0.0.1:1");
    assert_eq!((Ipv6Addr::LOCALHOST, 1).to_address().unwrap().to_string(), "[::1]:1");
}

/// Texts that are no address, and what is said of each.
fn bad() -> Vec<(String, &'static str)> {
    let label = "a".repeat(64);
    let long = format!("{}example", "abcdefg.".repeat(31));
    assert_eq!(long.len(), 255);
    let mut cases: Vec<(String, &'static str)> = [
        ("", "it is empty"),
        ("host", "it has no port: write host:443, or host:https"),
        ("192.0.2.1", "it has no port: write 192.0.2.1:443, or 192.0.2.1:https"),
        ("[::1]", "it has no port: write [::1]:443, or [::1]:https"),
        ("host:", "the port after the colon is missing"),
        ("https://host:/", "the port after the colon is missing"),
        (":", "the port after the colon is missing"),
        ("https://", "the host is empty"),
        ("https:///path", "the host is empty"),
        ("https://:443/", "the host is empty"),
        ("host:65536", "the port 65536 is not between 1 and 65535"),
        ("host:65979", "the port 65979 is not between 1 and 65535"),
        ("host:70000", "the port 70000 is not between 1 and 65535"),
        ("host:18446744073709551616", "the port 18446744073709551616 is not between 1 and 65535"),
        ("host:-1", "the service \"-1\" is not known: write its port number"),
        ("host:+443", "the service \"+443\" is not known: write its port number"),
        ("host: 443", "the service \" 443\" is not known: write its port number"),
        ("host:443 ", "the service \"443 \" is not known: write its port number"),
        ("host:443/path", "leave out \"/path\", or write \"https://host:443/path\""),
        ("host/path", "leave out \"/path\", or write \"https://host/path\""),
        ("host?query", "leave out \"?query\", or write \"https://host?query\""),
        ("/run/service.sock", "for a Unix-domain socket write \"unix:/run/service.sock\""),
        ("host:nosuch", "the service \"nosuch\" is not known: write its port number"),
        ("host:0x1bb", "the service \"0x1bb\" is not known: write its port number"),
        ("host:\u{ff14}\u{ff14}\u{ff13}", "the service \"\u{ff14}\u{ff14}\u{ff13}\" is not known"),
        ("host\0:443", "the host contains '\\0', which no host name does"),
        ("ho st:443", "the host contains ' ', which no host name does"),
        (" host:443", "the host contains ' ', which no host name does"),
        ("host\n:443", "the host contains '\\n', which no host name does"),
        ("ho/st:443", "leave out \"/st:443\", or write \"https://ho/st:443\""),
        ("ho%73t:443", "the host contains '%', which no host name does"),
        ("*.example.org:443", "the host contains '*', which no host name does"),
        ("user@host:443", "the host contains '@', which no host name does"),
        ("https://user@host/", "it has a user name, which does not belong to an address"),
        ("https://user:word@host:443/", "it has a user name, which does not belong to an address"),
        ("m\u{fc}nchen.example:443", "the host is not ASCII: write an international name in its \"xn--\" form"),
        ("::1", "an IPv6 address is written in brackets: ["),
        ("2001:db8::1", "an IPv6 address is written in brackets: ["),
        ("2001:db8::1:443", "an IPv6 address is written in brackets: [2001:db8::1]:443"),
        ("[::1:443", "the bracket that begins an IPv6 address is not closed"),
        ("[::1]443", "after the bracket a colon and a port are expected"),
        ("[::1]:", "after the bracket a colon and a port are expected"),
        ("[]:443", "\"\" is no IPv6 address"),
        ("[host]:443", "\"host\" is no IPv6 address"),
        ("[192.0.2.1]:443", "\"192.0.2.1\" is no IPv6 address"),
        ("[fe80::1%nosuch0]:443", "there is no interface \"nosuch0\" for the zone"),
        ("[[::1]]:443", "\"[::1\" is no IPv6 address"),
        ("::1]:443", "an IPv6 address is written in brackets"),
        ("256.1.1.1:443", "the host looks like an IPv4 address but is none"),
        ("1.2.3:443", "the host looks like an IPv4 address but is none"),
        ("1.2.3.4.:443", "the host looks like an IPv4 address but is none"),
        ("1.2.3.4.5:443", "the host looks like an IPv4 address but is none"),
        ("2130706433:443", "the host looks like an IPv4 address but is none"),
        ("0x7f000001:443", "the host looks like an IPv4 address but is none"),
        ("127.0.0.0X1:443", "the host looks like an IPv4 address but is none"),
        ("host..example:443", "the host has an empty part"),
        (".host:443", "the host has an empty part"),
        (".:443", "the host has an empty part"),
        ("host..:443", "the host has an empty part"),
        ("nosuch://host/", "the scheme \"nosuch\" is not known"),
        ("://host", "the scheme \"\" is not known"),
        ("https:host", "the service \"host\" is not known: write its port number"),
        ("unix:", "the path after \"unix:\" is empty"),
        ("unix:/run/\0", "the path contains a NUL"),
    ]
    .map(|(text, problem)| (text.to_owned(), problem))
    .into();
    cases.push((format!("{label}.example:443"), "a part of the host is longer than 63 characters"));
    cases.push((format!("{long}:443"), "the host is longer than 253 characters"));
    cases
}

#[test]
fn every_bad_address_says_what_is_wrong_with_it() {
    for (text, problem) in bad() {
        let error = text.parse::<Address>().expect_err(&text);
        assert!(error.problem().starts_with(problem), "{text:?}: {error}");
        // Quoted, so that nothing reaches a terminal as it is.
        assert!(error.to_string().starts_with(&format!("invalid address {text:?}: ")), "{error}");
        assert!(!error.to_string().contains(['\0', '\n']), "{error}");
    }
}

#[test]
fn names_and_labels_may_be_as_long_as_the_protocol_allows() {
    let label = "a".repeat(63);
    let longest = [label.as_str(), &label, &label, &"b".repeat(61)].join(".");
    assert_eq!(longest.len(), 253);
    assert_eq!(format!("{longest}:1").to_address(), Ok(name(&longest, 1)));
    assert_eq!(format!("{longest}.:1").to_address(), Ok(name(&format!("{longest}."), 1)));
    assert!(format!("{longest}b:1").to_address().is_err());
}

#[test]
fn the_port_beside_the_text_mends_no_bad_host() {
    for text in ["", ":80", "ho st", "256.1.1.1", "[::1", "[::1]80", "host..", "user@host", "::g", "host:"] {
        assert!((text, 443).to_address().is_err(), "{text:?}");
    }
}

#[test]
fn an_address_is_shown_as_it_can_be_written() {
    for text in ["host:80", "192.0.2.1:443", "[2001:db8::1]:443", "unix:/run/service.sock"] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    assert_eq!(name("host", 7).host(), Some("host"));
    assert_eq!(name("host", 7).port(), Some(7));
    assert_eq!(ip("[::1]:443").host(), None);
    assert_eq!(ip("[::1]:443").port(), Some(443));
    assert_eq!("unix:/s".parse::<Address>().unwrap().port(), None);
}

#[test]
fn connecting_to_a_bad_address_says_the_same() {
    run(async {
        let error = TcpStream::connect("host:70000").await.unwrap_err();
        assert!(matches!(error, Error::Address(_)));
        assert_eq!(error.to_string(), "invalid address \"host:70000\": the port 70000 is not between 1 and 65535");
    });
}

#[test]
fn port_zero_is_for_listening_only() {
    run(async {
        let addresses = ["127.0.0.1:0", "localhost:0", "[::1]:0", "https://localhost:0/"];
        for address in addresses {
            let error = TcpStream::connect(address).await.unwrap_err();
            assert!(matches!(error, Error::Address(_)), "{error}");
            assert!(error.to_string().ends_with("port 0 is only for listening: it asks for a free port"), "{error}");
        }
        assert!(matches!(TcpStream::connect(("localhost:443", 0)).await, Err(Error::Address(_))));
        let built = Address::Name { host: "localhost".into(), port: 0 };
        assert!(matches!(TcpStream::connect(built).await, Err(Error::Address(_))));
    });
}

#[test]
fn a_host_called_unix_is_not_taken_for_a_path_or_the_other_way_round() {
    let error = "http://unix".to_address().unwrap_err();
    assert!(error.to_string().contains("write unix. with a dot"), "{error}");
    assert!(("unix", 80).to_address().is_err());
    let dotted = "http://unix.".to_address().unwrap();
    assert_eq!(dotted, name("unix.", 80));
    assert_eq!(dotted.to_string().parse(), Ok(dotted));
    assert_eq!("UNIX:80".to_address(), Ok(name("UNIX", 80)));
    assert_eq!("unix:80".to_address(), Ok(Address::Unix("80".into())));
}
