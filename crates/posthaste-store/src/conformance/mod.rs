//! One suite for every store, a file per promise.
//!
//! A case is an async function over a [`World`]; its name is the promise. It knows nothing of the
//! store but the trait and how to crash it, and assumes neither that a delivery has a row nor that
//! it has none. A store runs them all with [`conformance_suite!`](crate::conformance_suite), where
//! a new case is added for every store at once.

pub mod fixtures;
pub mod belongings;
mod world;

pub mod accept;
pub mod idempotency;
pub mod implied;
pub mod mark;
pub mod recover;
pub mod settle;
pub mod due;
pub mod shelf;
pub mod order;
pub mod batches;
pub mod alerts;
pub mod reopen;
pub mod again;
pub mod prune;
pub mod holds;
pub mod replays;
pub mod lists;
pub mod tombstones;
pub mod configuration;
pub mod catalogue;
pub mod inboxes;
pub mod audit;
pub mod passes;
pub mod isolation;
pub mod removal;
pub mod provenance;
pub mod counts;
pub mod backlog;
pub mod rollups;
pub mod walk;

pub use world::{Harness, START, World};

/// A test for each promise, against stores made by a [`Harness`]. Its crate needs tokio
/// with `macros` and `rt-multi-thread`, and this one with the feature `conformance`:
///
/// ```text
/// posthaste_store::conformance_suite!(SqliteHarness);
/// ```
#[macro_export]
macro_rules! conformance_suite {
    ($harness:ty) => {
        $crate::conformance_cases! { $harness;
            accept {
                what_was_accepted_reads_back_byte_for_byte
                one_call_accepts_many_requests_of_many_tenants
                an_event_without_subscriptions_is_kept_and_owes_nothing
                what_was_accepted_is_there_after_a_crash
                ids_ascend_through_crashes_and_clocks_that_run_backwards
                an_event_with_three_thousand_subscriptions_keeps_its_places_to_itself
            }
            idempotency {
                one_key_and_one_body_make_one_event
                one_key_with_another_body_refuses_its_request_alone
                one_key_twice_in_a_request_makes_one_event
                one_key_in_two_requests_of_a_call_makes_one_event
                a_conflict_within_a_request_names_the_second_of_the_two
                a_refused_request_uses_up_no_key
                one_key_makes_one_event_however_many_requests_race
                a_key_is_remembered_after_a_crash
                a_key_that_has_expired_makes_a_new_event
                a_key_of_one_tenant_says_nothing_to_another
                what_was_published_under_a_key_is_known_until_it_expires
            }
            implied {
                an_implied_delivery_is_found_by_id_event_subscription_and_status
                an_id_that_no_event_implies_is_missing
                an_implied_delivery_of_a_test_says_so
                deliveries_beyond_the_first_thousand_are_found_by_id
            }
            mark {
                the_mark_never_passes_an_id_that_was_handed_out_and_is_not_yet_committed
                the_mark_passes_released_replayed_and_refused_ids
                what_is_accepted_and_has_no_row_is_counted_also_after_a_crash
                the_mark_waits_for_the_last_delivery_of_an_event
                an_event_is_recovered_although_later_ones_were_settled
                an_event_accepted_after_a_crash_with_a_clock_behind_the_mark_is_recovered
                nothing_is_ever_accepted_at_or_below_the_horizon
            }
            recover {
                what_was_accepted_and_has_no_outcome_is_recovered_after_a_crash
                a_recovered_delivery_that_was_settled_is_not_recovered_again
                what_is_accepted_after_opening_is_not_recovered
                what_was_parked_is_not_recovered_but_taken
                pages_lead_through_all_that_is_to_be_recovered
            }
            settle {
                an_outcome_and_its_attempt_are_there_together_also_after_a_crash
                attempts_are_listed_oldest_first_with_the_latest_shown
                delivered_at_keeps_the_first_success
                a_discarded_delivery_says_why
                one_batch_settles_deliveries_of_many_events_and_tenants
                settlements_of_one_delivery_in_one_batch_happen_in_order
                a_settlement_of_an_unknown_event_is_ignored
                a_delivery_made_later_has_a_row_of_its_own_and_leaves_the_mark_alone
                a_settlement_without_an_attempt_keeps_what_the_last_one_left
                the_format_of_the_first_attempt_comes_back_with_the_delivery
                health_is_written_and_an_active_subscription_is_paused
                a_subscription_that_is_not_active_keeps_its_status
                a_circuit_opens_and_closes_and_a_wait_ends_also_after_a_crash
                health_of_a_deleted_or_anothers_subscription_is_ignored
                accepting_and_settling_may_race
            }
            due {
                what_is_due_is_taken_oldest_due_time_first
                the_next_due_time_is_told
                a_taken_delivery_is_offered_again_after_a_crash_and_not_before
                a_taken_delivery_that_waits_again_is_offered_again
                a_delivery_parked_as_taken_is_offered_after_a_crash_alone
                what_is_due_is_taken_whatever_became_of_its_subscription
                a_pending_delivery_that_was_parked_is_still_pending
                an_implied_delivery_is_not_due
                many_takers_share_what_is_due_without_overlap
            }
            shelf {
                a_shelf_is_taken_in_the_order_of_ids_by_its_subscription_alone
                a_shelf_is_there_after_a_crash_with_what_was_taken_from_it
                a_retrying_delivery_keeps_its_budget_and_due_time_on_the_shelf
                discarding_takes_parked_deliveries_in_small_steps_and_leaves_the_others
                what_is_in_the_engines_hands_is_not_discarded
            }
            order {
                a_line_is_taken_in_the_order_of_ids_by_its_subscription_alone
                a_line_is_there_after_a_crash_with_what_was_taken_from_it
                what_is_taken_from_a_line_is_not_taken_otherwise_and_the_rest_is
                what_returns_to_a_shelf_that_was_taken_is_in_its_line_again
                a_later_settlement_replaces_the_line
                what_is_due_is_in_no_line_of_the_shelf
                a_shelf_is_read_past_some_lines_and_skips_no_other
                a_shelf_is_read_from_a_place_on_and_again_from_its_start
                a_long_shelf_of_one_line_is_passed_over_to_its_end
                what_is_taken_in_a_line_is_on_the_shelf_after_a_crash
                what_is_opened_again_is_back_in_its_place_in_line
            }
            batches {
                a_batch_under_way_is_the_very_same_after_a_crash
                a_batch_is_handed_out_whole_after_a_crash_wherever_its_members_are_parked
                a_batch_that_reaches_far_ahead_skips_nothing_in_between
                a_full_page_is_exceeded_by_its_last_batch_alone
                members_in_the_engines_hands_or_at_their_end_do_not_come_again
                a_settlement_without_a_batch_leaves_it
                what_is_opened_again_leaves_its_batch_and_what_is_retrying_keeps_it
                ids_begin_above_the_batches_that_wait_also_after_a_crash
            }
            alerts {
                an_alert_is_an_event_like_any_other_with_deliveries_like_any_other
                an_alert_is_recovered_after_a_crash_with_the_settlement_that_caused_it
                the_mark_stays_below_an_alert_until_its_deliveries_are_settled
                one_batch_brings_alerts_of_many_tenants_each_to_its_own
            }
            reopen {
                what_has_ended_is_pending_again_with_a_fresh_budget
                what_is_retrying_is_due_at_once_and_keeps_budget_and_origin
                what_is_in_the_engines_hands_is_not_offered_twice
                what_waits_already_is_left_as_it_is
                what_is_held_waits_already_and_what_has_ended_becomes_held
                one_id_twice_is_opened_once
                what_is_unknown_or_anothers_or_of_a_deleted_subscription_is_missing
            }
            again {
                a_replay_leaves_what_is_retrying_alone_and_opens_what_has_ended
                only_what_has_failed_is_opened_where_that_is_asked
                what_is_missing_is_made_under_an_id_of_its_own_and_once
                what_cannot_be_made_is_missing
                the_place_of_what_is_made_is_unsettled_until_it_is_stored_or_refused
                dead_letters_alone_are_discarded
            }
            prune {
                an_old_event_goes_with_all_that_belongs_to_it
                a_wide_event_goes_whole_and_an_event_without_deliveries_too
                what_waits_stays_whatever_its_age_also_after_a_crash
                nothing_above_the_settled_mark_goes
                what_is_sent_again_late_is_kept_from_then_on
                another_tenants_events_stay
                pages_of_every_size_lead_past_what_stays_to_all_that_goes
                ids_are_never_given_again_after_all_is_gone_and_a_crash
                a_tombstone_goes_with_its_last_delivery
                a_young_tombstone_stays
                a_key_answers_as_before_after_its_event_is_gone
                keys_past_their_time_go_in_pages_and_the_others_stay
                keys_of_another_tenant_stay
            }
            holds {
                a_pause_is_known_from_its_beginning_to_its_end_also_after_a_crash
                what_is_held_is_told_with_the_longest_wait
                what_is_held_too_long_expires_in_small_steps
                a_pause_and_an_opening_begin_the_time_anew
                a_resume_keeps_everything_and_so_does_a_hand
                a_pause_is_told_of_once_with_its_alert_also_after_a_crash
                a_pause_is_told_of_also_where_nobody_listens
            }
            replays {
                a_step_and_its_cursor_are_there_together_also_after_a_crash
                a_step_is_made_once_and_not_after_the_replay_was_stopped
                the_last_step_completes_and_what_has_ended_does_not_run_again
                one_key_makes_one_replay_in_its_tenant
                replays_are_listed_newest_first_to_their_tenant_alone
                another_reason_takes_the_replay_off_a_delivery
                all_deliveries_of_some_events_are_read_together
            }
            lists {
                events_are_listed_newest_first_by_type_time_and_correlation
                deliveries_are_listed_by_everything_that_can_be_asked_for
                events_of_a_window_are_read_oldest_first_in_pages_of_every_size
                events_are_read_together_in_the_order_asked_for
                dead_letters_are_counted_by_subscription_and_reason_a_stretch_at_a_time
                windows_and_cursors_may_lie_beyond_all_there_is
                a_long_list_of_mixed_deliveries_is_read_in_pages_of_every_size
                a_list_that_is_read_while_it_grows_shows_each_entry_once
            }
            tombstones {
                a_deleted_subscription_leaves_a_tombstone_and_what_waits_shows_as_discarded
                a_paused_subscription_that_is_deleted_holds_nothing
                what_a_deleted_subscription_was_owed_is_still_handed_out_to_be_discarded
                an_attempt_under_way_at_deletion_still_counts
                a_deleted_subscription_is_gone_from_configuration
            }
            configuration {
                a_subscription_reads_back_whole_also_after_a_crash
                an_update_replaces_all_but_health
                forgiving_closes_the_circuit_and_clears_the_wait_also_after_a_crash
                a_stale_update_changes_nothing
                one_of_many_racing_updates_wins
                an_external_id_is_unique_in_its_tenant
                a_store_begins_with_the_tenant_default_and_takes_each_name_once
                what_is_set_for_a_tenant_is_kept_also_after_a_crash
                a_store_keeps_its_identity
                keys_are_kept_used_and_deleted_by_their_owner
            }
            catalogue {
                an_event_type_reads_back_whole_also_after_a_crash
                replacing_an_event_type_leaves_its_age_alone
                a_stale_change_of_an_event_type_changes_nothing
                an_event_type_of_one_tenant_is_no_other_tenants
            }
            inboxes {
                an_inbox_and_what_came_to_it_read_back_whole_also_after_a_crash
                a_change_of_an_inbox_leaves_what_came_and_a_stale_one_changes_nothing
                requests_are_read_in_pages_of_every_size_both_ways
                the_newest_requests_of_an_inbox_are_kept_and_numbers_go_on
                requests_go_by_age_in_small_steps
                an_inbox_of_one_tenant_is_no_other_tenants
                a_deleted_inbox_goes_with_all_that_came_to_it
            }
            audit {
                an_entry_reads_back_whole_also_after_a_crash
                an_entry_is_there_exactly_if_its_change_is_also_after_a_crash
                what_is_sent_again_is_kept_with_its_entry
                a_replay_is_kept_and_stopped_with_an_entry_each
                a_log_is_its_tenants_own_and_the_platforms_is_beside_it_for_who_asks
                entries_are_found_by_actor_action_object_and_time
                entries_go_by_age_the_oldest_first
            }
            passes {
                a_pass_reads_back_whole_also_after_a_crash
                a_pass_past_its_time_opens_nothing_and_goes_in_small_steps
                a_pass_is_taken_once_however_many_race
                a_pass_that_is_deleted_opens_nothing_also_after_a_crash
                portal_links_are_listed_newest_first_to_their_tenant_alone
                a_portal_link_is_revoked_by_its_own_tenant_alone
            }
            isolation {
                another_tenants_id_is_missing
                lists_and_counts_hold_one_tenants_own
                a_tenant_without_anything_has_empty_lists
            }
            removal {
                a_deleted_tenant_is_gone_with_the_word_also_after_a_crash
                nothing_is_kept_for_a_tenant_that_is_not_there
                what_comes_late_for_a_deleted_tenant_is_ignored
                a_tenant_of_the_same_name_knows_nothing_of_the_one_that_was_removed
                a_removal_goes_on_after_a_crash_anywhere
                other_tenants_keep_everything_beside_a_removal
                ids_are_never_given_again_after_a_removal_and_a_crash
            }
            provenance {
                a_link_is_there_with_its_attempt_also_after_a_crash
                the_latest_link_comes_back_with_a_delivery_however_it_is_taken
                a_settlement_without_an_attempt_leaves_the_chain_alone
                histories_are_read_oldest_first_in_pages_of_every_size
                a_history_has_each_attempt_and_the_event_of_its_own_tenant
            }
            counts {
                every_status_is_counted_exactly_also_after_a_crash
                pausing_and_resuming_moves_all_that_waits_at_once
            }
            backlog {
                what_waits_and_what_failed_is_known_of_a_tenant_and_of_each_subscription
                the_oldest_that_waits_is_neither_held_nor_of_a_deleted_subscription
                what_is_parked_goes_from_it_with_its_discard_and_with_its_tenant
            }
            rollups {
                each_outcome_is_counted_in_its_minute_at_once_and_after_a_crash
                a_test_is_not_counted_and_what_is_ignored_is_not_either
                what_is_sent_again_counts_again_and_leaves_latencies_alone
                what_is_discarded_where_it_is_parked_is_counted
                what_is_settled_again_because_an_answer_was_lost_counts_once
                tenants_and_subscriptions_are_counted_apart
                subscriptions_are_told_together_in_short_as_each_is_by_itself
                minutes_and_hours_are_exact_at_every_moment_however_often_it_crashes
            }
            walk {
                accepted_equals_delivered_plus_failed_plus_discarded_plus_waiting_at_every_step
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($harness:ty; $($promise:ident { $($case:ident)* })*) => {$(
        mod $promise {
            #[allow(unused_imports)]
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut world = $crate::conformance::World::start::<$harness>().await;
                $crate::conformance::$promise::$case(&mut world).await;
            })*
        }
    )*};
}

#[cfg(test)]
mod tests {
    /// A case that the table does not name would pass by not running.
    #[track_caller]
    fn check(file: &str) {
        let table = include_str!("mod.rs");
        let cases = file.lines().filter_map(|line| {
            let name = line.strip_prefix("pub async fn ")?;
            name.split('(').next()
        });
        for case in cases {
            let named = table.lines().any(|line| line.trim() == case);
            assert!(named, "{case} is in no table");
        }
    }

    #[test]
    fn every_case_is_named_in_the_table() {
        check(include_str!("accept.rs"));
        check(include_str!("idempotency.rs"));
        check(include_str!("implied.rs"));
        check(include_str!("mark.rs"));
        check(include_str!("recover.rs"));
        check(include_str!("settle.rs"));
        check(include_str!("due.rs"));
        check(include_str!("shelf.rs"));
        check(include_str!("order.rs"));
        check(include_str!("batches.rs"));
        check(include_str!("alerts.rs"));
        check(include_str!("reopen.rs"));
        check(include_str!("again.rs"));
        check(include_str!("prune.rs"));
        check(include_str!("holds.rs"));
        check(include_str!("replays.rs"));
        check(include_str!("lists.rs"));
        check(include_str!("tombstones.rs"));
        check(include_str!("configuration.rs"));
        check(include_str!("catalogue.rs"));
        check(include_str!("inboxes.rs"));
        check(include_str!("audit.rs"));
        check(include_str!("passes.rs"));
        check(include_str!("isolation.rs"));
        check(include_str!("removal.rs"));
        check(include_str!("provenance.rs"));
        check(include_str!("counts.rs"));
        check(include_str!("backlog.rs"));
        check(include_str!("rollups.rs"));
        check(include_str!("walk.rs"));
    }
}
