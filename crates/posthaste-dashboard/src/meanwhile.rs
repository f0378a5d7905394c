//! A form of something that someone else changed meanwhile: where what was typed is unlike what
//! there is now, so that whoever saves it again knows what they overwrite.

use crate::query::Query;

/// Fields of a form by name, each with its label.
pub(crate) type Labels = [(&'static str, &'static str)];

/// A field in which they are unlike. Neither tells a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) label: &'static str,
    pub(crate) typed: String,
    pub(crate) stored: String,
}

/// `said` is what a form says in a field, in words for people.
pub(crate) fn differences(
    labels: &Labels,
    said: impl Fn(&Query, &str) -> String,
    (typed, stored): (&Query, &Query),
) -> Vec<Difference> {
    let each = labels.iter().map(|(field, label)| Difference {
        label,
        typed: said(typed, field),
        stored: said(stored, field),
    });
    each.filter(|one| one.typed != one.stored).collect()
}

/// A value as it is, whatever a browser makes of its line ends.
pub(crate) fn plain(value: &str) -> String {
    let value = value.replace("\r\n", "\n");
    value.trim_matches('\n').to_owned()
}
