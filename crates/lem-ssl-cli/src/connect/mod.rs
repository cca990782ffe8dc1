//! `lem-ssl connect`: standard input to a peer, the peer to standard output.

use clap::Args;
use lem_ssl_rs::{Context, Machine, Stream};

use crate::dial::Goal;
use crate::exit::Failure;
use crate::options::ClientArgs;
use crate::race::{First, race};
use crate::say;
use crate::session;
use crate::signals::{self, Signal, Signals};
use crate::starttls::Protocol;

mod relay;

/// Connect to a TLS server: standard input goes to it, what it sends to standard output
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ConnectArgs {
    /// Where to: example.org:443, example.org:imaps, https://example.org, [2001:db8::1]:443, unix:/run/x
    address: String,
    /// The port, or the name of a service, if the address has none
    port: Option<String>,
    /// Begin in plain text, as this protocol does, and go over to TLS
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,
    /// Send the end of a line as CR LF, as most protocols of lines want it
    #[arg(long)]
    crlf: bool,
    /// At the end of standard input, keep the sending side open until the peer ends the session
    #[arg(long)]
    keep_open: bool,
    /// Say nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    client: ClientArgs,
}

const HELP: &str = "\
The peer's certificate is verified before a byte is sent. At the end of standard input our side of
the session is closed, and the peer's is read to its end.

Examples:
  lem-ssl connect example.org
  printf 'GET / HTTP/1.0\\r\\nHost: example.org\\r\\n\\r\\n' | lem-ssl connect --quiet example.org:443
  lem-ssl connect mail.example.org 587 --starttls smtp --crlf
  lem-ssl connect 10.0.0.7:8443 --server-name db.internal --ca ca.pem --cert me.pem --key me.key";

pub(crate) fn run(arguments: ConnectArgs) -> Result<(), Failure> {
    let context = arguments.client.context()?;
    Machine::new()?.run(converse(arguments, context))?
}

async fn converse(arguments: ConnectArgs, context: Context) -> Result<(), Failure> {
    let signals = Signals::of(&[Signal::Interrupt, Signal::Terminate])?;
    let stream = match race(open(&arguments, &context), signals.next()).await {
        First::One(stream) => stream?,
        First::Other(signal) => return Err(Failure::silent(signals::exit_of(signal?))),
    };
    let style = relay::Style { crlf: arguments.crlf, keep_open: arguments.keep_open, quiet: arguments.quiet };
    relay::relay(stream, signals, style).await
}

/// Connects, and tells about the session.
async fn open(arguments: &ConnectArgs, context: &Context) -> Result<Stream, Failure> {
    let goal = Goal::new(&arguments.address, arguments.port.as_deref(), &arguments.client, arguments.starttls)?;
    let stream = goal.connect(context, &arguments.client).await?;
    if !arguments.quiet
        && let Some(info) = stream.info()
    {
        let verified_for = (!arguments.client.danger_accept_any_certificate).then_some(goal.name.as_str());
        for line in session::describe(&info, &goal.address.to_string(), verified_for) {
            say::line(line);
        }
    }
    Ok(stream)
}
