//! A filter as it is judged: conditions that all have to hold at one place of the event.
//!
//! A place holds one value or none. Nothing here fails, recurses deeper than the filter, looks at one
//! value of the event twice for one condition, or goes on when its steps are spent.

use std::cmp::Ordering;

use super::{
    compare::{Values, order},
    steps::{Judging, text_length},
};
use crate::json::{Kind, Value};

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
    pub(super) fn holds(&self, judging: &Judging<'_>, place: Place<'_>) -> bool {
        self.0
            .iter()
            .all(|condition| condition.holds(judging, place))
    }
}

impl Condition {
    pub(super) fn holds(&self, judging: &Judging<'_>, place: Place<'_>) -> bool {
        match &self.rule {
            Rule::Among { values, negated } => among(values, judging, place) != *negated,
            Rule::Ordered => judging.itself_or_item(place, once, |value| {
                let ordering = order(value, judging.filter.value(self.operand));
                ordering.is_some_and(|ordering| self.operator.allows(ordering))
            }),
            Rule::Affix(affix) => {
                judging.itself_or_item(place, once, |value| self.has_affix(affix, value))
            }
            Rule::Exists(exists) => place.is_some() == *exists,
            Rule::Members(members) => match place {
                Some(array) if array.kind() == Kind::Array => {
                    let mut items = array.items();
                    items.any(|item| members_hold(members, judging, Some(item)))
                }
                place => members_hold(members, judging, place),
            },
            Rule::All(patterns) => patterns.iter().all(|one| one.holds(judging, place)),
            Rule::Any(values, patterns) => {
                let mut patterns = patterns.iter();
                among(values, judging, place)
                    || patterns.any(|(_, pattern)| pattern.holds(judging, place))
            }
            Rule::Not(pattern) => !pattern.holds(judging, place),
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

fn once(_: Value<'_>) -> usize {
    1
}

/// What is absent is null here.
fn among(values: &Values, judging: &Judging<'_>, place: Place<'_>) -> bool {
    let filter = judging.filter;
    match place {
        None => values.have_null(filter),
        place => {
            let times = |value: Value<'_>| values.looks(value);
            judging.itself_or_item(place, times, |value| values.have(filter, value))
        }
    }
}

fn members_hold(members: &[(Vec<u8>, Pattern)], judging: &Judging<'_>, object: Place<'_>) -> bool {
    if !judging.goes(members.len()) {
        return true;
    }
    let looks = |name: &[u8]| judging.goes(text_length(name));
    let places = places(members, object, looks);
    let mut each = members.iter().zip(places);
    each.all(|((_, pattern), place)| pattern.holds(judging, place))
}

/// Where the members stand in an object, or that they do not, in one walk through it for as long as
/// it may go on.
pub(super) fn places<'e>(
    members: &[(Vec<u8>, Pattern)],
    object: Place<'e>,
    looks: impl Fn(&[u8]) -> bool,
) -> Vec<Place<'e>> {
    let mut places = vec![None; members.len()];
    let walked = object.into_iter().flat_map(Value::members);
    for (name, value) in walked.take_while(|(name, _)| looks(name)) {
        if let Ok(at) = members.binary_search_by(|(asked, _)| asked[..].cmp(&name)) {
            places[at] = Some(value);
        }
    }
    places
}
