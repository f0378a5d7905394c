//! The scheduler by itself: inputs in, effects out, no time but what is said.

mod world;
mod attempts;
mod pauses;
mod memory;
mod turns;
mod order;
mod batches;
mod circuits;
mod replays;

use std::{collections::VecDeque, time::Duration};

use posthaste::{
    delivery::{FailureClass, Outcome, PauseReason, Tries},
    event::{Event, EventDetails, Line, Origin, TenantId},
    id::Place,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Secret, Secrets},
    subscription::Subscription,
};

use posthaste_store::record::Attempt;

use super::*;
use world::*;
