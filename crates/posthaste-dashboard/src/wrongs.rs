//! What is wrong with a form, by its fields.

use std::fmt::Display;

/// What is wrong, in the order in which it was found. The field of what belongs to none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrongs(Vec<(String, String)>);

impl Wrongs {
    pub(crate) fn add(&mut self, field: &str, what: impl Display) {
        self.0.push((field.to_owned(), what.to_string()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of one field, as one text.
    pub(crate) fn of(&self, field: &str) -> Option<String> {
        let found: Vec<&str> = self.named(field).collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    fn named<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == field);
        named.map(|(_, what)| what.as_str())
    }

    /// Whether one of these fields has one: what they are folded into is shown open.
    pub(crate) fn any(&self, fields: &[&str]) -> bool {
        fields
            .iter()
            .any(|field| self.named(field).next().is_some())
    }

    /// Every one, for the list above the form.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, what)| (field.as_str(), what.as_str()))
    }
}
