//! Every attempt under way and every producer's connection is an open file, and so is the store:
//! where the soft limit is the usual 1,024, a few hanging receivers would use it up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files beside those of attempts: producers' connections, idle ones, the store.
const OTHERS: u64 = 512;

/// Raises the soft limit to the hard one, and says so where it is still too low for as many
/// attempts at once.
pub fn raise(attempts: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let needed = attempts as u64 + OTHERS;
    if current.is_some_and(|current| current < needed) {
        tracing::warn!(limit = current, needed, "open_files.low");
    }
}
