//! The original's own test program: make a context, connect, write a request, read lines until the peer closes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use lem_ssl_rs::{Address, Context, Error, Identity, Machine, ReadMode, Roots, Server, Stream, danger, spawn};

const HELP: &str = "\
Connects to a TLS server, asks for a page, and prints its answer line by line.

Usage: fetch [ADDRESS] [OPTIONS]

  ADDRESS    host:port, host:https or https://host/path. Without it, a server inside of this
             program is asked, which needs no network.

Options:
  --ca FILE                      trust the certificates in this PEM file, and no others
  --insecure-because REASON      accept any certificate; say why that is all right
  -h, --help                     print this text

Examples:
  fetch
  fetch https://www.rust-lang.org/
  fetch 127.0.0.1:4433 --ca ca.pem

Exit code: 0 if the answer came to its end, 1 if not, 2 if the arguments are wrong.";

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            tell(&format!("fetch: {error}; see fetch --help"));
            return ExitCode::from(2);
        }
    };
    match fetch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("fetch: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What the command line says.
#[derive(Default)]
struct Arguments {
    address: Option<String>,
    ca: Option<PathBuf>,
    insecure_because: Option<String>,
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
                Long("ca") => parsed.ca = Some(parser.value()?.into()),
                Long("insecure-because") => parsed.insecure_because = Some(parser.value()?.string()?),
                Value(address) if parsed.address.is_none() => parsed.address = Some(OsString::string(address)?),
                other => return Err(other.unexpected()),
            }
        }
        if parsed.ca.is_some() && parsed.insecure_because.is_some() {
            return Err("--ca and --insecure-because contradict each other".into());
        }
        Ok(Some(parsed))
    }
}

fn fetch(arguments: &Arguments) -> Result<(), Error> {
    let mut builder = Context::builder();
    if let Some(file) = &arguments.ca {
        builder = builder.roots(Roots::PemFile(file.clone()));
    }
    if let Some(reason) = &arguments.insecure_because {
        builder = danger::accept_any_certificate(builder, reason)?;
    }
    Machine::new()?.run(async {
        match &arguments.address {
            Some(address) => {
                let context = builder.build()?;
                converse(&context.connect(address).await?, address).await
            }
            None => {
                let identity = Identity::self_signed(["localhost"])?;
                let roots = Roots::Pem(identity.chain_pem().into());
                let server = Context::builder().identity(identity).build()?.listen("localhost:0").await?;
                let address = server.local_addr().clone();
                spawn(serve(server)).detach();
                let context = builder.roots(roots).build()?;
                // The address has no name, so the one that the certificate must have is given beside it.
                converse(&context.connect_as(address, "localhost").await?, "https://localhost/").await
            }
        }
    })?
}

/// Writes a request, and reads lines until the peer closes.
async fn converse(stream: &Stream, address: &str) -> Result<(), Error> {
    if let Some(info) = stream.info() {
        tell(&format!("connected: {info}"));
    }
    stream.write(&request_for(address)).await?;
    let mut line = Vec::new();
    loop {
        match stream.read_into(ReadMode::Line, &mut line).await {
            Ok(_) => {}
            Err(Error::Closed) => return Ok(()),
            // A last line without an end is a line all the same.
            Err(Error::Incomplete { .. }) => {
                stream.read_into(ReadMode::Available, &mut line).await?;
            }
            Err(error) => return Err(error),
        }
        if print(&line)? == Reader::Gone {
            return Ok(());
        }
    }
}

fn request_for(address: &str) -> String {
    let host = match address.parse::<Address>() {
        Ok(Address::Name { host, .. }) => host,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    };
    let behind_scheme = address.split_once("://").map_or("", |(_, rest)| rest);
    let path = behind_scheme.find('/').map_or("/", |at| &behind_scheme[at..]);
    format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")
}

/// Tells something beside the answer. If nobody listens on standard error any more, that is no reason to stop.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether somebody reads our output.
#[derive(PartialEq, Eq)]
enum Reader {
    There,
    /// It has seen enough, as `head` does.
    Gone,
}

fn print(bytes: &[u8]) -> Result<Reader, Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::io("print the answer", error)),
    }
}

/// The server inside: tells every client what was agreed with it.
async fn serve(server: Server) -> Result<(), Error> {
    server
        .autospawn(|stream| async move {
            // A client that breaks off has its reasons; the next one is served all the same.
            let _ = answer(&stream).await;
        })
        .await
}

async fn answer(stream: &Stream) -> Result<(), Error> {
    while !stream.read_line_trimmed().await?.is_empty() {}
    let info = stream.info().map(|info| info.to_string()).unwrap_or_default();
    let body = format!("Hello from the server inside.\nYou speak {info}.\n");
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write(&(head + &body)).await?;
    stream.shutdown().await
}
