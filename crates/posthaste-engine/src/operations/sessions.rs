//! Signing in: a session stands for a key and opens nothing that the key would not, request by
//! request. It has no rights of its own, so a key that is deleted, past its time or shown from
//! elsewhere ends it at once.

use std::{net::IpAddr, sync::Arc, time::Duration};

use posthaste::{clock::Timestamp, signature::Secret};
use posthaste_store::{
    audit::Action,
    change::Change,
    pass::{Holder, Opens, Pass},
};
use serde_json::json;
use tokio::sync::watch;

use super::{
    OperationError,
    access::{Principal, random_token},
};
use crate::{Engine, key_table::KeyDigest, trail::Details};

/// How long a session is good, used or not.
pub const SESSION: Duration = Duration::from_secs(12 * 3600);
/// How long a link is that opens one.
pub const SIGN_IN_LINK: Duration = Duration::from_secs(5 * 60);

/// What a session's token begins with.
const SESSION_PREFIX: &str = "pss_";
const SIGN_IN_PREFIX: &str = "psl_";
/// Longer ones are no tokens; they are not hashed.
const TOKEN_BYTES_MAX: usize = 64;

/// A token to give to someone, this once.
pub struct Given {
    pub token: Secret,
    pub expires_at: Timestamp,
}

impl Engine {
    /// Opens a session for whoever holds a key.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn open_session(&self, holder: &Principal) -> Result<Given, OperationError> {
        let (prefix, opens) = (SESSION_PREFIX, Opens::Session as fn(Holder) -> Opens);
        self.give(holder, SESSION, (prefix, opens), Action::CreateSession)
            .await
    }

    /// Makes a link's token, which opens one session.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn make_sign_in_link(&self, holder: &Principal) -> Result<Given, OperationError> {
        let (prefix, opens) = (SIGN_IN_PREFIX, Opens::SignIn as fn(Holder) -> Opens);
        self.give(
            holder,
            SIGN_IN_LINK,
            (prefix, opens),
            Action::CreateSignInLink,
        )
        .await
    }

    async fn give(
        &self,
        to: &Principal,
        lasts: Duration,
        (prefix, opens): (&str, fn(Holder) -> Opens),
        action: Action,
    ) -> Result<Given, OperationError> {
        let (token, key) = (random_token(prefix), &to.key);
        let expires_at = self.now() + lasts;
        let holder = Holder {
            key: key.id,
            hash: key.hash,
            tenant: key.tenant.clone(),
            expires_at,
        };
        let pass = Pass {
            digest: KeyDigest::of(token.expose()).bytes(),
            opens: opens(holder),
        };
        let details = Details::given(&json!({"expires_at": expires_at}));
        let entry = self.entry(key.tenant.as_ref(), action, None, details);
        let insert = Change::InsertPass(Box::new(pass));
        self.0.store.change(insert, entry).await?;
        Ok(Given { token, expires_at })
    }

    /// Whose session this is, asked for by someone at this address; none where it has ended.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn session(
        &self,
        token: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<Principal>, OperationError> {
        let pass = self.pass(token, SESSION_PREFIX).await?;
        Ok(pass.and_then(|pass| match &pass.opens {
            Opens::Session(holder) => self.holder(holder, from),
            Opens::SignIn(_) | Opens::Portal { .. } => None,
        }))
    }

    /// Ends a session; one that has ended stays so.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn close_session(
        &self,
        token: &str,
        holder: &Principal,
    ) -> Result<(), OperationError> {
        let digest = KeyDigest::of(token).bytes();
        let action = Action::DeleteSession;
        let entry = self.entry(holder.key.tenant.as_ref(), action, None, Details::default());
        let closed = self.0.store.change(Change::DeletePass(digest), entry).await;
        self.0.passes.forget(&digest);
        match closed.map_err(OperationError::from) {
            Err(OperationError::NotFound(_)) => Ok(()),
            closed => closed,
        }
    }

    /// Tells whenever a session or a portal link is ended at this node, for whoever lets someone go
    /// on looking: whether it was theirs is to be asked again.
    #[must_use]
    pub fn passes_ended(&self) -> watch::Receiver<()> {
        self.0.passes.forgot()
    }

    /// Uses up a link's token: in whose stead it may open a session. The next one who comes with it
    /// gets nothing, and nor does this one where the key is not good from there.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn redeem(
        &self,
        token: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<Principal>, OperationError> {
        if !is_token(token, SIGN_IN_PREFIX) {
            return Ok(None);
        }
        let digest = KeyDigest::of(token).bytes();
        let taken = self.0.store.take_pass(digest, self.now()).await?;
        Ok(taken.and_then(|pass| match &pass.opens {
            Opens::SignIn(holder) => self.holder(holder, from),
            Opens::Session(_) | Opens::Portal { .. } => None,
        }))
    }

    /// The key, as long as it is good from there.
    fn holder(&self, holder: &Holder, from: Option<IpAddr>) -> Option<Principal> {
        let principal = self.admitted(KeyDigest::of_hash(holder.hash), from)?;
        (principal.key.id == holder.key).then_some(principal)
    }

    /// What a token of this kind opens, from memory where it was read of late.
    pub(crate) async fn pass(
        &self,
        token: &str,
        prefix: &str,
    ) -> Result<Option<Arc<Pass>>, OperationError> {
        if !is_token(token, prefix) {
            return Ok(None);
        }
        let digest = KeyDigest::of(token).bytes();
        let (passes, elapsed) = (&self.0.passes, self.clock().elapsed());
        let pass = match passes.get(&digest, elapsed) {
            Ok(pass) => Some(pass),
            Err(turn) => {
                let read = self.0.store.pass(digest, self.now()).await?.map(Arc::new);
                if let Some(pass) = &read {
                    passes.put(turn, pass.clone(), elapsed);
                }
                read
            }
        };
        Ok(pass.filter(|pass| self.now() < pass.expires_at()))
    }
}

fn is_token(token: &str, prefix: &str) -> bool {
    token.len() <= TOKEN_BYTES_MAX && token.starts_with(prefix)
}
