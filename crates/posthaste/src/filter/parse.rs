//! From a filter's JSON to its conditions, or to everything that is wrong with it.

use std::cmp::Reverse;

use super::{
    compare::Values,
    document::MEMBERS,
    fault::{FilterError, below, shown},
    pattern::{Condition, Operator, Pattern, Rule},
};
use crate::json::{Kind, Tree, Value};

/// How deep a filter may nest; its outermost object counts 1.
const DEPTH_MAX: usize = 16;

type Parsed<T> = Result<T, FilterError>;

/// The conditions of a whole filter.
pub(super) fn parse(tree: &Tree) -> Parsed<Pattern> {
    if let Some(pointer) = too_deep(tree.root(), String::new(), DEPTH_MAX) {
        let detail = format!("arrays and objects nest at most {DEPTH_MAX} deep in a filter");
        return Err(FilterError::new(&pointer, "depth", &detail));
    }
    let whole = Part {
        tree,
        value: tree.root(),
        pointer: String::new(),
        whole_event: true,
    };
    whole.pattern()
}

/// The first array or object that is too deep.
fn too_deep(value: Value<'_>, pointer: String, left: usize) -> Option<String> {
    if left == 0 && value.kind() >= Kind::Array {
        return Some(pointer);
    }
    let deeper = |(name, value): (Vec<u8>, _)| {
        let left = left.saturating_sub(1);
        too_deep(value, below(&pointer, &name), left)
    };
    let items = value.items().enumerate();
    let mut items = items.map(|(index, item)| (index.to_string().into_bytes(), item));
    let mut members = value
        .members()
        .map(|(name, value)| (name.into_owned(), value));
    items.find_map(deeper).or_else(|| members.find_map(deeper))
}

/// A part of a filter.
struct Part<'t> {
    tree: &'t Tree,
    value: Value<'t>,
    pointer: String,
    /// Whether it is about the event itself, and not about what stands in it.
    whole_event: bool,
}

impl<'t> Part<'t> {
    fn below(&self, name: &[u8], value: Value<'t>) -> Self {
        Self {
            tree: self.tree,
            value,
            pointer: below(&self.pointer, name),
            whole_event: self.whole_event,
        }
    }

    fn fault<T>(&self, code: &'static str, detail: &str) -> Parsed<T> {
        Err(FilterError::new(&self.pointer, code, detail))
    }

    fn pattern(&self) -> Parsed<Pattern> {
        match self.value.kind() {
            Kind::Object => self.object(),
            _ if self.whole_event => self.fault("type", "expected an object"),
            Kind::Array => {
                let rule = self.any()?;
                let plain = matches!(&rule, Rule::Any(_, patterns) if patterns.is_empty());
                let operator = if plain { Operator::In } else { Operator::Or };
                Ok(Pattern(vec![self.condition(operator, false, rule)]))
            }
            _ => {
                let rule = self.among(std::iter::once(self.value), false);
                Ok(Pattern(vec![self.condition(Operator::Eq, false, rule)]))
            }
        }
    }

    fn condition(&self, operator: Operator, written: bool, rule: Rule) -> Condition {
        Condition {
            operator,
            written,
            operand: self.value.number(),
            rule,
        }
    }

    fn object(&self) -> Parsed<Pattern> {
        let (mut members, mut conditions) = (Vec::new(), Vec::new());
        let mut faults: Option<FilterError> = None;
        for (name, value) in self.value.members() {
            let part = self.below(&name, value);
            let read = match name.strip_prefix(b"$") {
                None => part.member(&name).map(|member| members.push(member)),
                Some(rest) if rest.starts_with(b"$") => {
                    part.member(rest).map(|member| members.push(member))
                }
                Some(_) => part.operator(&name).map(|one| conditions.push(one)),
            };
            faults = and(faults, read.err());
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        if !members.is_empty() {
            members.sort_by(|one: &(Vec<u8>, _), two| one.0.cmp(&two.0));
            conditions.push(self.condition(Operator::Item, false, Rule::Members(members)));
        }
        Ok(Pattern(conditions))
    }

    fn member(self, name: &[u8]) -> Parsed<(Vec<u8>, Pattern)> {
        if self.whole_event && !MEMBERS.iter().any(|known| known.as_bytes() == name) {
            let known = MEMBERS.join(", ");
            let detail = format!(
                "an event has {known} to filter by; what was published stands below data, \
                 as in {{\"data\":{{\"{}\":…}}}}",
                shown(name)
            );
            return self.fault("unknown_field", &detail);
        }
        let inside = Self {
            whole_event: false,
            ..self
        };
        Ok((name.to_owned(), inside.pattern()?))
    }

    fn operator(&self, name: &[u8]) -> Parsed<Condition> {
        let known = Operator::ALL.iter().copied();
        let Some(operator) = known.clone().find(|one| one.as_str().as_bytes() == name) else {
            let name = shown(name);
            // Of equally near ones the longer: a letter was more likely left out than mistaken.
            let near = |one: &Operator| {
                let known = one.as_str();
                (
                    strsim::damerau_levenshtein(&name, known),
                    Reverse(known.len()),
                )
            };
            let nearest = known.min_by_key(near).map_or("", Operator::as_str);
            let detail = format!("unknown operator {name}, the nearest known one is {nearest}");
            return self.fault("unknown_operator", &detail);
        };
        let of_events = matches!(operator, Operator::And | Operator::Or | Operator::Not);
        if self.whole_event && !of_events {
            let detail =
                "an event as a whole takes $and, $or and $not: name one of its members first";
            return self.fault("misplaced_operator", detail);
        }
        Ok(self.condition(operator, true, self.rule(operator)?))
    }

    fn rule(&self, operator: Operator) -> Parsed<Rule> {
        match operator {
            Operator::Eq | Operator::Item => Ok(self.among(std::iter::once(self.value), false)),
            Operator::Neq => Ok(self.among(std::iter::once(self.value), true)),
            Operator::In => Ok(self.among(self.list()?, false)),
            Operator::Nin => Ok(self.among(self.list()?, true)),
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => self.ordered(),
            Operator::StartsWith | Operator::EndsWith => self.affix(),
            Operator::Exists => self.exists(),
            Operator::And => Ok(Rule::All(
                self.patterns(|_| true)?.into_iter().map(|p| p.1).collect(),
            )),
            Operator::Or => self.any(),
            Operator::Not => Ok(Rule::Not(self.pattern()?)),
        }
    }

    fn among(&self, values: impl Iterator<Item = Value<'t>>, negated: bool) -> Rule {
        let values = Values::of(self.tree, values);
        Rule::Among { values, negated }
    }

    fn ordered(&self) -> Parsed<Rule> {
        match self.value.kind() {
            Kind::Number | Kind::String => Ok(Rule::Ordered),
            _ => self.fault("type", "expected a number or a string"),
        }
    }

    fn affix(&self) -> Parsed<Rule> {
        match self.value.kind() {
            Kind::String => Ok(Rule::Affix(self.value.text().into_owned())),
            _ => self.fault("type", "expected a string"),
        }
    }

    fn exists(&self) -> Parsed<Rule> {
        match self.value.kind() {
            Kind::True => Ok(Rule::Exists(true)),
            Kind::False => Ok(Rule::Exists(false)),
            _ => self.fault("type", "expected true or false"),
        }
    }

    fn list(&self) -> Parsed<impl Iterator<Item = Value<'t>>> {
        if self.value.kind() != Kind::Array {
            return self.fault("type", "expected an array");
        }
        if self.value.items().next().is_none() {
            return self.fault("length", "expected at least one item");
        }
        Ok(self.value.items())
    }

    /// Any of the items: plain ones as values, the others as patterns.
    fn any(&self) -> Parsed<Rule> {
        let is_plain = |value: &Value<'_>| !self.whole_event && value.kind() < Kind::Array;
        let plain = self.list()?.filter(is_plain);
        let values = Values::of(self.tree, plain);
        let patterns = self.patterns(|value| !is_plain(value))?;
        Ok(Rule::Any(values, patterns))
    }

    /// The items that are wanted as patterns, with their indices.
    fn patterns(&self, wanted: impl Fn(&Value<'_>) -> bool) -> Parsed<Vec<(usize, Pattern)>> {
        let (mut patterns, mut faults) = (Vec::new(), None);
        for (index, item) in self.list()?.enumerate().filter(|(_, item)| wanted(item)) {
            match self.below(index.to_string().as_bytes(), item).pattern() {
                Ok(pattern) => patterns.push((index, pattern)),
                Err(found) => faults = and(faults, Some(found)),
            }
        }
        faults.map_or(Ok(patterns), Err)
    }
}

fn and(faults: Option<FilterError>, more: Option<FilterError>) -> Option<FilterError> {
    match (faults, more) {
        (Some(faults), Some(more)) => Some(faults.and(more)),
        (faults, more) => faults.or(more),
    }
}
