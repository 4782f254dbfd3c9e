//! A proxy kept at what lookups find.

use super::{Discovery, Filled};
use crate::config::{Config, Limit, SourceConfig};
use crate::round::{Proxy, ReconfigureError, RoundError};
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// Hands other configurations to the proxy, with what is found for them.
#[derive(Debug, Clone)]
pub struct Follower {
    renewals: mpsc::UnboundedSender<Renewal>,
}

struct Renewal {
    config: Config,
    done: oneshot::Sender<Result<(), ReconfigureError>>,
}

/// Keeps `proxy`, which was made of `filled`, at what `discovery` finds, as long as the future is polled.
pub fn follow(discovery: Discovery, filled: Filled, proxy: Proxy) -> (Follower, impl Future<Output = ()>) {
    let (renewals, renewed) = mpsc::unbounded_channel();
    show(&proxy, &filled, false);
    (Follower { renewals }, Following { discovery, proxy, filled }.run(renewed))
}

impl Follower {
    /// Goes over to another configuration: what can be found for it within its `scrape_timeout` is there at once. Lookups that stand in
    /// both keep what they know.
    ///
    /// # Errors
    /// See [`Proxy::reconfigure`]; then the configuration before is still in force.
    pub async fn reconfigure(&self, config: &Config) -> Result<(), ReconfigureError> {
        let (done, told) = oneshot::channel();
        self.renewals.send(Renewal { config: config.clone(), done }).map_err(|_| RoundError::Stopped)?;
        told.await.map_err(|_| RoundError::Stopped)?
    }
}

struct Following {
    discovery: Discovery,
    proxy: Proxy,
    filled: Filled,
}

impl Following {
    async fn run(mut self, mut renewed: mpsc::UnboundedReceiver<Renewal>) {
        loop {
            tokio::select! {
                Some(renewal) = renewed.recv() => {
                    let result = self.renew(&renewal.config).await;
                    // Whoever asked may have gone.
                    let _ = renewal.done.send(result);
                }
                filled = self.discovery.changed() => {
                    if let Err(error) = self.put(filled).await {
                        tracing::error!(%error, "the targets found can't be taken; those before stay");
                    }
                }
            }
        }
    }

    async fn renew(&mut self, config: &Config) -> Result<(), ReconfigureError> {
        let before = self.discovery.config().clone();
        self.discovery.renew(config);
        let filled = self.discovery.first(config.scrape_timeout).await;
        let result = self.put(filled).await;
        if result.is_err() {
            self.discovery.renew(&before);
        }
        result
    }

    async fn put(&mut self, filled: Filled) -> Result<(), ReconfigureError> {
        if filled.config != self.filled.config {
            self.proxy.reconfigure(&filled.config).await?;
            for source in &filled.config.sources {
                log_change(source, self.filled.config.sources.iter().find(|before| before.name == source.name));
            }
        }
        show(&self.proxy, &filled, self.filled.is_over_limit);
        self.filled = filled;
        Ok(())
    }
}

/// Shows the notes on the page, and counts the limit where it is reached anew.
fn show(proxy: &Proxy, filled: &Filled, was_over_limit: bool) {
    if !super::IS_IN {
        return;
    }
    let names = filled.config.sources.iter().map(|source| source.name.clone());
    proxy.note_discovery(names.zip(filled.notes.iter().cloned()).collect());
    if filled.is_over_limit && !was_over_limit {
        proxy.count_limit(Limit::MaxSlots);
    }
}

fn log_change(source: &SourceConfig, before: Option<&SourceConfig>) {
    let Some(before) = before.filter(|before| super::IS_IN && before.targets != source.targets && !source.lookups.is_empty())
    else {
        return;
    };
    let missing_in = |other: &SourceConfig, of: &SourceConfig| {
        let ids = of.targets.iter().filter(|target| other.targets.iter().all(|t| t.address != target.address));
        ids.map(|target| target.text.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (added, removed) = (missing_in(before, source), missing_in(source, before));
    tracing::info!(source = source.name.as_str(), targets = source.targets.len(), added, removed, "targets changed");
}
