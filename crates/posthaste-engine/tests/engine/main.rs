//! The engine over the model store, in virtual time: no socket, no disk, no waiting.

mod world;

mod delivery;
mod figures;
mod filters;
mod keys;
mod live;
mod passes;
mod provenance;
mod replays;
mod search;
mod stress;
mod upkeep;
