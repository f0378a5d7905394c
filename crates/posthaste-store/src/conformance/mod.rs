//! One suite for every store, a file per promise.
