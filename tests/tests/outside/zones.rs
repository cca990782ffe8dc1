//! IPv6 addresses with a zone.

use lem_rs::{Address, Listener, TcpStream, ToAddress};

use crate::support::run;

fn scope(text: &str) -> Result<u32, String> {
    match text.to_address() {
        Ok(Address::Ip(std::net::SocketAddr::V6(address))) => Ok(address.scope_id()),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_zone_is_a_number_or_on_linux_a_name() {
    assert_eq!(scope("[fe80::1%3]:443"), Ok(3));
    assert_eq!(scope("https://[fe80::1%253]/path"), Ok(3), "in a URL the percent sign is written %25");
    assert_eq!(scope("[fe80::1]:443"), Ok(0));
    assert_eq!(("[fe80::1%7]", 443).to_address().unwrap().to_string(), "[fe80::1%7]:443");
    #[cfg(target_os = "linux")]
    {
        assert_eq!(scope("[fe80::1%lo]:443"), Ok(1));
        assert_eq!(scope("https://[fe80::1%25lo]/"), Ok(1));
    }
}

#[test]
fn what_is_wrong_with_a_zone_is_said() {
    for (text, why) in [
        ("[fe80::1%nosuch0]:443", "there is no interface \"nosuch0\" for the zone"),
        ("[fe80::1%../lo]:443", "there is no interface \"../lo\""),
        ("[fe80::1%]:443", "the zone after the percent sign is missing"),
        ("[fe80::1%99999999999]:443", "the zone 99999999999 is no index of an interface"),
        ("https://[fe80::1%lo]/", "in a URL the percent sign before a zone is written %25"),
        ("[fe80::1%3]", "write [fe80::1%3]:443"),
        ("192.0.2.1%3:443", "contains '%'"),
    ] {
        let error = scope(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_address_with_a_zone_connects() {
    run(async {
        let listener = Listener::bind("[::1]:0").await?;
        let port = listener.local_ip().unwrap().port();
        let stream = TcpStream::connect(format!("[::1%lo]:{port}")).await?;
        assert_eq!(stream.peer_addr()?.ip().unwrap().port(), port);
        stream.abort();
        // A link-local address of this machine, if it has one, can be reached in no other way.
        let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        for line in table.lines().filter(|line| line.starts_with("fe80")) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let groups: Vec<&str> = (0..8).map(|group| &fields[0][group * 4..group * 4 + 4]).collect();
            let address = format!("{}%{}", groups.join(":"), fields[5]);
            let listener = Listener::bind(format!("[{address}]:0")).await?;
            let port = listener.local_ip().unwrap().port();
            TcpStream::connect(format!("[{address}]:{port}")).await?.abort();
        }
        Ok(())
    });
}
