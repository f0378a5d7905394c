//! Who is signed in: a random token in a cookie, and whose key it stands for.

use std::{collections::HashMap, sync::Mutex};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http::{HeaderMap, header};
use posthaste::chance;
use posthaste_engine::{Engine, operations::Principal};
use sha2::{Digest, Sha256};

const COOKIE: &str = "posthaste-session";

/// A signed-in browser's token.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// The one that a request's cookies hold.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut cookies = cookies.filter_map(|line| line.to_str().ok());
        let named = cookies.find_map(|line| {
            let mut pairs = line
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='));
            pairs.find_map(|(name, value)| (name == COOKIE).then_some(value))
        });
        named.map(|value| Self(value.to_owned()))
    }

    /// What the forms of this session carry: who cannot read its pages cannot know it.
    pub(crate) fn csrf(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(format!("csrf {}", self.0)))
    }

    pub(crate) fn cookie(&self) -> String {
        format!(
            "{COOKIE}={}; Path=/dashboard; HttpOnly; SameSite=Lax; Max-Age=43200",
            self.0
        )
    }
}

/// The sessions there are.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Principal>>);

impl Sessions {
    pub(crate) fn open(&self, principal: Principal) -> Token {
        let token = BASE64URL_NOPAD.encode(&chance::secure::<32>());
        let mut open = self.0.lock().expect("nothing panics while it holds it");
        open.insert(token.clone(), principal);
        Token(token)
    }

    /// Whose session it is, as long as their key is good.
    pub(crate) fn of(&self, token: &Token, engine: &Engine) -> Option<Principal> {
        let open = self.0.lock().expect("nothing panics while it holds it");
        let principal = open.get(&token.0)?;
        engine.is_good(principal).then(|| principal.clone())
    }
}
