//! Ids and times: text that is taken is written back as it was, and nothing else is taken.

use posthaste::{
    clock::Timestamp,
    id::{DeliveryId, EventId, KeyId, SubscriptionId},
};

pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    macro_rules! each {
        ($($name:ident),*) => {$(
            let parsed = text.parse::<$name>();
            assert_eq!(parsed.map($name::as_u64).ok(), number(text, $name::PREFIX), "{text:?}");
            if let Ok(id) = parsed {
                assert_eq!(id.to_string(), text);
                assert_eq!($name::from_u64(id.as_u64()), id);
                assert!(id.place() <= id.place().forward(1));
            }
        )*};
    }
    each!(EventId, SubscriptionId, DeliveryId, KeyId);
    time(text);
}

/// Thirteen digits of Crockford's base32 in lower case, below two to the sixty-third.
fn number(text: &str, prefix: &str) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?;
    let mut number: u64 = 0;
    for digit in digits.chars() {
        let value = "0123456789abcdefghjkmnpqrstvwxyz".find(digit)?;
        number = number.checked_mul(32)?.checked_add(value as u64)?;
    }
    (digits.len() == 13 && number >> 63 == 0).then_some(number)
}

fn time(text: &str) {
    let Ok(time) = text.parse::<Timestamp>() else {
        return;
    };
    let shown = time.to_string();
    assert!(shown.ends_with('Z'), "{text:?}: {shown}");
    assert_eq!(shown.parse(), Ok(time), "{text:?}: {shown}");
}
