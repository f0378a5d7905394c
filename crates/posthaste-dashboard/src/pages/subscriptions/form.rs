//! Making and changing one: a form with all that there is to choose, and the filter's tester in it.

use askama::Template;
use axum::{extract::State, response::Response};
use http::HeaderMap;
use posthaste::{
    id::SubscriptionId,
    signature::Scheme,
    subscription::{EventPattern, Subscription},
};
use posthaste_engine::operations::OperationError;
use posthaste_store::settings::Scope;

use super::{
    filter::{self, Tried},
    find, path,
};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    meanwhile::Difference,
    path::Id,
    posted::Posted,
    query::Query,
    render,
    subscription_form::{self, Asked},
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Empty rows that are offered beside those that are filled in.
const SPARE: usize = 2;

#[derive(Template)]
#[template(path = "subscriptions/form.html")]
struct Form {
    frame: Frame,
    /// Of the one that is changed; none for a new one.
    id: Option<SubscriptionId>,
    form: Query,
    wrongs: Wrongs,
    /// Where someone else changed it meanwhile: what saving again would overwrite.
    outdated: Option<Vec<Difference>>,
    /// The catalogue, to choose from.
    types: Vec<String>,
    sample: String,
    tried: Option<Tried>,
}

/// A header of the subscription's own, as it is typed.
struct HeaderRow<'a> {
    name: &'a str,
    value: &'a str,
    is_secret: bool,
}

impl Form {
    fn value<'a>(&'a self, field: &'a str) -> &'a str {
        self.form.typed(field)
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.form.all(field).any(|chosen| chosen == value)
    }

    fn schemes(&self) -> &'static [Scheme] {
        Scheme::ALL
    }

    fn events(&self) -> Vec<&str> {
        let mut events: Vec<&str> = self.form.all("events").collect();
        events.retain(|pattern| !pattern.trim().is_empty());
        events.extend([""; SPARE]);
        events
    }

    fn headers(&self) -> Vec<HeaderRow<'_>> {
        let names = self.form.all("header_name");
        let rows = names
            .zip(self.form.all("header_value"))
            .zip(self.form.all("header_kind"));
        let rows = rows.map(|((name, value), kind)| HeaderRow {
            name,
            value,
            is_secret: kind == "secret",
        });
        let spare = HeaderRow {
            name: "",
            value: "",
            is_secret: false,
        };
        let filled = rows.filter(|row| !row.name.is_empty() || !row.value.is_empty());
        filled.chain(std::iter::once(spare)).collect()
    }

    /// Whether any of these is not as a new subscription has it, or is wrong: what they are folded
    /// into stands open.
    fn opens(&self, fields: &[&str]) -> bool {
        let blank = subscription_form::blank();
        let differs = |field: &&str| {
            let typed = self
                .form
                .all(field)
                .filter(|value| !value.trim().is_empty());
            typed.ne(blank.all(field))
        };
        self.wrongs.any(fields) || (self.id.is_some() && fields.iter().any(differs))
    }
}

/// Whose form it is.
struct At<'a> {
    pages: &'a Pages,
    viewer: &'a Viewer,
    id: Option<SubscriptionId>,
}

impl At<'_> {
    async fn form(&self, form: Query, wrongs: Wrongs) -> Result<Form, Fault> {
        let (engine, tenant) = (&self.pages.engine, &self.viewer.tenant);
        let title = match self.id {
            None => "New subscription",
            Some(_) => "Change subscription",
        };
        let sample = match form.text("sample") {
            Some(sample) => sample.to_owned(),
            None => {
                let typed = form
                    .all("events")
                    .filter_map(|pattern| pattern.trim().parse().ok());
                let events: Vec<EventPattern> = typed.collect();
                let may_read = self.viewer.may(Scope::EventsRead);
                filter::sample(self.pages, tenant, &events, may_read).await?
            }
        };
        let types = engine.event_types(tenant);
        Ok(Form {
            frame: self.viewer.frame(title, Tab::Subscriptions),
            id: self.id,
            types: types
                .iter()
                .map(|known| known.entry.name.to_string())
                .collect(),
            tried: None,
            outdated: None,
            form,
            wrongs,
            sample,
        })
    }

    /// What came of the filter: beside it where a script asks, else in the whole form.
    async fn tried(&self, form: &Query, headers: &HeaderMap) -> Result<Response, Fault> {
        let tried = Tried::of(form);
        if headers.contains_key("hx-request") {
            return render::page(&tried);
        }
        let mut page = self.form(form.clone(), Wrongs::default()).await?;
        page.tried = Some(tried);
        render::page(&page)
    }

    async fn refused(&self, form: &Query, wrongs: Wrongs) -> Result<Response, Fault> {
        render::refused(&self.form(form.clone(), wrongs).await?)
    }

    /// What was typed, beside what someone else made of it meanwhile; sent again, it overwrites that.
    async fn outdated(&self, form: &Query, now: &Subscription) -> Result<Response, Fault> {
        let stored = subscription_form::written(now);
        let differences = subscription_form::differences(form, &stored);
        let mut form = form.clone();
        form.set("revision", &now.revision.to_string());
        let mut page = self.form(form, Wrongs::default()).await?;
        page.outdated = Some(differences);
        render::refused(&page)
    }

    /// What an operation refused, beside the field that it is about.
    async fn unfit(&self, form: &Query, error: OperationError) -> Result<Response, Fault> {
        let wrongs = subscription_form::refused(error, form)?;
        self.refused(form, wrongs).await
    }
}

pub(super) async fn blank(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsWrite)?;
    let mut form = subscription_form::blank();
    for field in ["url", "events"] {
        form.add(field, query.text(field).unwrap_or_default());
    }
    let at = At {
        pages: &pages,
        viewer: &viewer,
        id: None,
    };
    render::page(&at.form(form, Wrongs::default()).await?)
}

pub(super) async fn create(
    State(pages): State<Pages>,
    viewer: Viewer,
    headers: HeaderMap,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let at = At {
        pages: &pages,
        viewer: &viewer,
        id: None,
    };
    if form.text("act") == Some("try") {
        return at.tried(&form, &headers).await;
    }
    let judge = |url: &_| engine.judge_url(&viewer.tenant, url);
    let new = match Asked::read(&form, judge) {
        Ok(asked) => asked.into_new(),
        Err(wrongs) => return at.refused(&form, wrongs).await,
    };
    let made = match new {
        Ok(new) => engine.subscribe(&viewer.tenant, new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(render::see(&(path(&viewer, made.id) + "?note=created"))),
        Err(error) => at.unfit(&form, error).await,
    }
}

pub(super) async fn filled(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsWrite)?;
    let found = find(&pages, &viewer, id)?;
    let at = At {
        pages: &pages,
        viewer: &viewer,
        id: Some(id),
    };
    let form = subscription_form::written(&found);
    render::page(&at.form(form, Wrongs::default()).await?)
}

pub(super) async fn change(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    headers: HeaderMap,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let at = At {
        pages: &pages,
        viewer: &viewer,
        id: Some(id),
    };
    if form.text("act") == Some("try") {
        return at.tried(&form, &headers).await;
    }
    let now = find(&pages, &viewer, id)?;
    let asked = Asked::read(&form, |url| match *url == now.url {
        true => Ok(()),
        false => engine.judge_url(&viewer.tenant, url),
    });
    let asked = match asked {
        Ok(asked) => asked,
        Err(wrongs) => return at.refused(&form, wrongs).await,
    };
    // The form was filled in from a revision, and changes nothing but that one.
    let revision = form.read("revision");
    let Some(revision) = revision.filter(|revision| *revision == now.revision) else {
        return at.outdated(&form, &now).await;
    };
    let patch = asked.changes(&now);
    let changed = engine.change_subscription(&viewer.tenant, id, patch, Some(revision));
    match changed.await {
        Ok(_) => Ok(render::see(&(path(&viewer, id) + "?note=saved"))),
        Err(OperationError::Stale) => at.outdated(&form, &*find(&pages, &viewer, id)?).await,
        Err(error) => at.unfit(&form, error).await,
    }
}
