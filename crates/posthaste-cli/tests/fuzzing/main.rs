//! The fuzzer's oracles in the suite: every seed, what chance makes of the seeds, and that none of
//! the targets is without any. Random tests print their seed; `PROPTEST_CASES` makes them longer.

#[path = "../../../../fuzz/src/lib.rs"]
mod oracles;
mod complete;

use std::{fs, path::PathBuf};

use proptest::{prelude::*, sample::Index, test_runner::TestRunner};

/// What is done to a seed.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    /// A part of it once more, somewhere else.
    Repeat(Index, Index, Index),
    /// From one place on, another seed from another.
    Splice(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let text = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(br#"{}[]",:\.$*0-e+ /=%@#"#.to_vec()).prop_map(|byte| vec![byte]),
    ];
    prop_oneof![
        (place(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        (place(), text).prop_map(|(at, text)| Change::Insert(at, text)),
        (place(), place()).prop_map(|(from, to)| Change::Cut(from, to)),
        (place(), place(), place()).prop_map(|(from, to, at)| Change::Repeat(from, to, at)),
        (place(), place(), place()).prop_map(|(seed, from, at)| Change::Splice(seed, from, at)),
    ]
}

impl Change {
    fn done(&self, mut input: Vec<u8>, seeds: &[Vec<u8>]) -> Vec<u8> {
        let end = input.len() + 1;
        let between = |one: &Index, two: &Index| {
            let (one, two) = (one.index(end), two.index(end));
            one.min(two)..one.max(two)
        };
        match self {
            Self::Flip(..) if input.is_empty() => {}
            Self::Flip(at, bit) => {
                let at = at.index(input.len());
                input[at] ^= bit;
            }
            Self::Insert(at, text) => {
                let at = at.index(end);
                drop(input.splice(at..at, text.iter().copied()));
            }
            Self::Cut(from, to) => drop(input.drain(between(from, to))),
            Self::Repeat(from, to, at) => {
                let part = input[between(from, to)].to_vec();
                let at = at.index(end);
                drop(input.splice(at..at, part));
            }
            Self::Splice(seed, from, at) => {
                let other = &seeds[seed.index(seeds.len())];
                input.truncate(at.index(end));
                input.extend(&other[from.index(other.len() + 1)..]);
            }
        }
        input
    }
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(complete::fuzz().join("seeds").join(target))
        .expect("a target has seeds")
        .map(|entry| entry.expect("a directory can be read").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a seed can be read");
    paths.iter().map(read).collect()
}

/// Every seed, then so many made of them.
fn check(target: &str, cases: u32, judge: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        judge(seed);
    }
    let made = (any::<Index>(), prop::collection::vec(change(), 1..6));
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(cases);
    let config = ProptestConfig {
        cases,
        failure_persistence: None, // what breaks becomes a seed
        ..ProptestConfig::default()
    };
    let judged = TestRunner::new(config).run(&made, |(seed, changes)| {
        let seed = seeds[seed.index(seeds.len())].clone();
        judge(
            &changes
                .iter()
                .fold(seed, |input, change| change.done(input, &seeds)),
        );
        Ok(())
    });
    judged.unwrap_or_else(|failure| panic!("{target}: {failure}"));
}

macro_rules! twins {
    ($($target:ident, $cases:literal: $says:ident;)*) => {
        /// The targets that have a twin here.
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        $(
            #[test]
            fn $says() {
                check(stringify!($target), $cases, oracles::$target::judge);
            }
        )*
    };
}

twins! {
    json_scan, 1000: the_scanner_takes_what_is_one_value_with_one_meaning;
    json_sorted, 1000: bodies_mean_what_was_published;
    filter, 1000: a_filter_says_what_its_reference_page_says;
    event_pattern, 1000: patterns_match_word_by_word;
    target_url, 1000: an_accepted_url_has_one_reading_and_leads_to_the_public;
    signature, 500: only_what_was_signed_verifies;
    secret, 500: secrets_read_back_and_do_not_show;
    retry_policy, 1000: a_retry_policy_keeps_its_bounds;
    retry_after, 1000: retry_after_is_seconds_or_a_date;
    id, 1000: ids_and_times_are_written_as_they_were_read;
    schema, 200: a_schema_is_the_opposite_of_its_opposite;
    rollup, 1000: rollups_read_back_and_add_up;
    provenance, 500: a_chain_is_what_its_definition_says;
    event_stream, 1000: a_stream_reads_the_same_however_it_is_parted;
    configuration, 200: what_is_shown_of_a_configuration_means_the_same;
    publish, 200: a_publish_is_kept_as_it_was_sent_or_not_at_all;
    batch, 150: a_batch_is_taken_whole_or_not_at_all;
    subscription, 150: a_subscription_can_be_set_to_what_it_shows;
    query, 150: a_cursor_opens_its_own_list_alone;
}
