//! [`Listener`]: who is told of a prediction while it is written; and [`Listeners`], all who are.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use meanwhile_core::{Attempt, Error};
use serde_json::Value;

use crate::{FieldChange, Fields, SignatureSpec};

/// What there is to tell of a prediction.
#[derive(Clone, Copy)]
pub(crate) enum News<'a> {
    /// The model is about to be asked.
    Start,
    Change(FieldChange<'a>),
    /// The fields so far do not count.
    Again(&'a Attempt),
    /// It is over.
    End(Result<&'a Fields, &'a Error>),
}

/// Is told of a prediction while it is written, in order.
pub(crate) trait Listener: Send + Sync {
    fn hear(&self, news: News<'_>);

    /// Is ready when all that was told is taken.
    fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// All who are told of one prediction. Empty without an allocation.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Vec<Arc<dyn Listener>>);

impl Listeners {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, listener: Arc<dyn Listener>) {
        self.0.push(listener);
    }

    pub(crate) fn tell(&self, news: News<'_>) {
        self.0.iter().for_each(|listener| listener.hear(news));
    }

    pub(crate) fn change(&self, change: FieldChange<'_>) {
        self.tell(News::Change(change));
    }

    /// Tells fields that came in another way, as if they had just been written.
    pub(crate) fn whole(&self, spec: &SignatureSpec, fields: &Fields) {
        for (name, value) in fields.iter() {
            let is_text = spec.output(name).is_some_and(|field| field.ty.is_text());
            if let Value::String(delta) = value
                && is_text
                && !delta.is_empty()
            {
                self.change(FieldChange::Text { name, delta });
            }
            self.change(FieldChange::Completed { name, value });
        }
    }

    /// Waits until all that was told is taken: nothing is done that nobody looks at.
    pub(crate) async fn taken(&self) {
        for listener in &self.0 {
            poll_fn(|cx| listener.poll_taken(cx)).await;
        }
    }
}
