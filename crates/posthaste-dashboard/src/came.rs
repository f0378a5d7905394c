//! What came of sending again and of letting go: in the path of the page that it leads to as counts
//! behind the note's code, and there as sentences.

use posthaste_engine::operations::Redelivered;

use crate::{frame::Note, query::Query, show::count};

/// How many deliveries became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    done: u64,
    /// Of those, the ones that leave when their subscription is resumed.
    held: u64,
    waiting: u64,
    left: u64,
}

/// A note as a page shows it, with the counts that it tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    note: Note,
    came: Came,
}

impl From<Redelivered> for Came {
    fn from(of: Redelivered) -> Self {
        Self {
            done: of.redelivered,
            held: of.held,
            waiting: of.already_waiting,
            left: of.skipped,
        }
    }
}

impl Came {
    /// Of so many dead letters; the rest of what was chosen were none.
    pub(crate) fn discarded(done: u64, chosen: u64) -> Self {
        Self {
            done,
            left: chosen.saturating_sub(done),
            ..Self::default()
        }
    }

    /// What stands in the path: this note with its counts, or the other where there are none.
    pub(crate) fn told(self, note: Note, or: Note) -> String {
        let Self {
            done,
            held,
            waiting,
            left,
        } = self;
        match self == Self::default() {
            true => or.code().to_owned(),
            false => format!("{}.{done}.{held}.{waiting}.{left}", note.code()),
        }
    }

    fn read(counts: &str) -> Option<Self> {
        let counts = counts.split('.').map(str::parse);
        let counts: Vec<u64> = counts.collect::<Result<_, _>>().ok()?;
        let [done, held, waiting, left] = counts[..] else {
            return None;
        };
        Some(Self {
            done,
            held,
            waiting,
            left,
        })
    }

    fn again(self) -> String {
        let leaving = match self.done.saturating_sub(self.held) {
            1 if self.waiting + self.left == 0 => Some("On its way again.".to_owned()),
            n => some(n, "is on its way again", "are on their way again"),
        };
        let held = some(
            self.held,
            "is held until its subscription is resumed",
            "are held until their subscription is resumed",
        );
        let waiting = some(self.waiting, "waits already", "wait already");
        let left = some(
            self.left,
            "was skipped: it is gone, or its subscription is disabled or deleted",
            "were skipped: they are gone, or their subscription is disabled or deleted",
        );
        sentences([leaving, held, waiting, left])
    }

    fn let_go(self) -> String {
        let done = match self.done {
            1 if self.left == 0 => Some("Discarded: it stays in the log.".to_owned()),
            n => some(
                n,
                "is discarded: it stays in the log",
                "are discarded: they stay in the log",
            ),
        };
        let left = some(
            self.left,
            "was no dead letter and is left as it is",
            "were no dead letters and are left as they are",
        );
        sentences([done, left])
    }
}

/// None of nothing.
fn some(n: u64, one: &str, many: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}.")),
        n => Some(format!("{} {many}.", count(n))),
    }
}

fn sentences<const N: usize>(all: [Option<String>; N]) -> String {
    let all: Vec<_> = all.into_iter().flatten().collect();
    all.join(" ")
}

impl Said {
    /// What stands behind the `?` of a page.
    pub(crate) fn of(query: &Query) -> Option<Self> {
        let text = query.text("note")?;
        let (code, counts) = text.split_once('.').unwrap_or((text, ""));
        let note = Note::coded(code)?;
        let one = Came {
            done: 1,
            ..Came::default()
        };
        let came = match counts {
            "" => one,
            counts => Came::read(counts)?,
        };
        Some(Self { note, came })
    }

    pub(crate) fn text(&self) -> String {
        match self.note {
            Note::Redelivered => self.came.again(),
            Note::Discarded => self.came.let_go(),
            note => note.text().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(note: &str, expected: Option<&str>) {
        let query = Query::parse(&format!("note={note}"));
        let text = Said::of(&query).map(|said| said.text());
        assert_eq!(text.as_deref(), expected, "{note}");
    }

    #[test]
    fn a_note_says_what_became_of_how_many() {
        check("saved", Some("Saved."));
        check("redelivered", Some("On its way again."));
        check("redelivered.1.0.0.0", Some("On its way again."));
        check(
            "redelivered.1.1.0.0",
            Some("1 is held until its subscription is resumed."),
        );
        check(
            "redelivered.1200.2.1.2",
            Some(
                "1\u{202f}198 are on their way again. 2 are held until their subscription is \
                 resumed. 1 waits already. 2 were skipped: they are gone, or their subscription \
                 is disabled or deleted.",
            ),
        );
        check(
            "redelivered.1.0.1.0",
            Some("1 is on its way again. 1 waits already."),
        );
        check(
            "discarded.0.0.0.1",
            Some("1 was no dead letter and is left as it is."),
        );
        check(
            "discarded.2.0.0.1",
            Some(
                "2 are discarded: they stay in the log. 1 was no dead letter and is left as it \
                 is.",
            ),
        );
    }

    #[test]
    fn a_note_that_we_did_not_write_says_nothing() {
        for none in [
            "",
            "hello",
            "redelivered.x",
            "redelivered.1.2",
            "discarded.-1.0.0.0",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn counts_come_back_as_they_were_told() {
        let came = Came::from(Redelivered {
            redelivered: 5,
            held: 2,
            already_waiting: 1,
            skipped: 4,
        });
        let told = came.told(Note::Redelivered, Note::NothingToDo);
        assert_eq!(told, "redelivered.5.2.1.4");
        let read = Said::of(&Query::parse(&format!("note={told}"))).expect("a note");
        assert_eq!(read.came, came);
        let none = Came::discarded(0, 0);
        assert_eq!(none.told(Note::Discarded, Note::NoneSelected), "none");
    }
}
