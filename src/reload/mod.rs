//! Another configuration for the running program: on SIGHUP, on `POST /-/reload`, and when its file has changed. All of it is taken or
//! nothing; what can't change without a restart stays, and is said by its name.

mod fixed;
mod watch;

use crate::config::{Config, ConfigErrors};
use crate::discovery::Follower;
use crate::round::{Proxy, ReconfigureError};
use crate::serve::{App, Gate, GateError};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use watch::Watch;

/// Loads the configuration as it is now.
type Load = Box<dyn Fn() -> Result<Config, ConfigErrors> + Send>;

/// Where configurations come from.
pub struct Supply {
    load: Load,
    watch: Watch,
}

impl Supply {
    /// `load` reads `file`, if there is one. To be made before it is loaded for the first time, so that no change is missed.
    pub fn new(load: impl Fn() -> Result<Config, ConfigErrors> + Send + 'static, file: Option<PathBuf>) -> Self {
        Self { load: Box::new(load), watch: Watch::new(file) }
    }

    /// Loads it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        (self.load)()
    }

    /// Returns once the file has another content than when it was looked at last, and has stopped changing.
    pub async fn changed(&mut self) {
        self.watch.changed().await;
    }
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supply").field("watch", &self.watch).finish_non_exhaustive()
    }
}

/// Why a configuration was refused; the one before is in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Its mistakes.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The web configuration.
    #[error("the endpoint can't be protected as asked: {0}")]
    Gate(#[from] GateError),
    /// The sources.
    #[error(transparent)]
    Sources(#[from] ReconfigureError),
}

/// What came of a configuration that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Whether it is another than the one before.
    pub changed: bool,
    /// The [fingerprint](Config::fingerprint) of what is in force.
    pub fingerprint: String,
    /// Settings that it has otherwise, but that only a restart changes.
    pub restart: Vec<&'static str>,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.changed { "reloaded" } else { "nothing has changed" };
        write!(f, "{what}: configuration {}", self.fingerprint)?;
        if self.restart.is_empty() { Ok(()) } else { write!(f, "; only a restart changes {}", self.restart.join(", ")) }
    }
}

/// Puts configurations in force.
#[derive(Debug)]
pub struct Reloader {
    follower: Follower,
    proxy: Proxy,
    app: Arc<App>,
    /// With what only a restart changes as it was at the start.
    in_force: Config,
}

impl Reloader {
    /// For a program that runs on `config`.
    pub fn new(follower: Follower, proxy: Proxy, app: Arc<App>, config: &Config) -> Self {
        Self { follower, proxy, app, in_force: config.clone() }
    }

    /// The proxy it is about.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.in_force
    }

    /// Loads the configuration and puts it in force; says so in the log. `trigger` is who asked for it.
    ///
    /// # Errors
    /// What keeps it from being taken. Then nothing has changed.
    pub async fn reload(&mut self, supply: &Supply, trigger: &'static str) -> Result<Taken, ReloadError> {
        let result = match supply.load() {
            Ok(config) => self.take(config).await,
            Err(mistakes) => Err(mistakes.into()),
        };
        self.proxy.note_configuration(result.is_ok());
        match &result {
            Ok(Taken { changed, fingerprint, restart }) => {
                let configuration = fingerprint.as_str();
                tracing::info!(trigger, configuration, changed, "the configuration was loaded");
                for setting in restart {
                    tracing::warn!(setting, "changed, but only a restart changes it; all else is in force");
                }
            }
            Err(error) => tracing::error!(trigger, %error, "the configuration can't be taken; the one before stays in force"),
        }
        result
    }

    async fn take(&mut self, mut config: Config) -> Result<Taken, ReloadError> {
        let restart = fixed::keep(&self.in_force, &mut config);
        let fingerprint = config.fingerprint();
        let web_file = config.web.config_file.as_deref();
        // The file itself is looked at anew with every connection; only another file is another gate.
        let gate = (web_file != self.in_force.web.config_file.as_deref()).then(|| Gate::open(web_file)).transpose()?;
        // The last that may fail.
        self.follower.reconfigure(&config).await?;
        self.app.reconfigure(&config);
        gate.into_iter().for_each(|gate| self.app.change_gate(gate));
        let changed = config != self.in_force;
        self.in_force = config;
        Ok(Taken { changed, fingerprint, restart })
    }
}
