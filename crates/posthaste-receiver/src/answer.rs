//! Doing to a connection what a behaviour says.

use std::{fmt::Write, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::behaviour::{Behaviour, Reply};

/// How long a hanging connection is held when the other side does not give up.
const HELD_MAX: Duration = Duration::from_secs(300);

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Next,
    Close,
}

/// What is done once the request is read.
pub(crate) async fn answer(stream: &mut TcpStream, behaviour: Behaviour) -> io::Result<Then> {
    match behaviour {
        Behaviour::Answer(reply) => return proper(stream, &reply).await,
        Behaviour::Redirect { status, to } => {
            return proper(stream, &Reply::status(status).header("location", &to)).await;
        }
        Behaviour::FailShare { status, .. } => {
            return proper(stream, &Reply::status(status)).await;
        }
        Behaviour::Hang | Behaviour::HangBeforeRead => hold(stream).await?,
        Behaviour::ResetBeforeRead | Behaviour::ResetDuringBody | Behaviour::ResetAfterBody => {
            reset(stream)?;
        }
        Behaviour::CloseEarly => {}
        Behaviour::HalfClose => {
            stream.shutdown().await?;
            hold(stream).await?;
        }
        Behaviour::AnswerAndClose => {
            proper(stream, &Reply::status(200)).await?;
        }
        Behaviour::ResetAnswer => {
            promise(stream, 100).await?;
            reset(stream)?;
        }
        Behaviour::Trickle { bytes, every } => trickle(stream, bytes, every).await?,
        Behaviour::StallBody => {
            promise(stream, 100).await?;
            hold(stream).await?;
        }
        Behaviour::HugeBody { bytes } => huge_body(stream, bytes).await?,
        Behaviour::HugeHead { bytes } => huge_head(stream, bytes).await?,
        Behaviour::Endless1xx => loop {
            let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(64);
            stream.write_all(interim.as_bytes()).await?;
        },
        Behaviour::Garbage => stream.write_all(b"\x00\xffno http at all\r\n\r\n").await?,
        Behaviour::Http09 => stream.write_all(b"<p>a body alone</p>\r\n").await?,
        Behaviour::TwoStatusLines => {
            let twice = "HTTP/1.1 200 OK\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(twice.as_bytes()).await?;
        }
        Behaviour::WrongLength => promise(stream, 100).await?,
    }
    Ok(Then::Close)
}

async fn proper(stream: &mut TcpStream, reply: &Reply) -> io::Result<Then> {
    let mut text = format!("HTTP/1.1 {} \r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(text, "{name}: {value}\r\n").expect("a string takes everything");
    }
    if !matches!(reply.status, 204 | 304) {
        write!(text, "content-length: {}\r\n", reply.body.len()).expect("the same");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&reply.body);
    stream.write_all(&bytes).await?;
    Ok(Then::Next)
}

/// The head of a 200 and two bytes of the body that it promises.
async fn promise(stream: &mut TcpStream, length: usize) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 \r\ncontent-length: {length}\r\n\r\nok");
    stream.write_all(head.as_bytes()).await
}

async fn trickle(stream: &mut TcpStream, bytes: usize, every: Duration) -> io::Result<()> {
    promise(stream, usize::MAX >> 1).await?;
    loop {
        sleep(every).await;
        stream.write_all(&vec![b'.'; bytes]).await?;
    }
}

async fn huge_body(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 \r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    flood(stream, bytes, &[b'x'; 8192]).await
}

async fn huge_head(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 \r\n").await?;
    let line = format!("x-huge: {}\r\n", "x".repeat(1014)); // 1,024 bytes
    flood(stream, bytes.next_multiple_of(line.len()), line.as_bytes()).await?;
    stream.write_all(b"content-length: 0\r\n\r\n").await
}

/// Writes `bytes` bytes, the block again and again.
async fn flood(stream: &mut TcpStream, mut bytes: usize, block: &[u8]) -> io::Result<()> {
    while bytes > 0 {
        let piece = &block[..block.len().min(bytes)];
        stream.write_all(piece).await?;
        bytes -= piece.len();
    }
    Ok(())
}

/// The connection's end is a reset instead of an orderly close.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}

/// Does nothing until the other side gives up.
async fn hold(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    let gone = async {
        while stream.read(&mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(HELD_MAX, gone).await.unwrap_or(Ok(()))
}

/// Takes the time that an answer takes to come.
pub(crate) async fn delay(behaviour: &Behaviour) {
    if let Behaviour::Answer(reply) = behaviour
        && !reply.delay.is_zero()
    {
        sleep(reply.delay).await;
    }
}

/// Reads nothing, so that it cannot see the other side give up.
pub(crate) async fn before_read(stream: &TcpStream, behaviour: &Behaviour) -> io::Result<()> {
    match behaviour {
        Behaviour::ResetBeforeRead => reset(stream),
        _ => {
            sleep(HELD_MAX).await;
            Ok(())
        }
    }
}
