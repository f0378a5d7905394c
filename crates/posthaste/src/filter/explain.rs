//! Why a filter did or did not match: what each clause expected, and what it found.
//!
//! It asks the same conditions as the judgement itself, so the two cannot disagree.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    fault::{below, shown},
    pattern::{Condition, Pattern, Place, Rule, places},
    steps::{FILTER_STEPS_MAX, Judging},
};
use crate::json::{Kind, Tree};

/// Clauses of one explanation, nested ones included.
const CLAUSES_MAX: usize = 32;

/// Whether a filter matched, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether all clauses match.
    pub matches: bool,
    /// At most 32, nested ones included. Of a longer filter that does not match, only those that do
    /// not.
    pub clauses: Vec<Clause>,
    /// What it took to say so.
    #[serde(skip)]
    pub steps: u64,
}

impl Explanation {
    /// Of an event that it would take too long to judge.
    fn undecided() -> Self {
        let clause = Clause {
            pointer: String::new(),
            path: String::new(),
            operator: "undecided",
            expected: format!("to be judged within {FILTER_STEPS_MAX} steps"),
            found: None,
            matches: true,
            clauses: Vec::new(),
        };
        Self {
            matches: true,
            clauses: vec![clause],
            steps: FILTER_STEPS_MAX,
        }
    }
}

/// One thing that a filter asks, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Where it stands in the filter, as a JSON Pointer; names longer than 64 bytes are cut.
    pub pointer: String,
    /// What it is about in the event, as a JSON Pointer.
    pub path: String,
    /// `$eq` for a plain value, `$in` or `$or` for an array of them, `item` where one item of the
    /// event's array has to have all of an object's members, `undecided` for a whole filter that it
    /// would take too long to judge this event by.
    pub operator: &'static str,
    /// What is asked for: JSON text, at most 64 bytes, a longer one cut with `…`.
    pub expected: String,
    /// What the event has there, as JSON text in the same bounds; none where it has nothing.
    pub found: Option<String>,
    /// Whether it holds.
    pub matches: bool,
    /// What is inside `$or`, `$not` and arrays of patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
}

pub(super) fn explain(pattern: &Pattern, filter: &Tree, event: &Tree) -> Explanation {
    let judging = Judging::new(filter);
    let matches = pattern.holds(&judging, Some(event.root()));
    if judging.is_spent() {
        return Explanation::undecided();
    }
    let mut steps = judging.gone();
    let mut told = |all: bool| {
        let mut explainer = Explainer {
            judging: Judging::new(filter),
            all,
            left: CLAUSES_MAX,
        };
        let whole = At {
            pointer: String::new(),
            path: String::new(),
            place: Some(event.root()),
        };
        let mut clauses = Vec::new();
        let complete = explainer.pattern(pattern, &whole, &mut clauses);
        steps += explainer.judging.gone();
        (complete, clauses)
    };
    let (complete, mut clauses) = told(true);
    if !complete && !matches {
        clauses = told(false).1;
    }
    Explanation {
        matches,
        clauses,
        steps,
    }
}

/// Where a condition is judged.
struct At<'e> {
    pointer: String,
    path: String,
    place: Place<'e>,
}

impl At<'_> {
    /// Elsewhere in the filter, at the same place of the event.
    fn pointed(&self, name: &str) -> Self {
        Self {
            pointer: below(&self.pointer, name.as_bytes()),
            path: self.path.clone(),
            place: self.place,
        }
    }
}

struct Explainer<'t> {
    judging: Judging<'t>,
    /// Also what holds.
    all: bool,
    /// Clauses that there is room for.
    left: usize,
}

/// Whether there was room for all of it.
type Complete = bool;

impl Explainer<'_> {
    fn pattern(&mut self, pattern: &Pattern, at: &At<'_>, into: &mut Vec<Clause>) -> Complete {
        pattern.0.iter().all(|condition| {
            if self.all || !condition.holds(&self.judging, at.place) {
                self.condition(condition, at, into)
            } else {
                true
            }
        })
    }

    /// What all has to hold is told clause by clause, everything else as one clause.
    fn condition(
        &mut self,
        condition: &Condition,
        at: &At<'_>,
        into: &mut Vec<Clause>,
    ) -> Complete {
        let is_array = at.place.is_some_and(|value| value.kind() == Kind::Array);
        match &condition.rule {
            Rule::Members(members) if !is_array => {
                let mut each = members.iter().zip(places(members, at.place, |_| true));
                each.all(|((name, pattern), place)| {
                    let member = At {
                        pointer: below(&at.pointer, &as_written(name)),
                        path: below(&at.path, name),
                        place,
                    };
                    self.pattern(pattern, &member, into)
                })
            }
            Rule::All(patterns) => {
                let list = at.pointed(condition.operator.as_str());
                let mut each = patterns.iter().enumerate();
                each.all(|(index, one)| self.pattern(one, &list.pointed(&index.to_string()), into))
            }
            _ => self.one(condition, at, into),
        }
    }

    fn one(&mut self, condition: &Condition, at: &At<'_>, into: &mut Vec<Clause>) -> Complete {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let below = at.pointed(condition.operator.as_str());
        let own = if condition.written { &below } else { at };
        let mut clauses = Vec::new();
        let complete = self.inside(condition, own, &mut clauses);
        let matches = condition.holds(&self.judging, at.place);
        if self.judging.is_spent() {
            return false;
        }
        into.push(Clause {
            pointer: own.pointer.clone(),
            path: own.path.clone(),
            operator: condition.operator.as_str(),
            expected: shown(self.judging.filter.value(condition.operand).raw()),
            found: at.place.map(|value| shown(value.raw())),
            matches,
            clauses,
        });
        complete
    }

    /// The alternatives of `$or`, what `$not` denies.
    fn inside(&mut self, condition: &Condition, at: &At<'_>, into: &mut Vec<Clause>) -> Complete {
        match &condition.rule {
            Rule::Any(_, patterns) => patterns
                .iter()
                .all(|(index, one)| self.pattern(one, &at.pointed(&index.to_string()), into)),
            Rule::Not(pattern) => self.pattern(pattern, at, into),
            _ => true,
        }
    }
}

/// In a filter a name that begins with `$` has a second one.
fn as_written(name: &[u8]) -> Cow<'_, [u8]> {
    match name.first() {
        Some(b'$') => [b"$", name].concat().into(),
        _ => name.into(),
    }
}
