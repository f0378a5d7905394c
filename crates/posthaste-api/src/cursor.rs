//! Page cursors: where the next page begins, authenticated and bound to the list that gave it.
//!
//! Ids are no secret, but a cursor of another tenant, route or filter is refused, so that nobody
//! builds on what is inside.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use posthaste::event::TenantId;
use sha2::Sha256;

use crate::{
    parameters::Parameters,
    problem::{Kind, Problem},
    values::Read,
};

/// Bytes of the MAC that a cursor ends with.
const MAC_BYTES: usize = 16;
/// The longest cursor that is looked at.
const TEXT_MAX: usize = 256;

/// Seals and opens the cursors of one list: a route, a tenant and its filters.
pub(crate) struct Cursors {
    mac: Hmac<Sha256>,
}

impl Cursors {
    /// Call before filters are read out of `parameters`.
    pub(crate) fn new(
        key: &[u8; 32],
        route: &str,
        tenant: Option<&TenantId>,
        parameters: &Parameters,
    ) -> Self {
        let mut mac = Hmac::new_from_slice(key).expect("any key length will do");
        let mut bind = |part: &str| {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        };
        bind(route);
        bind(tenant.map_or("", TenantId::as_str));
        for (name, value) in parameters.canonical() {
            bind(&name);
            bind(&value);
        }
        Self { mac }
    }

    fn tag(&self, place: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(place);
        mac
    }

    /// The cursor of a place in the list.
    pub(crate) fn seal(&self, place: &[u8]) -> String {
        let tag = self.tag(place).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&[place, &tag[..MAC_BYTES]].concat())
    }

    fn open(&self, cursor: &str) -> Option<Vec<u8>> {
        if cursor.len() > TEXT_MAX {
            return None;
        }
        let mut place = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let tag = place.split_off(place.len().checked_sub(MAC_BYTES)?);
        self.tag(&place).verify_truncated_left(&tag).ok()?;
        Some(place)
    }

    /// The place that the request's cursor holds, if it has one.
    pub(crate) fn place(&self, parameters: &mut Parameters) -> Result<Option<Vec<u8>>, Problem> {
        let cursor = parameters.read("cursor", |value| Read::Ok(value.to_owned()));
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        self.open(&cursor).map(Some).ok_or_else(refused)
    }

    /// As [`Self::place`], of a list whose places are numbers.
    pub(crate) fn number(&self, parameters: &mut Parameters) -> Result<Option<u64>, Problem> {
        let Some(place) = self.place(parameters)? else {
            return Ok(None);
        };
        let place = place.try_into().map_err(|_| refused())?;
        Ok(Some(u64::from_be_bytes(place)))
    }
}

fn refused() -> Problem {
    let detail = "use next_cursor as it was given, with the filters it was given for";
    Problem::new(Kind::InvalidCursor, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors(route: &str, tenant: &str, query: &str) -> Cursors {
        let tenant = tenant.parse().unwrap();
        Cursors::new(&[7; 32], route, Some(&tenant), &Parameters::of(query))
    }

    #[test]
    fn a_cursor_opens_for_its_own_list_alone() {
        let sealed = cursors("events", "a", "type=x&limit=3").seal(&9_u64.to_be_bytes());
        #[track_caller]
        fn check(sealed: &str, list: &Cursors, opens: bool) {
            assert_eq!(list.open(sealed).is_some(), opens, "{sealed}");
        }
        check(
            &sealed,
            &cursors("events", "a", "limit=9&type=x&cursor=c"),
            true,
        );
        check(&sealed, &cursors("deliveries", "a", "type=x"), false);
        check(&sealed, &cursors("events", "b", "type=x"), false);
        check(&sealed, &cursors("events", "a", "type=y"), false);
        check(&sealed, &cursors("events", "a", ""), false);
        let own = cursors("events", "a", "type=x");
        for cut in 0..sealed.len() {
            check(&sealed[..cut], &own, false);
        }
        for place in 0..sealed.len() {
            let mut flipped = sealed.clone().into_bytes();
            flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
            check(std::str::from_utf8(&flipped).unwrap(), &own, false);
        }
        check(&"A".repeat(5000), &own, false);
    }
}
