//! Every behaviour, as it looks from the other end of the socket.

use std::time::Duration;

use posthaste_receiver::{Behaviour, Options, Receiver, Reply, Script};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const POST: &str = "POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nX-Id: 7\r\nContent-Length: 4\r\n\r\nbody";

async fn start(script: Script) -> Receiver {
    let listen = "127.0.0.1:0".parse().unwrap();
    Receiver::start(listen, script).await.unwrap()
}

/// How a connection ended, and what came before.
#[derive(Debug, PartialEq)]
enum End {
    Closed,
    Reset,
}

async fn exchange(receiver: &Receiver, request: &str, read_max: usize) -> (String, Option<End>) {
    let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while text.len() < read_max {
        match stream.read(&mut piece).await {
            Ok(0) => return (String::from_utf8_lossy(&text).into(), Some(End::Closed)),
            Ok(n) => text.extend_from_slice(&piece[..n]),
            Err(_) => return (String::from_utf8_lossy(&text).into(), Some(End::Reset)),
        }
    }
    (String::from_utf8_lossy(&text).into(), None)
}

/// Sends one request and reads until the end, or until `says` has come on an open connection.
async fn check(behaviour: &str, says: &str, end: Option<End>) -> String {
    let receiver = start(behaviour.parse().unwrap()).await;
    let read_max = if end.is_none() {
        says.len()
    } else {
        usize::MAX
    };
    let (text, ended) = exchange(&receiver, POST, read_max).await;
    assert!(text.starts_with(says), "{behaviour}: {text:?}");
    assert_eq!(ended, end, "{behaviour}");
    text
}

#[tokio::test]
async fn proper_answers_come_as_they_are_scripted() {
    check("status=204", "HTTP/1.1 204 \r\n\r\n", None).await;
    check(
        "status=503,header=retry-after:5,body=no",
        "HTTP/1.1 503 \r\nretry-after: 5\r\ncontent-length: 2\r\n\r\nno",
        None,
    )
    .await;
    check(
        "redirect=302:http://a/",
        "HTTP/1.1 302 \r\nlocation: http://a/\r\n",
        None,
    )
    .await;
    check("fail=1:503", "HTTP/1.1 503 ", None).await;
    check("delay=1ms,status=200", "HTTP/1.1 200 ", None).await;
}

#[tokio::test]
async fn connections_end_as_they_are_scripted() {
    check("reset-before-read", "", Some(End::Reset)).await;
    check("reset-during-body", "", Some(End::Reset)).await;
    check("reset-after-body", "", Some(End::Reset)).await;
    check("close-early", "", Some(End::Closed)).await;
    check("garbage", "\0", Some(End::Closed)).await;
    let text = check("wrong-length", "HTTP/1.1 200 ", Some(End::Closed)).await;
    assert!(text.ends_with("content-length: 100\r\n\r\nok"), "{text:?}");
    check("reset-answer", "", Some(End::Reset)).await;
    check("half-close", "", Some(End::Closed)).await;
    check("answer-and-close", "HTTP/1.1 200 ", Some(End::Closed)).await;
    check("http-0.9", "<p>", Some(End::Closed)).await;
    let twice = "HTTP/1.1 200 OK\r\nHTTP/1.1 500 No\r\n";
    check("two-status-lines", twice, Some(End::Closed)).await;
}

#[tokio::test]
async fn floods_and_trickles_go_on() {
    check("trickle=1/1ms", "HTTP/1.1 200 ", None).await;
    check(
        "stall-body",
        "HTTP/1.1 200 \r\ncontent-length: 100\r\n\r\nok",
        None,
    )
    .await;
    check(
        "endless-1xx",
        &"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100),
        None,
    )
    .await;
    let head = check("huge-head=100000", "HTTP/1.1 200 \r\nx-huge: ", None).await;
    assert!(head.len() < 100_000);
    for (behaviour, at_least) in [("huge-body=100000", 100_000), ("huge-head=100000", 100_000)] {
        let receiver = start(behaviour.parse().unwrap()).await;
        let (text, _) = exchange(&receiver, POST, at_least).await;
        assert!(text.len() >= at_least, "{behaviour}");
    }
}

#[tokio::test]
async fn requests_without_an_answer_are_counted_as_they_come() {
    let receiver = start(Script::default().on("/hang", [Behaviour::Hang])).await;
    let mut open = Vec::new();
    exchange(&receiver, POST, 1).await;
    for n in 1..=3 {
        let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
        let request = POST.replace("/hook", "/hang");
        stream.write_all(request.as_bytes()).await.unwrap();
        let came = receiver.wait_for(n + 1).await;
        assert_eq!(came.last().unwrap().at_once, usize::try_from(n).unwrap());
        open.push(stream);
    }
}

#[tokio::test]
async fn a_hanging_receiver_lets_go_when_the_other_side_does() {
    let receiver = start(Script::always(Behaviour::Hang)).await;
    let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    receiver.wait_for(1).await;
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_receiver_that_never_reads_only_sees_the_connection() {
    let receiver = start(Script::always(Behaviour::HangBeforeRead)).await;
    let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    receiver.wait_for_connections(1).await;
    assert_eq!((receiver.received(), receiver.connections()), (0, 1));
    receiver.shutdown().await;
    assert!(
        stream.read(&mut [0; 8]).await.is_err(),
        "reset with the request unread"
    );
}

#[tokio::test]
async fn requests_are_recorded_whole_over_one_connection() {
    let script = Script::statuses([500, 200]).on("/other", [Reply::status(201).into()]);
    let receiver = start(script).await;
    let other = POST.replace("/hook", "/other");
    let three = format!("{POST}{other}{POST}");
    let (text, _) = exchange(&receiver, &three, 3 * 30).await;
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|s| &s[..3]).collect();
    assert_eq!(statuses, ["500", "201", "200"]);
    let requests = receiver.wait_for(3).await;
    let first = &requests[0];
    assert_eq!((first.method(), first.path()), ("POST", "/hook?a=1"));
    assert_eq!(first.headers()[1], ("X-Id".to_owned(), "7".to_owned()));
    assert_eq!(first.header("x-id"), Some("7"));
    assert_eq!(first.body, "body");
    assert_eq!(first.head.len() + first.body.len(), POST.len());
    assert!(requests.iter().all(|recorded| recorded.connection == 1));
    assert_eq!(
        receiver
            .wait_for_one(|r| r.path().starts_with("/other"))
            .await
            .body,
        "body"
    );
}

#[tokio::test]
async fn the_record_is_bounded_and_counts_on() {
    let options = Options {
        keep: 2,
        ..Options::default()
    };
    let receiver = Receiver::start_with("127.0.0.1:0".parse().unwrap(), options)
        .await
        .unwrap();
    exchange(&receiver, &POST.repeat(5), 5 * 30).await;
    assert_eq!(receiver.wait_for(5).await.len(), 2);
    assert_eq!(receiver.received(), 5);
}

#[tokio::test]
async fn a_script_may_change_while_it_runs() {
    let receiver = start(Script::statuses([500])).await;
    assert!(
        exchange(&receiver, POST, 12)
            .await
            .0
            .starts_with("HTTP/1.1 500")
    );
    receiver.set_script(Script::statuses([200]));
    assert!(
        exchange(&receiver, POST, 12)
            .await
            .0
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn what_is_no_request_is_answered_400() {
    let receiver = start(Script::default()).await;
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let (text, end) = exchange(&receiver, chunked, usize::MAX).await;
    assert!(
        text.starts_with("HTTP/1.1 400") && end == Some(End::Closed),
        "{text}"
    );
}

#[tokio::test]
async fn an_expected_continue_is_given() {
    let receiver = start(Script::default()).await;
    let post = POST.replace("Host: x", "Expect: 100-continue");
    let (text, _) = exchange(&receiver, &post, 60).await;
    assert!(
        text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "),
        "{text}"
    );
}

#[tokio::test]
async fn shutting_down_closes_idle_connections() {
    let receiver = start(Script::default()).await;
    let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    tokio::time::timeout(Duration::from_secs(10), receiver.shutdown())
        .await
        .unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}
