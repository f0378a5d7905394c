//! What an inbox answers: chosen with one click, or member by member.

use std::ops::RangeInclusive;

use axum::{extract::State, response::Response};
use posthaste::id::InboxId;
use posthaste_engine::operations::{AnswerPatch, InboxPatch};
use posthaste_store::{
    inbox::{AnswerType, InboxAnswer},
    settings::Scope,
};

use super::{one, path, presets::preset};
use crate::{
    Pages, fault::Fault, path::Id, posted::Posted, query::Query, reading::Reading, render,
    viewer::Viewer, wrongs::Wrongs,
};

const BODY_MAX: usize = 16 * 1024;

pub(super) async fn set(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let preset = form.text("preset").and_then(preset);
    let answer = match preset.map_or_else(|| typed(&form), Ok) {
        Ok(answer) => answer,
        Err(wrong) => return one::refused(&pages, &viewer, id, form.clone(), wrong).await,
    };
    let patch = InboxPatch {
        answer: AnswerPatch {
            status: Some(answer.status),
            delay_ms: Some(answer.delay_ms),
            retry_after_s: Some(answer.retry_after_s),
            content_type: Some(answer.content_type),
            body: Some(answer.body),
        },
        ..InboxPatch::default()
    };
    engine.change_inbox(&viewer.tenant, id, patch, None).await?;
    Ok(render::see(&(path(&viewer, id) + "?note=saved")))
}

fn typed(form: &Query) -> Result<InboxAnswer, Wrongs> {
    let mut of = Reading::of(form);
    let mut number = |field: &'static str, bounds: RangeInclusive<u32>| {
        form.text(field)?;
        of.whole(field, bounds)
    };
    let status = number("status", 200..=599).unwrap_or(200);
    let delay_ms = number("delay_ms", 0..=30_000).unwrap_or(0);
    let retry_after_s = number("retry_after_s", 0..=86_400);
    let content_type = form.read::<AnswerType>("content_type");
    // A form sends line ends as CR LF.
    let body = form.all("body").next().unwrap_or_default();
    let body = body.replace("\r\n", "\n");
    if body.len() > BODY_MAX {
        of.wrongs.add("body", "expected at most 16 KiB");
    }
    if !of.wrongs.is_empty() {
        return Err(of.wrongs);
    }
    Ok(InboxAnswer {
        status: u16::try_from(status).unwrap_or(200),
        delay_ms,
        retry_after_s,
        content_type: content_type.unwrap_or(AnswerType::Text),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_judged_field_by_field() {
        #[track_caller]
        fn check(form: &str, wrong: &[&str]) {
            let found = typed(&Query::parse(form)).err().unwrap_or_default();
            let fields: Vec<_> = found.all().map(|(field, _)| field).collect();
            assert_eq!(fields, wrong, "{form}");
        }
        check("", &[]);
        check("status=503&delay_ms=8000&retry_after_s=&body=a%0D%0Ab", &[]);
        check(
            "status=199&delay_ms=x&retry_after_s=-1",
            &["status", "delay_ms", "retry_after_s"],
        );
        check(&format!("body={}", "x".repeat(BODY_MAX + 1)), &["body"]);
        let answer = typed(&Query::parse("body=a%0D%0Ab")).unwrap();
        assert_eq!(answer.body, "a\nb");
    }
}
