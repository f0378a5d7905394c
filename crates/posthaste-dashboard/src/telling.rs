//! How someone is told that there is no page: in the frame of those that they may see, so that they
//! can go on from there.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::request::Parts;

use crate::{
    Pages,
    fault::Fault,
    frame::Frame,
    platform::Platform,
    viewer::{Operator, Viewer},
};

/// Stands around every page, behind the portal's door.
pub(crate) async fn told(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    match response.extensions().get::<Fault>().cloned() {
        Some(fault) => tell(&fault, response, &mut asked, &pages).await,
        None => response,
    }
}

async fn tell(fault: &Fault, alone: Response, asked: &mut Parts, pages: &Pages) -> Response {
    if matches!(fault, Fault::SignIn { .. }) {
        return alone;
    }
    let frame = frame(fault.title(), asked, pages).await;
    frame.map_or(alone, |frame| fault.framed(frame))
}

/// Of the pages that were asked for, else of those that whoever asked comes to first.
async fn frame(title: &str, asked: &mut Parts, pages: &Pages) -> Option<Frame> {
    if let Ok(viewer) = Viewer::from_request_parts(asked, pages).await {
        return Some(viewer.frame(title, None));
    }
    if let Ok(platform) = Platform::from_request_parts(asked, pages).await {
        return Some(platform.frame(title, None));
    }
    let operator = Operator::from_request_parts(asked, pages).await.ok()?;
    Some(operator.at_home().frame(title, None))
}
