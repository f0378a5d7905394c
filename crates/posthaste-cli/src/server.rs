//! A running server: store, engine, API and listener, wired together and taken down in order.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use posthaste::{
    chance::Chance,
    clock::{Clock, SystemClock},
    egress::{EgressRules, TargetUrl, VetError},
    origin::Origin,
    transport::http::{HttpConfig, HttpTransport},
};
use posthaste_engine::{Engine, EngineConfig, inboxes::InboxConfig};
use posthaste_sqlite::{Options, SqliteStore};
use tokio::net::TcpListener;
use url::Url;

use crate::{
    admin_key::{self, AdminKey},
    certificate::Certificate,
    configuration::{Configuration, Database},
    open_files,
    shutdown::Shutdown,
};

/// How long requests under way may still take once the server was asked to stop.
const REQUESTS_WITHIN: Duration = Duration::from_secs(10);
/// How long attempts under way may still take after that.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    pub address: SocketAddr,
    pub key: AdminKey,
    engine: Engine,
    store: Arc<SqliteStore>,
    listener: TcpListener,
    options: posthaste_api::Options,
    pages: posthaste_dashboard::Options,
    certificate: Option<Certificate>,
}

impl Server {
    /// When this returns, connections are accepted by the operating system.
    ///
    /// # Errors
    /// The store cannot be opened, the certificate not be used, or the address not be listened on.
    pub async fn start(configuration: &Configuration) -> anyhow::Result<Self> {
        open_files::raise(configuration.bounds.in_flight);
        let data_dir = &configuration.data_dir;
        admin_key::make_data_dir(data_dir)
            .with_context(|| format!("cannot make the data directory {}", data_dir.display()))?;
        // First of all: an address in use must not cost a store that another process runs on.
        let listener = TcpListener::bind(configuration.listen)
            .await
            .with_context(|| format!("cannot listen on {}", configuration.listen))?;
        let certificate = match &configuration.tls {
            Some(files) => Some(Certificate::load(files).await?),
            None => None,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(open(configuration, &clock)?);
        let address = listener.local_addr()?;
        let listens_on = listened_on(address, certificate.is_some())?;
        let public_url = configuration.public_url.clone();
        let public_url = public_url.unwrap_or_else(|| listens_on.clone());
        let inboxes = InboxConfig {
            public_url: public_url.clone(),
            listens_on,
            webhook_site: configuration.webhook_site.clone(),
        };
        let config = engine_config(configuration, inboxes, clock)?;
        let engine = Engine::over(store.clone(), config)
            .await
            .context("cannot read the store")?;
        let chosen = configuration.admin_key.as_ref();
        let key = admin_key::ensure(&engine, data_dir, chosen).await?;
        let options = posthaste_api::Options {
            public_url: public_url.clone(),
            ..configuration.api.clone()
        };
        Ok(Self {
            address,
            engine,
            store,
            listener,
            pages: posthaste_dashboard::Options {
                callers: options.callers.clone(),
                public_url,
                own_key: key.value.clone().filter(|_| configuration.dev),
                settings: configuration.settings.clone(),
            },
            options,
            key,
            certificate,
        })
    }

    pub fn url(&self) -> String {
        let scheme = match self.certificate {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Where people look.
    pub fn dashboard(&self) -> String {
        format!("{}/dashboard", self.pages.public_url)
    }

    /// Where what is sent to the API may be read on its way.
    pub fn is_exposed(&self) -> bool {
        self.certificate.is_none() && !self.address.ip().is_loopback()
    }

    /// Serves until asked to stop: then nothing new is accepted, requests are answered, attempts
    /// under way end and are written, and the store is closed.
    ///
    /// # Errors
    /// The store could not be closed; what was accepted is in it all the same.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let pages = posthaste_dashboard::router(self.engine.clone(), self.pages);
        let router = posthaste_api::with_pages(self.engine.clone(), self.options, pages);
        let tls = self.certificate.as_ref().map(Certificate::tls);
        let asked = shutdown.clone().asked();
        let serving = posthaste_api::serve(self.listener, router, tls, asked);
        tokio::select! {
            served = serving => served?,
            () = watch(self.certificate) => unreachable!("it has no end"),
            () = self.engine.failed() => {
                anyhow::bail!("the engine failed; what was accepted is in the store, start again");
            }
            () = async { shutdown.asked().await; tokio::time::sleep(REQUESTS_WITHIN).await } => {
                tracing::warn!("requests under way were cut off");
            }
        }
        if !self.engine.drain(DRAIN_WITHIN).await {
            tracing::warn!("attempts under way are made again at the next start");
        }
        self.store
            .shutdown()
            .await
            .context("cannot close the store")
    }
}

/// As whoever is on this machine reaches it.
fn listened_on(address: SocketAddr, tls: bool) -> anyhow::Result<Origin> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if tls { "https" } else { "http" };
    let address = SocketAddr::new(ip, address.port());
    let url = Url::parse(&format!("{scheme}://{address}"))?;
    Ok(url.origin().ascii_serialization().parse()?)
}

async fn watch(certificate: Option<Certificate>) {
    match certificate {
        Some(certificate) => certificate.watch().await,
        None => std::future::pending().await,
    }
}

fn open(configuration: &Configuration, clock: &Arc<dyn Clock>) -> anyhow::Result<SqliteStore> {
    let Database::Sqlite(path) = &configuration.database;
    let options = Options {
        master_key: Some(configuration.master_key.clone()),
        ..Options::default()
    };
    SqliteStore::open_with(path, &options, clock.now())
        .with_context(|| format!("cannot open the store {}", path.display()))
}

fn engine_config(
    configuration: &Configuration,
    inboxes: InboxConfig,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<EngineConfig> {
    let egress = Arc::new(configuration.egress.clone());
    Ok(EngineConfig {
        limits: configuration.limits,
        retention: configuration.retention,
        bounds: configuration.bounds,
        inboxes,
        transport: Arc::new(transport(egress.clone(), clock.clone())?),
        egress,
        clock,
        chance: Arc::new(Chance::from_system()),
    })
}

fn transport(rules: Arc<EgressRules>, clock: Arc<dyn Clock>) -> anyhow::Result<HttpTransport> {
    // The tenant sees `blocked` alone; the operator sees which address it was.
    let watch = |url: &TargetUrl, error: &VetError| {
        tracing::warn!(origin = %url.origin(), %error, "egress.refused");
    };
    Ok(HttpTransport::new(HttpConfig {
        rules,
        clock,
        watch: Arc::new(watch),
        ..HttpConfig::default()
    })?)
}
