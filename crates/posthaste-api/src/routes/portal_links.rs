//! Links into the portal: made for a tenant's customers, shown once, revoked by their id.

use std::{ops::RangeInclusive, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    id::{KeyId, PortalLinkId},
};
use posthaste_engine::operations::NewPortalLink;
use posthaste_store::{
    pass::PortalLink,
    query::Stretch,
    theme::{Accent, Logo, LogoError, Mode, Theme},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    answer::{self, PageView},
    body::OptionalJson,
    cursor::Cursors,
    fields::nested,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, CreatePortal},
    problem::Problem,
    values::{Fault, Read, boolean, duration, line, named, parsed, text},
};

const NAME_MAX: usize = 100;
const EXPIRES_IN: Duration = Duration::from_secs(3600);
const EXPIRES_IN_S: RangeInclusive<u64> = 60..=30 * 86_400;

/// A link to make.
#[derive(ToSchema)]
#[schema(as = NewPortalLink)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewPortalLinkShape {
    /// How long it is good; 3,600 where nothing is given.
    #[schema(minimum = 60, maximum = 2_592_000)]
    expires_in_s: Option<u64>,
    /// Whoever has it may look and not change.
    read_only: Option<bool>,
    #[schema(inline)]
    theme: Option<ThemeShape>,
}

/// How the portal looks through a link.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalTheme)]
pub(crate) struct ThemeShape {
    /// Stands where Posthaste's name would.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// A `data:` URI in base64 of image/png, image/jpeg, image/webp or image/svg+xml, at most
    /// 65,536 bytes; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    /// `#rrggbb`; text on it is black or white, whichever reads better.
    #[schema(value_type = Option<String>, pattern = "^#[0-9A-Fa-f]{6}$")]
    accent: Option<Accent>,
    /// `auto` (as the reader's system has it), `light` or `dark`.
    #[schema(value_type = Option<String>)]
    mode: Mode,
}

/// A link into the portal.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalLink)]
pub(crate) struct PortalLinkView {
    #[schema(value_type = String, example = "ptl_05z4c8q1s0g00")]
    id: PortalLinkId,
    /// The link itself, in the answer of the POST that made it and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    read_only: bool,
    #[schema(inline)]
    theme: ThemeShape,
    /// The key that made it.
    #[schema(value_type = Option<String>)]
    created_by: Option<KeyId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<PortalLink> for PortalLinkView {
    fn from(link: PortalLink) -> Self {
        Self {
            id: link.id,
            url: None,
            expires_at: link.expires_at,
            read_only: link.read_only,
            theme: ThemeShape {
                name: link.theme.name,
                logo: None,
                accent: link.theme.accent,
                mode: link.theme.mode,
            },
            created_by: link.created_by,
            created_at: link.id.time(),
        }
    }
}

/// Make a link into the tenant's portal. The answer has it, and it is never shown again.
#[utoipa::path(
    post, path = "/api/v1/webhooks/portal-links", tag = "portal",
    request_body = Option<NewPortalLinkShape>,
    responses((status = 201, description = "The link", body = PortalLinkView)),
)]
pub(crate) async fn create_portal_link(
    auth: Authorized<CreatePortal>,
    State(api): State<Api>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = new_link(&body)?;
    let logo = new.logo.as_ref().map(Logo::to_string);
    let made = auth.engine().create_portal_link(&auth.tenant, new).await?;
    let (link, token) = made;
    let mut view = PortalLinkView::from(link);
    let (origin, token) = (&api.options.public_url, token.expose());
    view.url = Some(format!("{origin}/portal/{token}"));
    view.theme.logo = logo;
    Ok(answer::unstored(answer::json(StatusCode::CREATED, &view)))
}

fn new_link(body: &OptionalJson) -> Result<NewPortalLink, Problem> {
    let mut fields = body.fields(&["expires_in_s", "read_only", "theme"])?;
    let second = Duration::from_secs(1);
    let lasts = duration(EXPIRES_IN_S, second);
    let expires_in = fields.optional("expires_in_s", lasts);
    let read_only = fields.optional("read_only", boolean);
    let theme = fields.optional("theme", theme);
    fields.finish()?;
    let (theme, logo) = theme.unwrap_or_default();
    Ok(NewPortalLink {
        expires_in: expires_in.unwrap_or(EXPIRES_IN),
        read_only: read_only.unwrap_or(false),
        theme,
        logo,
    })
}

fn theme(raw: &str) -> Read<(Theme, Option<Logo>)> {
    nested(raw, &["name", "logo", "accent", "mode"], |fields| {
        let mode = named::<Mode>("invalid_mode", "expected light, dark or auto");
        let theme = Theme {
            name: fields.optional("name", name),
            accent: fields.optional("accent", parsed("invalid_colour")),
            mode: fields.optional("mode", mode).unwrap_or_default(),
        };
        Some((theme, fields.optional("logo", logo)))
    })
}

/// What is read aloud of the portal, so that it is not nothing.
fn name(raw: &str) -> Read<String> {
    let name = line(NAME_MAX)(raw)?;
    match name.trim().is_empty() {
        false => Ok(name),
        true => Err(Fault::new("length", format!("expected 1 to {NAME_MAX} bytes")).into()),
    }
}

fn logo(raw: &str) -> Read<Logo> {
    let code = |error: &LogoError| match error {
        LogoError::NotAPicture => "invalid_logo",
        LogoError::TooLong => "too_long",
    };
    let logo = text(raw)?.parse();
    logo.map_err(|error| Fault::new(code(&error), error.to_string()).into())
}

/// List the tenant's links that are good, newest first, without what they lead with.
#[utoipa::path(
    get, path = "/api/v1/webhooks/portal-links", tag = "portal",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of links", body = PageView<PortalLinkView>)),
)]
pub(crate) async fn list_portal_links(
    auth: Authorized<CreatePortal>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let tenant = &auth.tenant;
    let cursors = Cursors::new(&api.cursor_key, "portal-links", Some(tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let stretch = Stretch { before, limit };
    let page = auth.engine().portal_links(tenant, stretch).await?;
    let view = PageView {
        data: page.items.into_iter().map(PortalLinkView::from).collect(),
        next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
    };
    Ok(answer::json(StatusCode::OK, &view))
}

/// Revoke a link: from now on it leads nowhere.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/portal-links/{id}", tag = "portal",
    params(("id" = String, Path, description = "`ptl_…`")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_portal_link(
    auth: Authorized<CreatePortal>,
    Id(id): Id<PortalLinkId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    auth.engine().revoke_portal_link(&auth.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
