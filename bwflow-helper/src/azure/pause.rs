//! Waiting between two tries, so that a test need not wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A wait under way.
type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How to wait.
#[derive(Clone)]
pub struct Pause(Arc<dyn Fn(Duration) -> Wait + Send + Sync>);

impl Pause {
    /// Waits as `how` does.
    pub fn new<F, W>(how: F) -> Self
    where
        F: Fn(Duration) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |time| Box::pin(how(time))))
    }

    /// Waits not at all.
    pub fn none() -> Self {
        Self::new(|_| std::future::ready(()))
    }

    /// Waits.
    pub async fn wait(&self, time: Duration) {
        (self.0)(time).await;
    }
}

/// Waits on tokio's clock.
impl Default for Pause {
    fn default() -> Self {
        Self::new(tokio::time::sleep)
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}
