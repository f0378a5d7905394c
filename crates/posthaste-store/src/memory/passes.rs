//! The model's passes.

use posthaste::{clock::Timestamp, event::TenantId, id::PortalLinkId};

use super::{disk::Disk, log::page};
use crate::{
    pass::{Opens, Pass, PortalLink, TokenDigest},
    query::Stretch,
    store::{Page, StoreError},
};

impl Disk {
    pub fn insert_pass(&mut self, pass: Pass) -> Result<(), StoreError> {
        if let Some(tenant) = pass.tenant() {
            self.expect_tenant(tenant)?;
        }
        self.passes.insert(pass.digest, pass);
        Ok(())
    }

    pub fn pass(&self, digest: TokenDigest, now: Timestamp) -> Option<Pass> {
        let pass = self.passes.get(&digest)?;
        (now < pass.expires_at()).then(|| pass.clone())
    }

    /// In no order.
    pub fn links(&self) -> impl Iterator<Item = &PortalLink> {
        self.passes.values().filter_map(link_of)
    }

    pub fn list_portal_links(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        stretch: Stretch,
    ) -> Page<PortalLink> {
        let links = self.links();
        let links = links.filter(|link| link.tenant == *tenant && now < link.expires_at);
        let mut links: Vec<PortalLink> = links.cloned().collect();
        links.sort_unstable_by_key(|link| std::cmp::Reverse(link.id));
        page(links.into_iter(), stretch, |link| link.id.as_u64())
    }

    pub fn delete_portal_link(&mut self, tenant: &TenantId, id: PortalLinkId) -> bool {
        let before = self.passes.len();
        let is_it = |link: &PortalLink| link.id == id && link.tenant == *tenant;
        self.passes
            .retain(|_, pass| !link_of(pass).is_some_and(is_it));
        self.passes.len() < before
    }

    pub fn prune_passes(&mut self, now: Timestamp, at_most: usize) -> usize {
        let past = self.passes.values().filter(|pass| pass.expires_at() <= now);
        let past: Vec<TokenDigest> = past.take(at_most).map(|pass| pass.digest).collect();
        past.iter()
            .for_each(|digest| drop(self.passes.remove(digest)));
        past.len()
    }
}

fn link_of(pass: &Pass) -> Option<&PortalLink> {
    match &pass.opens {
        Opens::Portal { link, .. } => Some(link),
        Opens::Session(_) | Opens::SignIn(_) => None,
    }
}
