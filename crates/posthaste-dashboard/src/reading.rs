//! Fields as what they mean, one after the other; what is wrong is collected, so that a form is told
//! all of it at once.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

use posthaste::{
    clock::Timestamp,
    json::{DEPTH_MAX, RawJson},
    wording,
};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value},
};

use crate::{moment, query::Query, wrongs::Wrongs};

/// A form that is being read.
pub(crate) struct Reading<'f> {
    pub(crate) form: &'f Query,
    pub(crate) wrongs: Wrongs,
}

impl<'f> Reading<'f> {
    pub(crate) fn of(form: &'f Query) -> Self {
        Self {
            form,
            wrongs: Wrongs::default(),
        }
    }

    /// Without the white space around it; empty where it is absent.
    pub(crate) fn text(&self, field: &str) -> &'f str {
        self.form.text(field).unwrap_or_default().trim()
    }

    /// Of several lines, which browsers send with two characters between.
    pub(crate) fn lines(&self, field: &str) -> String {
        self.text(field).replace("\r\n", "\n")
    }

    /// The value, or its field's fault.
    pub(crate) fn take<T, E: Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.wrongs.add(field, error)).ok()
    }

    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, field: &str) -> Option<T> {
        self.take(field, self.text(field).parse())
    }

    /// A whole number within bounds.
    pub(crate) fn whole<T>(&mut self, field: &str, bounds: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.text(field).parse().ok();
        let number = number.filter(|number| bounds.contains(number));
        let expected = format!("expected {} to {}", bounds.start(), bounds.end());
        self.take(field, number.ok_or(expected))
    }

    /// Any number.
    pub(crate) fn number(&mut self, field: &str) -> Option<f64> {
        let number = number(self.text(field));
        self.take(field, number)
    }

    /// One of the few names that a type has.
    pub(crate) fn named<T: for<'d> Deserialize<'d>>(&mut self, field: &str) -> Option<T> {
        let name = named(self.text(field));
        self.take(field, name.ok_or("expected one of the list"))
    }

    /// `{}` where it is empty.
    pub(crate) fn object(&mut self, field: &str) -> Option<RawJson> {
        let text = self.lines(field);
        if text.is_empty() {
            return Some(RawJson::empty_object());
        }
        let json = self.take(field, RawJson::parse(text, DEPTH_MAX))?;
        let is_object = json.as_bytes().starts_with(b"{");
        self.take(
            field,
            is_object.then_some(json).ok_or("expected a JSON object"),
        )
    }

    /// A line for each: a name, and what stands behind its last space.
    pub(crate) fn pairs<K, V>(&mut self, field: &str, most: usize) -> BTreeMap<K, V>
    where
        K: FromStr<Err: Display> + Ord,
        V: FromStr,
    {
        let mut pairs = BTreeMap::new();
        for line in self
            .lines(field)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let read = line.rsplit_once([' ', '=', ':']);
            let read = read.and_then(|(name, value)| Some((name, value.parse().ok()?)));
            let expected = format!("expected a type and a version in each line, not {line:?}");
            let Some((name, value)) = self.take(field, read.ok_or(expected)) else {
                continue;
            };
            let name = name.trim_end_matches([' ', '=', ':']).parse();
            if let Some(name) = self.take(field, name) {
                pairs.insert(name, value);
            }
        }
        if pairs.len() > most {
            self.wrongs
                .add(field, format!("expected at most {most} lines"));
        }
        pairs
    }

    /// A line for people of at most so many bytes, empty where there is none.
    pub(crate) fn line(&mut self, field: &str, bytes_max: usize) -> String {
        let text = self.text(field);
        self.take(field, wording::within(text, 0..=bytes_max));
        text.to_owned()
    }

    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, field: &str) -> Option<T> {
        match self.text(field) {
            "" => self.take(field, Err("this is needed")),
            _ => self.parsed(field),
        }
    }

    /// What is read of it; none where it is empty, or wrong.
    pub(crate) fn unless_empty<T, E: Display>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.text(field) {
            "" => None,
            text => self.take(field, read(text)),
        }
    }

    /// A whole number from 1 to `max`, where there is one.
    pub(crate) fn up_to(&mut self, field: &str, max: u32) -> Option<u32> {
        match self.text(field) {
            "" => None,
            _ => self.whole(field, 1..=max),
        }
    }

    /// What it says, where it says something: told so where it cannot be read.
    pub(crate) fn read_as<T: FromStr>(&mut self, field: &str, expected: &'static str) -> Option<T> {
        self.unless_empty(field, |text| text.parse().map_err(|_| expected))
    }

    /// A time, where there is one; without a zone it is UTC.
    pub(crate) fn time(&mut self, field: &str, now: Timestamp) -> Option<Timestamp> {
        self.unless_empty(field, |text| {
            moment::read(text, now).ok_or(moment::EXPECTED)
        })
    }

    /// A time to come, where there is one; without a zone it is UTC.
    pub(crate) fn later(&mut self, field: &str, now: Timestamp) -> Option<Timestamp> {
        self.unless_empty(field, |text| {
            let at = moment::read(text, now).filter(|at| *at > now);
            at.ok_or("expected a time to come, such as 2031-01-31 10:00")
        })
    }

    /// One a line, or with commas between them; at most so many.
    pub(crate) fn entries<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        at_most: usize,
    ) -> Vec<T> {
        let parts = self.text(field).split(['\n', ',']).map(str::trim);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        if parts.len() > at_most {
            self.wrongs.add(field, format_args!("at most {at_most}"));
            return Vec::new();
        }
        let read = parts.into_iter().filter_map(|part| {
            let told = |error: T::Err| format!("{part}: {error}");
            self.take(field, part.parse().map_err(told))
        });
        read.collect()
    }
}

/// A number as people write it.
pub(crate) fn number(text: &str) -> Result<f64, &'static str> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or("expected a number")
}

/// A type's value by its name.
pub(crate) fn named<'d, T: Deserialize<'d>>(name: &'d str) -> Option<T> {
    let name: value::StrDeserializer<'_, value::Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

#[cfg(test)]
mod tests {
    use posthaste::network::Network;

    use super::*;

    #[test]
    fn what_is_wrong_stands_beside_its_field_and_what_is_empty_is_not_there() {
        let fields = Query::parse("name=a%E2%80%AEb&days=0&from=10.0.0.1%0A%0Ax&at=soon&none=+");
        let (mut form, now) = (Reading::of(&fields), Timestamp::from_millis(0));
        assert_eq!(form.line("name", 9), "a\u{202e}b");
        assert_eq!(form.up_to("days", 9), None);
        assert_eq!(form.entries::<Network>("from", 9).len(), 1);
        assert_eq!(form.later("at", now), None);
        assert_eq!(form.up_to("none", 9), None);
        assert_eq!(form.required::<u32>("missing"), None);
        let wrong = |field| form.wrongs.of(field).unwrap_or_default();
        assert!(wrong("name").contains("bidirectional"));
        assert_eq!(wrong("days"), "expected 1 to 9");
        assert!(wrong("from").starts_with("x: expected an address"));
        assert!(wrong("at").contains("a time to come"));
        assert_eq!(wrong("none"), "");
        assert_eq!(wrong("missing"), "this is needed");
    }
}
