//! A storage that takes no more: a 503 and never a 202, and back to work when there is room.

use serde_json::{Value, json};

use crate::{
    api::{BASE, id},
    http::{Answer, Client},
    server::Launch,
    sink::Sink,
    wait::{SOON, until},
};

fn publish(client: &Client, n: usize) -> Answer {
    let body = json!({"type": "a.b", "data": {"n": n, "padding": "x".repeat(100_000)}}).to_string();
    client.send("POST", &format!("{BASE}/events"), body.as_bytes())
}

#[test]
fn a_full_storage_answers_503_and_keeps_all_that_it_promised() {
    let server = Launch::new().with_files_up_to_kib(4096).start();
    let sink = Sink::start();
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let mut promised = Vec::new();
    let refused = (0..500).map(|n| publish(&client, n)).find(|answer| {
        let accepted = answer.status == 202;
        promised.extend(accepted.then(|| id(&answer.json())));
        !accepted
    });
    let refused = refused.expect("50 MB do not fit into 4 MiB");
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (503, "storage-unavailable")
    );
    assert!(refused.header("retry-after").is_some());
    assert!(!promised.is_empty(), "some went in before it was full");

    server.lift_limits();
    let again = until("it takes events again", SOON, || {
        let answer = publish(&client, 1000);
        (answer.status == 202).then(|| id(&answer.json()))
    });
    promised.push(again);
    assert_all_arrive(&sink, &promised);

    let server = server.kill().start();
    let listed: Vec<_> = server
        .client()
        .list("/events?limit=100")
        .iter()
        .map(id)
        .collect();
    let lost: Vec<_> = promised
        .iter()
        .filter(|event| !listed.contains(event))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(
        listed.len(),
        promised.len(),
        "what was refused left nothing behind"
    );
    assert_eq!(
        server.client().list("/deliveries?status=failed"),
        [] as [Value; 0]
    );
}

fn assert_all_arrive(sink: &Sink, promised: &[String]) {
    until("all that was promised arrives", SOON, || {
        let arrivals = sink.arrivals();
        let arrived = |event: &String| arrivals.iter().any(|arrival| arrival.id() == event);
        promised.iter().all(arrived).then_some(())
    });
}
