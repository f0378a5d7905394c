//! Fields as what they mean, one after the other; what is wrong is collected, so that a form is told
//! all of it at once.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

use posthaste::json::{DEPTH_MAX, RawJson};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value},
};

use crate::{query::Query, wrongs::Wrongs};

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
