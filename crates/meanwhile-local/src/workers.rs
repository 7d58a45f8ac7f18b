//! [`Workers`]: a thread for each settings of a model, the same one for all that ask in this process.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::LocalError;
use crate::engine::Settings;

/// Where the threads of one kind of model take orders; `S` is what orders are sent by.
pub(crate) struct Workers<S> {
    /// What the threads are called.
    name: &'static str,
    /// Whether the thread behind a sender has gone.
    is_gone: fn(&S) -> bool,
    running: OnceLock<Mutex<HashMap<Settings, S>>>,
}

impl<S: Clone> Workers<S> {
    pub(crate) const fn new(name: &'static str, is_gone: fn(&S) -> bool) -> Self {
        Self { name, is_gone, running: OnceLock::new() }
    }

    /// Where the thread of these settings takes orders. Where there is none, or it has gone, it is
    /// started: `open` makes the sender and what the thread does.
    pub(crate) fn get<W: FnOnce() + Send + 'static>(
        &self,
        settings: &Settings,
        open: impl FnOnce(Settings) -> (S, W),
    ) -> Result<S, LocalError> {
        let running = self.running.get_or_init(Mutex::default).lock();
        let mut running = running.unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = running.get(settings).filter(|orders| !(self.is_gone)(orders)) {
            return Ok(orders.clone());
        }
        let (orders, work) = open(settings.clone());
        std::thread::Builder::new().name(self.name.into()).spawn(work).map_err(|error| {
            LocalError::internal(format_args!("no thread could be started: {error}"))
        })?;
        running.insert(settings.clone(), orders.clone());
        Ok(orders)
    }
}
