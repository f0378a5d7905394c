//! Which row is tried where: the numbers of TRUST's table, and the tests of rows that are more than
//! a request and its answer.

use std::{collections::BTreeSet, path::Path};

/// Every number of the table.
const NUMBERS: &[u32] = &[
    1, 2, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15, 17, 18, 20, 21, 23, 25, 26, 27, 28, 30, 31, 32, 33,
    34, 35, 41, 42, 43, 45, 47, 48, 49, 50, 51, 52, 53, 54, 55, 57, 59, 60, 61, 64, 67, 68, 70, 71,
    72, 73, 74, 78, 79, 81, 83, 84, 85,
];

/// Rows, and the files and functions that try them.
const TESTS: &[(&[u32], &str, &str)] = &[
    (
        &[18],
        CLI_EXTENTS,
        "odd_json_is_json_and_is_delivered_byte_for_byte",
    ),
    (&[35], CLI_EXTENTS, "a_slow_head_is_told_so_and_closed"),
    (
        &[42],
        "posthaste-api/tests/api/access.rs",
        "keys_are_shown_once_and_open_nothing_after_their_end",
    ),
    (
        &[45],
        "posthaste-cli/tests/blackbox/portal.rs",
        "a_portal_token_opens_its_own_portal_alone",
    ),
    (
        &[60],
        "posthaste-cli/tests/blackbox/portal.rs",
        "the_portal_refuses_what_may_not_be_a_target",
    ),
    (
        &[49],
        "posthaste-cli/tests/blackbox/hostile_events.rs",
        "a_hostile_answer_is_kept_as_text",
    ),
    (
        &[51, 52],
        CLI_IDEMPOTENCY,
        "the_same_key_answers_the_first_events_body_and_makes_no_second",
    ),
    (
        &[53],
        CLI_IDEMPOTENCY,
        "a_hundred_racing_clients_make_one_event",
    ),
    (
        &[54],
        CLI_IDEMPOTENCY,
        "keys_of_two_tenants_are_independent",
    ),
    (
        &[57],
        CLI_EXTENTS,
        "a_time_of_occurrence_is_data_and_delays_nothing",
    ),
    (
        &[59],
        "posthaste/tests/egress_corpus.rs",
        "every_line_of_the_corpus_is_stopped_where_it_says_or_passes",
    ),
    (
        &[61],
        "posthaste-api/tests/api/receivers.rs",
        "headers_that_may_not_be_sent_are_refused",
    ),
    (
        &[83],
        "posthaste-api/tests/api/tenants.rs",
        "past_its_rate_a_tenant_is_told_when_to_come_back_and_nothing_is_stored",
    ),
    (
        &[85],
        "posthaste-cli/tests/blackbox/tenants.rs",
        "a_publish_that_races_a_deletion_is_a_202_or_a_404_and_leaves_nothing",
    ),
    (
        &[60],
        "posthaste-cli/tests/blackbox/egress.rs",
        "every_door_refuses_what_may_not_be_a_target",
    ),
    (
        &[67],
        CLI_EXTENTS,
        "one_subscription_more_than_a_tenant_may_have_is_refused",
    ),
    (
        &[68],
        "posthaste-cli/tests/blackbox/lists.rs",
        "a_cursor_of_another_list_tenant_or_forger_is_refused",
    ),
    (
        &[73],
        "posthaste-store/src/replay.rs",
        "what_is_no_longer_stored_is_counted_as_expired",
    ),
    (
        &[74],
        "posthaste-api/tests/api/replays.rs",
        "one_key_begins_one_replay",
    ),
    (
        &[79],
        "posthaste-cli/tests/blackbox/batch.rs",
        "more_than_ten_thousand_events_are_too_many",
    ),
    (
        &[79],
        "posthaste-cli/tests/blackbox/batch.rs",
        "one_bad_item_refuses_the_batch_and_every_bad_index_is_named",
    ),
    (
        &[84],
        "posthaste-cli/tests/blackbox/storage_full.rs",
        "a_full_storage_answers_503_and_keeps_all_that_it_promised",
    ),
];
const CLI_EXTENTS: &str = "posthaste-cli/tests/blackbox/bad_input/extents.rs";
const CLI_IDEMPOTENCY: &str = "posthaste-cli/tests/blackbox/idempotency.rs";

/// Rows about what is not there yet.
const TO_COME: &[(u32, &str)] = &[];

/// Every number is tried here, elsewhere by a test that exists, or is about what is to come.
#[track_caller]
pub fn assert_complete(here: BTreeSet<u32>) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut covered = here;
    for (rows, file, test) in TESTS {
        let text = std::fs::read_to_string(crates.join(file));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{test} in {file}");
        covered.extend(*rows);
    }
    covered.extend(TO_COME.iter().map(|(row, _)| row));
    assert_eq!(covered, BTreeSet::from_iter(NUMBERS.iter().copied()));
}
