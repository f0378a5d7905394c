//! Who asks, and whether they may: an extractor for each scope, so that a handler cannot run
//! without the check that its signature names.

use std::{marker::PhantomData, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use posthaste::event::TenantId;
use posthaste_engine::{Engine, operations::Principal};
use posthaste_store::{
    audit::{ActingKey, Actor},
    settings::Scope,
};

use crate::{Api, client::Client, problem::Problem, request_id::RequestId};

/// The longest key that is looked up.
const TOKEN_MAX: usize = 256;
/// Picks the tenant that a platform key acts for.
const POSTHASTE_TENANT: &str = "posthaste-tenant";

/// What a route asks of a key.
pub(crate) trait Need: Send + 'static {
    /// None: any key will do.
    const SCOPE: Option<Scope>;
}

macro_rules! needs {
    ($($need:ident = $scope:expr),* $(,)?) => {$(
        pub(crate) struct $need;

        impl Need for $need {
            const SCOPE: Option<Scope> = $scope;
        }
    )*};
}

needs! {
    AnyKey = None,
    PublishEvents = Some(Scope::EventsPublish),
    ReadEvents = Some(Scope::EventsRead),
    ReadSubscriptions = Some(Scope::SubscriptionsRead),
    WriteSubscriptions = Some(Scope::SubscriptionsWrite),
    ReadDeliveries = Some(Scope::DeliveriesRead),
    WriteDeliveries = Some(Scope::DeliveriesWrite),
    WriteEventTypes = Some(Scope::EventTypesWrite),
    ManageKeys = Some(Scope::KeysManage),
}

/// A key that may do what `N` asks, in the tenant that it acts for.
pub(crate) struct Authorized<N> {
    pub(crate) principal: Principal,
    pub(crate) tenant: TenantId,
    caller: Caller,
    need: PhantomData<N>,
}

impl<N: Need> FromRequestParts<Api> for Authorized<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, principal) = authenticated(parts, api)?;
        if let Some(scope) = N::SCOPE
            && !principal.may(scope)
        {
            return Err(Problem::lacks(scope));
        }
        let tenant = tenant(&parts.headers, &principal, api)?;
        let need = PhantomData;
        Ok(Self {
            principal,
            tenant,
            caller,
            need,
        })
    }
}

impl<N> Authorized<N> {
    /// The engine in its hands: what is changed or revealed goes through this one, so that the audit
    /// log tells of it.
    pub(crate) fn engine(&self) -> Engine {
        self.caller.engine(&self.principal)
    }
}

/// A platform key that may manage tenants; it acts for none.
pub(crate) struct Platform {
    principal: Principal,
    caller: Caller,
}

impl Platform {
    /// As [`Authorized::engine`].
    pub(crate) fn engine(&self) -> Engine {
        self.caller.engine(&self.principal)
    }
}

impl FromRequestParts<Api> for Platform {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, principal) = authenticated(parts, api)?;
        if principal.is_platform() && principal.may(Scope::TenantsManage) {
            return Ok(Self { principal, caller });
        }
        Err(Problem::lacks(Scope::TenantsManage))
    }
}

/// Whoever shows no key at all has guessed nothing.
fn authenticated(parts: &Parts, api: &Api) -> Result<(Caller, Principal), Problem> {
    let token = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
    let client = Client::of(parts, api);
    if let Some(principal) = api.engine.authenticate(token, client.address) {
        let caller = Caller {
            api: api.clone(),
            address: client.address,
            request_id: parts.extensions.get().cloned(),
        };
        return Ok((caller, principal));
    }
    let from = client.address.or(client.peer);
    let wait = api.failures.failed(from, api.engine.clock().elapsed());
    Err(wait.map_or_else(Problem::unauthenticated, Problem::too_many_guesses))
}

/// A request, as far as the audit log tells of it.
struct Caller {
    api: Api,
    address: Option<IpAddr>,
    request_id: Option<RequestId>,
}

impl Caller {
    fn engine(&self, principal: &Principal) -> Engine {
        let key = &principal.key;
        let acting = ActingKey {
            id: key.id,
            name: key.name.clone(),
            platform: principal.is_platform(),
        };
        self.api.engine.by(Actor {
            key: Some(acting),
            address: self.address,
            request_id: self.request_id.as_ref().map(RequestId::text),
            ..Actor::default()
        })
    }
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && (1..=TOKEN_MAX).contains(&token.len());
    fits.then_some(token)
}

/// A key's own tenant; for the platform's keys the one that the header names, else `default`.
fn tenant(headers: &HeaderMap, principal: &Principal, api: &Api) -> Result<TenantId, Problem> {
    let named = headers.get(POSTHASTE_TENANT);
    let named = match named.map(|name| name.to_str().map(str::parse::<TenantId>)) {
        None => None,
        Some(Ok(Ok(tenant))) => Some(tenant),
        Some(_) => return Err(Problem::not_found("tenant")),
    };
    match (&principal.key.tenant, named) {
        (None, None) => Ok(api.default_tenant.clone()),
        (None, Some(named)) if api.engine.tenant(&named).is_some() => Ok(named),
        (Some(own), None) => Ok(own.clone()),
        (Some(own), Some(named)) if *own == named => Ok(named),
        (_, Some(_)) => Err(Problem::not_found("tenant")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        assert_eq!(bearer(&headers), expected, "{values:?}");
    }

    #[test]
    fn one_header_holds_one_token() {
        check(&["Bearer pst_x"], Some("pst_x"));
        check(&["bearer pst_x"], Some("pst_x"));
        check(&[], None);
        check(&["Bearer"], None);
        check(&["Bearer "], None);
        check(&["Basic pst_x"], None);
        check(&["pst_x"], None);
        check(&["Bearer pst_x", "Bearer pst_x"], None);
        check(&[&format!("Bearer {}", "x".repeat(10_240))], None);
    }
}
