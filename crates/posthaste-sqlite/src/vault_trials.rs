//! Secrets at rest: nothing of them is in the files, they open in their place alone, and no start
//! is made without the right master key.

use std::{fs, path::Path};

use posthaste::{
    event::TenantId,
    id::SubscriptionId,
    signature::{Secret, Secrets},
    subscription::Subscription,
};
use posthaste_store::{
    Store, StoreError,
    conformance::{START, fixtures},
    keyring::{MasterKey, MasterKeyFile, MasterKeySource},
    settings::Tenant,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    OpenError, Options, SqliteStore, connection,
    open::prepare,
    rotate::{promote, rewrap, stage},
};

const FIRST: &str = "the first secret of all: 1f0c";
const SECOND: &str = "the second secret of all: 9b3d";

fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

fn subscription(id: u64, of: &str) -> Subscription {
    let secret = |text: &str| Secret::trusted(text.to_owned());
    Subscription {
        secrets: Secrets::new(secret(FIRST)).rotated(secret(SECOND), START),
        ..fixtures::subscription(SubscriptionId::from_u64(id), tenant(of), START)
    }
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("a.db")
    }

    fn open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(self.path(), START)
    }

    fn refusal(&self) -> String {
        self.open().map(drop).unwrap_err().to_string()
    }

    /// A store with a subscription in each of two tenants, closed.
    async fn filled(self) -> Self {
        let store = self.open().unwrap();
        let other = Tenant::new(tenant("acme"), "Acme".into(), START);
        store.insert_tenant(other).await.unwrap();
        for (id, of) in [(1, "default"), (2, "default"), (3, "acme")] {
            store
                .insert_subscription(subscription(id, of))
                .await
                .unwrap();
        }
        drop(store);
        self
    }

    fn change(&self, sql: &str) {
        let connection = Connection::open(self.path()).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    #[track_caller]
    fn file(&self) -> MasterKeyFile {
        MasterKeyFile::at(self.0.path().join("master.key"))
    }
}

async fn secrets(store: &SqliteStore) -> Result<Vec<String>, StoreError> {
    let all = store.subscriptions().await?;
    let current = all
        .iter()
        .map(|one| one.secrets.current.expose().to_owned());
    Ok(current.collect())
}

#[track_caller]
fn no_trace(directory: &Path, of: &[&[u8]]) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "key") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for (no, secret) in of.iter().enumerate() {
            let found = bytes.windows(secret.len()).any(|window| window == *secret);
            assert!(!found, "secret {no} is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_the_files_of_a_store() {
    let place = Place::new();
    let store = place.open().unwrap();
    let mut one = subscription(1, "default");
    store.insert_subscription(one.clone()).await.unwrap();
    one.revision += 1;
    store.update_subscription(one.clone(), false).await.unwrap();
    let stored = store.subscription(&one.tenant, one.id).await.unwrap();
    assert_eq!(stored.unwrap().secrets, one.secrets);
    let cursor_key = store.identity().cursor_key;
    let master = place.file().read().unwrap().unwrap().expose();
    let traces = [FIRST.as_bytes(), SECOND.as_bytes(), &*cursor_key];
    no_trace(place.0.path(), &traces);
    no_trace(place.0.path(), &[master.as_bytes()]);
    store.shutdown().await.unwrap();
    no_trace(place.0.path(), &traces);
}

#[tokio::test]
async fn the_servers_own_secrets_are_the_same_after_a_start() {
    let place = Place::new();
    let identity = place.open().unwrap().identity();
    assert!(place.open().unwrap().identity() == identity);
}

#[tokio::test]
async fn a_value_that_was_moved_to_another_row_or_tenant_does_not_open() {
    for to in [2, 3] {
        let place = Place::new().filled().await;
        place.change(&format!(
            "UPDATE subscriptions SET sealed = (SELECT sealed FROM subscriptions WHERE id = 1)
             WHERE id = {to}"
        ));
        let refused = secrets(&place.open().unwrap()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
    }
}

#[tokio::test]
async fn a_data_key_that_was_moved_to_another_tenant_does_not_open() {
    let place = Place::new().filled().await;
    place.change(
        "UPDATE data_keys SET wrapped =
             (SELECT wrapped FROM data_keys k JOIN tenants t ON t.no = k.tenant WHERE t.id = 'acme')
         WHERE tenant = (SELECT no FROM tenants WHERE id = 'default')",
    );
    assert!(secrets(&place.open().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_deleted_tenants_key_goes_with_it_and_no_other() {
    let place = Place::new().filled().await;
    place.change("DELETE FROM tenants WHERE id = 'acme'");
    let connection = Connection::open(place.path()).unwrap();
    let sql = "SELECT count(*) FROM data_keys";
    let left: u32 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 2, "the server's and the default tenant's");
    let open = place.open().unwrap();
    assert_eq!(secrets(&open).await.unwrap(), [SECOND, SECOND]);
}

#[tokio::test]
async fn a_store_opens_with_its_own_master_key_alone() {
    let place = Place::new().filled().await;
    let file = place.file();
    let kept = file.read().unwrap().unwrap();
    fs::remove_file(file.path()).unwrap();
    let refused = place.refusal();
    assert!(
        refused.contains(&kept.fingerprint().to_string()),
        "{refused}"
    );
    assert!(!file.path().exists(), "none is made");
    let other = MasterKey::generate();
    file.create(&other).unwrap();
    let refused = place.refusal();
    assert!(
        refused.contains(&other.fingerprint().to_string()),
        "{refused}"
    );
    let given = |key: &MasterKey| Options {
        master_key: Some(MasterKeySource::Given {
            key: key.clone(),
            from: String::from("THE_VARIABLE"),
        }),
        ..Options::default()
    };
    let refused = SqliteStore::open_with(place.path(), &given(&other), START);
    let refused = refused.map(drop).unwrap_err().to_string();
    assert!(refused.contains("THE_VARIABLE"), "{refused}");
    let store = SqliteStore::open_with(place.path(), &given(&kept), START).unwrap();
    assert_eq!(secrets(&store).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_new_master_key_opens_all_that_the_old_one_did() {
    let place = Place::new().filled().await;
    let new = MasterKey::generate();
    let before = place.file().read().unwrap().unwrap().fingerprint();
    let rotated =
        SqliteStore::rotate_master(place.path(), &Options::default(), &new, START).unwrap();
    assert_eq!((rotated.from, rotated.to), (before, new.fingerprint()));
    assert_eq!(rotated.data_keys, 3, "two tenants and the server");
    let now = place.file().read().unwrap().unwrap().fingerprint();
    assert_eq!(now, new.fingerprint());
    let store = place.open().unwrap();
    assert_eq!(secrets(&store).await.unwrap(), [SECOND; 3]);
}

#[tokio::test]
async fn a_rotation_that_is_cut_off_leaves_a_store_that_opens() {
    let place = Place::new().filled().await;
    let (source, new) = (
        Options::default().master_key_of(&place.path()),
        MasterKey::generate(),
    );
    stage(&source, &new).unwrap();
    let staged = place.open().unwrap();
    assert_eq!(secrets(&staged).await.unwrap(), [SECOND; 3]);
    drop(staged);
    let mut connection = connection::writing(&place.path()).unwrap();
    let (vault, _) = prepare(&mut connection, &source, START).unwrap();
    rewrap(&mut connection, vault, &new).unwrap();
    drop(connection);
    let committed = place.open().unwrap();
    assert_eq!(secrets(&committed).await.unwrap(), [SECOND; 3]);
    let promoted = place.file().read().unwrap().unwrap();
    assert_eq!(promoted.fingerprint(), new.fingerprint(), "at the start");
    assert!(promote(&source).is_err(), "there is nothing left to do");
}

#[tokio::test]
async fn a_store_that_runs_and_one_that_is_not_there_are_not_rotated() {
    let place = Place::new();
    let rotate = || {
        let new = MasterKey::generate();
        SqliteStore::rotate_master(place.path(), &Options::default(), &new, START)
    };
    assert!(matches!(rotate(), Err(OpenError::Missing)));
    let _running = place.open().unwrap();
    assert!(matches!(rotate(), Err(OpenError::InUse(_))));
}
