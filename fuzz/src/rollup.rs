//! Rollups as rows hold them: garbled bytes are refused, all others mean one thing and add up.

use posthaste_store::rollup::{Rollup, read_varint, write_varint};

/// Two rollups, one after the other.
pub fn judge(input: &[u8]) {
    number(input);
    let mut rest = input;
    let Ok(one) = Rollup::read(&mut rest) else {
        return;
    };
    same(&one);
    let two = Rollup::read(&mut rest).unwrap_or_default();
    let (mut there, mut back) = (one.clone(), two.clone());
    there.merge(&two);
    back.merge(&one);
    assert_eq!(there, back, "it does not matter which comes first");
    same(&there);
    assert!(there.latency.total() >= one.latency.total().max(two.latency.total()));
    for quantile in [0.0, 0.5, 0.99, 1.0] {
        let found = there.latency.quantile_us(quantile);
        assert!(
            found.is_none_or(|us| us.is_finite() && us >= 0.0),
            "{quantile}: {found:?}"
        );
    }
}

fn same(rollup: &Rollup) {
    let mut bytes = Vec::new();
    rollup.write(&mut bytes);
    let mut rest = bytes.as_slice();
    assert_eq!(Rollup::read(&mut rest).as_ref(), Ok(rollup));
    assert!(rest.is_empty());
}

fn number(input: &[u8]) {
    let mut rest = input;
    let Ok(number) = read_varint(&mut rest) else {
        return;
    };
    let mut shortest = Vec::new();
    write_varint(&mut shortest, number);
    assert!(shortest.len() <= input.len() - rest.len());
    assert_eq!(read_varint(&mut shortest.as_slice()), Ok(number));
}
