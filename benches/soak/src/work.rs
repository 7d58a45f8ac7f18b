//! [`Worker`]: makes one call after the other in ways that are drawn at random, and drops many of them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use fastrand::Rng;
use meanwhile::{AnyProvider, Call, Model, Response, Result};
use tokio::time::timeout;

use crate::ledger::Ledger;

pub(crate) struct Worker {
    provider: AnyProvider,
    ledger: Arc<Ledger>,
    random: Rng,
}

/// How a call ended.
enum End {
    Success,
    Failure,
    Cancelled,
}

impl Worker {
    pub(crate) fn new(provider: AnyProvider, ledger: Arc<Ledger>, seed: u64) -> Self {
        Self { provider, ledger, random: Rng::with_seed(seed) }
    }

    /// Makes calls until `end`.
    pub(crate) async fn work(mut self, end: Instant) {
        while Instant::now() < end {
            let counts = &self.ledger.program;
            counts.started.fetch_add(1, Relaxed);
            let ended = self.call().await;
            let counter = match ended {
                End::Success => &self.ledger.program.succeeded,
                End::Failure => &self.ledger.program.failed,
                End::Cancelled => &self.ledger.program.cancelled,
            };
            counter.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_millis(self.random.u64(0..60))).await;
        }
    }

    async fn call(&mut self) -> End {
        let call: Call<'_, Response> =
            Model::of(self.provider.clone(), "gpt-4o").call("How is the weather?");
        let call = call.observe(self.ledger.clone());
        // Most of the good answers are there within 20 ms.
        let patience = Duration::from_millis(self.random.u64(0..40));
        match self.random.u8(0..8) {
            0..=2 => ended(call.await),
            3 => match timeout(patience, call.into_future()).await {
                Ok(outcome) => ended(outcome),
                Err(_) => End::Cancelled,
            },
            4 | 5 => match call.stream().await {
                Ok(stream) => ended(stream.finish().await),
                Err(_) => End::Failure,
            },
            6 => self.stop_reading(call).await,
            _ => {
                let reading = async {
                    match call.stream().await {
                        Ok(stream) => ended(stream.finish().await),
                        Err(_) => End::Failure,
                    }
                };
                timeout(patience, reading).await.unwrap_or(End::Cancelled)
            }
        }
    }

    /// Reads some events of a stream and drops it.
    async fn stop_reading(&mut self, call: Call<'_, Response>) -> End {
        let Ok(mut stream) = call.stream().await else { return End::Failure };
        for _ in 0..self.random.u8(0..8) {
            match stream.next().await {
                Some(Ok(event)) if event.is_terminal() => return End::Success,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return End::Failure,
            }
        }
        End::Cancelled
    }
}

fn ended<T>(outcome: Result<T>) -> End {
    match outcome {
        Ok(_) => End::Success,
        Err(_) => End::Failure,
    }
}
