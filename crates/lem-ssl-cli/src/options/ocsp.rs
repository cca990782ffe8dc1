//! OCSP responses from files (RFC 6960), which are stapled to the certificates that they are for.
//!
//! What stands in a response is checked, so that no client gets one that it would refuse; its signature is for the clients.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lem_ssl_rs::Identity;

use super::wrong;
use crate::bounded;
use crate::exit::{Failure, Outlook};
use crate::expiry::{Expiry, moment};
use crate::file_state::FileState;
use crate::text::timestamp;

mod answer;
mod issued;
mod sha1;

use answer::{Answer, MAX_RESPONSE, Status, TOO_LONG, about, answers_in, digits};
use issued::Issued;

/// As the beginning of a sentence.
const WHAT: &str = "the OCSP response";

/// Responses, and whom they were for.
#[derive(Debug)]
pub(super) struct Staples {
    staples: Vec<Staple>,
    /// When they were read, in digits.
    now: String,
    /// The certificates that were there.
    seen: Vec<Issued>,
    warnings: Vec<String>,
    /// The first that was found when there were certificates.
    problem: Option<Failure>,
    expiries: Vec<Expiry>,
}

#[derive(Debug)]
struct Staple {
    file: PathBuf,
    /// Before it was read.
    state: FileState,
    response: Vec<u8>,
    answers: Vec<Answer>,
    is_used: bool,
}

impl Staples {
    /// Reads the files.
    pub(super) fn read(files: &[PathBuf], now: SystemTime) -> Result<Self, Failure> {
        let now = digits(&timestamp(now));
        let mut staples = Vec::new();
        for file in files {
            let state = FileState::of(file);
            let response = bounded::read(file, MAX_RESPONSE)
                .map_err(|error| failed(file, &format!("cannot be read: {error}")).with_outlook(Outlook::OfSystem))?;
            let response = response.ok_or_else(|| failed(file, TOO_LONG))?;
            let answers = answers_in(&response).map_err(|why| failed(file, why))?;
            // If no answer is of use, it does not matter whom each is for.
            let mut problems: Vec<_> = answers.iter().map(|answer| answer.problem(&now)).collect();
            if problems.iter().all(Option::is_some)
                && let Some(why) = problems.swap_remove(0)
            {
                return Err(failed(file, &why));
            }
            staples.push(Staple { file: file.clone(), state, response, answers, is_used: false });
        }
        Ok(Self { staples, now, seen: Vec::new(), warnings: Vec::new(), problem: None, expiries: Vec::new() })
    }

    /// The identity with the response that is for it, if there is one.
    pub(super) fn put_on(&mut self, identity: Identity) -> Identity {
        let Some(own) = Issued::of(&identity) else { return identity };
        let mut found = self.staples.iter_mut().filter_map(|staple| staple.answer_for(&own));
        let chosen = found.next();
        let second = found.next().map(|(staple, _)| &staple.file);
        self.seen.push(own);
        let Some((staple, answer)) = chosen else { return identity };
        if let Some(second) = second {
            let why = format!("{WHAT} is for the same certificate as that in {}: remove one", staple.file.display());
            self.problem.get_or_insert(failed(second, &why));
            return identity;
        }
        if let Some(why) = answer.problem(&self.now) {
            self.problem.get_or_insert(failed(&staple.file, &why));
            return identity;
        }
        match &answer.next_update {
            // Its time is over: no client gets it.
            Some(until) if *until <= self.now => {
                let shown = staple.file.display();
                self.warnings.push(format!("warning: {shown}: {WHAT} was good until {until}; it is not stapled"));
                // What is no moment is not good again either, however the clock is set.
                let until = moment(until).unwrap_or(SystemTime::UNIX_EPOCH);
                self.expiries.push(Expiry::over(&staple.file, until, staple.state.clone()));
                identity
            }
            next_update => {
                let (from, until) = (moment(&answer.this_update), next_update.as_deref().and_then(moment));
                let expiry = from.zip(until).map(|(from, until)| Expiry::good(WHAT, &staple.file, from, until));
                self.expiries.extend(expiry);
                identity.with_ocsp_response(staple.response.clone())
            }
        }
    }

    /// What there is to warn of, and how long each is good, once all identities are there.
    pub(super) fn finish(self) -> Result<(Vec<String>, Vec<Expiry>), Failure> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let Some(Staple { file, answers, .. }) = self.staples.into_iter().find(|staple| !staple.is_used) else {
            return Ok((self.warnings, self.expiries));
        };
        let has_serial = |answer: &Answer| self.seen.iter().any(|own| own.serial == answer.id.serial);
        let which = if answers.len() == 1 { "which is in no --cert" } else { "none of which is in a --cert" };
        let namesake = match answers.iter().any(has_serial) {
            true => "; a certificate with this number is there, but another authority has issued it",
            false => "",
        };
        Err(failed(&file, &format!("{WHAT} is for {}, {which}{namesake}", about(&answers))))
    }
}

impl Staple {
    /// What it says of this certificate, if anything; of several answers, the one that is not good.
    fn answer_for(&mut self, own: &Issued) -> Option<(&Self, &Answer)> {
        let answers = self.answers.iter().filter(|answer| own.is(&answer.id));
        let answer = answers.min_by_key(|answer| answer.status == Status::Good)?;
        self.is_used = true;
        Some((&*self, answer))
    }
}

fn failed(file: &Path, why: &str) -> Failure {
    wrong(format!("{}: {why}", file.display()))
}
