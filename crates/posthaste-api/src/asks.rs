//! What a route asks of a key, as its handler's signature says it: the document is written from the
//! very type that the extractor checks, so that the two cannot part.

use axum::{extract::State, handler::Handler};
use posthaste_store::settings::Scope;
use utoipa::openapi::path::Paths;

use crate::{
    Api, openapi,
    principal::{Authorized, Need, Platform},
};

/// What a handler asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    Nothing,
    AnyKey,
    Key(Scope),
}

/// What stands first in a handler's signature: the check that is made before all others.
pub(crate) trait Guard {
    const ASKS: Asks;
}

impl<N: Need> Guard for Authorized<N> {
    const ASKS: Asks = match N::SCOPE {
        None => Asks::AnyKey,
        Some(scope) => Asks::Key(scope),
    };
}

impl Guard for Platform {
    const ASKS: Asks = Asks::Key(Scope::TenantsManage);
}

impl Guard for State<Api> {
    const ASKS: Asks = Asks::Nothing;
}

/// A handler's arguments, as axum writes them: behind how the last of them is read.
pub(crate) trait Arguments {
    const ASKS: Asks;
}

impl Arguments for ((),) {
    const ASKS: Asks = Asks::Nothing;
}

macro_rules! arguments {
    ($($more:ident),*) => {
        impl<M, G: Guard, $($more),*> Arguments for (M, G, $($more,)*) {
            const ASKS: Asks = G::ASKS;
        }
    };
}

arguments!();
arguments!(A);
arguments!(A, B);
arguments!(A, B, C);
arguments!(A, B, C, D);
arguments!(A, B, C, D, E);
arguments!(A, B, C, D, E, F);
arguments!(A, B, C, D, E, F, H);

pub(crate) fn asks<T: Arguments>(_: impl Handler<T, Api>) -> Asks {
    T::ASKS
}

/// Writes it into the operation of a handler.
pub(crate) fn say(paths: &mut Paths, handler: &str, asks: Asks) {
    let items = paths.paths.values_mut();
    let operations = items.flat_map(openapi::operations);
    for operation in operations.filter(|one| one.operation_id.as_deref() == Some(handler)) {
        operation.security = Some(vec![openapi::requirement(asks)]);
    }
}
