//! A session in a browser: its token in a cookie that no script reads and no other site sends along
//! with a form.
//!
//! Where this server is reached over TLS, the cookie's name binds it to this very host
//! (`__Host-`, which wants the path `/`); else it is sent below `/dashboard` alone. Which of the two
//! holds follows from the public URL, never from a request.

use data_encoding::HEXLOWER;
use http::{HeaderMap, header};
use posthaste_engine::operations::SESSION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How the cookie is called, and what it is sent with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookie {
    name: &'static str,
    attributes: &'static str,
}

impl Cookie {
    pub(crate) fn new(over_tls: bool) -> Self {
        match over_tls {
            true => Self {
                name: "__Host-posthaste-session",
                attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
            },
            false => Self {
                name: "posthaste-session",
                attributes: "Path=/dashboard; HttpOnly; SameSite=Lax",
            },
        }
    }

    /// The token that a request's cookies hold.
    pub(crate) fn token(self, headers: &HeaderMap) -> Option<Token> {
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines.filter_map(|line| line.to_str().ok());
        let mut pairs = pairs
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == self.name)?;
        Some(Token(value.to_owned()))
    }

    /// For as long as the session lasts.
    pub(crate) fn set(self, token: &str) -> String {
        let Self { name, attributes } = self;
        format!(
            "{name}={token}; {attributes}; Max-Age={}",
            SESSION.as_secs()
        )
    }

    /// Takes it back.
    pub(crate) fn cleared(self) -> String {
        format!("{}=; {}; Max-Age=0", self.name, self.attributes)
    }
}

/// What whoever looks has shown: a session's token, or a portal link's.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl Token {
    /// What the forms of its pages carry: who cannot read them cannot know it.
    pub(crate) fn csrf(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(format!("csrf {}", self.0)))
    }

    /// Whether a form carries it.
    pub(crate) fn is_shown(&self, csrf: &str) -> bool {
        self.csrf().as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(over_tls: bool, cookies: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        let found = Cookie::new(over_tls).token(&headers).map(|token| token.0);
        assert_eq!(found.as_deref(), expected, "{cookies:?}");
    }

    #[test]
    fn the_cookie_that_counts_is_the_one_of_this_way_here() {
        check(false, &["a=b; posthaste-session=x"], Some("x"));
        check(false, &["a=b", "posthaste-session=x"], Some("x"));
        check(true, &["posthaste-session=x"], None);
        check(
            true,
            &["posthaste-session=x; __Host-posthaste-session=y"],
            Some("y"),
        );
        check(false, &["posthaste-session", "=", ""], None);
    }

    #[test]
    fn a_form_of_another_session_is_not_this_ones() {
        let [one, other] = ["one", "other"].map(|token| Token(token.to_owned()));
        assert!(one.is_shown(&one.csrf()));
        assert!(!one.is_shown(&other.csrf()));
        assert!(!one.is_shown(""));
    }
}
