//! Filters, beside an evaluator that walks pattern and event as the reference page tells it.

use std::{cmp::Ordering, collections::BTreeMap};

use posthaste::{
    event::EventDetails,
    filter::{EventDocument, Filter},
    json::{DEPTH_MAX, RawJson},
};

use super::{
    naive::{Naive, compare_numbers},
    parts,
};

/// A filter in one line, then the data of an event.
pub fn judge(input: &[u8]) {
    let Some((text, data)) = parts::text_line(input) else {
        return;
    };
    let filter = match text.parse::<Filter>() {
        Ok(filter) => filter,
        Err(error) => {
            assert!(!error.faults().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(filter.to_string().parse::<Filter>().as_ref(), Ok(&filter));
    let Ok(data) = RawJson::parse(data.to_vec(), DEPTH_MAX) else {
        return;
    };
    let event = EventDocument::new(None, &EventDetails::default(), Some(&data));
    let matches = filter.matches(&event);
    let explanation = filter.explain(&event);
    assert_eq!(explanation.matches, matches);
    assert_eq!(
        matches,
        explanation.clauses.iter().all(|clause| clause.matches)
    );
    let pattern = Naive::read(text.as_bytes()).expect("a filter is JSON");
    let data = Naive::read(data.as_bytes()).expect("it was checked");
    let whole = Naive::Object([("data".to_owned(), data)].into());
    if let Some(expected) = holds(&pattern, Some(&whole)) {
        assert_eq!(matches, expected, "{text}");
    }
}

/// None where numbers are beyond what is written out here.
type Verdict = Option<bool>;

/// Whether a pattern holds at a place that has this value, or none.
fn holds(pattern: &Naive, place: Option<&Naive>) -> Verdict {
    match pattern {
        Naive::Plain(_) | Naive::Text(_) => is_one_of(std::slice::from_ref(pattern), place),
        Naive::List(items) => any(items.iter().map(|item| holds(item, place))),
        Naive::Object(members) => object(members, place),
    }
}

fn object(members: &BTreeMap<String, Naive>, place: Option<&Naive>) -> Verdict {
    let (mut named, mut verdicts) = (Vec::new(), Vec::new());
    for (name, operand) in members {
        match name.strip_prefix('$') {
            Some(rest) if !rest.starts_with('$') => verdicts.push(operator(rest, operand, place)),
            Some(own) => named.push((own, operand)),
            None => named.push((name.as_str(), operand)),
        }
    }
    verdicts.push(match place {
        _ if named.is_empty() => Some(true),
        Some(Naive::List(items)) => any(items.iter().map(|item| has(&named, Some(item)))),
        place => has(&named, place),
    });
    all(verdicts.into_iter())
}

fn has(named: &[(&str, &Naive)], place: Option<&Naive>) -> Verdict {
    all(named.iter().map(|(name, pattern)| {
        let member = match place {
            Some(Naive::Object(members)) => members.get(*name),
            _ => None,
        };
        holds(pattern, member)
    }))
}

fn operator(name: &str, operand: &Naive, place: Option<&Naive>) -> Verdict {
    let list = || match operand {
        Naive::List(items) => items.as_slice(),
        _ => panic!("{name} takes a list"),
    };
    let one = std::slice::from_ref(operand);
    let not = |verdict: Verdict| verdict.map(|holds| !holds);
    match name {
        "eq" => is_one_of(one, place),
        "neq" => not(is_one_of(one, place)),
        "in" => is_one_of(list(), place),
        "nin" => not(is_one_of(list(), place)),
        "gt" => ordered(operand, place, Ordering::is_gt),
        "gte" => ordered(operand, place, Ordering::is_ge),
        "lt" => ordered(operand, place, Ordering::is_lt),
        "lte" => ordered(operand, place, Ordering::is_le),
        "startsWith" => affix(operand, place, |text, end| text.starts_with(end)),
        "endsWith" => affix(operand, place, |text, end| text.ends_with(end)),
        "exists" => Some(place.is_some() == (*operand == Naive::Plain("true".to_owned()))),
        "and" => all(list().iter().map(|pattern| holds(pattern, place))),
        "or" => any(list().iter().map(|pattern| holds(pattern, place))),
        "not" => not(holds(operand, place)),
        other => panic!("${other} is no operator"),
    }
}

fn is_one_of(values: &[Naive], place: Option<&Naive>) -> Verdict {
    match place {
        None => Some(values.iter().any(Naive::is_null)),
        Some(value) => itself_or_item(value, |found| {
            any(values.iter().map(|value| equal(value, found)))
        }),
    }
}

fn ordered(operand: &Naive, place: Option<&Naive>, wanted: fn(Ordering) -> bool) -> Verdict {
    let Some(place) = place else {
        return Some(false);
    };
    itself_or_item(place, |value| match (value, operand) {
        (Naive::Text(one), Naive::Text(two)) => Some(wanted(one.as_bytes().cmp(two.as_bytes()))),
        (Naive::Plain(one), Naive::Plain(two)) if is_number(one) => {
            compare_numbers(one, two).map(wanted)
        }
        _ => Some(false),
    })
}

fn affix(operand: &Naive, place: Option<&Naive>, has: fn(&str, &str) -> bool) -> Verdict {
    let Some(place) = place else {
        return Some(false);
    };
    itself_or_item(place, |value| match (value, operand) {
        (Naive::Text(text), Naive::Text(end)) => Some(has(text, end)),
        _ => Some(false),
    })
}

fn itself_or_item(value: &Naive, holds: impl Fn(&Naive) -> Verdict) -> Verdict {
    let items = match value {
        Naive::List(items) => items.as_slice(),
        _ => &[],
    };
    any(std::iter::once(value).chain(items).map(holds))
}

fn equal(one: &Naive, two: &Naive) -> Verdict {
    match (one, two) {
        (Naive::Plain(one), Naive::Plain(two)) if is_number(one) && is_number(two) => {
            compare_numbers(one, two).map(Ordering::is_eq)
        }
        (Naive::List(one), Naive::List(two)) if one.len() == two.len() => {
            all(one.iter().zip(two).map(|(one, two)| equal(one, two)))
        }
        (Naive::Object(one), Naive::Object(two)) if one.len() == two.len() => {
            all(one.iter().zip(two).map(|(one, two)| match one.0 == two.0 {
                true => equal(one.1, two.1),
                false => Some(false),
            }))
        }
        (one, two) => Some(one == two),
    }
}

fn is_number(plain: &str) -> bool {
    !matches!(plain, "null" | "true" | "false")
}

fn any(mut verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.try_fold(false, |so_far, next| Some(so_far | next?))
}

fn all(mut verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.try_fold(true, |so_far, next| Some(so_far & next?))
}
