//! `lem-ssl get`: a download over HTTPS that can be interrupted and goes on.

use std::cell::{Cell, OnceCell};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lem_ssl_rs::{Machine, now, sleep};

use crate::exit::{Exit, Failure};
use crate::http::{Proxies, Url};
use crate::jitter::chance;
use crate::options::{ClientArgs, seconds, wrong};
use crate::race::{First, race};
use crate::say;
use crate::signals::{self, Signal, Signals};
use crate::text::printable;

mod checksum;
mod fetch;
mod headers;
mod joiner;
mod name;
mod notes;
mod part;
mod place;
mod progress;
mod retry;
mod sink;

use checksum::Checksum;
use fetch::{Contexts, Fetch, Fetched, Naming};
use headers::Header;
use part::Existing;
use retry::Patience;
use sink::Sink;

/// Download a file over HTTPS; an interrupted download goes on where it was
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct GetArgs {
    /// What to download: https://example.org/file.tar.gz
    url: String,
    /// Where to put it: a file, or - for standard output; without it, a new file in this folder, named as in the URL
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name the new file as the server does (Content-Disposition), if that is a plain name that hides nothing
    #[arg(long, short = 'J', conflicts_with = "output")]
    remote_header_name: bool,
    /// Replace a file that has the name already
    #[arg(long, conflicts_with = "output")]
    overwrite: bool,
    /// What the file has to be: sha256:HEX
    #[arg(long, value_name = "CHECKSUM", conflicts_with = "checksum_file")]
    checksum: Option<Checksum>,
    /// Take the checksum from this list, as sha256sum writes it: from its line for the file, or from its only one
    #[arg(long, value_name = "FILE")]
    checksum_file: Option<PathBuf>,
    /// Try again so often after a failure that may pass: no connection, one that is cut or silent, 429, 503 and the like
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    retries: u32,
    /// Wait so many seconds before the first of --retries, and twice as long before each further one, up to a minute; by
    /// chance it is between half and all of that, so that many that failed at once do not come back at once
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    retry_delay: Duration,
    /// Connect by way of this proxy (CONNECT): http://USER:PASSWORD@HOST:PORT; none: by none, whatever the environment says
    #[arg(long, value_name = "PROXY")]
    proxy: Option<String>,
    /// Send this header too, to the server of the URL but to none that it redirects to; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<Header>,
    /// Follow so many redirects
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    max_redirects: u32,
    /// Refuse more than so many bytes: 5000000, 500K, 20M, 4G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Give up when nothing has come for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    idle_timeout: Duration,
    /// Give up after so many seconds in all, with everything that is tried again
    #[arg(long, visible_alias = "deadline", value_name = "SECONDS", value_parser = seconds)]
    max_time: Option<Duration>,
    /// No progress, and nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    client: ClientArgs,
}

const HELP: &str = "\
What has arrived is kept in FILE.part, and FILE appears, or is replaced, when everything is there.
The same command goes on with what is there if the server says that its file is still the same one
(ETag, Last-Modified; kept in FILE.part.json), and begins anew if not, or if FILE.part has another
length or time than it was left with. If it was being written to when the system went down, it goes
on from what is known to have reached the disk. A FILE.part that no download has made is in the way
(2). A file that is replaced keeps its mode, and as root its owner and group.

A body that is cut off is an error, and so is an answer that brings no file (202, 204) or only a
part of it. Only https is fetched, and no redirect leads out of it. Headers (-H) and certificates
(--cert) are for the server of the URL, and for none that it redirects to. Progress is shown on a
terminal only.

A file whose checksum is another one is removed, and nothing gets its name (13); what goes to standard
output is out by then. With --retries a download goes on with what has come. The environment names a
proxy, too: HTTPS_PROXY, but not for the hosts, domains and networks in NO_PROXY. A password in the
environment is seen by fewer than one on the command line.

Examples:
  lem-ssl get https://example.org/image.iso
  lem-ssl get https://example.org/data.json -o - | jq .
  lem-ssl get https://example.org/image.iso --checksum-file SHA256SUMS --retries 5 --deadline 3600
  lem-ssl get -J 'https://example.org/download?id=7' --proxy http://10.0.0.1:3128
  lem-ssl get https://10.0.0.7:8443/x --server-name intranet.example --ca ca.pem -o x --max-size 20M";

pub(crate) fn run(arguments: GetArgs) -> Result<(), Failure> {
    let url = Url::parse(&arguments.url).map_err(wrong)?;
    if !arguments.client.protocol.alpn.is_empty() {
        return Err(wrong("--alpn: a download speaks http/1.1, and says so"));
    }
    let mut client = arguments.client.clone();
    client.protocol.alpn = vec!["http/1.1".to_owned()];
    let contexts = Contexts { home: client.context()?, elsewhere: client.anonymous_context()? };
    let proxies = match &arguments.proxy {
        Some(proxy) => Proxies::of_option(proxy).map_err(|why| wrong(format!("{why} (--proxy)")))?,
        None => Proxies::of_environment(|name| std::env::var(name).ok()).map_err(wrong)?,
    };
    let checksum = checksum(&arguments, &url)?;
    Machine::new()?.run(download(arguments, url, contexts, proxies, checksum))?
}

/// What the file has to be, if that was said.
fn checksum(arguments: &GetArgs, url: &Url) -> Result<Option<Checksum>, Failure> {
    if arguments.checksum.is_none() && arguments.checksum_file.is_none() {
        return Ok(None);
    }
    // graviola panics where it cannot run.
    if !graviola::util::is_cpu_supported() {
        let why =
            "this CPU lacks instructions that --checksum needs (AES, AVX2, BMI2 and ADX on x86_64): use sha256sum";
        return Err(wrong(why));
    }
    let output = arguments.output.as_ref().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let names: Vec<_> = url.file_name().into_iter().chain(output).collect();
    let listed = arguments.checksum_file.as_ref().map(|file| Checksum::read(file, &names));
    Ok(arguments.checksum.or(listed.transpose()?))
}

async fn download(
    arguments: GetArgs,
    url: Url,
    contexts: Contexts,
    proxies: Proxies,
    checksum: Option<Checksum>,
) -> Result<(), Failure> {
    let signals = Signals::of(&[Signal::Interrupt, Signal::Terminate])?;
    let begun = now();
    // For what comes behind a signal, or behind the end of --max-time.
    let opened = OnceCell::new();
    let fetched = async {
        let (sink, name) = sink(&arguments, &url).await?;
        let sink = opened.get_or_init(|| sink);
        let fetch = Fetch {
            contexts: &contexts,
            proxies: &proxies,
            connect_timeout: arguments.client.timeout,
            server_name: arguments.client.server_name.as_deref(),
            headers: &arguments.header,
            max_redirects: arguments.max_redirects,
            max_size: arguments.max_size,
            idle_timeout: arguments.idle_timeout,
            // On a terminal that shows what is downloaded there is no room for it.
            shows_progress: !arguments.quiet && std::io::stderr().is_terminal() && !sink.is_terminal(),
            name: &name,
            naming: match arguments.remote_header_name {
                true => Naming::Server { url_has_name: url.file_name().is_some() },
                false => Naming::Known,
            },
            checksum,
            has_written: Cell::new(false),
        };
        let mut fetched = persist(&arguments, &fetch, &url, sink).await?;
        fetched.name.get_or_insert(name);
        Ok(fetched)
    };
    let limited = async {
        match arguments.max_time {
            None => fetched.await,
            Some(limit) => lem_ssl_rs::timeout(limit, fetched).await.unwrap_or_else(|_| {
                Err(Failure::new(Exit::Lost, format!("{url} is not complete after {} s", limit.as_secs_f64())))
            }),
        }
    };
    let failure = match race(limited, signals.next()).await {
        First::One(Ok(fetched)) => {
            if fetched.whole && !arguments.quiet {
                let seconds = now().saturating_duration_since(begun).as_secs_f64();
                say::line(said(fetched.name.as_deref().unwrap_or_default(), &fetched, seconds));
            }
            return Ok(());
        }
        First::One(Err(failure)) => failure,
        First::Other(signal) => {
            let signal = signal?;
            Failure::new(
                signals::exit_of(signal),
                if signal == Signal::Interrupt { "interrupted" } else { "terminated" },
            )
        }
    };
    Err(match opened.get().and_then(|sink| sink.give_up(&url.to_string())) {
        Some((part, length)) => {
            let kept =
                format!("{} of it are in {}, and the same command goes on from there", bytes(length), part.display());
            Failure::new(failure.exit, format!("{failure}; {kept}"))
        }
        None => failure,
    })
}

/// Fetches, as often as it takes and was allowed.
async fn persist(arguments: &GetArgs, fetch: &Fetch<'_>, url: &Url, sink: &Sink) -> Result<Fetched, Failure> {
    let mut patience = Patience::new(arguments.retries, arguments.retry_delay);
    loop {
        let failure = match fetch.fetch(url, sink).await {
            Err(failure) if !fetch.has_written.get() => failure,
            ended => return ended,
        };
        let Some(pause) = patience.next(&failure, chance()) else { return Err(failure) };
        if !arguments.quiet {
            let (count, seconds) = (patience.count(), pause.as_secs_f64());
            say::line(format_args!("{failure}; trying again in {seconds:.1} s ({count})"));
        }
        sleep(pause).await;
    }
}

/// Where it goes to, and what that is called.
async fn sink(arguments: &GetArgs, url: &Url) -> Result<(Sink, String), Failure> {
    let called = |path: &PathBuf| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let path = match &arguments.output {
        Some(path) if path.as_os_str() == "-" => return Ok((Sink::stdout()?, "standard output".to_owned())),
        Some(path) => return Ok((Sink::named(path.clone()).await?, called(path))),
        None => {
            // Until the server has named it.
            let unnamed = arguments.remote_header_name.then(|| "download".to_owned());
            let Some(name) = url.file_name().or(unnamed) else {
                return Err(wrong(format!("{url} has no name for a file: give -o FILE, or -o - for standard output")));
            };
            let path = PathBuf::from(name);
            if path.as_os_str().len() > name::MAX_NAME {
                return Err(wrong(format!("{url} has a name that is too long for a file: give -o FILE")));
            }
            if !arguments.overwrite && !arguments.remote_header_name && path.symlink_metadata().is_ok() {
                return Err(part::exists(&path));
            }
            path
        }
    };
    let name = called(&path);
    let existing = if arguments.overwrite { Existing::Replaced } else { Existing::Kept };
    Ok((Sink::unnamed(path, existing, !arguments.remote_header_name).await?, name))
}

fn said(name: &str, fetched: &Fetched, seconds: f64) -> String {
    let name = printable(name);
    let Fetched { bytes: length, resumed_at, .. } = *fetched;
    let packed = match &fetched.encoding {
        Some(encoding) => format!(" as the server has packed them ({})", printable(encoding)),
        None => String::new(),
    };
    let fetched = length - resumed_at;
    #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
    let rate = if seconds > 0.0 { fetched as f64 / seconds / (1024.0 * 1024.0) } else { 0.0 };
    let resumed =
        if resumed_at > 0 { format!(", {} of them had been there", bytes(resumed_at)) } else { String::new() };
    format!("{name}: {}{packed}{resumed}; {seconds:.1} s, {rate:.1} MiB/s", bytes(length))
}

fn bytes(count: u64) -> String {
    crate::text::count(count, "byte")
}

/// Reads a number of bytes, perhaps with a unit.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err("write a number of bytes: 5000000, 500K, 20M, 4G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "write a number of bytes: 5000000, 500K, 20M, 4G".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "that is more than there is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_units() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("2K"), Ok(2048));
        assert_eq!(size("3MiB"), Ok(3 << 20));
        assert_eq!(size("4g"), Ok(4 << 30));
        for wrong in ["", "K", "-1", "1.5M", "1X", "99999999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
