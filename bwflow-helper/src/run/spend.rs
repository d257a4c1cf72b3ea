//! The spend guard's place in the loop: it works beside it, and neither waits for the other.

use tokio::sync::{mpsc, watch};

use bwflow_proto::spend::SpendView;

use super::{Helper, complain};
use crate::publisher::Command;
use crate::service::{Error, Reply, Request};
use crate::spend::guard::Guard;
use crate::spend::task::{self, Order};
use crate::spend::world::{Ask, Loop};

/// What the loop has of the guard.
pub(super) struct Room {
    requests: mpsc::Sender<Request>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    shown: watch::Sender<Option<SpendView>>,
    /// Whether the cap was decided on by what the cloud has said since the start.
    is_sure: bool,
}

impl Room {
    pub(super) fn new(requests: mpsc::Sender<Request>) -> Self {
        Self {
            requests,
            orders: None,
            shown: watch::Sender::new(None),
            is_sure: false,
        }
    }

    /// What the guard shows everybody.
    pub(super) fn shown(&self) -> watch::Receiver<Option<SpendView>> {
        self.shown.subscribe()
    }

    /// Whether somebody took the order.
    fn order(&self, order: Order) -> Result<(), Order> {
        match &self.orders {
            Some(orders) => orders.send(order).map_err(|refused| refused.0),
            None => Err(order),
        }
    }
}

impl Helper {
    /// Starts the guard if there is something to look after, and puts the cap in force that it had
    /// decided on. While it is switched off there is nothing of it.
    pub(super) fn start_guard(&mut self) {
        self.say_caution();
        let directory = self.args.state_directory();
        if !Guard::<Loop>::is_needed(&directory, self.books.config()) {
            return;
        }
        let world = Loop::new(&self.boot, &self.guard.requests);
        let guard = Guard::open(&directory, self.books.config(), world);
        self.books.cap(guard.held_cap());
        self.guard.shown.send_replace(guard.view().cloned());
        let (orders, given) = mpsc::unbounded_channel();
        self.guard.orders = Some(orders);
        tokio::spawn(task::run(guard, given, self.guard.shown.clone()));
    }

    /// Lets the guard follow the configuration in force.
    pub(super) fn reconfigure_guard(&mut self) {
        self.say_caution();
        let config = Box::new(self.books.config().clone());
        if self.guard.order(Order::Reconfigure(config)).is_err() {
            self.start_guard();
        }
    }

    /// Does what the guard needs.
    pub(super) async fn serve_guard(&mut self, ask: Ask) {
        match ask {
            Ask::Sent(interface, since_usec, answer) => {
                let sent = self.books.sent(&interface, since_usec);
                let sent = sent.map_err(|error| complain(&error)).ok().flatten();
                // Who asked may be gone.
                let _ = answer.send(sent);
            }
            Ask::Cap(cap, answer) => {
                if self.books.cap(cap) {
                    self.published.clear();
                    self.look(true).await;
                }
                let _ = answer.send(());
            }
            Ask::Sure(answer) => {
                if !self.guard.is_sure {
                    self.guard.is_sure = true;
                    self.say_caution();
                    self.published.clear();
                    self.look(true).await;
                }
                let _ = answer.send(());
            }
        }
    }

    /// Which cap may only be tightened: the guard's, while it goes on memory alone.
    fn say_caution(&self) {
        let spend = self.books.config().spend.as_ref();
        let link = spend.filter(|_| !self.guard.is_sure);
        self.send(Command::Tighten(link.and_then(|it| it.interface.clone())));
    }

    /// Has the guard look now.
    pub(super) fn check_spend(&self, answer: Reply<()>) {
        if let Err(Order::Check(answer)) = self.guard.order(Order::Check(answer)) {
            let off = Error::Failed(
                "the spend guard is switched off; set enabled = true under [spend] to use it"
                    .to_owned(),
            );
            let _ = answer.send(Err(off));
        }
    }
}
