//! From a URL to what is there: redirects, going on, limits.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use lem_ssl_rs::Context;

use super::checksum::{Checksum, Running};

use super::headers::{Header, request};
use super::name;
use super::notes::{Origin, Resume};
use super::progress::Progress;
use super::sink::{Sink, Taken};
use crate::exit::{Exit, Failure};
use crate::http::{Broken, Exchange, Framing, Piece, Proxies, Response, Url};

/// How to fetch.
pub(super) struct Fetch<'a> {
    pub(super) contexts: &'a Contexts,
    pub(super) proxies: &'a Proxies,
    /// The way to a proxy, and through it, may take so long.
    pub(super) connect_timeout: Duration,
    /// The name that the certificate of the URL's server must be valid for, if it is not the URL's.
    pub(super) server_name: Option<&'a str>,
    /// For the URL's server only.
    pub(super) headers: &'a [Header],
    pub(super) max_redirects: u32,
    pub(super) max_size: Option<u64>,
    pub(super) idle_timeout: Duration,
    pub(super) shows_progress: bool,
    /// What the progress is of.
    pub(super) name: &'a str,
    /// Who names the file.
    pub(super) naming: Naming,
    pub(super) checksum: Option<Checksum>,
    /// Something was written that cannot be taken back.
    pub(super) has_written: Cell<bool>,
}

/// How servers are spoken to.
#[derive(Debug)]
pub(super) struct Contexts {
    /// The URL's server, which may see who we are (`--cert`).
    pub(super) home: Context,
    /// Those that it redirects to, which may not.
    pub(super) elsewhere: Context,
}

/// What is for the URL's server only.
#[derive(Clone, Copy)]
struct Manner<'a> {
    context: &'a Context,
    server_name: Option<&'a str>,
    headers: &'a [Header],
}

/// Who names the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// The user, or the URL.
    Known,
    /// The server, if it gives a name that can be used; otherwise the URL.
    Server { url_has_name: bool },
}

/// What there is now.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: u64,
    /// So many of them had been there.
    pub(super) resumed_at: u64,
    /// How the server has packed it, though it was not asked to.
    pub(super) encoding: Option<String>,
    /// Its reader did not want the rest.
    pub(super) whole: bool,
    /// What the server has called it, if that counts.
    pub(super) name: Option<String>,
}

/// What to do with an answer.
enum Verdict {
    /// The whole comes; what is there is of no use.
    Anew,
    /// The rest comes, of something with so many bytes.
    GoesOn(Box<Resume>, u64),
    /// What is there cannot be gone on with: ask again for the whole.
    AskAgain,
}

impl Fetch<'_> {
    pub(super) async fn fetch(&self, url: &Url, sink: &Sink) -> Result<Fetched, Failure> {
        let mut resume = sink.resume(&url.to_string()).await?;
        loop {
            let (exchange, at) = self.follow(url, resume.as_ref()).await?;
            match judge(&exchange.response, resume, &at).map_err(|failure| failure.within(url))? {
                Verdict::AskAgain => {
                    drop(exchange);
                    resume = None;
                }
                Verdict::Anew => {
                    let total = match exchange.response.framing {
                        Framing::Length(length) => Some(length),
                        Framing::Chunked | Framing::UntilEnd => None,
                    };
                    self.check_size(total, url)?;
                    let named = name::of_server(&exchange.response);
                    let name = self.call(named, url, sink).await?;
                    sink.restart(Origin::new(url, &at, &exchange.response, total)).await?;
                    let fetched = self.receive(exchange, url, 0, total, sink).await?;
                    return Ok(Fetched { name, ..fetched });
                }
                Verdict::GoesOn(resume, total) => {
                    let offset = resume.offset;
                    self.check_size(Some(total), url)?;
                    // A part need not say what the whole is called.
                    let before = resume.origin.name.as_deref().and_then(name::usable);
                    let named = name::of_server(&exchange.response).or(before);
                    let name = self.call(named, url, sink).await?;
                    sink.keep(*resume, total).await?;
                    let fetched = self.receive(exchange, url, offset, Some(total), sink).await?;
                    return Ok(Fetched { name, ..fetched });
                }
            }
        }
    }

    /// Asks, and follows redirects, until there is an answer that is none; says where that is.
    async fn follow(&self, url: &Url, resume: Option<&Resume>) -> Result<(Exchange, Url), Failure> {
        let mut at = url.clone();
        let mut left = self.max_redirects;
        loop {
            let manner = self.manner(at.same_origin(url));
            let begun = self.ask(&at, manner, &request(&at, manner.headers, resume)).await;
            let exchange = begun.map_err(|failure| failure.within(&at))?;
            let response = &exchange.response;
            // A server may take offence at our asking for a part.
            let about_the_range = matches!(response.status, 400 | 412 | 416 | 501) && resume.is_some();
            if response.is_success() || about_the_range {
                return Ok((exchange, at));
            }
            let (status, outlook) = (response.status_line(), response.outlook(SystemTime::now()));
            let location = response.location().map(<[u8]>::to_vec);
            let has_several = location.is_none() && response.has("location");
            let redirects = response.is_redirect();
            drop(exchange);
            let http = |why: String| Failure::new(Exit::Http, why).within(&at);
            match location {
                Some(_) if redirects && left == 0 => {
                    let why = format!("more than {} redirects", self.max_redirects);
                    return Err(Failure::new(Exit::Http, why).within(url));
                }
                Some(location) if redirects => {
                    left -= 1;
                    at = at.join(&location).map_err(|why| http(format!("{status}: {why}")))?;
                }
                None if redirects && has_several => {
                    return Err(http(format!("{status}: it leads to several places (Location), and which is meant?")));
                }
                None if redirects => {
                    return Err(http(format!("{status}: it does not say where to (Location), so it leads nowhere")));
                }
                _ => return Err(http(status).with_outlook(outlook)),
            }
        }
    }

    /// How to speak with the URL's server, or with another one.
    fn manner(&self, is_home: bool) -> Manner<'_> {
        let Contexts { home, elsewhere } = self.contexts;
        match is_home {
            true => Manner { context: home, server_name: self.server_name, headers: self.headers },
            false => Manner { context: elsewhere, server_name: None, headers: &[] },
        }
    }

    /// Sends a request about `url`, by way of its proxy if it has one, and waits for the head of the answer.
    async fn ask(&self, url: &Url, manner: Manner<'_>, request: &str) -> Result<Exchange, Failure> {
        let Manner { context, server_name, .. } = manner;
        match self.proxies.of_url(url) {
            None => Exchange::begin(context, url, server_name, request, self.idle_timeout).await,
            Some(proxy) => {
                let stream = proxy.connect(context, url, server_name, self.connect_timeout).await?;
                Exchange::over(stream, request, self.idle_timeout).await
            }
        }
    }

    /// Names the file as the server does, if that counts.
    async fn call(&self, named: Option<String>, url: &Url, sink: &Sink) -> Result<Option<String>, Failure> {
        let Naming::Server { url_has_name } = self.naming else { return Ok(None) };
        match named {
            Some(name) => {
                sink.call(name.clone()).await?;
                Ok(Some(name))
            }
            // Better now than when everything is there: somebody's file may have that name.
            None if url_has_name => sink.call(self.name.to_owned()).await.map(|()| None),
            None => {
                let why = format!("neither {url} nor its server has a name that can be used: give -o FILE");
                Err(Failure::new(Exit::Usage, why))
            }
        }
    }

    /// Whether so much may come.
    fn check_size(&self, total: Option<u64>, url: &Url) -> Result<(), Failure> {
        match (total, self.max_size) {
            (Some(total), Some(most)) if total > most => Err(too_large(url, most)),
            _ => Ok(()),
        }
    }

    /// Receives a body behind `offset`, up to `total` if that is known.
    async fn receive(
        &self,
        mut exchange: Exchange,
        url: &Url,
        offset: u64,
        total: Option<u64>,
        sink: &Sink,
    ) -> Result<Fetched, Failure> {
        let encoding = exchange.response.encoding();
        let mut running = self.checksum.map(|_| Checksum::start());
        let received = self.body(&mut exchange, url, offset, total, sink, &mut running).await;
        let (bytes, whole) = match received {
            Ok(received) => received,
            Err(Broken::Cut(failure)) => return Err(failure),
            Err(Broken::Contradiction(failure)) => {
                // What it has brought may be anything, and the next request must not go on behind it.
                sink.take_back(offset).await?;
                return Err(failure.within(url));
            }
        };
        if whole {
            self.verify(sink, running).await?;
            sink.finish().await?;
            exchange.part().await;
        }
        Ok(Fetched { bytes, resumed_at: offset, encoding, whole, name: None })
    }

    /// Whether it is what it has to be; what is not is not kept. A file is read again, with what of it was there before.
    async fn verify(&self, sink: &Sink, running: Option<Running>) -> Result<(), Failure> {
        const PIECE: usize = 1 << 20;
        let Some((checksum, mut running)) = self.checksum.zip(running) else { return Ok(()) };
        if sink.is_kept() {
            let (mut from, mut memory) = (0, vec![0; PIECE]);
            while let Some(piece) = sink.read(from, memory).await? {
                running.update(&piece);
                from += piece.len() as u64;
                memory = piece;
                memory.resize(PIECE, 0);
            }
        }
        match checksum.check(running) {
            Ok(()) => Ok(()),
            Err(failure) if sink.is_kept() => {
                sink.discard().await?;
                Err(failure.within(self.name))
            }
            Err(failure) => {
                Err(Failure::new(failure.exit, format!("{failure}, and it was written already")).within(self.name))
            }
        }
    }

    /// Writes a body; says how much there is then, and whether that is all of it.
    async fn body(
        &self,
        exchange: &mut Exchange,
        url: &Url,
        offset: u64,
        total: Option<u64>,
        sink: &Sink,
        running: &mut Option<Running>,
    ) -> Result<(u64, bool), Broken> {
        let wrong = || Broken::Contradiction(Failure::new(Exit::Lost, "the answer is not as long as it said"));
        let progress = if self.shows_progress { Progress::begin(self.name, offset, total) } else { Progress::hidden() };
        let mut there = offset;
        let mut memory = Vec::new();
        loop {
            let data = match exchange.next(memory).await {
                Ok(Piece::Data(data)) => data,
                Ok(Piece::End) => break,
                Err(Broken::Cut(failure)) => return Err(failure.within(url).into()),
                Err(contradiction) => return Err(contradiction),
            };
            there += data.len() as u64;
            if total.is_some_and(|total| there > total) {
                return Err(wrong());
            }
            if let Some(most) = self.max_size
                && there > most
            {
                return Err(too_large(url, most).into());
            }
            if !sink.is_kept() {
                self.has_written.set(true);
                if let Some(running) = running {
                    running.update(&data);
                }
            }
            memory = match sink.write(data).await? {
                Taken::Memory(memory) => memory,
                Taken::Gone => return Ok((there, false)),
            };
            progress.set(there);
        }
        if total.is_some_and(|total| total != there) { Err(wrong()) } else { Ok((there, true)) }
    }
}

/// What to do with an answer from `at` to a request that may have asked for the rest of something.
fn judge(response: &Response, resume: Option<Resume>, at: &Url) -> Result<Verdict, Failure> {
    let Some(resume) = resume else { return judge_whole(response) };
    match response.status {
        200 if is_surely_whole(response, &resume) => Ok(Verdict::Anew),
        206 => Ok(match total_of_rest(response, &resume, at) {
            Some(total) => Verdict::GoesOn(Box::new(resume), total),
            None => Verdict::AskAgain,
        }),
        _ => Ok(Verdict::AskAgain),
    }
}

/// The whole was asked for.
fn judge_whole(response: &Response) -> Result<Verdict, Failure> {
    let refused = |why: &str| Err(Failure::new(Exit::Http, why.to_owned()));
    match response.status {
        200 | 203 => {}
        206 => return refused("the server sends a part, and the whole was asked for"),
        _ => return refused(&format!("{}: that is no answer with a file in it", response.status_line())),
    }
    if !response.has("content-range") {
        return Ok(Verdict::Anew);
    }
    // It has no meaning here (RFC 9110 section 14.4), but a server that says so may well send only that.
    let whole = response.content_range().is_some_and(|range| {
        let length = range.last.checked_add(1);
        let as_long = match response.framing {
            Framing::Length(framed) => Some(framed) == length,
            Framing::Chunked | Framing::UntilEnd => false,
        };
        range.first == 0 && range.total == length && as_long
    });
    if whole { Ok(Verdict::Anew) } else { refused("the server sends a part and calls it the whole (Content-Range)") }
}

/// Whether a 200 to a request for the rest brings the whole. Some servers send the rest and call it 200; a second request
/// that asks for the whole costs little.
fn is_surely_whole(response: &Response, resume: &Resume) -> bool {
    let Framing::Length(length) = response.framing else { return false };
    let Some(before) = resume.origin.total.filter(|_| !response.has("content-range")) else { return false };
    let is_the_rest = before.checked_sub(resume.offset) == Some(length);
    length == before || (!is_the_rest && resume.origin.has_changed(response))
}

/// How long the whole is whose rest this 206 from `at` brings; `None` if it does not bring exactly that.
fn total_of_rest(response: &Response, resume: &Resume, at: &Url) -> Option<u64> {
    let range = response.content_range().filter(|_| !response.is_multipart())?;
    let total = range.total.or(resume.origin.total)?;
    let same_length = resume.origin.total.is_none_or(|before| before == total);
    let is_the_rest = range.first == resume.offset && range.last.checked_add(1) == Some(total);
    let as_long_as_it_says = match response.framing {
        Framing::Length(length) => length == total.checked_sub(resume.offset)?,
        Framing::Chunked | Framing::UntilEnd => true,
    };
    (same_length && is_the_rest && as_long_as_it_says && resume.origin.is_of(response, at)).then_some(total)
}

fn too_large(url: &Url, most: u64) -> Failure {
    Failure::new(Exit::Failed, format!("{url} is larger than {most} bytes (--max-size)"))
}
