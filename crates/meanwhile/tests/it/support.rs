//! Running calls without a network.

use meanwhile::{Call, Extract, Message, Request, Scripted};

/// Runs a future to its end.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// The messages a call would send, as `role: text`.
pub(crate) fn messages<T: Extract>(call: Call<'_, T>) -> Vec<String> {
    run(call.messages()).unwrap().iter().map(show).collect()
}

pub(crate) fn show(message: &Message) -> String {
    format!("{}: {}", message.role.as_str(), message.text())
}

/// The request that a call sends.
pub(crate) fn request<T: Extract>(call: Call<'_, T>) -> Request {
    let scripted = Scripted::new().reply("x");
    run(call.response().client(scripted.clone()).into_future()).unwrap();
    scripted.requests().remove(0)
}
