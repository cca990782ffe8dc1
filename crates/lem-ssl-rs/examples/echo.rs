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
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("echo: {error}; see echo --help");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line says.
#[derive(Default)]
struct Arguments {
    address: Option<String>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Arguments {
    /// `None` asks for help.
    fn parse() -> Result<Option<Self>, lexopt::Error> {
        use lexopt::prelude::{Long, Short, Value, ValueExt};
        let mut parsed = Self::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("cert") => parsed.cert = Some(parser.value()?.into()),
                Long("key") => parsed.key = Some(parser.value()?.into()),
                Value(value) if parsed.address.is_none() => parsed.address = Some(value.string()?),
                other => return Err(other.unexpected()),
            }
        }
        if parsed.cert.is_some() != parsed.key.is_some() {
            return Err("--cert and --key go together".into());
        }
        Ok(Some(parsed))
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let address = arguments.address.unwrap_or_else(|| "127.0.0.1:4433".to_owned());
    let identity = match (arguments.cert, arguments.key) {
        (Some(cert), Some(key)) => Identity::from_pem_files(cert, key)?,
        _ => Identity::self_signed(["localhost"])?,
    };
    Machine::new()?.run(async {
        let server = Context::builder().identity(identity).build()?.listen(&address).await?;
        println!("listening on {}", server.local_addr());
        server.on_event(|event| eprintln!("{event}"));
        server
            .autospawn(|stream| async move {
                if let Err(error) = echo(&stream).await {
                    eprintln!("a client went away: {error}");
                }
            })
            .await
    })?
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
