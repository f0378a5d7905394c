//! Licence expressions (SPDX): whether one can be kept with the licences that are allowed.

use std::collections::BTreeSet;

/// Whether it can; an old `/` is an `OR`, and text that is no expression cannot.
pub fn allows(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reading = Reading {
        words: &words,
        allowed,
    };
    reading.either() == Some(true) && reading.words.is_empty()
}

struct Reading<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<&'a str>,
}

impl<'a> Reading<'a> {
    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        self.words = &self.words[usize::from(found)..];
        found
    }

    fn either(&mut self) -> Option<bool> {
        let mut any = self.both()?;
        while self.takes("OR") {
            any |= self.both()?;
        }
        Some(any)
    }

    fn both(&mut self) -> Option<bool> {
        let mut all = self.one()?;
        while self.takes("AND") {
            all &= self.one()?;
        }
        Some(all)
    }

    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let inner = self.either()?;
            return self.takes(")").then_some(inner);
        }
        let name = self.word()?;
        match self.takes("WITH") {
            true => Some(
                self.allowed
                    .contains(&*format!("{name} WITH {}", self.word()?)),
            ),
            false => Some(self.allowed.contains(name)),
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }
}

#[test]
fn an_expression_is_kept_where_one_way_through_it_is_allowed() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    #[track_caller]
    fn check(expression: &str, allowed: &BTreeSet<&str>, expected: bool) {
        assert_eq!(allows(expression, allowed), expected, "{expression}");
    }
    check("MIT", &allowed, true);
    check("MIT/Apache-2.0", &allowed, true);
    check("GPL-3.0 OR ISC AND MIT", &allowed, true);
    check("(GPL-3.0 OR ISC) AND GPL-3.0", &allowed, false);
    check("ISC AND (GPL-3.0 OR MIT)", &allowed, true);
    check("Apache-2.0 WITH LLVM-exception", &allowed, true);
    check("Apache-2.0", &allowed, false);
    check("", &allowed, false);
    check("(MIT", &allowed, false);
    check("MIT ISC", &allowed, false);
}
