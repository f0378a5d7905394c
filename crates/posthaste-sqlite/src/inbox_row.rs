//! How an inbox stands in its row, and a request in its own: what may be secret in one sealed value.

use posthaste::{
    egress::TargetUrl,
    event::TenantId,
    id::{InboxId, SubscriptionId},
    signature::Secret,
};
use posthaste_store::{
    inbox::{Arrival, ArrivalHead, Bin, Check, Inbox, InboxAnswer, InboxRequest},
    keyring::What,
};
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    fault::{Fault, Result},
    row::Columns,
    tenant,
    vault::{Opener, Owner},
};

/// Room for both secrets, so that they leave no copy behind.
const SECRETS_BYTES: usize = 2048;

/// What is no secret of an inbox.
#[derive(Serialize, Deserialize)]
struct Settings {
    name: String,
    bin: BinSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<SubscriptionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_with: Option<SubscriptionId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BinSettings {
    Own(InboxAnswer),
    WebhookSite { url: TargetUrl, view_url: String },
}

/// Borrowed on the way in and owned on the way out.
#[derive(Serialize, Deserialize)]
struct Secretive<S> {
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    token: Option<S>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    secret: Option<S>,
}

fn none<T>() -> Option<T> {
    None
}

/// A request's head with its number, so that no row's opens as another's.
#[derive(Serialize, Deserialize)]
struct Numbered<H> {
    number: u64,
    head: H,
}

pub fn settings(inbox: &Inbox) -> Result<String> {
    let bin = match &inbox.bin {
        Bin::Own { answer, .. } => BinSettings::Own(answer.clone()),
        Bin::WebhookSite { url, view_url } => BinSettings::WebhookSite {
            url: url.clone(),
            view_url: view_url.clone(),
        },
    };
    let settings = Settings {
        name: inbox.name.clone(),
        bin,
        subscription: inbox.subscription(),
        made_with: inbox.made,
    };
    serde_json::to_string(&settings).map_err(|error| Fault::Corrupt(error.to_string()))
}

/// What is sealed of an inbox.
pub fn secrets(inbox: &Inbox) -> Result<Zeroizing<Vec<u8>>> {
    let token = match &inbox.bin {
        Bin::Own { token, .. } => Some(token.expose()),
        Bin::WebhookSite { .. } => None,
    };
    let secret = match &inbox.check {
        Check::Secret(secret) => Some(secret.expose()),
        Check::Nothing | Check::Subscription(_) => None,
    };
    let mut written = Zeroizing::new(Vec::with_capacity(SECRETS_BYTES));
    let done = serde_json::to_writer(&mut *written, &Secretive { token, secret });
    done.map_err(|error| Fault::Corrupt(error.to_string()))?;
    Ok(written)
}

/// A row of `sql/inboxes.sql`.
pub fn read(row: &Row<'_>, opener: &mut Opener<'_>) -> Result<Inbox> {
    let (id, tenant) = (row.number(0)?, tenant::parse(row.get_ref(2)?.as_str()?)?);
    let settings: Settings =
        serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|_| corrupt("settings"))?;
    let owner = Owner::tenant(&tenant, row.number(1)?);
    let opened = opener.open(owner, (What::Inbox, id), row.get_ref(5)?.as_blob()?)?;
    let secrets: Secretive<String> =
        serde_json::from_slice(&opened).map_err(|_| corrupt("secrets"))?;
    let check = match (settings.subscription, secrets.secret) {
        (Some(id), _) => Check::Subscription(id),
        (None, Some(secret)) => Check::Secret(Secret::trusted(secret)),
        (None, None) => Check::Nothing,
    };
    let bin = match (settings.bin, secrets.token) {
        (BinSettings::WebhookSite { url, view_url }, _) => Bin::WebhookSite { url, view_url },
        (BinSettings::Own(answer), Some(token)) => Bin::Own {
            token: Secret::trusted(token),
            answer,
        },
        (BinSettings::Own(_), None) => return Err(corrupt("token")),
    };
    Ok(Inbox {
        id: InboxId::from_u64(id),
        revision: row.number(3)?,
        name: settings.name,
        tenant,
        bin,
        check,
        made: settings.made_with,
    })
}

/// What is sealed of a request.
pub fn head(number: u64, head: &ArrivalHead) -> Result<Vec<u8>> {
    let numbered = Numbered { number, head };
    serde_json::to_vec(&numbered).map_err(|error| Fault::Corrupt(error.to_string()))
}

/// A row of `sql/arrivals.sql`.
pub fn request(
    row: &Row<'_>,
    (tenant, no): (&TenantId, u64),
    inbox: InboxId,
    opener: &mut Opener<'_>,
) -> Result<InboxRequest> {
    let number = row.number(0)?;
    let place = (What::Arrival, inbox.as_u64());
    let sealed = row.get_ref(2)?.as_blob()?;
    let opened = opener.open(Owner::tenant(tenant, no), place, sealed)?;
    let read: Numbered<ArrivalHead> =
        serde_json::from_slice(&opened).map_err(|_| corrupt("request"))?;
    if read.number != number {
        return Err(corrupt("request"));
    }
    let arrival = Arrival {
        at: row.time(1)?.unwrap_or_default(),
        head: read.head,
        body: row.get_ref(3)?.as_blob()?.to_vec().into(),
    };
    Ok(InboxRequest { number, arrival })
}

/// Names the part alone: what stands in it may be a secret.
fn corrupt(part: &str) -> Fault {
    Fault::Corrupt(format!("an inbox's {part} cannot be read"))
}
