//! Sending a prepared request: once, as a stream, or in a loop that runs the tools in between.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use crate::observe::{Moment, Origin, RunKind, Started};
use crate::prepare::Prepared;
use crate::scope::Scope;
use crate::stream::extract;
use crate::tool::{ToolCall, ToolChoice, ToolResult, Toolbox};
use crate::{
    AnyProvider, Error, ErrorKind, Extract, FinishReason, Message, Provider as _, Request,
    Response, ResponseStream, Result, Usage,
};

/// Tools of one turn that run at the same time.
const TOOL_CONCURRENCY: usize = 8;

/// Sends the request and returns its events, folding as they are read.
pub(crate) async fn stream<T: Extract>(prepared: Prepared) -> Result<ResponseStream<T>> {
    send(&prepared.provider, prepared.request, &prepared.origin).await
}

async fn send<T: Extract>(
    provider: &AnyProvider,
    mut request: Request,
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
        Ok(events) => Ok(ResponseStream::new(events, provider.id(), model).observed(started)),
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
pub(crate) async fn run<T: Extract>(prepared: Prepared) -> Result<T> {
    if !T::RUNS_TOOLS || prepared.tools.is_empty() {
        let answer = send::<T>(&prepared.provider, prepared.request, &prepared.origin).await?;
        return answer.finish().await;
    }
    let Prepared { provider, mut request, tools, max_turns, origin, scope } = prepared;
    let mut spent = Usage::default();
    let mut turn = 1;
    loop {
        let answered = send::<Response>(&provider, request.clone(), &origin).await;
        let answered = answered.map_err(|error| with_spent(error, &spent, &provider, &request))?;
        let response = answered.response().await;
        let response = response.map_err(|error| with_spent(error, &spent, &provider, &request))?;
        let runs = response.tool_calls().next().is_some() && !is_cut(&response);
        if !runs {
            return extract(add_usage(response, &spent)).await;
        }
        if turn >= max_turns {
            // Nobody would read what the tools answer, so they do not run.
            return Err(turn_limit(&provider, add_usage(response, &spent), max_turns));
        }
        spent.add(&response.usage);
        let results = answer(&tools, &response, &origin, &scope).await;
        request.messages.push(response.message);
        request.messages.push(Message::tool_results(results));
        // A forced call is made once; forcing it again would never end.
        if matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Tool(_)) {
            request.tool_choice = ToolChoice::Auto;
        }
        turn += 1;
    }
}

fn turn_limit(provider: &AnyProvider, last: Response, max_turns: u32) -> Error {
    let message = format!(
        "the model still asked for tools after {max_turns} turns; raise `max_turns` or look at its calls"
    );
    Error::new(ErrorKind::TurnLimit, message)
        .with_provider(provider.id().to_owned())
        .with_partial(last)
}

/// Puts on an error what the turns before it used.
fn with_spent(mut error: Error, spent: &Usage, provider: &AnyProvider, request: &Request) -> Error {
    if *spent == Usage::default() {
        return error;
    }
    let partial = error.take_partial();
    let partial = partial.unwrap_or_else(|| Response::new(provider.id(), request.model.clone()));
    error.with_partial(add_usage(partial, spent))
}

/// Runs the calls of one answer concurrently; the results are in call order.
async fn answer(
    tools: &Toolbox,
    response: &Response,
    origin: &Origin,
    scope: &Scope,
) -> Vec<ToolResult> {
    // Boxed by type, so that the compiler can see that the whole loop is `Send`.
    let runs: Vec<BoxFuture<'_, ToolResult>> = response
        .tool_calls()
        .map(|call| Box::pin(run_tool(tools, call, origin, scope)) as _)
        .collect();
    futures_util::stream::iter(runs).buffered(TOOL_CONCURRENCY).collect().await
}

/// Runs one tool in the scope of the call; what it calls in turn is a part of its run.
async fn run_tool(tools: &Toolbox, call: &ToolCall, origin: &Origin, scope: &Scope) -> ToolResult {
    let Some(started) = Started::new(origin, RunKind::Tool, || call.name.clone().into()) else {
        return scope.clone().run(tools.run(call)).await;
    };
    started.tell(&Moment::ToolStart { call });
    match scope.inside(started.run()).run(tools.try_run(call)).await {
        Ok(output) => {
            let result = ToolResult::new(call, output.parts);
            started.end(&Moment::ToolEnd { result: &result });
            result
        }
        Err(error) => {
            started.fail(&error);
            ToolResult::error(call, error.message().to_owned())
        }
    }
}

/// A call that the token limit or a filter cut must not run.
fn is_cut(response: &Response) -> bool {
    matches!(response.finish_reason(), Some(FinishReason::Length | FinishReason::ContentFilter))
}

fn add_usage(mut response: Response, spent: &Usage) -> Response {
    response.usage.add(spent);
    response
}
