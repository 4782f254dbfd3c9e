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

/// Runs the proxy until SIGTERM, SIGINT or an order to quit; then requests under way finish, no longer than `limits.drain_timeout`. A
/// signal after that ends it at once. One round is made at once, so that readiness waits for no scraper. What `supply` has next is put
/// in force on SIGHUP, on an order to reload and when its file has changed.
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
    let mut ending = Ending::watch()?;
    let hup = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
    let gate = Gate::open(config.web.config_file.as_deref())?;
    let store = config.state.file.as_deref().map(Store::open).transpose()?;
    let (lifecycle, Orders { reloads, quit }) = Lifecycle::new();
    // Looked up before the first round, so that the first exposition knows its slots.
    let mut discovery = Discovery::start(config);
    let filled = tokio::select! {
        filled = discovery.first(config.scrape_timeout) => filled,
        () = told_to_end(&mut ending, &quit) => return Ok(()),
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
    let draining = Notify::new();
    let told = async {
        told_to_end(&mut ending, &quit).await;
        draining.notify_one();
    };
    let served = async {
        tokio::select! {
            () = run(listeners, app, told) => {}
            () = following => {}
            () = sync_state(&proxy, intervals) => {}
            () = reload(reloader, supply, hup, reloads, &save_interval) => {}
        }
        proxy.sync_state().await;
        tracing::info!("ended");
    };
    tokio::select! {
        () = served => {}
        // What was answered is in the state file already; only a crash of the machine could lose it now.
        signal = told_again(&draining) => tracing::warn!(signal, "ended at once: requests under way were cut off"),
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

async fn told_to_end(ending: &mut Ending, quit: &Notify) {
    let order = tokio::select! {
        signal = ending.signal() => signal,
        () = quit.notified() => "POST /-/quit",
    };
    tracing::info!(order, "ending: requests under way may finish");
}

/// Waits for a signal that comes while the program ends already.
async fn told_again(draining: &Notify) -> &'static str {
    draining.notified().await;
    match Ending::watch() {
        Ok(mut ending) => ending.signal().await,
        // Without it the drain has its time.
        Err(_) => std::future::pending().await,
    }
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
