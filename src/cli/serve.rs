//! The proxy as a service.

use crate::config::Config;
use crate::round::Proxy;
use crate::scrape::BadHeader;
use crate::serve::{App, Gate, GateError, ListenError, Listener, bind, inherited, run};
use crate::state::{Locked, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Why the proxy can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listen address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The web configuration.
    #[error("the endpoint can't be protected as asked: {0}")]
    Gate(#[from] GateError),
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// The state file.
    #[error(transparent)]
    State(#[from] Locked),
    /// The signals that end it.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs the proxy until SIGTERM or SIGINT; then requests under way finish, no longer than `limits.drain_timeout`. A second signal
/// ends it at once. One round is made at once, so that readiness waits for no
/// scraper.
///
/// # Errors
/// What keeps it from starting, before anything is served.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let inherited = inherited()?;
    // Who opens the sockets for us decides where they are, as everywhere under systemd.
    let listeners = if inherited.is_empty() { bind(&config.web.listen_addresses).await? } else { inherited };
    serve_on(listeners, &config).await
}

/// The same on listeners that are bound already.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve_on(listeners: Vec<Listener>, config: &Config) -> Result<(), ServeError> {
    let (mut first, mut both) = (Ending::watch()?, Ending::watch()?);
    let gate = Gate::open(config.web.config_file.as_deref())?;
    let store = config.state.file.as_deref().map(Store::open).transpose()?;
    let proxy = match store {
        Some(store) => Proxy::resume(config, store)?,
        None => Proxy::start(config)?,
    };
    for listener in &listeners {
        let url = listener.url(gate.is_secure(), &config.web.telemetry_path);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), url, "serving");
    }
    tokio::spawn(first_round(proxy.clone(), Instant::now() + config.scrape_timeout));
    let told = async {
        let signal = first.signal().await;
        tracing::info!(signal, "ending: requests under way may finish");
    };
    let served = async {
        tokio::select! {
            () = run(listeners, App::new(proxy.clone(), config).behind(gate), told) => {}
            () = proxy.sync_state_every(config.state.save_interval) => {}
        }
        proxy.sync_state().await;
        tracing::info!("ended");
    };
    let told_twice = async {
        both.signal().await;
        both.signal().await
    };
    tokio::select! {
        () = served => {}
        // What was answered is in the state file already; only a crash of the machine could lose it now.
        signal = told_twice => tracing::warn!(signal, "ended at once: requests under way were cut off"),
    }
    Ok(())
}

/// The signals that end the program.
struct Ending {
    term: Signal,
    int: Signal,
}

impl Ending {
    fn watch() -> Result<Self, ServeError> {
        let of = |kind| signal(kind).map_err(ServeError::Signals);
        Ok(Self { term: of(SignalKind::terminate())?, int: of(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn signal(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

async fn first_round(proxy: Proxy, deadline: Instant) {
    if let Err(error) = proxy.round(deadline).await {
        tracing::error!(%error, "the first round failed");
        return;
    }
    for source in proxy.report() {
        let (name, up, targets, expect) = (source.name, source.up, source.targets.len(), source.expect);
        if up == 0 || expect.is_some_and(|n| up < n as usize) {
            tracing::warn!(source = name, up, targets, expect, "ready, but fewer up than there should be");
        } else {
            tracing::info!(source = name, up, targets, expect, "ready");
        }
    }
}
