//! [`standard`]: the layers that a product wants without asking.

use meanwhile_core::Layer;

use crate::Retry;

/// Makes the default layers: two [retries](Retry), and nothing that needs to be configured.
///
/// The registry of the facade has them around every provider.
///
/// ```
/// use meanwhile_core::{Error, ErrorKind, Registry, Scripted};
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let registry = Registry::new();
/// registry.layer(meanwhile_layers::standard());
/// let broken = Error::new(ErrorKind::Server, "something broke");
/// registry.insert(Scripted::new().error(broken).reply("fine").into());
///
/// let answer: String = registry.model("scripted/any")?.call("How are you?").await?;
///
/// assert_eq!(answer, "fine");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[must_use]
pub fn standard() -> impl Layer + Clone {
    Retry::new()
}
