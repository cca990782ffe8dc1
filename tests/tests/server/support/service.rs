//! A service that answers each line with the same line, and its well-behaved clients.

use std::rc::Rc;

use lem_ssl_rs::{Context, ReadMode, Server, ServerOptions, Stream, TcpStream, ToAddress, spawn};

use super::certificates::{client_context, server_context};

/// A server that is `localhost`, at a free port.
pub(crate) async fn listen(options: ServerOptions) -> Rc<Server> {
    Rc::new(server_context().listen_with("127.0.0.1:0", options).await.unwrap())
}

/// The service with the context of `localhost`.
pub(crate) async fn serve() -> Rc<Server> {
    serve_with(&server_context(), ServerOptions::default()).await
}

/// The service with a context and options of its own.
pub(crate) async fn serve_with(context: &Context, options: ServerOptions) -> Rc<Server> {
    let server = Rc::new(context.listen_with("127.0.0.1:0", options).await.unwrap());
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(echo).await }).detach();
    server
}

/// Answers every line with the same line, until the client's end; then it says goodbye as well.
pub(crate) async fn echo(stream: Stream) {
    while let Ok(line) = stream.read(ReadMode::Line).await {
        if stream.write(&line).await.is_err() {
            return;
        }
    }
}

/// A verified connection.
pub(crate) async fn connect(server: &Server) -> Stream {
    client_context().connect_as(server.local_addr(), "localhost").await.unwrap()
}

/// A normal request is answered.
pub(crate) async fn is_answered(server: &Server) {
    let client = connect(server).await;
    is_echoed(&client, "a normal request\n").await;
    client.shutdown().await.unwrap();
}

pub(crate) async fn is_echoed(client: &Stream, line: &str) {
    client.write(line).await.unwrap();
    assert_eq!(client.read(ReadMode::Line).await.unwrap(), line.as_bytes());
}

/// A connection that is not encrypted.
pub(crate) async fn raw(server: &Server) -> TcpStream {
    let target = server.local_addr().to_address().unwrap();
    TcpStream::connect(target).await.unwrap()
}
