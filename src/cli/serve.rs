//! The proxy as a service.

use crate::config::Config;
use crate::discovery::{Discovery, follow};
use crate::reload::{Reloader, Supply};
use crate::round::Proxy;
use crate::scrape::BadHeader;
use crate::serve::{App, Gate, GateError, Lifecycle, ListenError, Listener, Orders, Outcome, bind, inherited, run};
use crate::state::{Locked, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

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

/// Runs the proxy until SIGTERM, SIGINT or an order to quit; then requests under way finish. One round is made at once, so that readiness
/// waits for no scraper. What `supply` has next is put in force on SIGHUP, on an order to reload and when its file has changed.
///
/// # Errors
/// What keeps it from starting, before anything is served.
pub async fn serve(config: Config, supply: Supply) -> Result<(), ServeError> {
    let inherited = inherited()?;
    // Who opens the sockets for us decides where they are, as everywhere under systemd.
    let listeners = if inherited.is_empty() { bind(&config.web.listen_addresses).await? } else { inherited };
    serve_on(listeners, &config, supply).await
}

/// The same on listeners that are bound already.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve_on(listeners: Vec<Listener>, config: &Config, supply: Supply) -> Result<(), ServeError> {
    let mut term = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let hup = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
    let gate = Gate::open(config.web.config_file.as_deref())?;
    let store = config.state.file.as_deref().map(Store::open).transpose()?;
    let (lifecycle, Orders { reloads, quit }) = Lifecycle::new();
    // Looked up before the first round, so that the first exposition knows its slots.
    let mut discovery = Discovery::start(config);
    let filled = tokio::select! {
        filled = discovery.first(config.scrape_timeout) => filled,
        () = told_to_end(&mut term, &mut int, &quit) => return Ok(()),
    };
    let proxy = match store {
        Some(store) => Proxy::resume(&filled.config, store)?,
        None => Proxy::start(&filled.config)?,
    };
    for listener in &listeners {
        let url = listener.url(gate.is_secure(), &config.web.telemetry_path);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), url, "serving");
    }
    let (follower, following) = follow(discovery, filled, proxy.clone());
    tokio::spawn(first_round(proxy.clone(), Instant::now() + config.scrape_timeout));
    let app = Arc::new(App::new(proxy.clone(), config).behind(gate).obeying(lifecycle));
    let reloader = Reloader::new(follower, proxy.clone(), app.clone(), config);
    let save_interval = watch::Sender::new(config.state.save_interval);
    let intervals = save_interval.subscribe();
    tokio::select! {
        () = run(listeners, app, told_to_end(&mut term, &mut int, &quit)) => {}
        () = following => {}
        () = sync_state(&proxy, intervals) => {}
        () = reload(reloader, supply, hup, reloads, &save_interval) => {}
    }
    proxy.sync_state().await;
    tracing::info!("ended");
    Ok(())
}

async fn told_to_end(term: &mut Signal, int: &mut Signal, quit: &Notify) {
    let order = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
        () = quit.notified() => "POST /-/quit",
    };
    tracing::info!(order, "ending: requests under way may finish");
}

/// Makes the state survive a crash of the machine, again and again.
async fn sync_state(proxy: &Proxy, mut interval: watch::Receiver<Duration>) {
    loop {
        let pause = *interval.borrow_and_update();
        // Another interval counts at once.
        if timeout(pause, interval.changed()).await.is_err() {
            proxy.sync_state().await;
        }
    }
}

/// Goes over to other configurations as they come, one after the other.
async fn reload(
    mut reloader: Reloader,
    mut supply: Supply,
    mut hup: Signal,
    mut orders: mpsc::Receiver<oneshot::Sender<Outcome>>,
    save_interval: &watch::Sender<Duration>,
) {
    loop {
        let (trigger, order) = tokio::select! {
            Some(()) = hup.recv() => ("SIGHUP", None),
            Some(order) = orders.recv() => ("POST /-/reload", Some(order)),
            () = supply.changed() => ("a change of the file", None),
        };
        let result = reloader.reload(&supply, trigger).await;
        let config = reloader.config();
        if result.as_ref().is_ok_and(|taken| taken.changed) {
            save_interval.send_replace(config.state.save_interval);
            tokio::spawn(first_round(reloader.proxy().clone(), Instant::now() + config.scrape_timeout));
        }
        if let Some(order) = order {
            // Who asked may have gone.
            let _ = order.send(result.map(|taken| taken.to_string()).map_err(|error| error.to_string()));
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
