//! Figures of many subscriptions at once: what was published is what they say.

use std::time::Duration;

use crate::world::{Behaviour, World};

const HOUR: Duration = Duration::from_secs(3600);

fn url(of: &str) -> String {
    format!("https://{of}.example.com/hook")
}

#[tokio::test(start_paused = true)]
async fn sparks_show_each_hour_of_the_last_day_of_each_subscription() {
    let world = World::new().await;
    let up = world.subscribe(&url("up"), &[1.0]).await;
    let down = world.subscribe(&url("down"), &[1.0]).await;
    world.receivers.behave(&url("down"), Behaviour::Answer(500));
    world.publish_many(3).await;
    world.pass(HOUR * 2).await;
    world.publish_many(2).await;
    world.pass(Duration::from_secs(60)).await;
    let unknown = posthaste::id::SubscriptionId::from_u64(7);
    let asked = [up, down, unknown];
    let sparks = world.engine.sparks(&world.tenant, &asked).await.unwrap();
    let delivered = sparks[&up].points.map(|point| point.delivered);
    assert_eq!(delivered[20..], [0, 3, 0, 2]);
    let failed = sparks[&down].points.map(|point| point.failed);
    assert_eq!(failed[20..], [0, 3, 0, 2]);
    assert_eq!(sparks[&unknown].total(), Default::default());
    assert_eq!(sparks[&down].total().failed_attempts, 10);
    world.pass(HOUR * 24).await;
    let later = world.engine.sparks(&world.tenant, &[up]).await.unwrap();
    assert_eq!(later[&up].total(), Default::default(), "a day later");
}

#[tokio::test(start_paused = true)]
async fn the_worst_subscriptions_of_a_window_are_those_with_the_most_failed_attempts() {
    let world = World::new().await;
    let _up = world.subscribe(&url("up"), &[1.0]).await;
    let flaky = world.subscribe(&url("flaky"), &[1.0]).await;
    let down = world.subscribe(&url("down"), &[1.0, 1.0]).await;
    for (name, status) in [("flaky", 503), ("down", 500)] {
        world
            .receivers
            .behave(&url(name), Behaviour::Answer(status));
    }
    world.publish_many(2).await;
    world.pass(HOUR).await;
    world
        .receivers
        .behave(&url("flaky"), Behaviour::Answer(200));
    world.publish_many(1).await;
    world.pass(Duration::from_secs(60)).await;
    let worst = async |window, at_most| {
        let (engine, tenant) = (&world.engine, &world.tenant);
        let worst = engine.worst_subscriptions(tenant, window, at_most).await;
        let worst = worst.unwrap().into_iter();
        let shown = worst.map(|(id, tally)| (id, tally.failed_attempts, tally.success_rate()));
        shown.collect::<Vec<_>>()
    };
    let third = Some(1.0 / 3.0);
    assert_eq!(worst(30, 9).await, [(down, 3, Some(0.0))]);
    let day = [(down, 9, Some(0.0)), (flaky, 4, third)];
    assert_eq!(worst(24 * 60, 9).await, day);
    assert_eq!(worst(24 * 60, 1).await, day[..1]);
}
