//! The HTTP transport on real sockets, against a receiver that misbehaves (stage H of the corpus).
#![cfg(feature = "http")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    egress::EgressRules,
    transport::{
        Answer, Headers, TransportError, WebhookTransport,
        http::{HttpConfig, HttpTransport, Limits},
    },
};
use posthaste_receiver::{Behaviour, Receiver, Reply, Script};

/// Long enough for whatever is expected to happen.
const AMPLE: Duration = Duration::from_secs(20);

/// For what is expected not to happen.
const SHORT: Duration = Duration::from_millis(100);

fn transport(limits: Limits) -> HttpTransport {
    HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules::dev()),
        limits,
        ..HttpConfig::default()
    })
    .unwrap()
}

async fn receiver(script: Script) -> Receiver {
    Receiver::start("127.0.0.1:0".parse().unwrap(), script)
        .await
        .unwrap()
}

async fn post(
    transport: &HttpTransport,
    url: &str,
    timeout: Duration,
) -> Result<Answer, TransportError> {
    let headers: Headers = vec![
        ("content-type".into(), "application/json".into()),
        ("x-event-type".into(), "memory.created".into()),
    ];
    let body = Bytes::from_static(b"{\"n\":1}");
    transport
        .send(&url.parse().unwrap(), body, &headers, timeout)
        .await
}

/// What one request to a receiver that behaves so comes to.
async fn meet(
    behaviour: impl Into<Behaviour>,
    timeout: Duration,
) -> Result<Answer, TransportError> {
    let receiver = receiver(Script::always(behaviour)).await;
    post(
        &transport(Limits::default()),
        &receiver.url("/hook"),
        timeout,
    )
    .await
}

#[track_caller]
fn failed(result: Result<Answer, TransportError>, class: FailureClass) {
    let error = result.expect_err("a failure");
    assert_eq!(error.class, class, "{error}");
    assert!(!error.detail.contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant() {
    let receiver = receiver(Script::always(
        Reply::status(202).header("x-a", "1").body("done"),
    ))
    .await;
    let url = receiver.url("/hook?token=a%2Fb&x=1");
    let answer = post(&transport(Limits::default()), &url, AMPLE)
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.body[..]), (202, &b"done"[..]));
    assert_eq!(answer.headers, "x-a: 1\ncontent-length: 4\n");
    let request = &receiver.requests()[0];
    assert_eq!(
        (request.method(), request.path()),
        ("POST", "/hook?token=a%2Fb&x=1")
    );
    assert_eq!(
        request.header("host"),
        Some(&*receiver.address().to_string())
    );
    assert_eq!(request.header("content-length"), Some("7"));
    assert_eq!(request.header("x-event-type"), Some("memory.created"));
    assert_eq!(request.body, "{\"n\":1}");
    assert_eq!(request.headers().len(), 4);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = receiver(Script::always(Reply::status(200).body("ok"))).await;
    let transport = transport(Limits::default());
    for _ in 0..50 {
        post(&transport, &receiver.url("/"), AMPLE).await.unwrap();
    }
    assert_eq!((receiver.received(), receiver.connections()), (50, 1));
}

#[tokio::test]
async fn requests_at_once_have_connections_of_their_own() {
    let receiver = receiver(Script::always(Reply::status(200).body("ok"))).await;
    let transport = Arc::new(transport(Limits::default()));
    for _ in 0..5 {
        let url = receiver.url("/");
        let eight = (0..8).map(|_| post(&transport, &url, AMPLE));
        for answer in futures_util::future::join_all(eight).await {
            assert_eq!(answer.unwrap().status, 200);
        }
    }
    assert_eq!(receiver.received(), 40);
    assert!(receiver.connections() <= 8, "{}", receiver.connections());
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let receiver = receiver(Script::always(Reply::status(200))).await;
    let limits = Limits {
        idle_per_origin: 1,
        ..Limits::default()
    };
    let transport = Arc::new(transport(limits));
    let url = receiver.url("/");
    for _ in 0..2 {
        futures_util::future::join_all((0..4).map(|_| post(&transport, &url, AMPLE))).await;
    }
    assert_eq!(
        receiver.connections(),
        4 + 3,
        "one of the first four was kept"
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        stream.read(&mut request).await.unwrap()
    });
    let limits = Limits {
        idle: Duration::from_millis(30),
        ..Limits::default()
    };
    let transport = transport(limits);
    assert_eq!(post(&transport, &url, AMPLE).await.unwrap().status, 204);
    let read = tokio::time::timeout(AMPLE, peer)
        .await
        .expect("it is closed")
        .unwrap();
    assert_eq!(read, 0);
}

#[tokio::test]
async fn a_connection_that_is_never_idle_is_vetted_anew_in_the_end() {
    let receiver = receiver(Script::always(Reply::status(200))).await;
    let limits = Limits {
        idle: Duration::from_millis(900),
        vetted: Duration::from_millis(300),
        ..Limits::default()
    };
    let transport = transport(limits);
    let busy = async {
        while receiver.connections() < 2 {
            post(&transport, &receiver.url("/"), AMPLE).await.unwrap();
        }
    };
    tokio::time::timeout(AMPLE, busy)
        .await
        .expect("a second connection");
}

#[tokio::test]
async fn a_dead_connection_in_the_pool_costs_no_attempt() {
    let transport = transport(Limits::default());
    let first = receiver(Script::always(Reply::status(200))).await;
    let (url, address) = (first.url("/"), first.address());
    post(&transport, &url, AMPLE).await.unwrap();
    first.shutdown().await;
    let second = Receiver::start(address, Script::statuses([201]))
        .await
        .unwrap();
    assert_eq!(post(&transport, &url, AMPLE).await.unwrap().status, 201);
    assert_eq!((second.received(), second.connections()), (1, 1));
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let sequence = [
        Behaviour::status(200),
        Behaviour::ResetAfterBody,
        Behaviour::status(200),
    ];
    let receiver = receiver(Script::sequence(sequence)).await;
    let transport = transport(Limits::default());
    post(&transport, &receiver.url("/"), AMPLE).await.unwrap();
    failed(
        post(&transport, &receiver.url("/"), AMPLE).await,
        FailureClass::Protocol,
    );
    assert_eq!((receiver.received(), receiver.connections()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_never_followed() {
    let elsewhere = receiver(Script::default()).await;
    let targets = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".into(),
        "gopher://127.0.0.1/".into(),
        format!("//{}/", elsewhere.address()),
        elsewhere.url("/loop"),
    ];
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for to in &targets {
            let redirect = Behaviour::Redirect {
                status,
                to: to.clone(),
            };
            let answer = meet(redirect, AMPLE).await.unwrap();
            assert_eq!(answer.status, status);
            assert!(
                answer.headers.contains(&format!("location: {to}\n")),
                "{}",
                answer.headers
            );
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn what_an_answer_asks_for_besides_is_ignored() {
    let reply = Reply::status(401)
        .header("www-authenticate", "NTLM")
        .header("alt-svc", "h2=\"127.0.0.1:443\"")
        .header("set-cookie", "a=b")
        .header("location", "https://x%0D%0ASet-Cookie:a");
    let receiver = receiver(Script::always(reply)).await;
    let transport = transport(Limits::default());
    for _ in 0..2 {
        assert_eq!(
            post(&transport, &receiver.url("/"), AMPLE)
                .await
                .unwrap()
                .status,
            401
        );
    }
    let requests = receiver.requests();
    assert_eq!((requests.len(), receiver.connections()), (2, 1));
    assert_eq!(requests[1].header("cookie"), None);
}

#[tokio::test]
async fn retry_after_is_read_where_it_means_something() {
    let reply = |status| Reply::status(status).header("retry-after", "7");
    let asked = async |status| meet(reply(status), AMPLE).await.unwrap().retry_after;
    assert_eq!(asked(503).await, Some(Duration::from_secs(7)));
    assert_eq!(asked(429).await, Some(Duration::from_secs(7)));
    assert_eq!(asked(500).await, None);
}

#[tokio::test]
async fn a_head_over_16_kib_is_too_large() {
    for bytes in [16 * 1024, 20_000, 1_000_000_000] {
        let answer = meet(Behaviour::HugeHead { bytes }, AMPLE).await;
        failed(answer, FailureClass::ResponseTooLarge);
    }
    let answer = meet(Behaviour::HugeHead { bytes: 15 * 1024 }, AMPLE)
        .await
        .unwrap();
    assert!(answer.headers.len() > 15 * 1024);
}

#[tokio::test]
async fn interim_answers_without_end_are_a_head_that_is_too_large() {
    failed(
        meet(Behaviour::Endless1xx, AMPLE).await,
        FailureClass::ResponseTooLarge,
    );
}

#[tokio::test]
async fn a_long_body_is_cut_and_its_status_decides() {
    for bytes in [20_000, 1_000_000, 10_000_000_000] {
        let answer = meet(Behaviour::HugeBody { bytes }, AMPLE).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 16 * 1024));
    }
}

#[tokio::test]
async fn a_status_decides_whatever_becomes_of_the_body() {
    let trickle = Behaviour::Trickle {
        bytes: 1,
        every: Duration::from_millis(1),
    };
    for behaviour in [trickle, Behaviour::StallBody, Behaviour::WrongLength] {
        let answer = meet(behaviour.clone(), Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{behaviour:?}");
        assert!(answer.body.starts_with(b"ok"), "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_connection_with_half_a_body_is_not_used_again() {
    let sequence = [
        Behaviour::StallBody,
        Behaviour::HugeBody { bytes: 70_000 },
        Behaviour::status(200),
    ];
    let receiver = receiver(Script::sequence(sequence)).await;
    let transport = transport(Limits::default());
    for timeout in [Duration::from_secs(1), AMPLE, AMPLE] {
        let answer = post(&transport, &receiver.url("/"), timeout).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn a_receiver_that_never_answers_meets_the_deadline() {
    failed(meet(Behaviour::Hang, SHORT).await, FailureClass::Timeout);
    failed(
        meet(Behaviour::HangBeforeRead, SHORT).await,
        FailureClass::Timeout,
    );
    failed(
        meet(Reply::status(200).after(AMPLE), SHORT).await,
        FailureClass::Timeout,
    );
}

#[tokio::test]
async fn broken_exchanges_are_protocol_failures() {
    for behaviour in [
        Behaviour::ResetBeforeRead,
        Behaviour::ResetDuringBody,
        Behaviour::ResetAfterBody,
        Behaviour::CloseEarly,
        Behaviour::Garbage,
    ] {
        failed(meet(behaviour, AMPLE).await, FailureClass::Protocol);
    }
}

#[tokio::test]
async fn nobody_listening_is_a_connect_failure() {
    let receiver = receiver(Script::default()).await;
    let url = receiver.url("/");
    receiver.shutdown().await;
    failed(
        post(&transport(Limits::default()), &url, AMPLE).await,
        FailureClass::Connect,
    );
}

#[tokio::test]
async fn no_socket_is_opened_to_a_forbidden_address() {
    let receiver = receiver(Script::default()).await;
    let refusals = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = refusals.clone();
    let strict = HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules {
            allow_http: true,
            ..EgressRules::default()
        }),
        watch: Arc::new(move |url, refusal| log.lock().unwrap().push(format!("{url} {refusal}"))),
        ..HttpConfig::default()
    });
    failed(
        post(&strict.unwrap(), &receiver.url("/"), AMPLE).await,
        FailureClass::Blocked,
    );
    assert_eq!(receiver.connections(), 0);
    let refusals = refusals.lock().unwrap();
    assert!(refusals[0].contains("loopback"), "{refusals:?}");
}

#[tokio::test]
async fn localhost_is_dialled_in_development_without_asking_anyone() {
    let receiver = receiver(Script::default()).await;
    let url = format!("http://localhost:{}/", receiver.address().port());
    let answer = post(&transport(Limits::default()), &url, AMPLE)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_header_that_http_cannot_carry_is_our_own_fault() {
    let receiver = receiver(Script::default()).await;
    let headers: Headers = vec![("x-a".into(), "1\r\nx-b: 2".into())];
    let url = receiver.url("/").parse().unwrap();
    let sent = transport(Limits::default())
        .send(&url, Bytes::new(), &headers, AMPLE)
        .await;
    failed(sent, FailureClass::Internal);
    assert_eq!(receiver.received(), 0);
}
