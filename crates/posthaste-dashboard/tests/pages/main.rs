//! Pages over a store in memory: what is asked for, and what is shown.

mod site;

mod signing_in;
mod overview;
mod replays;
