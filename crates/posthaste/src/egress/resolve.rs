//! From a URL to the addresses that may be dialled for it.
//!
//! A name is resolved once for each connection, every answer is judged, and what is dialled is an
//! address out of that very answer: there is no second look-up for a name server to lie to. One
//! forbidden answer among good ones refuses them all.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{AddressRefusal, DenyList, EgressRules, TargetHost, TargetUrl, UrlRefusal};
use crate::delivery::FailureClass;

/// Addresses of a name that are dialled at most, in turn; all of them are judged.
const ANSWERS_MAX: usize = 16;

/// Aliases (CNAME) of aliases that are followed at most.
const ALIASES_MAX: usize = 8;

/// What a name resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// In the order to try them.
    pub addresses: Vec<IpAddr>,
    /// CNAMEs on the way there, where the resolver tells; the system's does not.
    pub aliases: usize,
}

/// Who turns names into addresses.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, which has no last dot and is to be taken as complete.
    async fn resolve(&self, name: &str) -> io::Result<Answers>;
}

/// Look-ups of the system's resolver at once.
const LOOKUPS: usize = 64;

/// The system's resolver. A look-up that is given up on still occupies a thread until it ends, so
/// that only so many are under way at once; more wait their turn within their own deadline.
#[derive(Clone, Debug)]
pub struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Answers> {
        let turn = self.0.clone().acquire_owned().await;
        let turn = turn.map_err(io::Error::other)?;
        let complete = format!("{name}."); // so that no search domain is tried
        let lookup = tokio::spawn(async move {
            let sockets = tokio::net::lookup_host((complete, 0)).await?;
            drop(turn);
            Ok(sockets.map(|socket| socket.ip()).collect())
        });
        let addresses: io::Result<_> = lookup.await.map_err(io::Error::other)?;
        Ok(Answers {
            addresses: addresses?,
            aliases: 0,
        })
    }
}

/// Why nothing is dialled. The text is for the operator: it may name an address.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the texts say it
pub enum VetError {
    #[error(transparent)]
    Url(#[from] UrlRefusal),
    #[error("the name resolves to {address}: {refusal}")]
    Address {
        address: IpAddr,
        refusal: AddressRefusal,
    },
    #[error("the name is an alias over more than {ALIASES_MAX} steps")]
    Aliases,
    #[error("the name has no address")]
    NoAddress,
    #[error("the name was not resolved: {0}")]
    Unresolved(io::Error),
    #[error("the name was not resolved in time")]
    Timeout,
}

impl VetError {
    /// What an attempt that ends so is counted as.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Url(_) | Self::Address { .. } | Self::Aliases => FailureClass::Blocked,
            Self::NoAddress | Self::Unresolved(_) | Self::Timeout => FailureClass::Dns,
        }
    }

    /// For the tenant. A refusal says no more than that it is one: what a name resolves to inside
    /// the operator's network, and which rule stopped it, is the operator's alone.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Address { .. } | Self::Aliases => {
                "this server does not send there"
            }
            Self::NoAddress => "the name has no address",
            Self::Unresolved(_) => "the name cannot be resolved",
            Self::Timeout => "the name was not resolved in time",
        }
    }
}

/// The addresses that may be dialled for a URL, in the order to try them.
///
/// # Errors
/// The URL, its name or one of the name's addresses is refused, or the name does not resolve
/// within `budget`.
pub async fn vet(
    url: &TargetUrl,
    rules: &EgressRules,
    resolver: &dyn Resolver,
    budget: Duration,
) -> Result<Vec<SocketAddr>, VetError> {
    vet_for(url, rules, &DenyList::default(), resolver, budget).await
}

/// The same for a tenant that refuses more than the operator does.
///
/// # Errors
/// As [`vet`].
pub async fn vet_for(
    url: &TargetUrl,
    rules: &EgressRules,
    also_denied: &DenyList,
    resolver: &dyn Resolver,
    budget: Duration,
) -> Result<Vec<SocketAddr>, VetError> {
    rules.judge(url)?;
    also_denied.judge(url)?;
    let addresses = match url.host() {
        TargetHost::Address(address) => vec![address],
        // Nobody is asked for it, so that nobody can answer anything else (RFC 6761).
        TargetHost::Name("localhost") => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        TargetHost::Name(name) => resolve(name, resolver, budget).await?,
    };
    for &address in &addresses {
        let refused = |refusal| VetError::Address { address, refusal };
        rules.judge_address(address).map_err(refused)?;
        also_denied.judge_address(address).map_err(refused)?;
    }
    let sockets = addresses.into_iter().take(ANSWERS_MAX);
    Ok(sockets.map(|ip| SocketAddr::new(ip, url.port())).collect())
}

async fn resolve(
    name: &str,
    resolver: &dyn Resolver,
    budget: Duration,
) -> Result<Vec<IpAddr>, VetError> {
    let answers = tokio::time::timeout(budget, resolver.resolve(name))
        .await
        .map_err(|_| VetError::Timeout)?
        .map_err(VetError::Unresolved)?;
    if answers.aliases > ALIASES_MAX {
        return Err(VetError::Aliases);
    }
    if answers.addresses.is_empty() {
        return Err(VetError::NoAddress);
    }
    Ok(answers.addresses)
}
