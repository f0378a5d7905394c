//! Links into the portal of a tenant: for its customers, who have no keys. A link has a power of its
//! own, less than any tenant's key may have, and outlives the key that made it: revoking it is an act
//! of its own.

use std::time::Duration;

use posthaste::{event::TenantId, id::PortalLinkId, signature::Secret};
use posthaste_store::{
    Page, StoreError,
    audit::Action,
    change::Change,
    pass::{Opens, Pass, PortalLink},
    query::Stretch,
    settings::Scope,
    theme::{Logo, Theme},
};
use serde_json::json;

use super::{OperationError, access::random_token};
use crate::{Engine, key_table::KeyDigest, trail::Details};

/// What a portal link's token begins with.
pub const PORTAL_PREFIX: &str = "ptk_";

/// A link to make.
#[derive(Clone, Debug)]
pub struct NewPortalLink {
    pub expires_in: Duration,
    pub read_only: bool,
    pub theme: Theme,
    pub logo: Option<Logo>,
}

/// What a link leads to.
#[derive(Clone, Debug)]
pub struct Portal {
    pub link: PortalLink,
    pub logo: Option<Logo>,
}

impl Portal {
    /// Whoever comes through a link sees what the tenant sends and receives, and changes where it
    /// goes; neither keys nor settings nor what others did.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match scope {
            Scope::EventsRead | Scope::SubscriptionsRead | Scope::DeliveriesRead => true,
            Scope::SubscriptionsWrite | Scope::DeliveriesWrite => !self.link.read_only,
            Scope::EventsPublish
            | Scope::EventTypesWrite
            | Scope::KeysManage
            | Scope::PortalCreate
            | Scope::TenantsManage
            | Scope::All => false,
        }
    }
}

impl Engine {
    /// Makes a link; its token is shown this once.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] where there is no such tenant.
    pub async fn create_portal_link(
        &self,
        tenant: &TenantId,
        new: NewPortalLink,
    ) -> Result<(PortalLink, Secret), OperationError> {
        let (token, now) = (random_token(PORTAL_PREFIX), self.now());
        let created_by = self.1.as_ref().and_then(|actor| actor.key.as_ref());
        let link = PortalLink {
            id: PortalLinkId::at(self.new_place(now)),
            tenant: tenant.clone(),
            expires_at: now + new.expires_in,
            read_only: new.read_only,
            theme: new.theme,
            created_by: created_by.map(|key| key.id),
        };
        let pass = Pass {
            digest: KeyDigest::of(token.expose()).bytes(),
            opens: Opens::Portal {
                link: link.clone(),
                logo: new.logo,
            },
        };
        let given = json!({
            "expires_at": link.expires_at,
            "read_only": link.read_only,
            "theme": link.theme,
        });
        let (object, details) = (Some(link.id.to_string()), Details::given(&given));
        let entry = self.entry(Some(tenant), Action::CreatePortalLink, object, details);
        let insert = Change::InsertPass(Box::new(pass));
        let kept = self.0.store.change(insert, entry).await;
        kept.map_err(|error| match error {
            StoreError::Missing => OperationError::NotFound("tenant"),
            other => other.into(),
        })?;
        Ok((link, token))
    }

    /// What this token leads to; none where it has ended, or its tenant is gone.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn portal(&self, token: &str) -> Result<Option<Portal>, OperationError> {
        let pass = self.pass(token, PORTAL_PREFIX).await?;
        Ok(pass.and_then(|pass| match &pass.opens {
            Opens::Portal { link, logo } if self.has_tenant(&link.tenant) => Some(Portal {
                link: link.clone(),
                logo: logo.clone(),
            }),
            _ => None,
        }))
    }

    /// Those that are good, newest first, without their tokens.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn portal_links(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<Page<PortalLink>, OperationError> {
        let now = self.now();
        Ok(self.0.store.portal_links(tenant, now, stretch).await?)
    }

    /// From now on it leads nowhere.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn revoke_portal_link(
        &self,
        tenant: &TenantId,
        id: PortalLinkId,
    ) -> Result<(), OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let revoked = async move {
            let (object, details) = (Some(id.to_string()), Details::default());
            let action = Action::DeletePortalLink;
            let entry = engine.entry(Some(&tenant), action, object, details);
            let delete = Change::DeletePortalLink { tenant, id };
            let deleted = engine.0.store.change(delete, entry).await;
            engine.0.passes.forget_link(id);
            deleted.map_err(|error| match error {
                StoreError::Missing => OperationError::NotFound("portal link"),
                other => other.into(),
            })
        };
        self.to_the_end(revoked).await
    }
}
