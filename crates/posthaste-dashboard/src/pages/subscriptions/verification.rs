//! The code that checks a subscription's signatures, chosen by links.

use posthaste::{
    signature::{Algorithm, Scheme},
    subscription::Subscription,
};

use crate::{
    query::Query,
    verification_code::{Kind, Language, code},
};

/// What is shown of it.
pub(super) struct Verification {
    pub(super) language: Language,
    pub(super) scheme: Scheme,
    pub(super) schemes: Vec<Scheme>,
    pub(super) code: String,
    /// What the code reads from its environment.
    pub(super) variable: &'static str,
    pub(super) is_public: bool,
}

impl Verification {
    pub(super) fn chosen(of: &Subscription, query: &Query) -> Self {
        let language = query.read("language").unwrap_or(Language::Python);
        let named = |scheme: &&Scheme| Some(scheme.as_str()) == query.text("scheme");
        let scheme = of.schemes.iter().find(named).or(of.schemes.first());
        let scheme = scheme.copied().unwrap_or(Scheme::Standard);
        Self {
            language,
            scheme,
            schemes: of.schemes.clone(),
            code: code(language, scheme, of.algorithm),
            variable: Kind::of(scheme, of.algorithm).variable(),
            is_public: of.algorithm == Algorithm::Ed25519,
        }
    }

    pub(super) fn languages(&self) -> [Language; 8] {
        Language::ALL
    }
}
