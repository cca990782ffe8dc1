//! curl and a small web server on our streams.

use lem_ssl_rs::{Context, Error, Stream, spawn};

use crate::support::certificates::Certificates;
use crate::support::curl::curl;
use crate::support::{VERSIONS, listen, listen_with, pattern, run};

#[test]
fn curl_fetches_a_hundred_pages_over_one_connection() {
    let certificates = Certificates::new();
    let paths: Vec<String> = (0..100).map(|number| format!("/page/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = curl(port, &certificates.roots_file, &paths, &["--http1.1"]);
            let stream = server.accept().await.unwrap();
            // Its only connection; one more would wait for ever, and so would curl.
            assert_eq!(serve_pages(&stream).await.unwrap(), paths.len());
            // curl does not wait for our goodbye.
            stream.close().unwrap();
            let pages = peer.succeeds().await;
            let expected: String = paths.iter().map(|path| page(path)).collect();
            assert!(pages == expected, "{pages}");
        });
    }
}

#[test]
fn many_curls_at_once_are_all_served() {
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen_with(Context::builder(), &certificates.server).await;
        let peers: Vec<_> = (0..10).map(|_| curl(port, &certificates.roots_file, &["/a", "/b"], &[])).collect();
        let mut handlers = Vec::new();
        for _ in &peers {
            let stream = server.accept().await.unwrap();
            handlers.push(spawn(async move { serve_pages(&stream).await }));
        }
        for (peer, handler) in peers.iter().zip(handlers) {
            assert_eq!(handler.await.unwrap().unwrap(), 2);
            assert_eq!(peer.succeeds().await, page("/a") + &page("/b"));
        }
    });
}

#[test]
fn curl_posts_a_megabyte_and_gets_it_back() {
    let certificates = Certificates::new();
    let content: Vec<u8> = pattern(1 << 20, 9).iter().map(|byte| b'a' + byte % 26).collect();
    let file = certificates.scratch.write("content", &content);
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            // Without "Expect", which would wait for a word of ours.
            let data = format!("@{}", file.display());
            let arguments = ["--http1.1", "--header", "Expect:", "--data-binary", &data];
            let peer = curl(port, &certificates.roots_file, &["/echo"], &arguments);
            let stream = server.accept().await.unwrap();
            let (line, length) = request(&stream).await.unwrap();
            assert_eq!((line.as_str(), length), ("POST /echo HTTP/1.1", content.len()));
            let body = stream.read(length).await.unwrap();
            assert!(body == content, "what arrived is what was posted");
            stream.write(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await.unwrap();
            stream.write(&body).await.unwrap();
            stream.close().unwrap();
            assert!(peer.succeeds().await.into_bytes() == content, "what came back is what was posted");
        });
    }
}

/// Answers requests until the client says goodbye; says how many.
async fn serve_pages(stream: &Stream) -> Result<usize, Error> {
    for served in 0.. {
        let line = match request(stream).await {
            Ok((line, _)) => line,
            Err(Error::Closed) => return Ok(served),
            Err(error) => return Err(error),
        };
        let path = line.split(' ').nth(1).unwrap_or_default();
        let body = page(path);
        stream.write(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await?;
    }
    unreachable!("no client asks for ever")
}

/// Reads a request's head: its first line, and how long its body is.
async fn request(stream: &Stream) -> Result<(String, usize), Error> {
    let first = stream.read_line_trimmed().await?;
    let mut length = 0;
    loop {
        let line = stream.read_line_trimmed().await?;
        if line.is_empty() {
            return Ok((first, length));
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("curl tells the length in digits");
        }
    }
}

fn page(path: &str) -> String {
    format!("this is the page at {path}\n")
}
