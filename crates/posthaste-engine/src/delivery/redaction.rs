//! What a receiver echoes. An attempt's record shows what was answered, and some receivers answer
//! with the request: what was secret in it is taken out before anyone keeps it.

use bytes::Bytes;
use posthaste::subscription::{Access, Auth, HIDDEN, HeaderValue, OwnHeader};

/// Shorter ones would take half of an answer with them, and guessing them is easier than reading.
const LENGTH_MIN: usize = 6;

/// The secrets that a subscription's requests carry, the longest first.
#[derive(Default)]
pub struct Unsaid(Vec<Vec<u8>>);

impl Unsaid {
    #[must_use]
    pub fn of(access: &Access, own: &[OwnHeader]) -> Self {
        let headers = own
            .iter()
            .map(|own| &own.value)
            .filter(|value| value.is_secret());
        let headers = headers.map(HeaderValue::expose);
        let inside = access.auth.iter().map(|auth| match auth {
            Auth::Basic { password, .. } => password.expose(),
            Auth::Bearer(token) => token.expose(),
        });
        // Basic credentials as they stand behind the word Basic.
        let words = headers
            .clone()
            .filter_map(|value| Some(value.split_once(' ')?.1));
        let all = headers.chain(inside).chain(words);
        let long = all.filter(|secret| secret.len() >= LENGTH_MIN);
        let mut all: Vec<Vec<u8>> = long.map(|secret| secret.as_bytes().to_vec()).collect();
        all.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    #[must_use]
    pub fn text(&self, text: String) -> String {
        match self.found_in(text.as_bytes()) {
            false => text,
            true => String::from_utf8_lossy(&self.replaced(text.as_bytes())).into_owned(),
        }
    }

    #[must_use]
    pub fn bytes(&self, bytes: Bytes) -> Bytes {
        match self.found_in(&bytes) {
            false => bytes,
            true => self.replaced(&bytes).into(),
        }
    }

    fn found_in(&self, text: &[u8]) -> bool {
        let mut secrets = self.0.iter();
        secrets.any(|secret| text.windows(secret.len()).any(|part| part == secret))
    }

    fn replaced(&self, text: &[u8]) -> Vec<u8> {
        let (mut left, mut said) = (text, Vec::with_capacity(text.len()));
        while let Some(first) = left.first() {
            match self.0.iter().find(|secret| left.starts_with(secret)) {
                Some(secret) => {
                    said.extend_from_slice(HIDDEN.as_bytes());
                    left = &left[secret.len()..];
                }
                None => {
                    said.push(*first);
                    left = &left[1..];
                }
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(access: &Access, echoed: &str, expected: &str) {
        let unsaid = Unsaid::of(access, &access.own_headers());
        assert_eq!(unsaid.text(echoed.to_owned()), expected);
        assert_eq!(unsaid.bytes(Bytes::from(echoed.to_owned())), expected);
    }

    #[test]
    fn what_was_secret_in_a_request_is_not_kept_of_its_answer() {
        let header = |text, secret| HeaderValue::new(text, secret).unwrap();
        let access = Access {
            headers: [
                ("x-api-key".parse().unwrap(), header("open sesame", true)),
                ("x-team".parse().unwrap(), header("team blue", false)),
                ("x-pin-key".parse().unwrap(), header("1234", true)),
            ]
            .into(),
            auth: Auth::basic("ada", "lovelace").ok(),
            tls: None,
        };
        check(
            &access,
            "x-api-key: open sesame, team blue",
            "x-api-key: ***, team blue",
        );
        check(
            &access,
            "authorization: Basic YWRhOmxvdmVsYWNl",
            "authorization: ***",
        );
        check(
            &access,
            "got ada:lovelace YWRhOmxvdmVsYWNl!",
            "got ada:*** ***!",
        );
        check(&access, "é 1234", "é 1234");
        check(
            &Access::default(),
            "x-api-key: open sesame",
            "x-api-key: open sesame",
        );
    }
}
