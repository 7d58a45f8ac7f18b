//! Sending a prepared request: once, as a stream, or in a run that answers tool calls in between.

mod agent;
mod limits;
mod machine;
mod settings;
mod state;
mod tools;

pub use agent::{AgentRun, RunEvent};
pub use limits::RunLimits;
pub(crate) use machine::Machine;
pub(crate) use settings::merge;
pub use settings::{EachTurn, NextTurn, OutputMode, RunSettings, StopWhen};
pub use state::{PendingCall, RunState};

use crate::observe::{Moment, Origin, RunKind, Started};
use crate::prepare::Prepared;
use crate::{AnyProvider, Extract, Provider as _, Reading, Request, ResponseStream, Result};

/// Sends the request and returns its events, folding as they are read.
pub(crate) async fn stream<T: Extract>(mut prepared: Prepared) -> Result<ResponseStream<T>> {
    let mode = prepared.run.output_mode.unwrap_or_default();
    prepared.request.choose_output(mode, &prepared.provider);
    let Prepared { provider, request, reading, origin, .. } = prepared;
    send(&provider, request, reading, &origin).await
}

async fn send<T: Extract>(
    provider: &AnyProvider,
    mut request: Request,
    reading: Reading,
    origin: &Origin,
) -> Result<ResponseStream<T>> {
    let model = request.model.clone();
    let name = || format!("{}/{model}", provider.id()).into();
    let started = Started::new(origin, RunKind::Model, name);
    if let Some(started) = &started {
        request.run = Some(started.run().clone());
        started.tell(&Moment::ModelStart { provider: provider.id(), request: &request });
    }
    match provider.send(request).await {
        Ok(events) => Ok(ResponseStream::new(events, provider.id(), model)
            .read_with(reading)
            .observed(started)),
        Err(error) => {
            let error = error.with_provider(provider.id().to_owned()).with_model(model);
            if let Some(started) = started {
                started.fail(&error);
            }
            Err(error)
        }
    }
}

/// Sends the request, runs tools if the output type asks for that, and reads the value.
pub(crate) async fn run<T: Extract>(prepared: Prepared, resumed: Option<RunState>) -> Result<T> {
    let goes_on = T::RUNS_TOOLS && resumed.is_some();
    if !goes_on && !takes_turns::<T>(&prepared) {
        return stream::<T>(prepared).await?.finish().await;
    }
    Machine::new(prepared, resumed).run().await
}

/// Whether more than one request may be needed.
fn takes_turns<T: Extract>(prepared: &Prepared) -> bool {
    T::RUNS_TOOLS
        && (!prepared.tools.is_empty()
            || prepared.run.limits.time.is_some()
            || prepared.run.attempts.is_some_and(|attempts| attempts > 1)
            || prepared.provider.capabilities(&prepared.request.model).pauses)
}
