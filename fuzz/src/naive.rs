//! JSON read the slow way: serde_json takes one level at a time, so that numbers stay as they were
//! written, no depth is too deep for it, and a key that stands twice is seen.

use std::{cmp::Ordering, collections::BTreeMap, fmt};

use serde_json::value::RawValue;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naive {
    /// `null`, `true`, `false` or a number, as it was written.
    Plain(String),
    Text(String),
    List(Vec<Naive>),
    Object(BTreeMap<String, Naive>),
}

/// Why a text is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    /// It would be a value, but for a key that stands twice.
    Twice,
}

/// Members in the order of the text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl Naive {
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        let whole: &RawValue = serde_json::from_slice(text).map_err(|_| Refusal::Malformed)?;
        Self::of(whole.get())
    }

    fn of(text: &str) -> Result<Self, Refusal> {
        match text.as_bytes()[0] {
            b'{' => Self::object(text),
            b'[' => {
                let items: Vec<&RawValue> = parse(text)?;
                let items: Vec<_> = items.iter().map(|item| Self::of(item.get())).collect();
                worst(&items)?;
                Ok(Self::List(items.into_iter().flatten().collect()))
            }
            b'"' => parse(text).map(Self::Text),
            _ => Ok(Self::Plain(text.to_owned())),
        }
    }

    fn object(text: &str) -> Result<Self, Refusal> {
        let Members(members) = parse(text)?;
        let values: Vec<_> = members
            .iter()
            .map(|(_, value)| Self::of(value.get()))
            .collect();
        worst(&values)?;
        let many = members.len();
        let names = members.into_iter().map(|(name, _)| name);
        let object: BTreeMap<_, _> = names.zip(values.into_iter().flatten()).collect();
        match object.len() == many {
            true => Ok(Self::Object(object)),
            false => Err(Refusal::Twice),
        }
    }

    /// Arrays and objects in each other.
    pub fn depth(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Text(_) => 0,
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.values().map(Self::depth).max().unwrap_or(0),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Plain(text) if text == "null")
    }

    /// Sorted and compact.
    pub fn written(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).expect("any text is JSON");
        match self {
            Self::Plain(text) => text.clone(),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::written).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                let member = |(name, value): (&String, &Self)| {
                    format!("{}:{}", quoted(name), value.written())
                };
                let members: Vec<_> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::Malformed)
}

/// What is malformed anywhere is malformed, whatever stands twice before it.
fn worst(values: &[Result<Naive, Refusal>]) -> Result<(), Refusal> {
    let refusals = || values.iter().filter_map(|value| value.as_ref().err());
    match refusals()
        .find(|why| **why == Refusal::Malformed)
        .or_else(|| refusals().next())
    {
        Some(why) => Err(*why),
        None => Ok(()),
    }
}

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// A number by its decimal digits, padded out in full; none of what would be too long to write out.
pub fn compare_numbers(one: &str, two: &str) -> Option<Ordering> {
    let (one, two) = (Decimal::read(one)?, Decimal::read(two)?);
    Some(match (one.negative, two.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => one.magnitude(&two),
        (true, true) => two.magnitude(&one),
    })
}

/// Digits before the point and behind it.
struct Decimal {
    negative: bool,
    whole: String,
    part: String,
}

impl Decimal {
    fn read(lexeme: &str) -> Option<Self> {
        const SHIFT_MAX: i32 = 500;
        let (mantissa, exponent) = lexeme.split_once(['e', 'E']).unwrap_or((lexeme, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let digits = mantissa.trim_start_matches('-');
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if exponent.abs() > SHIFT_MAX {
            return None;
        }
        let shift = usize::try_from(exponent.abs()).ok()?;
        let zeros = "0".repeat(shift);
        let (whole, part) = match exponent >= 0 {
            true => {
                let part = format!("{part}{zeros}");
                (
                    format!("{whole}{}", &part[..shift]),
                    part[shift..].to_owned(),
                )
            }
            false => {
                let whole = format!("{zeros}{whole}");
                let cut = whole.len() - shift;
                (whole[..cut].to_owned(), format!("{}{part}", &whole[cut..]))
            }
        };
        let whole = whole.trim_start_matches('0').to_owned();
        let part = part.trim_end_matches('0').to_owned();
        let negative = mantissa.starts_with('-') && !(whole.is_empty() && part.is_empty());
        Some(Self {
            negative,
            whole,
            part,
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.part.cmp(&other.part))
    }
}
