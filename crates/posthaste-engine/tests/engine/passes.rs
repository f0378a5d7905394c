//! Sessions, one-time links and portal links: whose power they are, and what ends them.

use std::{net::IpAddr, time::Duration};

use posthaste_engine::operations::{
    NewKey, NewPortalLink, OperationError, Portal, Principal, SESSION, SIGN_IN_LINK,
};
use posthaste_store::{
    Store,
    audit::{Actor, AuditQuery},
    query::Stretch,
    settings::Scope,
    theme::Theme,
};

use super::world::World;

const PLATFORM: &str = "pst_0123456789012345678901234567890123456789abc";
const A_MOMENT: Duration = Duration::from_millis(1);
const HERE: Option<IpAddr> = None;

async fn platform(world: &World) -> Principal {
    world.engine.ensure_platform_key(PLATFORM).await.unwrap();
    let known = world.engine.authenticate(PLATFORM, HERE);
    known.expect("it is known")
}

async fn is_open(world: &World, token: &str, from: Option<IpAddr>) -> bool {
    world.engine.session(token, from).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_session_opens_what_its_key_opens_and_ends_with_it() {
    let world = World::new().await;
    let by = platform(&world).await;
    let new = NewKey {
        name: "shop".to_owned(),
        scopes: vec![Scope::EventsRead],
        tenant: Some(world.tenant.clone()),
        expires_at: None,
        allowed_ips: vec!["203.0.113.0/24".parse().unwrap()],
    };
    let (key, value) = world.engine.create_key(&by, new).await.unwrap();
    let (near, far) = ("203.0.113.7".parse().ok(), "192.0.2.1".parse().ok());
    let holder = world.engine.authenticate(value.expose(), near).unwrap();
    let session = world.engine.open_session(&holder).await.unwrap().token;
    let opened = world.engine.session(session.expose(), near).await.unwrap();
    let opened = opened.expect("it is open");
    assert_eq!(opened.key.id, key.id);
    assert!(opened.may(Scope::EventsRead) && !opened.may(Scope::EventsPublish));
    assert!(!is_open(&world, session.expose(), far).await);
    assert!(!is_open(&world, session.expose(), HERE).await);
    assert!(
        !is_open(&world, value.expose(), near).await,
        "a key is none"
    );
    let crashed = world.after_crash().await;
    assert!(is_open(&crashed, session.expose(), near).await);
    let tenant = Some(&world.tenant);
    world.engine.delete_key(tenant, key.id).await.unwrap();
    assert!(!is_open(&world, session.expose(), near).await, "at once");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_twelve_hours_or_when_it_is_closed() {
    let world = World::new().await;
    let holder = platform(&world).await;
    let [one, other] = [
        world.engine.open_session(&holder).await.unwrap().token,
        world.engine.open_session(&holder).await.unwrap().token,
    ];
    let close = || world.engine.close_session(one.expose(), &holder);
    assert!(is_open(&world, one.expose(), HERE).await);
    close().await.unwrap();
    assert!(!is_open(&world, one.expose(), HERE).await);
    close().await.unwrap();
    world.pass(SESSION - Duration::from_secs(1)).await;
    assert!(is_open(&world, other.expose(), HERE).await);
    world.pass(Duration::from_secs(1)).await;
    assert!(!is_open(&world, other.expose(), HERE).await);
    world.pass(Duration::from_secs(180)).await;
    let left = world.store.prune_passes(world.engine.now(), 9).await;
    assert_eq!(left, Ok(0), "what is past its time was let go of");
}

#[tokio::test(start_paused = true)]
async fn a_link_opens_one_session_within_five_minutes() {
    let world = World::new().await;
    let holder = platform(&world).await;
    let link = world.engine.make_sign_in_link(&holder).await.unwrap().token;
    assert!(
        !is_open(&world, link.expose(), HERE).await,
        "it is no session"
    );
    let redeem = || async { world.engine.redeem(link.expose(), HERE).await.unwrap() };
    assert_eq!(redeem().await.map(|one| one.key.id), Some(holder.key.id));
    assert!(redeem().await.is_none(), "once");
    let late = world.engine.make_sign_in_link(&holder).await.unwrap().token;
    world.pass(SIGN_IN_LINK).await;
    let late = world.engine.redeem(late.expose(), HERE).await.unwrap();
    assert!(late.is_none());
    let session = world.engine.open_session(&holder).await.unwrap().token;
    let no_link = world.engine.redeem(session.expose(), HERE).await.unwrap();
    assert!(no_link.is_none() && is_open(&world, session.expose(), HERE).await);
}

fn new_link(read_only: bool) -> NewPortalLink {
    NewPortalLink {
        expires_in: Duration::from_secs(60),
        read_only,
        theme: Theme::default(),
        logo: None,
    }
}

async fn portal(world: &World, token: &str) -> Option<Portal> {
    world.engine.portal(token).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_portal_has_less_power_than_any_key_and_ends_with_its_link() {
    let world = World::new().await;
    let make = |read_only| {
        let new = new_link(read_only);
        world.engine.create_portal_link(&world.tenant, new)
    };
    let (link, token) = make(false).await.unwrap();
    let (_, looks) = make(true).await.unwrap();
    let changes = portal(&world, token.expose()).await.expect("it is good");
    let looks = portal(&world, looks.expose()).await.expect("it is good");
    for scope in Scope::EVERY {
        let reads = matches!(
            scope,
            Scope::EventsRead | Scope::SubscriptionsRead | Scope::DeliveriesRead
        );
        let writes = matches!(scope, Scope::SubscriptionsWrite | Scope::DeliveriesWrite);
        assert_eq!(changes.may(*scope), reads || writes, "{scope}");
        assert_eq!(looks.may(*scope), reads, "{scope}");
    }
    assert!(!is_open(&world, token.expose(), HERE).await);
    assert!(world.engine.authenticate(token.expose(), HERE).is_none());
    let revoke = || world.engine.revoke_portal_link(&world.tenant, link.id);
    revoke().await.unwrap();
    assert!(portal(&world, token.expose()).await.is_none(), "at once");
    let again = revoke().await;
    assert_eq!(again, Err(OperationError::NotFound("portal link")));
    let (_, late) = make(false).await.unwrap();
    world.pass(Duration::from_secs(59)).await;
    assert!(portal(&world, late.expose()).await.is_some());
    world.pass(Duration::from_secs(1) + A_MOMENT).await;
    assert!(portal(&world, late.expose()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_portal_is_gone_with_its_tenant() {
    let world = World::new().await;
    let acme = "acme".parse().unwrap();
    let settings = Default::default();
    world.engine.create_tenant(acme, settings).await.unwrap();
    let acme = "acme".parse().unwrap();
    let made = world.engine.create_portal_link(&acme, new_link(false));
    let (_, token) = made.await.unwrap();
    assert!(portal(&world, token.expose()).await.is_some());
    world.engine.delete_tenant(&acme).await.unwrap();
    assert!(portal(&world, token.expose()).await.is_none());
    let late = world.engine.create_portal_link(&acme, new_link(false));
    let refused = late.await.map(drop);
    assert_eq!(refused, Err(OperationError::NotFound("tenant")));
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_and_who_makes_a_link_is_in_the_log_and_no_token_is() {
    let world = World::new().await;
    let holder = platform(&world).await;
    let engine = world.engine.by(Actor {
        key: Some(holder.acting()),
        ..Actor::default()
    });
    let mut tokens = vec![
        engine.make_sign_in_link(&holder).await.unwrap().token,
        engine.open_session(&holder).await.unwrap().token,
    ];
    engine
        .close_session(tokens[1].expose(), &holder)
        .await
        .unwrap();
    let made = engine.create_portal_link(&world.tenant, new_link(true));
    let (link, token) = made.await.unwrap();
    assert_eq!(link.created_by, Some(holder.key.id));
    tokens.push(token);
    engine
        .revoke_portal_link(&world.tenant, link.id)
        .await
        .unwrap();
    let query = AuditQuery {
        platforms: true,
        ..AuditQuery::default()
    };
    let stretch = Stretch {
        before: None,
        limit: 9,
    };
    let log = world.engine.audit_log(&world.tenant, &query, stretch).await;
    let log = log.unwrap().items;
    let actions: Vec<_> = log.iter().map(|entry| &*entry.action).collect();
    assert_eq!(
        actions,
        [
            "portal_link.delete",
            "portal_link.create",
            "session.delete",
            "session.create",
            "sign_in_link.create",
        ]
    );
    let written = format!("{log:?}");
    for token in tokens {
        assert!(!written.contains(token.expose()));
    }
}
