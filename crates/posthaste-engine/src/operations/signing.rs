//! What a subscription signs with: which algorithm goes with which schemes and secrets, and how one
//! secret follows another.

use std::{ops::RangeInclusive, time::Duration};

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::SubscriptionId,
    signature::{Algorithm, Scheme, Secret, Secrets},
    subscription::Subscription,
};

use posthaste_store::audit::Action;

use super::OperationError;
use crate::Engine;

/// How long the secret before keeps signing where nobody says otherwise: a day.
pub const OVERLAP: Duration = Duration::from_secs(86_400);
/// How long an overlap may be, in seconds: at most a week.
pub const OVERLAP_S: RangeInclusive<u64> = 0..=604_800;

/// Why requests cannot be signed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsignable {
    #[error("ed25519 goes with the schemes [\"standard\"] alone")]
    Schemes {
        /// Whether the schemes were asked for, or the algorithm beside schemes that are there.
        asked: bool,
    },
    #[error("the secret is not one of the subscription's algorithm")]
    Secret,
}

impl Unsignable {
    /// A JSON Pointer to the member.
    #[must_use]
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::Schemes { asked: true } => "/schemes",
            Self::Schemes { asked: false } => "/algorithm",
            Self::Secret => "/secret",
        }
    }

    /// A stable name of the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Schemes { .. } => "schemes_of_ed25519",
            Self::Secret => "invalid_secret",
        }
    }
}

/// # Errors
/// [`Unsignable::Schemes`].
pub fn fits(algorithm: Algorithm, schemes: &[Scheme], asked: bool) -> Result<(), Unsignable> {
    let fits = algorithm.goes_with(schemes);
    fits.then_some(()).ok_or(Unsignable::Schemes { asked })
}

/// # Errors
/// [`Unsignable::Secret`].
pub fn takes(algorithm: Algorithm, secret: &Secret) -> Result<(), Unsignable> {
    let takes = algorithm.takes(secret);
    takes.then_some(()).ok_or(Unsignable::Secret)
}

/// The secrets of one whose algorithm was `before`. One of the other kind takes a new secret at
/// once, and the old one keeps signing beside it as in any rotation, so that receivers can follow.
///
/// # Errors
/// [`OperationError::RotationUnderWay`].
pub fn follow(
    subscription: &mut Subscription,
    before: Algorithm,
    now: Timestamp,
) -> Result<(), OperationError> {
    let algorithm = subscription.algorithm;
    if algorithm.is_kind_of(before) {
        return Ok(());
    }
    rotate(
        &mut subscription.secrets,
        algorithm.new_secret(),
        now,
        OVERLAP,
    )
}

/// # Errors
/// [`OperationError::RotationUnderWay`].
fn rotate(
    secrets: &mut Secrets,
    next: Secret,
    now: Timestamp,
    overlap: Duration,
) -> Result<(), OperationError> {
    if let Some((_, until)) = secrets.previous.as_ref().filter(|(_, until)| now < *until) {
        return Err(OperationError::RotationUnderWay { until: *until });
    }
    *secrets = secrets.clone().rotated(next, now + overlap);
    Ok(())
}

impl Engine {
    /// A new secret; the old one keeps signing beside it for `overlap`. Answers the new one and
    /// until when the old one is valid.
    ///
    /// # Errors
    /// [`OperationError::RotationUnderWay`] during an overlap; [`OperationError::Unsignable`] where
    /// the secret is none of the subscription's algorithm; `NotFound`.
    pub async fn rotate_secret(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        secret: Option<Secret>,
        overlap: Duration,
    ) -> Result<(Secret, Timestamp), OperationError> {
        let now = self.now();
        let change = move |mut subscription: Subscription| {
            let algorithm = subscription.algorithm;
            let next = secret.clone().unwrap_or_else(|| algorithm.new_secret());
            takes(algorithm, &next)?;
            rotate(&mut subscription.secrets, next, now, overlap)?;
            Ok(subscription)
        };
        let rotated = self
            .change(tenant, id, (Action::RotateSecret, false), change)
            .await?;
        Ok((rotated.secrets.current.clone(), now + overlap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_rotation_waits_for_the_one_before() {
        let hmac = Algorithm::default();
        let mut secrets = Secrets::new(hmac.new_secret());
        rotate(&mut secrets, hmac.new_secret(), NOW, OVERLAP).unwrap();
        let again = rotate(&mut secrets, hmac.new_secret(), NOW, OVERLAP);
        let until = NOW + OVERLAP;
        assert_eq!(again, Err(OperationError::RotationUnderWay { until }));
        assert_eq!(
            rotate(&mut secrets, hmac.new_secret(), until, OVERLAP),
            Ok(())
        );
    }

    #[test]
    fn ed25519_has_one_scheme_and_keys_of_its_own() {
        let (pair, hmac) = (Algorithm::Ed25519, Algorithm::default());
        assert_eq!(fits(pair, &[Scheme::Standard], true), Ok(()));
        assert_eq!(fits(hmac, Scheme::ALL, true), Ok(()));
        let unfit = fits(pair, Scheme::ALL, false).unwrap_err();
        assert_eq!(
            (unfit.pointer(), unfit.code()),
            ("/algorithm", "schemes_of_ed25519")
        );
        assert_eq!(takes(pair, &hmac.new_secret()), Err(Unsignable::Secret));
    }
}
