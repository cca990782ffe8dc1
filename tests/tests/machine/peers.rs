//! Whose connection it is, told after it was reset too: the kernel forgets that.

use lem_rs::transport::Transport;
use lem_rs::{Endpoint, Error, Listener, TcpStream};
use lem_ssl_tests::scratch::Scratch;

use crate::support::run;

/// Resets the connection at once.
fn reset(stream: TcpStream) {
    stream.with_transport(|plain| plain.source().reset_when_closed()).unwrap().unwrap();
    stream.abort();
}

/// A client of this listener that resets its connection, and whose it is when it is accepted.
async fn reset_before_accepted(listener: &Listener, to: &str) -> Result<(), Error> {
    let client = TcpStream::connect((to, listener.local_ip().unwrap().port())).await?;
    let address = client.local_addr()?.ip().unwrap();
    reset(client);
    let stream = listener.accept().await?;
    let peer = stream.peer_addr()?.ip().unwrap();
    assert_eq!((peer.ip().to_canonical(), peer.port()), (address.ip(), address.port()));
    // The reset was there: nothing is read but that.
    assert!(stream.read(1).await.is_err());
    assert_eq!(stream.peer_addr()?.ip(), Some(peer));
    Ok(())
}

#[test]
fn a_client_that_resets_before_it_is_accepted_is_known() {
    run(async {
        let (v4, both) = (Listener::bind("127.0.0.1:0").await?, Listener::bind(":0").await?);
        reset_before_accepted(&v4, "127.0.0.1").await?;
        reset_before_accepted(&both, "127.0.0.1").await?;
        // Where the machine has IPv6.
        if let Ok(v6) = Listener::bind("[::1]:0").await {
            reset_before_accepted(&v6, "[::1]").await?;
            reset_before_accepted(&both, "[::1]").await?;
        }
        let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        reset_before_accepted(&Listener::adopt(inherited)?, "127.0.0.1").await?;
        Ok::<_, Error>(())
    })
    .unwrap();
}

#[test]
fn a_server_that_resets_is_known_to_its_client() {
    run(async {
        let listener = Listener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr().clone()).await?;
        reset(listener.accept().await?);
        assert!(client.read(1).await.is_err());
        assert_eq!(&client.peer_addr()?, listener.local_addr());
        // An address that stands for the machine itself: the kernel tells which one it has taken.
        let any = TcpStream::connect(format!("0.0.0.0:{}", listener.local_ip().unwrap().port())).await?;
        assert_eq!(&any.peer_addr()?, listener.local_addr());
        Ok::<_, Error>(())
    })
    .unwrap();
}

#[test]
fn a_local_client_that_has_gone_is_one_without_a_name() {
    let scratch = Scratch::new("peers");
    let address = format!("unix:{}", scratch.path().join("socket").display());
    run(async {
        let listener = Listener::bind(&address).await?;
        drop(TcpStream::connect(address.as_str()).await?);
        let stream = listener.accept().await?;
        assert_eq!(stream.peer_addr()?, Endpoint::Unix(None));
        assert!(stream.read(1).await.is_err());
        assert_eq!(stream.peer_addr()?, Endpoint::Unix(None));
        Ok::<_, Error>(())
    })
    .unwrap();
}
