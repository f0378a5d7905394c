//! The embedded store: one SQLite file, one thread that writes, nothing to install.
//!
//! An event row, with the subscriptions it matched, is all that is written before a publisher gets
//! its 202; a delivery has a row from its first outcome on, or when it has to wait. Until then the
//! delivery is implied, and is known to [`live`]. The index by subscription and the one by tenant
//! are fed later, in sorted slices ([`tail`]), and so is the table of rollups ([`unfolded`]); no answer
//! depends on whether they have been.

mod fault;
mod row;
mod tenant;
mod event_row;
mod subscription_secrets;
mod subscription_row;
mod replay_row;
mod pass_row;
mod inbox_row;
mod tail;
mod unfolded;
mod live;
mod spoilt;
mod meta;
mod vault;
mod unsealed;
mod rollup_log;
mod migrate;
mod connection;
mod checkpoint;
mod footprint;
mod rebuild;
mod writer;
mod reader;
mod store;
mod open;
mod rotate;

pub use connection::ConnectionError;
pub use migrate::MigrationError;
pub use open::{OpenError, Options};
pub use rotate::Rotated;
pub use store::SqliteStore;
pub use vault::VaultError;

#[cfg(test)]
mod trials;
#[cfg(test)]
mod removal_trials;
#[cfg(test)]
mod rollup_trials;
#[cfg(test)]
mod vault_trials;
