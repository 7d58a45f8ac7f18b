//! Sending a prepared request: once, as a stream, or in a loop that runs the tools in between.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use crate::prepare::Prepared;
use crate::tool::{ToolChoice, ToolResult, Toolbox};
use crate::{
    AnyProvider, Error, ErrorKind, Extract, FinishReason, Message, Provider as _, Request,
    Response, ResponseStream, Result, Usage,
};

/// Tools of one turn that run at the same time.
const TOOL_CONCURRENCY: usize = 8;

/// Sends the request and returns its events, folding as they are read.
pub(crate) async fn stream<T: Extract>(prepared: Prepared) -> Result<ResponseStream<T>> {
    send(&prepared.provider, prepared.request).await
}

async fn send<T: Extract>(provider: &AnyProvider, request: Request) -> Result<ResponseStream<T>> {
    let model = request.model.clone();
    match provider.send(request).await {
        Ok(events) => Ok(ResponseStream::new(events, provider.id(), model)),
        Err(error) => Err(error.with_provider(provider.id().to_owned()).with_model(model)),
    }
}

/// Sends the request, runs tools if the output type asks for that, and reads the value.
pub(crate) async fn run<T: Extract>(prepared: Prepared) -> Result<T> {
    if !T::RUNS_TOOLS || prepared.tools.is_empty() {
        let answer = send::<T>(&prepared.provider, prepared.request).await?;
        return answer.finish().await;
    }
    let Prepared { provider, mut request, tools, max_turns } = prepared;
    let mut spent = Usage::default();
    for _ in 0..max_turns {
        let response = send::<Response>(&provider, request.clone()).await?.response().await?;
        let runs = response.tool_calls().next().is_some() && !is_cut(&response);
        if !runs {
            return T::extract(add_usage(response, &spent));
        }
        spent.add(&response.usage);
        let results = answer(&tools, &response).await;
        request.messages.push(response.message);
        request.messages.push(Message::tool_results(results));
        // A forced call is made once; forcing it again would never end.
        request.tool_choice = ToolChoice::Auto;
    }
    let message = format!(
        "the model still asked for tools after {} turns; raise `max_turns` or look at its calls",
        max_turns
    );
    let mut partial = Response::new(provider.id(), request.model);
    partial.usage = spent;
    if let Some(last) = request.messages.into_iter().rev().nth(1) {
        partial.message = last;
    }
    Err(Error::new(ErrorKind::TurnLimit, message)
        .with_provider(provider.id().to_owned())
        .with_partial(partial))
}

/// Runs the calls of one answer concurrently; the results are in call order.
async fn answer(tools: &Toolbox, response: &Response) -> Vec<ToolResult> {
    // Boxed by type, so that the compiler can see that the whole loop is `Send`.
    let runs: Vec<BoxFuture<'_, ToolResult>> =
        response.tool_calls().map(|call| Box::pin(tools.run(call)) as _).collect();
    futures_util::stream::iter(runs).buffered(TOOL_CONCURRENCY).collect().await
}

/// A call that the token limit or a filter cut must not run.
fn is_cut(response: &Response) -> bool {
    matches!(response.finish_reason(), Some(FinishReason::Length | FinishReason::ContentFilter))
}

fn add_usage(mut response: Response, spent: &Usage) -> Response {
    response.usage.add(spent);
    response
}
