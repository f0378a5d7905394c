//! Deliveries that cannot be read, until the engine asks for them. Memory alone: after a crash they
//! are found again as they were found before.

use std::sync::{Mutex, PoisonError};

use posthaste::{delivery::Tries, id::DeliveryId};
use posthaste_store::record::Spoilt;
use rusqlite::Connection;

use crate::{
    fault::{Fault, Result},
    live::Implied,
    row::{Columns, number},
    tenant,
};

#[derive(Default)]
pub struct Spoils(Mutex<Vec<Spoilt>>);

impl Spoils {
    pub fn take(&self) -> Vec<Spoilt> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is left to say of a row that cannot be read for this reason.
    pub fn row(&self, connection: &Connection, id: DeliveryId, why: &str) {
        self.add(id, why, read(connection, id));
    }

    /// The same of a delivery that has no row.
    pub fn implied(
        &self,
        connection: &Connection,
        (id, implied): (DeliveryId, &Implied),
        why: &str,
    ) {
        let tenant = tenant::name(connection, implied.tenant);
        let spoilt = tenant.map(|tenant| Spoilt {
            id,
            event: implied.event,
            tenant,
            subscription: implied.subscription,
            event_type: Some(implied.event_type.clone()),
            tries: Tries::default(),
        });
        self.add(id, why, spoilt);
    }

    fn add(&self, id: DeliveryId, why: &str, spoilt: Result<Spoilt>) {
        tracing::error!(delivery = %id, why, "row is corrupt");
        match spoilt {
            Ok(spoilt) => {
                let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                known.push(spoilt);
            }
            Err(fault) => tracing::error!(delivery = %id, ?fault, "row is corrupt beyond an end"),
        }
    }
}

fn read(connection: &Connection, id: DeliveryId) -> Result<Spoilt> {
    let mut query = connection.prepare_cached(include_str!("../sql/spoilt.sql"))?;
    let mut rows = query.query([number(id.as_u64())])?;
    let Some(row) = rows.next()? else {
        return Err(Fault::Corrupt(format!("{id} is gone")));
    };
    Ok(Spoilt {
        id,
        event: row.event_id(0)?,
        tenant: tenant::name(connection, row.number(1)?)?,
        subscription: row.subscription_id(2)?,
        event_type: row.event_type(5).ok(),
        tries: Tries {
            made: row.get(3).unwrap_or_default(),
            spent: row.get(4).unwrap_or_default(),
        },
    })
}
