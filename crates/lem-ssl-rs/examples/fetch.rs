//! placeholder
use lem_ssl_rs::{Context, Error, Identity, Machine, ReadMode, Roots, spawn};

fn main() -> Result<(), Error> {
    Machine::new()?.run(async {
        let identity = Identity::self_signed(["localhost"])?;
        let roots = Roots::Pem(identity.chain_pem().into());
        let server = Context::builder().roots(Roots::None).identity(identity).build()?.listen("127.0.0.1:0").await?;
        let port = server.local_addr().ip().map_or(0, |ip| ip.port());
        spawn(async move {
            server
                .autospawn(|stream| async move {
                    let line = stream.read(ReadMode::Line).await;
                    println!("server got {line:?}");
                    let _ = stream.write("hello\nyou\n").await;
                    let _ = stream.close();
                })
                .await
        })
        .detach();
        let context = Context::builder().roots(roots).build()?;
        let stream = context.connect(("localhost", port)).await?;
        println!("{}", stream.info().map(|i| i.to_string()).unwrap_or_default());
        stream.write("GET / HTTP/1.0\r\n\r\n").await?;
        loop {
            match stream.read(ReadMode::Line).await {
                Ok(line) => print!("{}", String::from_utf8_lossy(&line)),
                Err(Error::Closed) => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    })?
}
