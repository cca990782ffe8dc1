//! Whether a request is to be done at all, and in parts (RFC 9110 section 13).

use std::time::{Duration, SystemTime};

use super::request::Request;

/// What there is now, to compare with what the client has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Current<'a> {
    /// An entity tag, with its quotation marks; `None` if there is none.
    pub(super) tag: Option<&'a str>,
    /// When it was changed; `None` if that is not known.
    pub(super) modified: Option<SystemTime>,
}

/// So long ago a change has to be, before its second is surely over: some file systems know every other second only.
const SETTLED: Duration = Duration::from_secs(3);

/// Whether a further change would have another time than this one: only then does the time tell one content from another.
pub(super) fn is_settled(time: SystemTime) -> bool {
    SystemTime::now().duration_since(time).unwrap_or_default() >= SETTLED
}

impl Current<'_> {
    /// The date that clients are told, and can have parts joined by: no other change has the same one, since its second is
    /// over (RFC 9110 section 8.8.2.2). Before that there is none.
    pub(super) fn date(&self) -> Option<SystemTime> {
        let modified = self.modified?;
        is_settled(modified).then(|| whole_seconds(modified))
    }
}

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is to be done.
    Holds,
    /// The client has what there is: 304.
    Unchanged,
    /// It is not what the client thinks: 412.
    Failed,
}

/// How two entity tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

impl Condition {
    /// In the order of section 13.2.2, for a GET or a HEAD.
    pub(super) fn of(request: &Request, current: Current<'_>) -> Self {
        let modified = current.modified.map(whole_seconds);
        let before = if request.has("if-match") {
            names(request, "if-match", current, Comparison::Strong)
        } else {
            date(request, "if-unmodified-since").zip(modified).is_none_or(|(since, modified)| modified <= since)
        };
        let changed = if request.has("if-none-match") {
            !names(request, "if-none-match", current, Comparison::Weak)
        } else {
            date(request, "if-modified-since").zip(modified).is_none_or(|(since, modified)| modified > since)
        };
        match (before, changed) {
            (false, _) => Self::Failed,
            (true, false) => Self::Unchanged,
            (true, true) => Self::Holds,
        }
    }
}

/// Whether a part can be joined to what the client has (`If-Range`, section 13.1.5).
pub(super) fn may_be_joined(request: &Request, current: Current<'_>) -> bool {
    if !request.has("if-range") {
        return true;
    }
    match (request.header("if-range"), current.date()) {
        // Compared strongly.
        (Some(known), _) if known.starts_with("W/") => false,
        (Some(known), _) if known.starts_with('"') => current.tag == Some(known),
        (Some(_), Some(told)) => date(request, "if-range") == Some(told),
        // Neither a tag nor a date, or two of them.
        _ => false,
    }
}

/// Whether the list in this header, which may stand there several times, names what there is; a star names everything.
fn names(request: &Request, header: &str, current: Current<'_>, comparison: Comparison) -> bool {
    request.all(header).any(|value| {
        let mut rest = value.trim_ascii();
        if rest == b"*" {
            return true;
        }
        while let Some((tag, after)) = first_tag(rest) {
            if current.tag.is_some_and(|current| tag.is(current.as_bytes(), comparison)) {
                return true;
            }
            rest = after;
        }
        false
    })
}

/// An entity tag in a request.
struct Tag<'a> {
    is_weak: bool,
    /// With its quotation marks.
    opaque: &'a [u8],
}

impl Tag<'_> {
    fn is(&self, current: &[u8], comparison: Comparison) -> bool {
        let (current, is_weak) = match current.strip_prefix(b"W/") {
            Some(opaque) => (opaque, true),
            None => (current, false),
        };
        self.opaque == current && (comparison == Comparison::Weak || !(self.is_weak || is_weak))
    }
}

/// The first tag of a list, and what is behind it; `None` at its end, or where it is none any more. A tag may contain commas.
fn first_tag(list: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let start = list.iter().position(|byte| !b", \t".contains(byte))?;
    let list = &list[start..];
    let (is_weak, list) = match list.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, list),
    };
    let inside = list.strip_prefix(b"\"")?;
    let end = inside.iter().position(|byte| *byte == b'"')? + 2;
    let (opaque, rest) = list.split_at(end);
    Some((Tag { is_weak, opaque }, rest))
}

/// The date in a header that stands there once; what is no date is ignored (sections 13.1.3 and 13.1.4).
fn date(request: &Request, header: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(request.header(header)?).ok().map(whole_seconds)
}

/// As HTTP writes times.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::request::{Parsed, parse};
    use super::*;

    const TAG: &str = "\"a,b\"";
    const THEN: &str = "Tue, 15 Nov 1994 12:45:26 GMT";
    const LATER: &str = "Tue, 15 Nov 1994 12:45:27 GMT";
    const BEFORE: &str = "Tue, 15 Nov 1994 12:45:25 GMT";

    fn request(headers: &str) -> Request {
        let headers = headers.replace("THEN", THEN).replace("LATER", LATER).replace("BEFORE", BEFORE);
        match parse(format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes()) {
            Parsed::Whole(request, _) => request,
            other => panic!("{headers}: {other:?}"),
        }
    }

    fn current() -> Current<'static> {
        // A file's time has a fraction.
        let modified = httpdate::parse_http_date(THEN).unwrap() + Duration::from_millis(700);
        Current { tag: Some(TAG), modified: Some(modified) }
    }

    #[test]
    fn conditions_are_asked_in_their_order() {
        for (headers, expected) in [
            ("", Condition::Holds),
            ("If-Match: \"a,b\"\r\n", Condition::Holds),
            ("If-Match: *\r\n", Condition::Holds),
            ("If-Match: \"x\" , ,\"a,b\"\r\n", Condition::Holds),
            ("If-Match: \"x\"\r\nIf-Match: \"a,b\"\r\n", Condition::Holds),
            ("If-Match: W/\"a,b\"\r\n", Condition::Failed),
            ("If-Match: \"a\"\r\n", Condition::Failed),
            ("If-Match: a,b\r\n", Condition::Failed),
            ("If-Match:\r\n", Condition::Failed),
            ("If-Unmodified-Since: THEN\r\n", Condition::Holds),
            ("If-Unmodified-Since: LATER\r\n", Condition::Holds),
            ("If-Unmodified-Since: BEFORE\r\n", Condition::Failed),
            ("If-Unmodified-Since: yesterday\r\n", Condition::Holds),
            // The tag is more exact than the date.
            ("If-Match: \"a,b\"\r\nIf-Unmodified-Since: BEFORE\r\n", Condition::Holds),
            ("If-Match: \"x\"\r\nIf-Unmodified-Since: LATER\r\n", Condition::Failed),
            ("If-None-Match: \"a,b\"\r\n", Condition::Unchanged),
            ("If-None-Match: W/\"a,b\"\r\n", Condition::Unchanged),
            ("If-None-Match: *\r\n", Condition::Unchanged),
            ("If-None-Match: \"x\"\r\nIf-None-Match: W/\"y\", \"a,b\"\r\n", Condition::Unchanged),
            ("If-None-Match: \"b\"\r\n", Condition::Holds),
            ("If-Modified-Since: THEN\r\n", Condition::Unchanged),
            ("If-Modified-Since: LATER\r\n", Condition::Unchanged),
            ("If-Modified-Since: BEFORE\r\n", Condition::Holds),
            ("If-Modified-Since: soon\r\n", Condition::Holds),
            ("If-None-Match: \"x\"\r\nIf-Modified-Since: THEN\r\n", Condition::Holds),
            // Whether it may be done comes before whether it is new.
            ("If-Match: \"x\"\r\nIf-None-Match: \"a,b\"\r\n", Condition::Failed),
            ("If-Match: \"a,b\"\r\nIf-None-Match: \"a,b\"\r\n", Condition::Unchanged),
            ("If-Unmodified-Since: BEFORE\r\nIf-Modified-Since: THEN\r\n", Condition::Failed),
        ] {
            assert_eq!(Condition::of(&request(headers), current()), expected, "{headers}");
        }
    }

    #[test]
    fn what_has_no_marks_is_no_version_that_a_client_knows() {
        let none = Current { tag: None, modified: None };
        assert_eq!(Condition::of(&request("If-Match: \"x\"\r\n"), none), Condition::Failed);
        assert_eq!(Condition::of(&request("If-Match: *\r\n"), none), Condition::Holds);
        assert_eq!(Condition::of(&request("If-Unmodified-Since: BEFORE\r\n"), none), Condition::Holds);
        assert_eq!(
            Condition::of(&request("If-None-Match: \"x\"\r\nIf-Modified-Since: LATER\r\n"), none),
            Condition::Holds
        );
    }

    #[test]
    fn a_weak_tag_says_that_nothing_has_changed_and_no_more() {
        let weak = Current { tag: Some("W/\"x\""), modified: None };
        for (headers, expected) in [
            ("If-None-Match: W/\"x\"\r\n", Condition::Unchanged),
            ("If-None-Match: \"x\"\r\n", Condition::Unchanged),
            ("If-None-Match: W/\"y\"\r\n", Condition::Holds),
            ("If-Match: W/\"x\"\r\n", Condition::Failed),
            ("If-Match: \"x\"\r\n", Condition::Failed),
        ] {
            assert_eq!(Condition::of(&request(headers), weak), expected, "{headers}");
        }
        assert!(!may_be_joined(&request("If-Range: W/\"x\"\r\n"), weak));
        assert!(!may_be_joined(&request("If-Range: \"x\"\r\n"), weak));
    }

    #[test]
    fn a_date_whose_second_may_not_be_over_joins_nothing_and_is_not_told() {
        for (age, is_told) in [(0, false), (1, false), (4, true)] {
            let modified = SystemTime::now() - Duration::from_secs(age);
            let current = Current { tag: None, modified: Some(modified) };
            let header = format!("If-Range: {}\r\n", httpdate::fmt_http_date(modified));
            assert_eq!(may_be_joined(&request(&header), current), is_told, "{age}");
            assert_eq!(current.date().is_some(), is_told, "{age}");
            // It is late enough to tell that something has changed.
            assert_eq!(Condition::of(&request("If-Unmodified-Since: THEN\r\n"), current), Condition::Failed);
        }
        let future = Current { tag: None, modified: Some(SystemTime::now() + Duration::from_secs(60)) };
        assert_eq!(future.date(), None);
    }

    #[test]
    fn a_part_is_joined_to_the_same_only() {
        for (headers, expected) in [
            ("", true),
            ("If-Range: \"a,b\"\r\n", true),
            ("If-Range: W/\"a,b\"\r\n", false),
            ("If-Range: \"x\"\r\n", false),
            ("If-Range: THEN\r\n", true),
            ("If-Range: LATER\r\n", false),
            ("If-Range: BEFORE\r\n", false),
            ("If-Range: *\r\n", false),
            ("If-Range:\r\n", false),
            ("If-Range: \"a,b\"\r\nIf-Range: \"x\"\r\n", false),
            ("If-Range: \"x\"\r\nIf-Range: \"a,b\"\r\n", false),
        ] {
            assert_eq!(may_be_joined(&request(headers), current()), expected, "{headers}");
        }
    }
}
