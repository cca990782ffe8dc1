//! tokio-postgres over the traits of tokio, against a real server that wants TLS: its `SSLRequest` goes over a plain
//! stream, which is then made an encrypted one.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{self, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::future::{join_all, try_join_all};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use lem_ssl_ecosystem::run;
use lem_ssl_rs::lem_rs::{Polled, TcpStream};
use lem_ssl_rs::{Context, Error, JoinHandle, Plain, Queue, Tls, spawn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{AsyncMessage, Client, Config, Notification};

use crate::postgres_server::{PASSWORD, Postgres, USER};

/// Makes tokio-postgres' plain connections encrypted ones.
struct Connector(Context);

/// An encrypted connection to a database.
struct Encrypted(Polled<Tls>);

impl TlsConnect<Polled<Plain>> for Connector {
    type Stream = Encrypted;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, Error>>>>;

    fn connect(self, plain: Polled<Plain>) -> Self::Future {
        Box::pin(async move {
            let stream = self.0.upgrade(plain.into_stream(), "localhost").await?;
            Ok(Encrypted(stream.into_polled()))
        })
    }
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.0), cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.0), cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(Pin::new(&mut self.0), cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}

/// A client, what the server tells it unasked, and the task that moves the connection.
struct Database {
    client: Client,
    notifications: Rc<Queue<Notification>>,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Database {
    async fn connect(server: &Postgres) -> Self {
        Self::try_connect(server, PASSWORD).await.expect("the server lets us in")
    }

    async fn try_connect(server: &Postgres, password: &str) -> Result<Self, tokio_postgres::Error> {
        let mut config = Config::new();
        config.user(USER).dbname("postgres").password(password).ssl_mode(SslMode::Require);
        let plain = TcpStream::connect(("127.0.0.1", server.port)).await.expect("the server listens");
        let connector = Connector(server.context());
        let (client, mut connection) = config.connect_raw(plain.into_polled(), connector).await?;
        let notifications = Rc::new(Queue::new());
        let told = notifications.clone();
        let connection = spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(notification) = message? {
                    told.put(notification);
                }
            }
            Ok(())
        });
        Ok(Self { client, notifications, connection })
    }

    async fn end(self) {
        drop(self.client);
        self.connection.await.unwrap().expect("the end is clean");
    }
}

/// Runs a test of a server, which is stopped after it.
fn with_server(test: impl AsyncFnOnce(&Postgres)) {
    let server = Postgres::start();
    run(test(&server));
}

#[test]
fn queries_go_over_tls_and_errors_leave_the_connection_usable() {
    with_server(async |server| {
        let database = Database::connect(server).await;
        let client = &database.client;
        let row = client.query_one("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await;
        let row = row.unwrap();
        assert!(row.get::<_, bool>(0));
        assert_eq!(row.get::<_, &str>(1), "TLSv1.3");
        let rows = client.query("SELECT n, n::text FROM generate_series(1, $1) AS n", &[&1000]).await.unwrap();
        assert!(rows.iter().map(|row| row.get::<_, i32>(0)).eq(1..=1000));
        assert_eq!(rows[41].get::<_, &str>(1), "42");
        let error = client.query("SELECT 1 / 0", &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
        let large = "x".repeat(3_000_000);
        let row = client.query_one("SELECT $1::text || '!'", &[&large]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0).len(), 3_000_001);
        database.end().await;
    });
}

#[test]
fn a_wrong_password_is_the_servers_refusal() {
    with_server(async |server| {
        let error = Database::try_connect(server, "battery staple").await.err().expect("it is refused");
        assert_eq!(error.code(), Some(&SqlState::INVALID_PASSWORD));
    });
}

#[test]
fn a_copy_goes_in_and_out() {
    with_server(async |server| {
        let database = Database::connect(server).await;
        let client = &database.client;
        client.batch_execute("CREATE TABLE items (number int, text text)").await.unwrap();
        let mut sink = pin!(client.copy_in::<_, Bytes>("COPY items FROM STDIN").await.unwrap());
        for number in 0..20_000 {
            sink.send(format!("{number}\titem {number}\n").into()).await.unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), 20_000);
        let out = client.copy_out("COPY (SELECT * FROM items ORDER BY number) TO STDOUT").await.unwrap();
        let out = out.try_fold(BytesMut::new(), async |mut all, piece| {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        let expected: String = (0..20_000).map(|number| format!("{number}\titem {number}\n")).collect();
        assert!(out.await.unwrap() == expected);
        database.end().await;
    });
}

#[test]
fn notifications_come_while_nobody_asks() {
    with_server(async |server| {
        let (hears, says) = futures_util::join!(Database::connect(server), Database::connect(server));
        hears.client.batch_execute("LISTEN news").await.unwrap();
        for number in 0..10 {
            says.client.batch_execute(&format!("NOTIFY news, '{number}'")).await.unwrap();
            let notification = hears.notifications.get().await.unwrap();
            assert_eq!((notification.channel(), notification.payload()), ("news", &number.to_string()[..]));
        }
        says.end().await;
        hears.end().await;
    });
}

#[test]
fn many_queries_at_once_share_a_connection_and_many_connections_a_machine() {
    with_server(async |server| {
        let databases = join_all((0..10).map(|_| Database::connect(server))).await;
        let queries = databases.iter().flat_map(|database| {
            (0..50).map(move |number| async move {
                let row = database.client.query_one("SELECT pg_sleep(0.001), $1::int * 2", &[&number]).await?;
                assert_eq!(row.get::<_, i32>(1), number * 2);
                Ok::<_, tokio_postgres::Error>(())
            })
        });
        try_join_all(queries).await.unwrap();
        for database in databases {
            database.end().await;
        }
    });
}

#[test]
fn a_result_is_streamed_and_the_rest_of_it_can_be_left() {
    with_server(async |server| {
        let database = Database::connect(server).await;
        let parameters: [i32; 0] = [];
        let rows = database.client.query_raw("SELECT repeat('x', 1000) FROM generate_series(1, 20000)", parameters);
        let mut rows = Box::pin(rows.await.unwrap());
        for _ in 0..10 {
            assert_eq!(rows.next().await.unwrap().unwrap().get::<_, &str>(0).len(), 1000);
        }
        drop(rows);
        let row = database.client.query_one("SELECT 'next'", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "next");
        database.end().await;
    });
}
