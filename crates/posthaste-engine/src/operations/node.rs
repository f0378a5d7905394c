//! How the node fares that answers.

use std::time::Duration;

use super::OperationError;
use crate::Engine;

/// One server, as its operator wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name to itself, as `posthaste-hop` carries it.
    pub name: String,
    pub up_for: Duration,
    /// As `/readyz` says.
    pub is_ready: bool,
    /// What its store takes on disk; none where it is on none.
    pub store_bytes: Option<u64>,
}

impl Engine {
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn node(&self) -> Result<Node, OperationError> {
        Ok(Node {
            name: self.server_name(),
            up_for: self.clock().elapsed().saturating_sub(self.0.started),
            is_ready: self.is_ready(),
            store_bytes: self.0.store.size_bytes().await?,
        })
    }
}
