//! A stateful fake of Azure (management API, identity service) and of Jellyfin, with their faults.
//!
//! Made from the documents of the real ones, never from bwflow's own clients: it must not share their
//! misreadings. Everything that it is and does wrong is in its [`State`]; every request is recorded.
//!
//! ```no_run
//! # async fn example() {
//! use bwflow_tests::fake::Fake;
//! let fake = Fake::start().await;
//! let _address = fake.jellyfin();
//! fake.state().jellyfin.version = "10.8.13".into();
//! assert!(fake.state().log.requests.is_empty());
//! # }
//! ```

pub mod azure;
pub mod control;
mod door;
pub mod fault;
pub mod imds;
pub mod jellyfin;
mod patch;
pub mod request;
mod serve;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::patch::merge;
pub use self::request::{Reply, Request, Service};
pub use self::state::{Log, State};

use self::door::Door;

/// What the services share: the state, and which of them are reachable at all.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    open: Arc<[watch::Sender<bool>; 3]>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the state must not hide why.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self, service: Service) -> &watch::Sender<bool> {
        &self.open[service as usize]
    }
}

/// The running fake; ends when dropped.
#[derive(Debug)]
pub struct Fake {
    shared: Shared,
    addresses: [SocketAddr; 3],
    tasks: Vec<JoinHandle<()>>,
}

impl Fake {
    /// Starts it on ports of 127.0.0.1 that are free.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at([any; 3]).await
    }

    /// Starts it there: management API, identity service, Jellyfin.
    ///
    /// # Panics
    /// When one of the ports is taken.
    pub async fn start_at(wished: [SocketAddr; 3]) -> Self {
        let shared = Shared {
            state: Arc::new(Mutex::new(State::default())),
            open: Arc::new([(); 3].map(|()| watch::Sender::new(true))),
        };
        let mut addresses = wished;
        let mut tasks = Vec::new();
        for service in Service::ALL {
            let open = shared.open(service).subscribe();
            let door = Door::open(wished[service as usize], open).await;
            addresses[service as usize] = door.address();
            tasks.push(tokio::spawn(serve::serve(door, shared.clone(), service)));
        }
        Self {
            shared,
            addresses,
            tasks,
        }
    }

    /// Base address of the management API.
    pub fn arm(&self) -> String {
        self.address(Service::Arm)
    }

    /// Base address of the identity and metadata service.
    pub fn imds(&self) -> String {
        self.address(Service::Imds)
    }

    /// Base address of Jellyfin, with the base path that it was started with.
    pub fn jellyfin(&self) -> String {
        let base = self.state().jellyfin.base_path();
        self.address(Service::Jellyfin) + &base
    }

    /// Where a service listens.
    pub fn address(&self, service: Service) -> String {
        format!("http://{}", self.addresses[service as usize])
    }

    /// All that it is, does and has seen. Nothing is answered while the guard lives: do not keep it
    /// over an `await`.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Makes a service refuse connections, or listen again.
    ///
    /// Returns at once; who connects a moment later is refused.
    pub fn set_reachable(&self, service: Service, reachable: bool) {
        self.shared.open(service).send_replace(reachable);
    }

    /// Starts the control endpoint, for other processes.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start_control(&mut self, wished: SocketAddr) -> SocketAddr {
        let (address, task) = control::start(wished, self.shared.clone()).await;
        self.tasks.push(task);
        address
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
