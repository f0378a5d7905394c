//! Retry policies: what is taken keeps every bound of the contract and shows as it was written.

use std::time::Duration;

use posthaste::retry::{DELAY_MIN, HORIZON_MAX, RETRIES_MAX, RetryPolicy};

pub fn judge(text: &[u8]) {
    let Ok(policy) = serde_json::from_slice::<RetryPolicy>(text) else {
        return;
    };
    let shown = serde_json::to_string(&policy).expect("it is plain JSON");
    assert_eq!(
        serde_json::from_str::<RetryPolicy>(&shown).ok().as_ref(),
        Some(&policy),
        "{shown}"
    );
    let retries = policy.retries();
    assert!(retries as usize <= RETRIES_MAX);
    let waits = |draw| (1..=retries).map(move |spent| (spent, draw));
    let mut sum = Duration::ZERO;
    for (spent, draw) in waits(0.0) {
        let wait = policy
            .wait_after(spent, draw)
            .expect("a retry has its wait");
        assert!(wait >= DELAY_MIN, "{shown}: {wait:?}");
        let longest = policy
            .wait_after(spent, 0.999_999)
            .expect("it is the same retry");
        assert!(
            wait <= longest && longest <= wait * 2,
            "{shown}: {wait:?} to {longest:?}"
        );
        assert_eq!(policy.retries_left(spent), retries + 1 - spent);
        sum += wait;
    }
    assert!(sum <= HORIZON_MAX, "{shown}: {sum:?}");
    assert_eq!(policy.wait_after(retries + 1, 0.5), None);
    assert_eq!(policy.wait_after(0, 0.5), None);
    assert_eq!(policy.retries_left(u32::MAX), 0);
}
