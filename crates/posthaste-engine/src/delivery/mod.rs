//! From accepted to settled: the groups in which the store is spoken to, the loop that carries out
//! what the scheduler says, and the attempts themselves.

pub mod mailbox;
pub mod intake;
pub mod alert;
pub mod chain;
pub(crate) mod redaction;
pub mod attempt;
pub mod group;
pub mod settle;
pub mod dispatch;
