//! Deliveries: what went out, what waits, what failed; and sending it again.

mod list;
mod live;
mod many;
mod one;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use self::list::{Row, Subscribers, types};
use crate::Pages;

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/deliveries", get(list::list))
        .route("/deliveries/live", get(live::live))
        .route("/deliveries/selected", post(many::selected))
        .route("/deliveries/all", get(many::ask).post(many::all))
        .route("/deliveries/{id}", get(one::show))
        .route("/deliveries/{id}/standing", get(one::renewed))
        .route("/deliveries/{id}/redeliver", post(one::redeliver))
        .route("/deliveries/{id}/discard", post(one::discard))
}
