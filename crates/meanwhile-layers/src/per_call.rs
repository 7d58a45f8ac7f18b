//! [`LayerSettings`]: what a call, a prompt or settings of several calls say to the layers around them.

use meanwhile_core::{Call, Extract, Prompt, Settings};

use crate::RETRIES_TAG;
#[cfg(feature = "cache")]
use crate::{CACHE_TAG, CachePolicy};

/// Sets for single calls what layers otherwise do for all.
///
/// Calls, prompts and [`Settings`] have it; as with all settings, those of the call site go before those of
/// the body, and these before those of a scope. It is carried by the tags [`RETRIES_TAG`] and
/// `CACHE_TAG`, which observers see and no provider is sent.
///
/// ```
/// use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, Scripted};
/// use meanwhile_layers::{LayerSettings as _, Retry};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().error(Error::new(ErrorKind::Overloaded, "come back later"));
/// let provider = AnyProvider::from(scripted.clone()).layer(&Retry::new());
/// let call = Model::new(provider, "any").call::<String>("hello").retries(0);
///
/// assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Overloaded);
/// assert_eq!(scripted.requests().len(), 1);
/// # });
/// ```
pub trait LayerSettings: Sized + private::Tagged {
    /// Sets how often a request may be sent again; 0 for not at all. It goes before what a
    /// [`Retry`](crate::Retry) layer says; where there is none, nothing is tried again.
    #[must_use = "settings are set on the value that is returned"]
    fn retries(self, retries: u32) -> Self {
        self.tagged(RETRIES_TAG, retries.to_string())
    }

    /// Sets what is wanted of a [`Cache`](crate::Cache).
    #[cfg(feature = "cache")]
    #[must_use = "settings are set on the value that is returned"]
    fn cache(self, policy: CachePolicy) -> Self {
        self.tagged(CACHE_TAG, policy.as_str().to_owned())
    }
}

impl<S: private::Tagged> LayerSettings for S {}

impl<T: Extract> private::Tagged for Call<'_, T> {
    fn tagged(self, name: &'static str, value: String) -> Self {
        self.tag(name, value)
    }
}

impl private::Tagged for Prompt {
    fn tagged(self, name: &'static str, value: String) -> Self {
        self.tag(name, value)
    }
}

impl private::Tagged for Settings {
    fn tagged(self, name: &'static str, value: String) -> Self {
        self.tag(name, value)
    }
}

mod private {
    /// What has labels, of which a later one goes before an earlier one of the same name.
    pub trait Tagged {
        fn tagged(self, name: &'static str, value: String) -> Self;
    }
}
