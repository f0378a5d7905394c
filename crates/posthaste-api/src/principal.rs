//! Who asks, and whether they may: an extractor for each scope, so that a handler cannot run
//! without the check that its signature names.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use posthaste::event::TenantId;
use posthaste_callers::Caller;
use posthaste_engine::{Engine, operations::Principal};
use posthaste_store::{audit::Actor, settings::Scope};

use crate::{
    Api,
    problem::{Kind, Problem},
};

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
    CreatePortal = Some(Scope::PortalCreate),
}

/// A key that may do what `N` asks, in the tenant that it acts for.
pub(crate) struct Authorized<N> {
    pub(crate) principal: Principal,
    pub(crate) tenant: TenantId,
    acting: Acting,
    need: PhantomData<N>,
}

impl<N: Need> FromRequestParts<Api> for Authorized<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (acting, principal) = authenticated(parts, api).await?;
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
            acting,
            need,
        })
    }
}

impl<N> Authorized<N> {
    /// The engine in its hands: what is changed or revealed goes through this one, so that the audit
    /// log tells of it.
    pub(crate) fn engine(&self) -> Engine {
        self.acting.engine(&self.principal)
    }
}

/// A platform key that may manage tenants; it acts for none.
pub(crate) struct Platform {
    principal: Principal,
    acting: Acting,
}

impl Platform {
    /// As [`Authorized::engine`].
    pub(crate) fn engine(&self) -> Engine {
        self.acting.engine(&self.principal)
    }
}

impl FromRequestParts<Api> for Platform {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (acting, principal) = authenticated(parts, api).await?;
        if principal.is_platform() && principal.may(Scope::TenantsManage) {
            return Ok(Self { principal, acting });
        }
        Err(Problem::lacks(Scope::TenantsManage))
    }
}

/// Whoever shows no key at all has guessed nothing.
async fn authenticated(parts: &Parts, api: &Api) -> Result<(Acting, Principal), Problem> {
    let token = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
    let caller = api.options.callers.caller(parts);
    if let Some(principal) = api.engine.authenticate(token, caller.address) {
        let api = api.clone();
        return Ok((Acting { api, caller }, principal));
    }
    if api.engine.portal(token).await?.is_some() {
        let detail = "this opens the portal alone; the API takes a key";
        return Err(Problem::new(Kind::PortalAlone, detail));
    }
    let wait = api
        .options
        .callers
        .failed(&caller, api.engine.clock().elapsed());
    Err(wait.map_or_else(Problem::unauthenticated, Problem::too_many_guesses))
}

/// A request, as far as the audit log tells of it.
struct Acting {
    api: Api,
    caller: Caller,
}

impl Acting {
    fn engine(&self, principal: &Principal) -> Engine {
        let (address, request_id) = (self.caller.address, self.caller.request_id.clone());
        self.api.engine.by(Actor {
            key: Some(principal.acting()),
            address,
            request_id,
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
