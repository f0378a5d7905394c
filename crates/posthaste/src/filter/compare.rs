//! What equal and less mean between a filter's value and an event's.

use std::{borrow::Cow, cmp::Ordering};

use super::{number, steps::text_length};
use crate::json::{Kind, Tree, Value};

/// Two numbers by value, two strings by their bytes, no other pair.
pub(super) fn order(one: Value<'_>, two: Value<'_>) -> Option<Ordering> {
    match (one.kind(), two.kind()) {
        (Kind::Number, Kind::Number) => Some(number::compare(one.raw(), two.raw())),
        (Kind::String, Kind::String) => Some(one.text().cmp(&two.text())),
        _ => None,
    }
}

/// Any two that are neither array nor object: by kind, then as [`order`].
fn scalar_order(one: Value<'_>, two: Value<'_>) -> Ordering {
    let kinds = one.kind().cmp(&two.kind());
    kinds.then_with(|| order(one, two).unwrap_or(Ordering::Equal))
}

/// The same JSON: numbers by value, objects whatever the order of their members. Goes no further
/// than the smaller one.
pub(super) fn equal(one: Value<'_>, two: Value<'_>) -> bool {
    match (one.kind(), two.kind()) {
        (Kind::Array, Kind::Array) => {
            let (mut ones, mut twos) = (one.items(), two.items());
            loop {
                match (ones.next(), twos.next()) {
                    (None, None) => return true,
                    (Some(one), Some(two)) if equal(one, two) => {}
                    _ => return false,
                }
            }
        }
        (Kind::Object, Kind::Object) => {
            let members = one.members().count();
            let same = |(one, two): (Member<'_>, Member<'_>)| one.0 == two.0 && equal(one.1, two.1);
            two.members().take(members + 1).count() == members
                && sorted(one).into_iter().zip(sorted(two)).all(same)
        }
        (Kind::Array | Kind::Object, _) => false,
        _ => scalar_order(one, two).is_eq(),
    }
}

/// How many values there are in one, itself included.
fn size(value: Value<'_>) -> usize {
    let items: usize = value.items().map(size).sum();
    let members: usize = value.members().map(|(_, value)| size(value)).sum();
    1 + items + members
}

type Member<'t> = (Cow<'t, [u8]>, Value<'t>);

fn sorted(object: Value<'_>) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = object.members().collect();
    members.sort_by(|one, two| one.0.cmp(&two.0));
    members
}

/// Values of a filter, of which an event's may be one: found in the logarithm of their number,
/// arrays and objects apart.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Places in the filter's tree, in the order of what stands there.
    scalars: Vec<usize>,
    compounds: Vec<usize>,
    /// Values in the compounds, themselves included.
    inside: usize,
}

impl Values {
    pub(super) fn of<'t>(tree: &Tree, values: impl Iterator<Item = Value<'t>>) -> Self {
        let is_scalar = |value: &Value<'_>| value.kind() < Kind::Array;
        let (scalars, compounds): (Vec<_>, Vec<_>) = values.partition(is_scalar);
        let inside = compounds.iter().copied().map(size).sum();
        let places = |values: Vec<Value<'_>>| values.into_iter().map(Value::number).collect();
        let mut scalars: Vec<usize> = places(scalars);
        scalars.sort_by(|&one, &two| scalar_order(tree.value(one), tree.value(two)));
        Self {
            scalars,
            compounds: places(compounds),
            inside,
        }
    }

    /// How often a value is looked at to find it: a compound by each of ours, up to the end of the
    /// smaller one, names of members included.
    pub(super) fn looks(&self, value: Value<'_>) -> usize {
        match value.kind() < Kind::Array {
            true => 1 + self.scalars.len().checked_ilog2().unwrap_or(0) as usize,
            false => 1 + self.inside + self.compounds.len() * text_length(value.raw()),
        }
    }

    pub(super) fn have(&self, tree: &Tree, value: Value<'_>) -> bool {
        if value.kind() < Kind::Array {
            let beside = |&place: &usize| scalar_order(tree.value(place), value);
            return self.scalars.binary_search_by(beside).is_ok();
        }
        let mut compounds = self.compounds.iter();
        compounds.any(|&place| equal(tree.value(place), value))
    }

    pub(super) fn have_null(&self, tree: &Tree) -> bool {
        let first = self.scalars.first();
        first.is_some_and(|&place| tree.value(place).kind() == Kind::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{DEPTH_MAX, RawJson};

    #[track_caller]
    fn check(one: &str, two: &str, expected: bool) {
        let tree = |text: &str| Tree::of(&RawJson::parse(text.to_owned(), DEPTH_MAX).unwrap());
        let (one, two) = (tree(one), tree(two));
        assert_eq!(equal(one.root(), two.root()), expected);
        assert_eq!(equal(two.root(), one.root()), expected);
        let values = Values::of(&one, std::iter::once(one.root()));
        assert_eq!(values.have(&one, two.root()), expected);
    }

    #[test]
    fn equal_is_the_same_json() {
        check("1.0", "1", true);
        check(r#""\u0061""#, r#""a""#, true);
        check("[1,[2.0]]", " [ 1 , [2] ] ", true);
        check(r#"{"a":1,"b":[{}]}"#, r#"{"b":[{}],"\u0061":1e0}"#, true);
        check("null", "null", true);
        check("1", r#""1""#, false);
        check("true", "false", false);
        check("null", "false", false);
        check("[1]", "[1,1]", false);
        check("[]", "{}", false);
        check(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false);
        check(r#"{"a":1}"#, r#"{"b":1}"#, false);
    }
}
