//! A form that was sent, read field by field: a value, or what is wrong with it, to stand beside
//! the field. Nothing typed is lost: the form is shown again as it was sent.

use std::{fmt::Display, str::FromStr};

use posthaste::{clock::Timestamp, wording};

use crate::{moment, query::Query};

/// What is wrong, by field.
#[derive(Debug, Default)]
pub(crate) struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    pub(crate) fn say(&mut self, field: &'static str, what: impl Display) {
        self.0.push((field, what.to_string()));
    }

    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        let (_, what) = self.0.iter().find(|(wrong, _)| *wrong == field)?;
        Some(what)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fields, and what was wrong with those that were read.
pub(crate) struct Form<'a> {
    fields: &'a Query,
    pub(crate) wrong: Wrong,
}

impl<'a> Form<'a> {
    pub(crate) fn new(fields: &'a Query) -> Self {
        Self {
            fields,
            wrong: Wrong::default(),
        }
    }

    /// A line for people of at most so many bytes, empty where there is none.
    pub(crate) fn line(&mut self, field: &'static str, bytes_max: usize) -> String {
        let text = self.fields.text(field).unwrap_or_default().trim();
        if let Err(error) = wording::within(text, 0..=bytes_max) {
            self.wrong.say(field, error);
        }
        text.to_owned()
    }

    /// None where the field is empty, or wrong.
    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Option<T> {
        self.read(field, str::parse)
    }

    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Option<T> {
        if self.fields.text(field).is_none() {
            self.wrong.say(field, "this is needed");
        }
        self.optional(field)
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn whole(&mut self, field: &'static str, max: u32) -> Option<u32> {
        let expected = format!("expected a whole number from 1 to {max}");
        self.read(field, |text| {
            let number = text.parse().ok();
            let number = number.filter(|number| (1..=max).contains(number));
            number.ok_or(expected)
        })
    }

    /// A time to come; without a zone it is UTC.
    pub(crate) fn later(&mut self, field: &'static str, now: Timestamp) -> Option<Timestamp> {
        self.read(field, |text| {
            let at = moment::read(text, now).filter(|at| *at > now);
            at.ok_or("expected a time to come, such as 2031-01-31 10:00")
        })
    }

    /// One a line, or with commas between them; at most so many.
    pub(crate) fn entries<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        at_most: usize,
    ) -> Vec<T> {
        let text = self.fields.text(field).unwrap_or_default();
        let parts = text.split(['\n', ',']).map(str::trim);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        if parts.len() > at_most {
            self.wrong.say(field, format_args!("at most {at_most}"));
            return Vec::new();
        }
        let mut read = Vec::new();
        for part in parts {
            match part.parse() {
                Ok(entry) => read.push(entry),
                Err(error) => self.wrong.say(field, format_args!("{part}: {error}")),
            }
        }
        read
    }

    pub(crate) fn read<T, E: Display>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match read(self.fields.text(field)?.trim()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong.say(field, error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use posthaste::network::Network;

    use super::*;

    #[test]
    fn what_is_wrong_stands_beside_its_field_and_what_is_empty_is_not_there() {
        let fields = Query::parse("name=a%E2%80%AEb&days=0&from=10.0.0.1%0A%0Ax&at=soon&none=+");
        let (mut form, now) = (Form::new(&fields), Timestamp::from_millis(0));
        assert_eq!(form.line("name", 9), "a\u{202e}b");
        assert_eq!(form.whole("days", 9), None);
        assert_eq!(form.entries::<Network>("from", 9).len(), 1);
        assert_eq!(form.later("at", now), None);
        assert_eq!(form.optional::<u32>("none"), None);
        assert_eq!(form.required::<u32>("missing"), None);
        let wrong = |field| form.wrong.of(field).unwrap_or_default().to_owned();
        assert!(wrong("name").contains("bidirectional"));
        assert_eq!(wrong("days"), "expected a whole number from 1 to 9");
        assert!(wrong("from").starts_with("x: expected an address"));
        assert!(wrong("at").contains("a time to come"));
        assert_eq!(wrong("none"), "");
        assert_eq!(wrong("missing"), "this is needed");
    }
}
