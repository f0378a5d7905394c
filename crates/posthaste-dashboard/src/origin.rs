//! Where a request was made: on one of our own pages, on another site's, on this machine.
//!
//! A form is believed where its own token is; this stands before it, and alone where there is no
//! session yet, so that no other site signs anyone in.

use axum::extract::OriginalUri;
use http::{HeaderMap, Method, Uri, header, request::Parts};
use posthaste::origin::Origin;
use posthaste_callers::Caller;

use crate::frame::Note;

/// What a proxy adds to what it passes on.
const FORWARDED: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Whether nothing says that another site made it. Browsers say so themselves (`Sec-Fetch-Site`);
/// older ones name the origin, which is `null` where they were asked to be silent.
pub(crate) fn is_own(headers: &HeaderMap, public_url: &Origin, null_is_own: bool) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        None => true,
        Some(Ok("null")) => null_is_own,
        Some(Ok(origin)) => origin == public_url.as_str() || is_host(headers, origin),
        Some(Err(_)) => false,
    }
}

fn is_host(headers: &HeaderMap, origin: &str) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && host == authority
}

/// Whether it comes from this machine itself, by no proxy, and asks for it by a name that cannot be
/// another's: a name that someone else lets point here is theirs.
pub(crate) fn is_at_home(parts: &Parts, caller: &Caller) -> bool {
    let from_here = caller.peer.is_some_and(|peer| peer.is_loopback());
    let passed_on = FORWARDED
        .iter()
        .any(|name| parts.headers.contains_key(*name));
    let named = parts.headers.get(header::HOST);
    let host = named.and_then(|host| host.to_str().ok());
    from_here && !passed_on && host.is_some_and(is_this_machine)
}

/// Whether a person goes there: no picture, script or frame of another site's page. What is no
/// browser says nothing of it, and nor do old ones.
pub(crate) fn is_visit(parts: &Parts) -> bool {
    let said = |name: &str| {
        parts
            .headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or("?"))
    };
    let own = matches!(said("sec-fetch-site"), "same-origin" | "none");
    let visit = (said("sec-fetch-mode"), said("sec-fetch-dest"));
    let silent = said("sec-fetch-site").is_empty() && visit == ("", "");
    parts.method == Method::GET && (silent || own || visit == ("navigate", "document"))
}

fn is_this_machine(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    name == "127.0.0.1" || name == "[::1]" || name.eq_ignore_ascii_case("localhost")
}

/// The page that was asked for, with its query; of a form that nobody may send, the page that it is
/// about, which is the one above its path.
pub(crate) fn wanted(parts: &Parts) -> String {
    let asked = asked(parts);
    if parts.method.is_safe() {
        let path = asked.path_and_query().map(ToString::to_string);
        return path.unwrap_or_default();
    }
    let above = asked.path().rsplit_once('/').map(|(above, _)| above);
    format!("{}?note={}", above.unwrap_or_default(), Note::Undone.code())
}

/// The path that was asked for, where it is a page's with slashes behind it.
pub(crate) fn without_slash(parts: &Parts) -> Option<String> {
    let path = asked(parts).path();
    let page = path.trim_end_matches('/');
    (page != path && parts.method.is_safe()).then(|| page.to_owned())
}

/// What was asked for: a nested router sees what is left of it.
pub(crate) fn asked(parts: &Parts) -> &Uri {
    let asked = parts.extensions.get::<OriginalUri>();
    asked.map_or(&parts.uri, |asked| &asked.0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Request};

    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request.into_parts().0
    }

    #[track_caller]
    fn check_own(headers: &[(&str, &str)], expected: bool) {
        let public_url = "https://hooks.example.com".parse().unwrap();
        let own = is_own(&parts(headers).headers, &public_url, false);
        assert_eq!(own, expected, "{headers:?}");
    }

    #[test]
    fn another_sites_form_is_told_by_what_browsers_say() {
        check_own(&[], true);
        check_own(&[("sec-fetch-site", "same-origin")], true);
        check_own(&[("sec-fetch-site", "none")], true);
        check_own(&[("sec-fetch-site", "same-site")], false);
        check_own(&[("sec-fetch-site", "cross-site")], false);
        let (own, host) = ("https://hooks.example.com", "localhost:8400");
        check_own(&[("sec-fetch-site", "cross-site"), ("origin", own)], false);
        check_own(&[("origin", own), ("host", host)], true);
        check_own(&[("origin", "http://localhost:8400"), ("host", host)], true);
        check_own(&[("origin", "https://evil.example"), ("host", host)], false);
        check_own(&[("origin", "null"), ("host", host)], false);
        check_own(&[("origin", "localhost:8400")], false);
    }

    #[track_caller]
    fn check_visit(headers: &[(&str, &str)], expected: bool) {
        let mut asked = parts(headers);
        assert_eq!(is_visit(&asked), expected, "{headers:?}");
        asked.method = Method::HEAD;
        assert!(!is_visit(&asked), "{headers:?}");
    }

    #[test]
    fn a_person_goes_there_and_no_part_of_another_sites_page() {
        let (site, mode, dest) = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest");
        check_visit(&[], true);
        check_visit(&[(site, "none")], true);
        check_visit(
            &[(site, "same-origin"), (mode, "cors"), (dest, "empty")],
            true,
        );
        for from in ["cross-site", "same-site"] {
            let visit = [(site, from), (mode, "navigate"), (dest, "document")];
            check_visit(&visit, true);
            check_visit(&[(site, from), (mode, "no-cors"), (dest, "image")], false);
            check_visit(&[(site, from), (mode, "navigate"), (dest, "iframe")], false);
            check_visit(&[(site, from)], false);
        }
        check_visit(&[(mode, "no-cors"), (dest, "image")], false);
    }

    #[track_caller]
    fn check_home(peer: &str, headers: &[(&str, &str)], expected: bool) {
        let caller = Caller {
            peer: peer.parse().ok(),
            ..Caller::default()
        };
        assert_eq!(
            is_at_home(&parts(headers), &caller),
            expected,
            "{headers:?}"
        );
    }

    #[test]
    fn this_machine_is_at_home_and_nobody_else_by_whatever_name() {
        for host in [
            "127.0.0.1:8400",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8400",
            "[::1]",
        ] {
            check_home("127.0.0.1", &[("host", host)], true);
            check_home("::1", &[("host", host)], true);
            check_home("192.0.2.1", &[("host", host)], false);
            check_home("nobody", &[("host", host)], false);
            let passed_on = [("host", host), ("x-forwarded-for", "127.0.0.1")];
            check_home("127.0.0.1", &passed_on, false);
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8400",
            "localhost:",
            "localhost:8400:8400",
            "",
        ] {
            check_home("127.0.0.1", &[("host", host)], false);
        }
        check_home("127.0.0.1", &[], false);
    }
}
