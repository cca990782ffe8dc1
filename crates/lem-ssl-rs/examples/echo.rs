//! An echo server: what a client sends comes back, line or no line.

use std::path::PathBuf;
use std::process::ExitCode;

use lem_ssl_rs::{Context, Error, Identity, Machine, ReadMode, Stream};

const HELP: &str = "\
Sends back what it receives, over TLS.

Usage: echo [ADDRESS] [--cert FILE --key FILE]

  ADDRESS        where to listen; 127.0.0.1:4433 without it
  --cert FILE    our certificate chain, PEM; without it, one for \"localhost\" is made up
  --key FILE     our private key, PEM
  -h, --help     print this text

Try it:  openssl s_client -quiet -connect 127.0.0.1:4433";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut address = "127.0.0.1:4433".to_owned();
    let (mut cert, mut key) = (None::<PathBuf>, None::<PathBuf>);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            Long("cert") => cert = Some(parser.value()?.into()),
            Long("key") => key = Some(parser.value()?.into()),
            Value(value) => address = value.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Identity::from_pem_files(cert, key)?,
        (None, None) => Identity::self_signed(["localhost"])?,
        _ => return Err("--cert and --key go together".into()),
    };
    Machine::new()?.run(async {
        let server = Context::builder().identity(identity).build()?.listen(&address).await?;
        println!("listening on {}", server.local_addr());
        server
            .autospawn(|stream| async move {
                if let Err(error) = echo(&stream).await {
                    eprintln!("a client went away: {error}");
                }
            })
            .await
    })??;
    Ok(())
}

async fn echo(stream: &Stream) -> Result<(), Error> {
    let mut buffer = Vec::new();
    loop {
        match stream.read_into(ReadMode::Available, &mut buffer).await {
            Ok(_) => stream.write(&buffer).await?,
            // The client has said all it had to say; so have we.
            Err(Error::Closed) => return stream.shutdown().await,
            Err(error) => return Err(error),
        }
    }
}
