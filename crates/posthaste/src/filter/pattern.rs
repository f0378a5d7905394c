//! A filter as it is judged: conditions that all have to hold at one place of the event.
//!
//! A place holds one value or none. Nothing here fails, recurses deeper than the filter, or looks
//! at one value of the event twice for one condition.

use std::cmp::Ordering;

use super::compare::{Values, order};
use crate::json::{Kind, Tree, Value};

/// All of these hold for one place.
#[derive(Debug, Default)]
pub(super) struct Pattern(pub(super) Vec<Condition>);

/// One thing that is asked of a place.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    /// Whether the operator was written, or is what a plain value or an array means.
    pub(super) written: bool,
    /// What is expected, in the filter's tree.
    pub(super) operand: usize,
    pub(super) rule: Rule,
}

#[derive(Debug)]
pub(super) enum Rule {
    /// It is one of these, or it is not.
    Among {
        values: Values,
        negated: bool,
    },
    /// It stands like this to the operand.
    Ordered,
    /// It is a string with this end.
    Affix(Vec<u8>),
    Exists(bool),
    /// It has these members, sorted by name.
    Members(Vec<(Vec<u8>, Pattern)>),
    All(Vec<Pattern>),
    /// It is one of the values, or one of the patterns holds, each an item of the operand.
    Any(Values, Vec<(usize, Pattern)>),
    Not(Pattern),
}

macro_rules! operators {
    ($($name:ident = $text:literal,)*) => {
        /// What a condition is called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operator {
            $($name,)*
            /// One item of an array has these members.
            Item,
        }

        impl Operator {
            /// All that can be written.
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];

            pub(super) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Item => "item",
                }
            }
        }
    };
}

operators! {
    Eq = "$eq",
    Neq = "$neq",
    Gt = "$gt",
    Gte = "$gte",
    Lt = "$lt",
    Lte = "$lte",
    In = "$in",
    Nin = "$nin",
    StartsWith = "$startsWith",
    EndsWith = "$endsWith",
    Exists = "$exists",
    And = "$and",
    Or = "$or",
    Not = "$not",
}

impl Operator {
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
            _ => false,
        }
    }
}

/// What stands at a place, if anything.
pub(super) type Place<'e> = Option<Value<'e>>;

impl Pattern {
    pub(super) fn holds(&self, tree: &Tree, place: Place<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(tree, place))
    }
}

impl Condition {
    /// `tree` is the filter's.
    pub(super) fn holds(&self, tree: &Tree, place: Place<'_>) -> bool {
        match &self.rule {
            Rule::Among { values, negated } => among(values, tree, place) != *negated,
            Rule::Ordered => itself_or_item(place, |value| {
                let ordering = order(value, tree.value(self.operand));
                ordering.is_some_and(|ordering| self.operator.allows(ordering))
            }),
            Rule::Affix(affix) => itself_or_item(place, |value| self.has_affix(affix, value)),
            Rule::Exists(exists) => place.is_some() == *exists,
            Rule::Members(members) => match place {
                Some(array) if array.kind() == Kind::Array => {
                    let mut items = array.items();
                    items.any(|item| members_hold(members, tree, Some(item)))
                }
                place => members_hold(members, tree, place),
            },
            Rule::All(patterns) => patterns.iter().all(|pattern| pattern.holds(tree, place)),
            Rule::Any(values, patterns) => {
                let mut patterns = patterns.iter();
                among(values, tree, place)
                    || patterns.any(|(_, pattern)| pattern.holds(tree, place))
            }
            Rule::Not(pattern) => !pattern.holds(tree, place),
        }
    }

    fn has_affix(&self, affix: &[u8], value: Value<'_>) -> bool {
        let text = value.text();
        value.kind() == Kind::String
            && match self.operator {
                Operator::StartsWith => text.starts_with(affix),
                _ => text.ends_with(affix),
            }
    }
}

/// Whether it holds for a value, or for an item of the array that it is.
fn itself_or_item(place: Place<'_>, holds: impl Fn(Value<'_>) -> bool) -> bool {
    place.is_some_and(|value| holds(value) || value.items().any(holds))
}

/// What is absent is null here.
fn among(values: &Values, tree: &Tree, place: Place<'_>) -> bool {
    match place {
        None => values.have_null(tree),
        place => itself_or_item(place, |value| values.have(tree, value)),
    }
}

fn members_hold(members: &[(Vec<u8>, Pattern)], tree: &Tree, object: Place<'_>) -> bool {
    let places = places(members, object);
    let mut each = members.iter().zip(places);
    each.all(|((_, pattern), place)| pattern.holds(tree, place))
}

/// Where the members stand in an object, or that they do not, in one walk through it.
pub(super) fn places<'e>(members: &[(Vec<u8>, Pattern)], object: Place<'e>) -> Vec<Place<'e>> {
    let mut places = vec![None; members.len()];
    for (name, value) in object.into_iter().flat_map(Value::members) {
        if let Ok(at) = members.binary_search_by(|(asked, _)| asked[..].cmp(&name)) {
            places[at] = Some(value);
        }
    }
    places
}
