//! How a replay stands in its row.

use posthaste::{
    clock::Timestamp,
    id::{EventId, ReplayId, SubscriptionId},
};
use posthaste_store::replay::{Replay, ReplayClaim, ReplayCursor, ReplayStatus};
use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    fault::{Fault, Result},
    row::Columns,
};

/// The columns that [`read`] reads.
pub const REPLAYS: &str = include_str!("../sql/replays.sql");

pub fn status(status: ReplayStatus) -> (i64, Option<i64>) {
    let code = match status {
        ReplayStatus::Running => 0,
        ReplayStatus::Completed { .. } => 1,
        ReplayStatus::Stopped { .. } => 2,
    };
    (code, status.finished_at().map(Timestamp::as_millis))
}

pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Fault::Corrupt(error.to_string()))
}

fn parse<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    let corrupt = |error| Fault::Corrupt(format!("a replay cannot be read: {error}"));
    serde_json::from_str(text).map_err(corrupt)
}

pub fn read(row: &Row<'_>) -> Result<Replay> {
    let (key, body): (Option<[u8; 32]>, Option<[u8; 32]>) = (row.get(2)?, row.get(3)?);
    let tenant = row.get_ref(1)?.as_str()?;
    let nobody = |_| Fault::Corrupt(format!("{tenant:?} is no tenant"));
    Ok(Replay {
        id: ReplayId::from_u64(row.number(0)?),
        tenant: tenant.parse().map_err(nobody)?,
        plan: parse(row, 4)?,
        status: read_status(row)?,
        cursor: ReplayCursor {
            after: EventId::from_u64(row.number(7)?),
            within: row.optional_number(8)?.map(SubscriptionId::from_u64),
        },
        progress: parse(row, 9)?,
        claim: key.zip(body).map(|(key, body)| ReplayClaim { key, body }),
    })
}

fn read_status(row: &Row<'_>) -> Result<ReplayStatus> {
    let at = row.time(6)?;
    let at = || at.ok_or_else(|| Fault::Corrupt("a replay that ended has no time".into()));
    Ok(match row.number(5)? {
        0 => ReplayStatus::Running,
        1 => ReplayStatus::Completed { at: at()? },
        2 => ReplayStatus::Stopped { at: at()? },
        other => return Err(Fault::Corrupt(format!("{other} is no status of a replay"))),
    })
}
