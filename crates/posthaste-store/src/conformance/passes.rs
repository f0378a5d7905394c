//! Passes: what a token opens, for as long as it was said, and to whom.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{KeyId, PortalLinkId},
};

use super::World;
use crate::{
    pass::{Holder, Opens, Pass, PortalLink},
    query::Stretch,
    store::StoreError,
    theme::{Mode, Theme},
};

fn holder(world: &World, tenant: Option<TenantId>) -> Holder {
    Holder {
        key: KeyId::at(world.fresh_id().place()),
        hash: [0xfe; 32],
        tenant,
        expires_at: world.after(60),
    }
}

/// A link of the world's tenant that is good for a minute.
pub fn link(world: &World, name: &str) -> PortalLink {
    PortalLink {
        id: PortalLinkId::at(world.fresh_id().place()),
        tenant: world.tenant.clone(),
        expires_at: world.after(60),
        read_only: true,
        theme: Theme {
            name: Some(name.to_owned()),
            accent: "#0a7bd1".parse().ok(),
            mode: Mode::Dark,
        },
        created_by: Some(KeyId::from_u64(1 << 20)),
    }
}

pub fn portal(link: &PortalLink, digest: u8) -> Pass {
    let logo = "data:image/png;base64,iVBORw==".parse().ok();
    Pass {
        digest: [digest; 32],
        opens: Opens::Portal {
            link: link.clone(),
            logo,
        },
    }
}

/// A session of a key of the world's tenant.
pub fn session(world: &World, digest: u8) -> Pass {
    Pass {
        digest: [digest; 32],
        opens: Opens::Session(holder(world, Some(world.tenant.clone()))),
    }
}

async fn keep(world: &World, pass: &Pass) {
    world.store().insert_pass(pass.clone()).await.unwrap();
}

async fn opens(world: &World, digest: u8, now: Timestamp) -> Option<Pass> {
    world.store().pass([digest; 32], now).await.unwrap()
}

async fn links(world: &World, before: Option<u64>, limit: usize) -> Vec<PortalLink> {
    let stretch = Stretch { before, limit };
    let store = world.store();
    let page = store.portal_links(&world.tenant, world.now, stretch).await;
    page.unwrap().items
}

pub async fn a_pass_reads_back_whole_also_after_a_crash(world: &mut World) {
    let bare = PortalLink {
        read_only: false,
        theme: Theme::default(),
        created_by: None,
        ..link(world, "")
    };
    let bare = Opens::Portal {
        link: bare,
        logo: None,
    };
    let passes = [
        session(world, 1),
        Pass {
            digest: [2; 32],
            opens: Opens::SignIn(holder(world, None)),
        },
        portal(&link(world, "Köln & <b>"), 3),
        Pass {
            digest: [4; 32],
            opens: bare,
        },
    ];
    for pass in &passes {
        keep(world, pass).await;
    }
    world.crash().await;
    for (digest, pass) in (1..).zip(passes) {
        assert_eq!(opens(world, digest, world.now).await, Some(pass));
    }
    assert_eq!(opens(world, 5, world.now).await, None);
}

pub async fn a_pass_past_its_time_opens_nothing_and_goes_in_small_steps(world: &mut World) {
    for digest in 1..=3 {
        keep(world, &session(world, digest)).await;
    }
    world.pass(30);
    keep(world, &portal(&link(world, "later"), 4)).await;
    assert!(opens(world, 1, world.after(29)).await.is_some());
    assert!(
        opens(world, 1, world.after(30)).await.is_none(),
        "to the ms"
    );
    let taken = world.store().take_pass([1; 32], world.after(30)).await;
    assert_eq!(taken, Ok(None));
    world.pass(30);
    let store = world.store();
    assert_eq!(store.prune_passes(world.now, 1).await, Ok(1));
    assert_eq!(store.prune_passes(world.now, 9).await, Ok(1));
    assert_eq!(store.prune_passes(world.now, 9).await, Ok(0));
    assert!(opens(world, 4, world.now).await.is_some());
    world.pass(30);
    assert_eq!(links(world, None, 9).await, []);
}

pub async fn a_pass_is_taken_once_however_many_race(world: &mut World) {
    keep(world, &session(world, 1)).await;
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let (store, now) = (world.store().clone(), world.now);
            tokio::spawn(async move { store.take_pass([1; 32], now).await.unwrap() })
        })
        .collect();
    let mut got = 0;
    for taker in takers {
        got += usize::from(taker.await.unwrap().is_some());
    }
    assert_eq!(got, 1);
    world.crash().await;
    assert_eq!(opens(world, 1, world.now).await, None);
}

pub async fn a_pass_that_is_deleted_opens_nothing_also_after_a_crash(world: &mut World) {
    keep(world, &session(world, 1)).await;
    assert_eq!(world.store().delete_pass([1; 32]).await, Ok(true));
    assert_eq!(world.store().delete_pass([1; 32]).await, Ok(false));
    world.crash().await;
    assert_eq!(opens(world, 1, world.now).await, None);
}

pub async fn portal_links_are_listed_newest_first_to_their_tenant_alone(world: &mut World) {
    let made = ["one", "two", "three"].map(|name| link(world, name));
    for (digest, link) in (1..).zip(&made) {
        keep(world, &portal(link, digest)).await;
    }
    keep(world, &session(world, 9)).await;
    let [one, two, three] = made;
    world.crash().await;
    assert!(world.fresh_id().as_u64() > three.id.as_u64());
    assert_eq!(links(world, None, 2).await, [three.clone(), two.clone()]);
    assert_eq!(
        links(world, Some(two.id.as_u64()), 2).await,
        [one],
        "the rest"
    );
    world.become_tenant("acme").await;
    assert_eq!(links(world, None, 9).await, []);
}

pub async fn a_portal_link_is_revoked_by_its_own_tenant_alone(world: &mut World) {
    let made = link(world, "one");
    keep(world, &portal(&made, 1)).await;
    let (mine, acme) = (world.tenant.clone(), "acme".parse().expect("a tenant's id"));
    let unknown = PortalLinkId::at(world.fresh_id().place());
    for (tenant, id, expected) in [
        (&acme, made.id, false),
        (&mine, unknown, false),
        (&mine, made.id, true),
        (&mine, made.id, false),
    ] {
        let deleted = world.store().delete_portal_link(tenant, id).await;
        assert_eq!(deleted, Ok(expected));
        let is_there = opens(world, 1, world.now).await.is_some();
        let was_deleted = links(world, None, 9).await.is_empty();
        assert_eq!(is_there, !was_deleted);
    }
    world.crash().await;
    assert_eq!(opens(world, 1, world.now).await, None);
    world.become_tenant("acme").await;
    let (gone, pass) = (world.tenant.clone(), portal(&link(world, "x"), 7));
    world.store().delete_tenant(&gone, world.now).await.unwrap();
    let kept = world.store().insert_pass(pass).await;
    assert_eq!(kept, Err(StoreError::Missing));
}
