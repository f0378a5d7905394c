//! What an open page is told, as Server-Sent Events: pieces of the page, as they would stand in it.
//!
//! A stream ends when the server drains, and when whoever looks may not any more; the page comes back
//! by itself.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use posthaste::id::{KeyId, PortalLinkId};
use posthaste_engine::live::Draining;

/// Pages that may listen at once.
const ALL_MAX: usize = 500;
/// Of these, what one listener may take: the others find a place.
const OWN_MAX: usize = 50;
/// How long it may be silent before a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Said first: how soon to come back.
const BEGIN: &str = "retry: 500\n\n";

/// Where the words of a stream come from.
pub(crate) trait Feed: Send + 'static {
    /// Those that come next; none where no more do. It may be asked again before it has answered.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// Whoever signed in with a key, in all their windows, or came by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Listener {
    Key(KeyId),
    Link(PortalLinkId),
}

/// Leave to listen.
pub(crate) struct Leave {
    pub(crate) listener: Listener,
    /// Over when they may not look any more: signed out, revoked, or past their time.
    pub(crate) ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The places of whoever listens.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<Listener, usize>>>);

/// One of them, until it is dropped.
struct Place {
    places: Places,
    listener: Listener,
}

impl Places {
    /// A stream of this feed; a 503 where every place is taken.
    pub(crate) fn stream(
        &self,
        feed: impl Feed,
        leave: Leave,
        draining: Option<Extension<Draining>>,
    ) -> Response {
        let Some(place) = self.enter(leave.listener) else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let stream = Stream {
            feed,
            ended: leave.ended,
            draining: draining.map(|Extension(draining)| draining),
            began: false,
            _place: place,
        };
        let words = futures_util::stream::unfold(stream, |mut stream| async {
            let words = Bytes::from(stream.next().await?);
            Some((Ok::<_, Infallible>(words), stream))
        });
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            // A proxy in between hands on what comes when it comes.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, Body::from_stream(words)).into_response()
    }

    fn enter(&self, listener: Listener) -> Option<Place> {
        let mut taken = self.lock();
        let all: usize = taken.values().sum();
        let own = taken.get(&listener).copied().unwrap_or(0);
        if all >= ALL_MAX || own >= OWN_MAX {
            return None;
        }
        taken.insert(listener, own + 1);
        let places = self.clone();
        Some(Place { places, listener })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Listener, usize>> {
        self.0.lock().expect("nothing panics while it counts")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.listener) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.listener);
            }
        }
    }
}

/// A piece of a page as an event of this name; whoever comes back says the id that it had last.
pub(crate) fn piece(event: &str, id: Option<u64>, html: &str) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let lines = html.lines().map(|line| format!("data: {line}\n"));
    format!("event: {event}\n{id}{}\n", lines.collect::<String>())
}

struct Stream<F> {
    feed: F,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    draining: Option<Draining>,
    began: bool,
    _place: Place,
}

impl<F: Feed> Stream<F> {
    /// None at the end.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.began, true) {
            return Some(BEGIN.to_owned());
        }
        tokio::select! {
            biased;
            () = begun(&mut self.draining) => None,
            () = &mut self.ended => None,
            words = self.feed.next() => words,
            () = tokio::time::sleep(KEEP_ALIVE) => Some(": still here\n\n".to_owned()),
        }
    }
}

async fn begun(draining: &mut Option<Draining>) {
    match draining {
        Some(draining) => draining.begun().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_one_event_whatever_lines_it_has() {
        let words = piece("row", None, "<tr>\r\n\n<td>data: x</td></tr>");
        assert_eq!(
            words,
            "event: row\ndata: <tr>\ndata: \ndata: <td>data: x</td></tr>\n\n"
        );
        assert_eq!(piece("r", Some(7), "x"), "event: r\nid: 7\ndata: x\n\n");
    }

    #[test]
    fn nobody_takes_all_places_and_those_that_are_left_come_back() {
        let places = Places::default();
        let mut taken = Vec::new();
        for n in 0..10 {
            let link = Listener::Link(PortalLinkId::from_u64(n));
            taken.extend((0..OWN_MAX).map(|_| places.enter(link).unwrap()));
            assert!(places.enter(link).is_none(), "{n} has theirs");
        }
        let key = Listener::Key(KeyId::from_u64(1));
        assert!(places.enter(key).is_none(), "the server is full");
        taken.pop();
        taken.push(places.enter(key).unwrap());
        taken.clear();
        assert!(places.lock().is_empty());
    }
}
