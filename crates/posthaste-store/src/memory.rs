//! The model.
#[derive(Debug, Default)]
pub struct MemoryStore;
