//! What a producer says in headers about the events it publishes.

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use crate::{
    Api,
    problem::{Kind, Problem},
};

/// The longest idempotency key.
const KEY_MAX: usize = 255;

/// The headers of a publish, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) idempotency_key: Option<String>,
    /// W3C trace context, if well-formed; else it is ignored, as the standard says.
    pub(crate) traceparent: Option<String>,
    /// How often this very server has delivered it already.
    pub(crate) hops: u8,
}

impl FromRequestParts<Api> for Producer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(Self {
            idempotency_key: idempotency_key(&parts.headers)?,
            traceparent: traceparent(&parts.headers),
            hops: hops(&parts.headers, &api.server_id),
        })
    }
}

/// 1 to 255 visible ASCII characters.
pub(crate) fn is_idempotency_key(key: &[u8]) -> bool {
    (1..=KEY_MAX).contains(&key.len()) && key.iter().all(|b| (0x21..=0x7e).contains(b))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let fits = is_idempotency_key(key.as_bytes()) && keys.next().is_none();
    match key.to_str() {
        Ok(key) if fits => Ok(Some(key.to_owned())),
        _ => Err(Problem::field(
            Kind::Validation,
            "@idempotency-key",
            "invalid_idempotency_key",
            "expected one header of 1 to 255 visible ASCII characters",
        )),
    }
}

fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    is_traceparent(value).then(|| value.to_owned())
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, with ids that are not all zero.
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return false;
    };
    let hex = |text: &str, length| {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        text.len() == length && text.bytes().all(digit)
    };
    let id = |text: &str, length| hex(text, length) && text.bytes().any(|b| b != b'0');
    version == "00" && id(trace, 32) && id(parent, 16) && hex(flags, 2)
}

/// The hops that this server itself has counted; another's mean nothing here.
fn hops(headers: &HeaderMap, server_id: &str) -> u8 {
    let values = headers.get_all("posthaste-hop").iter();
    let own = values.filter_map(|value| {
        let (server, hops) = value.to_str().ok()?.split_once(';')?;
        (server == server_id).then(|| hops.parse::<u8>().ok())?
    });
    own.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_context_is_taken_in_its_valid_form_alone() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        assert!(is_traceparent(&format!("00-{trace}-{parent}-01")));
        let (zeros, upper) = ("0".repeat(32), trace.to_uppercase());
        for bad in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{zeros}-{parent}-01"),
            format!("00-{upper}-{parent}-01"),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-01-x"),
        ] {
            assert!(!is_traceparent(&bad), "{bad}");
        }
    }

    #[test]
    fn only_this_servers_hops_count() {
        #[track_caller]
        fn check(values: &[&str], expected: u8) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("posthaste-hop", value.parse().unwrap());
            }
            assert_eq!(hops(&headers, "00ff"), expected, "{values:?}");
        }
        check(&[], 0);
        check(&["00ff;3"], 3);
        check(&["00fe;3"], 0);
        check(&["00fe;3", "00ff;2"], 2);
        check(&["00ff;x"], 0);
        check(&["00ff"], 0);
    }

    #[test]
    fn idempotency_keys_are_visible_ascii() {
        for good in ["a", "!~", &"x".repeat(255)] {
            assert!(is_idempotency_key(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "é", "\t", &"x".repeat(256)] {
            assert!(!is_idempotency_key(bad.as_bytes()), "{bad}");
        }
    }
}
