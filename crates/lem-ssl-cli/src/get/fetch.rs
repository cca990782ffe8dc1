//! From a URL to what is there: redirects, going on, limits.

use std::time::Duration;

use lem_ssl_rs::Context;

use super::exchange::{Exchange, Piece};
use super::headers::Header;
use super::part::{Origin, Resume, Validator};
use super::progress::Progress;
use super::response::{Framing, Response};
use super::sink::{Sink, Taken};
use super::url::Url;
use crate::exit::{Exit, Failure};

/// How to fetch.
pub(super) struct Fetch<'a> {
    pub(super) context: &'a Context,
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
}

/// What there is now.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: u64,
    /// So many of them had been there.
    pub(super) resumed_at: u64,
    /// Whoever reads it did not want the rest.
    pub(super) whole: bool,
}

/// What to do with an answer.
enum Verdict {
    /// The whole comes; what is there is of no use.
    Anew,
    /// The rest comes, from there on.
    GoesOn(u64),
    /// What is there cannot be gone on with: ask again for the whole.
    AskAgain,
}

impl Fetch<'_> {
    pub(super) async fn fetch(&self, url: &Url, sink: &Sink) -> Result<Fetched, Failure> {
        let mut resume = sink.resume(&url.to_string()).await?;
        loop {
            let exchange = self.follow(url, resume.as_ref()).await?;
            let total = sink.origin().await?.and_then(|origin| origin.total);
            match judge(&exchange.response, resume.as_ref(), total).map_err(|failure| failure.within(url))? {
                Verdict::AskAgain => {
                    drop(exchange);
                    resume = None;
                }
                Verdict::Anew => return self.receive(exchange, url, 0, sink).await,
                Verdict::GoesOn(offset) => return self.receive(exchange, url, offset, sink).await,
            }
        }
    }

    /// Asks, and follows redirects, until there is an answer that is none.
    async fn follow(&self, url: &Url, resume: Option<&Resume>) -> Result<Exchange, Failure> {
        let mut at = url.clone();
        let mut left = self.max_redirects;
        loop {
            let home = at.same_origin(url);
            let (name, headers) = if home { (self.server_name, self.headers) } else { (None, &[][..]) };
            let begun = Exchange::begin(self.context, &at, name, headers, resume, self.idle_timeout).await;
            let exchange = begun.map_err(|failure| failure.within(&at))?;
            let response = &exchange.response;
            if response.is_success() || (response.status == 416 && resume.is_some()) {
                return Ok(exchange);
            }
            let status = response.status_line();
            let location = response.header("location").map(str::to_owned);
            let redirects = response.is_redirect();
            drop(exchange);
            let http = |why: String| Failure::new(Exit::Http, why).within(&at);
            match location {
                Some(_) if redirects && left == 0 => {
                    return Err(http(format!("more than {} redirects", self.max_redirects)).within(url));
                }
                Some(location) if redirects => {
                    left -= 1;
                    at = at.join(&location).map_err(|why| http(format!("{status}: {why}")))?;
                }
                _ => return Err(http(status)),
            }
        }
    }

    /// Receives a body behind `offset`.
    async fn receive(&self, mut exchange: Exchange, url: &Url, offset: u64, sink: &Sink) -> Result<Fetched, Failure> {
        let told = exchange.response.content_range().and_then(|range| range.total).filter(|_| offset > 0);
        let total = match exchange.response.framing {
            Framing::Length(length) => {
                Some(offset.checked_add(length).ok_or_else(|| too_large(url, self.max_size.unwrap_or(u64::MAX)))?)
            }
            Framing::Chunked | Framing::UntilEnd => told,
        };
        if let (Some(total), Some(most)) = (total, self.max_size)
            && total > most
        {
            drop(exchange);
            return Err(too_large(url, most));
        }
        if offset > 0 {
            sink.keep(offset).await?;
        } else {
            let origin = |validator: Validator| Origin { url: url.to_string(), validator, total };
            sink.restart(exchange.response.validator().map(origin)).await?;
        }
        let progress = if self.shows_progress { Progress::begin(self.name, offset, total) } else { Progress::hidden() };
        let mut there = offset;
        let mut memory = Vec::new();
        loop {
            let data = match exchange.next(memory).await.map_err(|failure| failure.within(url))? {
                Piece::Data(data) => data,
                Piece::End => break,
            };
            there += data.len() as u64;
            if let Some(most) = self.max_size
                && there > most
            {
                drop(exchange);
                return Err(too_large(url, most));
            }
            memory = match sink.write(data).await? {
                Taken::Memory(memory) => memory,
                Taken::Gone => {
                    drop(exchange);
                    return Ok(Fetched { bytes: there, resumed_at: offset, whole: false });
                }
            };
            progress.set(there);
        }
        drop(progress);
        if total.is_some_and(|total| total != there) {
            return Err(Failure::new(Exit::Lost, "the answer is not as long as it said").within(url));
        }
        sink.finish().await?;
        exchange.part().await;
        Ok(Fetched { bytes: there, resumed_at: offset, whole: true })
    }
}

/// What to do with an answer to a request that may have asked for the rest of something with so many bytes.
fn judge(response: &Response, resume: Option<&Resume>, total: Option<u64>) -> Result<Verdict, Failure> {
    let Some(resume) = resume else {
        return match response.status {
            206 => Err(Failure::new(Exit::Http, "the server sends a part, and the whole was asked for")),
            _ => Ok(Verdict::Anew),
        };
    };
    match response.status {
        206 => {}
        416 => return Ok(Verdict::AskAgain),
        _ => return Ok(Verdict::Anew),
    }
    let Some(range) = response.content_range() else { return Ok(Verdict::AskAgain) };
    let same = match (response.validator(), &resume.validator) {
        (Some(Validator::ETag(now)), Validator::ETag(before)) => now == *before,
        // The server has compared; it need not say so again.
        _ => true,
    };
    let same_length = match (range.total, total) {
        (Some(now), Some(before)) => now == before,
        _ => true,
    };
    let reaches_the_end = range.total.is_none_or(|total| range.last + 1 == total);
    let as_long_as_it_says = match response.framing {
        Framing::Length(length) => length == range.last - range.first + 1,
        Framing::Chunked | Framing::UntilEnd => true,
    };
    if range.first == resume.offset && same && same_length && reaches_the_end && as_long_as_it_says {
        Ok(Verdict::GoesOn(range.first))
    } else {
        Ok(Verdict::AskAgain)
    }
}

fn too_large(url: &Url, most: u64) -> Failure {
    Failure::new(Exit::Failed, format!("{url} is larger than {most} bytes (--max-size)"))
}
