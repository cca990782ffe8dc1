//! What a client would rather have (RFC 9110 section 12.5).

use super::request::Request;

/// A weight, in thousandths.
type Weight = u16;

const FULL: Weight = 1000;

/// Whether the client takes gzip, and does not like the plain form better. One that says nothing gets the plain form.
pub(super) fn takes_gzip(request: &Request) -> bool {
    let plain = weight(request, "accept-encoding", &["identity"]).unwrap_or_default();
    weight(request, "accept-encoding", &["gzip", "x-gzip", "*"]).is_some_and(|gzip| gzip > 0 && gzip >= plain)
}

/// Whether the client would rather have JSON than a page.
pub(super) fn prefers_json(request: &Request) -> bool {
    let of = |names: &[&str]| weight(request, "accept", names).unwrap_or_default();
    of(&["application/json", "application/*", "*/*"]) > of(&["text/html", "text/*", "*/*"])
}

/// The weight that the header gives the first of these names that it has; `None` if it has none of them.
fn weight(request: &Request, header: &str, names: &[&str]) -> Option<Weight> {
    let entries = || request.all(header).flat_map(|value| value.split(|byte| *byte == b','));
    let find = |name: &&str| {
        entries().find_map(|entry| {
            let mut parts = entry.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            parts.next().filter(|found| found.eq_ignore_ascii_case(name.as_bytes()))?;
            let quality = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
            Some(quality.map_or(FULL, thousandths))
        })
    };
    names.iter().find_map(find)
}

/// A number from 0 to 1 with at most three digits behind the point; what is none is zero.
fn thousandths(text: &[u8]) -> Weight {
    let Some((whole, rest)) = text.split_first() else { return 0 };
    let digits = rest.strip_prefix(b".").unwrap_or(rest);
    if !matches!(whole, b'0' | b'1') || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    if !rest.is_empty() && !rest.starts_with(b".") {
        return 0;
    }
    let mut value = Weight::from(whole - b'0') * FULL;
    for (digit, unit) in digits.iter().zip([100, 10, 1]) {
        value += Weight::from(digit - b'0') * unit;
    }
    if value > FULL { 0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Parsed, parse};
    use super::*;

    fn request(headers: &str) -> Request {
        match parse(format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n").as_bytes()) {
            Parsed::Whole(request, _) => request,
            other => panic!("{headers}: {other:?}"),
        }
    }

    #[test]
    fn gzip_is_for_who_takes_it() {
        for (header, takes) in [
            ("X: y", false),
            ("Accept-Encoding:", false),
            ("Accept-Encoding: gzip", true),
            ("Accept-Encoding: GZIP", true),
            ("Accept-Encoding: br, deflate , gzip;q=0.5", true),
            ("Accept-Encoding: x-gzip", true),
            ("Accept-Encoding: *", true),
            ("Accept-Encoding: *;q=0", false),
            ("Accept-Encoding: gzip;q=0", false),
            ("Accept-Encoding: gzip;q=0.000, *", false),
            ("Accept-Encoding: gzip;q=0.5, identity", false),
            ("Accept-Encoding: identity;q=0.4, gzip; q=0.5", true),
            ("Accept-Encoding: gzip;q=2", false),
            ("Accept-Encoding: gzip;q=1.001", false),
            ("Accept-Encoding: gzip;q=0.1234", false),
            ("Accept-Encoding: gzip;q=", false),
            ("Accept-Encoding: gzippy", false),
            ("Accept-Encoding: br\r\nAccept-Encoding: gzip", true),
        ] {
            assert_eq!(takes_gzip(&request(header)), takes, "{header}");
        }
    }

    #[test]
    fn json_is_for_who_would_rather_have_it() {
        for (header, prefers) in [
            ("X: y", false),
            ("Accept: */*", false),
            ("Accept: application/json", true),
            ("Accept: application/json, text/html;q=0.9", true),
            ("Accept: text/html, application/json;q=0.9, */*;q=0.8", false),
            ("Accept: text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("Accept: application/*", true),
            ("Accept: application/json;q=0", false),
        ] {
            assert_eq!(prefers_json(&request(header)), prefers, "{header}");
        }
    }
}
