//! What is about sockets: heads, sizes, connections and the drain.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use super::world::{PLATFORM_KEY, World};

struct Served {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<std::io::Result<()>>,
}

async fn served() -> Served {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let done = tokio::spawn(posthaste_api::serve(listener, world.router, None, shutdown));
    Served {
        address,
        stop,
        done,
    }
}

/// What comes back until the server closes.
async fn talk(served: &Served, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The server may answer and close before all of it is sent.
    stream.write_all(sent).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(headers: &str) -> String {
    format!(
        "POST /api/v1/webhooks/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {PLATFORM_KEY}\r\n\
         content-type: application/json\r\n{headers}\r\n"
    )
}

#[track_caller]
fn check(answer: &str, status: &str) {
    let line = answer.lines().next().unwrap_or("");
    assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_of_it_is_read() {
    let served = served().await;
    let answer = talk(&served, post("content-length: 10000000000\r\n").as_bytes()).await;
    check(&answer, "413");
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut chunked = post("transfer-encoding: chunked\r\n").into_bytes();
    for _ in 0..5 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    check(&talk(&served, &chunked).await, "413");
}

#[tokio::test]
async fn a_body_that_stalls_is_a_408() {
    let served = served().await;
    let answer = talk(
        &served,
        format!("{}{{", post("content-length: 20\r\n")).as_bytes(),
    )
    .await;
    check(&answer, "408");
}

#[tokio::test]
async fn heads_are_bounded() {
    let served = served().await;
    let long = post(&format!("x-long: {}\r\n", "x".repeat(17 * 1024)));
    check(&talk(&served, long.as_bytes()).await, "431");
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    check(&talk(&served, post(&many).as_bytes()).await, "431");
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_closed() {
    let served = served().await;
    for head in [
        post("content-length: 5\r\ncontent-length: 6\r\n"),
        post("transfer-encoding: xchunked\r\n"),
        post("x : y\r\n"),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
    ] {
        check(&talk(&served, head.as_bytes()).await, "400");
    }
}

#[tokio::test]
async fn a_drain_lets_the_request_under_way_finish() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let body = r#"{"type":"a","data":1}"#;
    let head = post(&format!("content-length: {}\r\n", body.len()));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..5]).await.unwrap();
    let idle = TcpStream::connect(served.address).await.unwrap();
    served.stop.send(()).unwrap();
    stream.write_all(&body.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    check(&answer, "202");
    drop(idle);
    let done = tokio::time::timeout(Duration::from_secs(5), served.done).await;
    done.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_what_would_go_on_for_ever() {
    let served = served().await;
    let mut streams = Vec::new();
    for path in ["events/stream", "deliveries/stream"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head = format!(
            "GET /api/v1/webhooks/{path} HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer {PLATFORM_KEY}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        streams.push(stream);
    }
    served.stop.send(()).unwrap();
    for mut stream in streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "whole: {rest}");
    }
    let done = tokio::time::timeout(Duration::from_secs(5), served.done).await;
    done.expect("it ends").unwrap().unwrap();
}
