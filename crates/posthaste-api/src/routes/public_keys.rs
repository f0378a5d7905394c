//! The public keys by which receivers verify a subscription's Ed25519 signatures. There is no secret
//! in them, so whoever may read the subscription may read them.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{clock::Timestamp, id::SubscriptionId, signature::Algorithm};
use serde::Serialize;
use utoipa::ToSchema;

use super::subscriptions::find;
use crate::{
    Api, answer,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadSubscriptions},
    problem::Problem,
};

/// All of them.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKeys)]
pub(crate) struct PublicKeysView {
    data: Vec<PublicKeyView>,
}

/// A key that verifies now.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKey)]
pub(crate) struct PublicKeyView {
    /// `whpk_` and base64 of 32 bytes.
    public_key: String,
    #[schema(value_type = String)]
    algorithm: Algorithm,
    /// Whether it is that of the secret that `GET …/secret` reveals.
    current: bool,
    /// The end of a rotation, for the key before.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
}

/// List the public keys of a subscription that signs with Ed25519, the current one first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{id}/public-keys", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "Those that verify now; none where the secret is shared", body = PublicKeysView)),
)]
pub(crate) async fn public_keys(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let found = find(&api, &auth.tenant, id)?;
    let keys = found.secrets.public_keys(api.engine.now());
    let view =
        |(key, valid_until): (posthaste::signature::PublicKey, Option<Timestamp>)| PublicKeyView {
            public_key: key.to_string(),
            algorithm: Algorithm::Ed25519,
            current: valid_until.is_none(),
            valid_until,
        };
    let data = keys.into_iter().map(view).collect();
    Ok(answer::json(StatusCode::OK, &PublicKeysView { data }))
}
