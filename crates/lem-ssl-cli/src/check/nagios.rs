//! One line and an exit code, as Nagios and those like it want them (Monitoring Plugins Development Guidelines).

use std::fmt::Write;

use super::report::Report;
use crate::exit::{Exit, Failure};
use crate::say;
use crate::signals::Signal;
use crate::text::{count, printable};

/// When a certificate that expires is worth a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    /// Fewer days are a warning.
    pub(super) warn: u32,
    /// Fewer days are critical.
    pub(super) critical: u32,
}

/// How it stands; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Unknown,
    Critical,
}

/// The line that is under way.
#[derive(Debug)]
pub(super) struct Plugin {
    thresholds: Thresholds,
    /// Of each server: how it stands, and why.
    servers: Vec<(State, String)>,
    data: String,
}

/// So many servers that are not good are named.
const MAX_NAMED: usize = 10;

impl Plugin {
    pub(super) fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, servers: Vec::new(), data: String::new() }
    }

    /// `single`: there is no other server.
    pub(super) fn add(&mut self, report: &Report, single: bool) {
        let (state, why) = self.judge(report);
        self.servers.push((state, format!("{}: {why}", report.address())));
        let label = |what: &str| match single {
            true => what.to_owned(),
            // What would end a label.
            false => format!("'{} {what}'", report.address().replace(['\'', '='], "_")),
        };
        // Writing into a string cannot fail.
        if let Some(soonest) = report.soonest() {
            let Thresholds { warn, critical } = self.thresholds;
            let _ = write!(self.data, " {}={};{warn}:;{critical}:", label("days"), soonest.days_left);
        }
        if let Some(took) = report.timings.handshake {
            let _ = write!(self.data, " {}={:.6}s;;;0", label("time"), took.as_secs_f64());
        }
    }

    fn judge(&self, report: &Report) -> (State, String) {
        let left = |shown: &str| format!("the certificate expires soon: {shown}");
        match (report.exit(), report.soonest()) {
            (Exit::Good, Some(soonest)) => {
                let (days, shown) = (soonest.days_left, soonest.time_left());
                if days < i64::from(self.thresholds.critical) {
                    (State::Critical, left(&shown))
                } else if days < i64::from(self.thresholds.warn) {
                    (State::Warning, left(&shown))
                } else {
                    let asks = if report.wants_client_certificate { ", a client certificate is wanted" } else { "" };
                    (State::Ok, format!("certificate good, {shown}{asks}"))
                }
            }
            (Exit::Good, None) => (State::Unknown, "there is no certificate".to_owned()),
            (Exit::Usage | Exit::Failed, _) => (State::Unknown, report.problem().to_owned()),
            _ => (State::Critical, report.problem().to_owned()),
        }
    }

    /// The line, and the exit code. `ended`: by this signal, before everything was looked at.
    pub(super) fn finish(self, ended: Option<Signal>) -> (String, Exit) {
        let found = self.servers.iter().map(|(state, _)| *state).max();
        // What was found to be critical stays that.
        let state = found.max(ended.map(|_| State::Unknown)).unwrap_or(State::Unknown);
        let summed = match self.servers.as_slice() {
            [] => None,
            [(_, why)] => Some(why.clone()),
            several => Some(summed(several)),
        };
        let ended = ended.map(|signal| format!("ended by {signal} before everything was looked at"));
        let said = ended.into_iter().chain(summed).collect::<Vec<_>>().join("; ");
        let data = if self.data.is_empty() { String::new() } else { format!(" |{}", self.data) };
        (line(state, &said).trim_end().to_owned() + &data + "\n", state.exit())
    }
}

/// The last line, and the exit code, of a command that ended like this. What a check has found is said already; whatever
/// else it was, nothing could be looked at.
pub(super) fn ending(ended: std::thread::Result<Result<(), Failure>>) -> (String, Exit) {
    let said = match ended {
        Ok(Err(Failure { exit: exit @ Exit::Monitoring(_), .. })) => return (String::new(), exit),
        // A help text, say.
        Ok(Ok(())) => return (String::new(), State::Unknown.exit()),
        Ok(Err(failure)) => failure.to_string(),
        Err(panic) => say::bug(&*panic),
    };
    (line(State::Unknown, &said), State::Unknown.exit())
}

/// How many are good, and which are not, the worst first.
fn summed(servers: &[(State, String)]) -> String {
    let mut others: Vec<_> = servers.iter().filter(|(state, _)| *state != State::Ok).collect();
    others.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    let good = servers.len() - others.len();
    let all = count(i128::try_from(servers.len()).unwrap_or_default(), "server");
    let named: String = others.iter().take(MAX_NAMED).map(|(_, why)| format!("; {why}")).collect();
    let more = others.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{good} of {all} good{named}{more}")
}

fn line(state: State, said: &str) -> String {
    // What follows a bar is data.
    format!("TLS {} - {}\n", state.word(), printable(said).replace('|', "/"))
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Unknown => "UNKNOWN",
            Self::Critical => "CRITICAL",
        }
    }

    fn exit(self) -> Exit {
        Exit::Monitoring(match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(address: &str, exit: Exit, why: &str) -> Report {
        let mut report = Report::new(address, "", true);
        report.fail(exit, why.to_owned());
        report
    }

    fn finish(reports: &[Report]) -> (String, u8) {
        finish_by(None, reports)
    }

    fn finish_by(signal: Option<Signal>, reports: &[Report]) -> (String, u8) {
        let mut plugin = Plugin::new(Thresholds { warn: 30, critical: 7 });
        reports.iter().for_each(|report| plugin.add(report, reports.len() == 1));
        let (line, exit) = plugin.finish(signal);
        (line, exit.code())
    }

    #[test]
    fn a_failure_is_critical_unless_nothing_could_be_asked() {
        let (line, code) = finish(&[failed("a:443", Exit::Connect, "refused | odd\u{1b}")]);
        assert_eq!((line.as_str(), code), ("TLS CRITICAL - a:443: refused / odd\\u{1b}\n", 2));
        let (line, code) = finish(&[failed("a b", Exit::Usage, "invalid")]);
        assert_eq!((line.as_str(), code), ("TLS UNKNOWN - a b: invalid\n", 3));
    }

    #[test]
    fn a_signal_leaves_unknown_what_was_not_found_to_be_critical() {
        let (line, code) = finish_by(Some(Signal::Terminate), &[]);
        assert_eq!((line.as_str(), code), ("TLS UNKNOWN - ended by SIGTERM before everything was looked at\n", 3));
        let (line, code) = finish_by(Some(Signal::Interrupt), &[failed("a:443", Exit::Connect, "refused")]);
        assert!(line.starts_with("TLS CRITICAL - ended by SIGINT before ") && line.ends_with("; a:443: refused\n"));
        assert_eq!(code, 2);
    }

    #[test]
    fn whatever_is_not_the_end_of_a_check_is_unknown() {
        let told = |ended| {
            let (line, exit) = ending(ended);
            (line, exit.code())
        };
        assert_eq!(told(Ok(Err(Failure::silent(Exit::Monitoring(1))))), (String::new(), 1));
        assert_eq!(told(Ok(Ok(()))), (String::new(), 3));
        for exit in Exit::ALL {
            assert_eq!(told(Ok(Err(Failure::new(exit, "why")))), ("TLS UNKNOWN - why\n".to_owned(), 3));
        }
        let (line, code) = told(std::panic::catch_unwind(|| panic!("a number | is wrong")));
        let said = "TLS UNKNOWN - this is a bug, please report it: a number / is wrong\n";
        assert_eq!((line.as_str(), code), (said, 3));
    }

    #[test]
    fn of_many_the_worst_is_told_first_and_not_all() {
        let mut reports: Vec<_> = (0..12).map(|number| failed(&format!("{number}:1"), Exit::Usage, "wrong")).collect();
        reports.push(failed("bad:1", Exit::Expired, "expired"));
        let (line, code) = finish(&reports);
        assert!(line.starts_with("TLS CRITICAL - 0 of 13 servers good; bad:1: expired; 0:1: wrong; "), "{line}");
        assert!(line.ends_with("; and 3 more\n") && code == 2, "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}
