//! [`Connection`]: what every provider's builder is told about the way to its host.

use std::borrow::Cow;

use meanwhile_core::{Result, Timeouts};

use crate::{Auth, Client, Codec, Endpoint, Headers, HttpProvider, Secret};

/// Credential, headers, HTTP client and limits of a provider that is being configured, not yet checked. `Debug`
/// prints no secrets.
///
/// A builder holds one, gets its methods from [`connection_methods!`](crate::connection_methods) and
/// [`credential_methods!`](crate::credential_methods), and makes the provider with it:
///
/// ```
/// # use std::collections::VecDeque;
/// # use http::{HeaderMap, StatusCode};
/// # use meanwhile_core::{Error, ErrorKind, Event, Request};
/// # use meanwhile_http::{Codec, Decoder, Frame, Framing, Wire};
/// use meanwhile_core::{AnyProvider, Provider as _, Result};
/// use meanwhile_http::{Auth, BaseUrl, Connection, Endpoint, Secret};
///
/// # #[derive(Debug)]
/// # struct Plain;
/// # impl Codec for Plain {
/// #     type Decoder = PlainDecoder;
/// #     fn encode(&self, request: &Request) -> Result<Wire> {
/// #         Ok(Wire::post("/ask", request.messages[0].text(), Framing::Whole))
/// #     }
/// #     fn decoder(&self, _: &Request) -> PlainDecoder {
/// #         PlainDecoder
/// #     }
/// #     fn error(&self, _: StatusCode, _: &HeaderMap, _: &[u8]) -> Error {
/// #         Error::new(ErrorKind::Other, "no")
/// #     }
/// # }
/// # struct PlainDecoder;
/// # impl Decoder for PlainDecoder {
/// #     fn frame(&mut self, _: Frame<'_>, _: &mut VecDeque<Event>) -> Result<()> {
/// #         Ok(())
/// #     }
/// #     fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
/// #         Ok(())
/// #     }
/// # }
/// #[derive(Debug)]
/// struct Builder {
///     base_url: BaseUrl,
///     connection: Connection,
/// }
///
/// impl Builder {
///     meanwhile_http::credential_methods!(self => &mut self.connection);
///     meanwhile_http::connection_methods!(self => &mut self.connection);
///
///     fn build(self) -> Result<AnyProvider> {
///         let endpoint = Endpoint::new(&self.base_url)?;
///         let auth = self.connection.auth(Auth::bearer, || Secret::from_env(&["ACME_API_KEY"]))?;
///         Ok(self.connection.provider("acme", Plain, endpoint, auth)?.into())
///     }
/// }
///
/// let builder = Builder {
///     base_url: "https://api.acme.example/v1".into(),
///     connection: Connection::default(),
/// };
/// let acme = builder.api_key("not-a-real-key").header("x-team", "search").build()?;
/// assert_eq!(acme.id(), "acme");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Connection {
    credential: Option<Credential>,
    headers: Headers,
    client: Option<Client>,
    timeouts: Timeouts,
    frame_limit: Option<usize>,
}

#[derive(Debug, Clone)]
enum Credential {
    Key(Secret),
    Auth(Auth),
}

impl Connection {
    /// Sends this key, and not what was set before.
    pub fn set_api_key(&mut self, key: impl Into<Secret>) {
        self.credential = Some(Credential::Key(key.into()));
    }

    /// Proves in this way who sends the requests, and not with what was set before.
    pub fn set_auth(&mut self, auth: Auth) {
        self.credential = Some(Credential::Auth(auth));
    }

    /// Makes the credential: `of_key` says how a key is sent, `from_env` finds the key where none was set.
    ///
    /// # Errors
    ///
    /// Those of the functions.
    pub fn auth(
        &self,
        of_key: impl FnOnce(Secret) -> Result<Auth>,
        from_env: impl FnOnce() -> Result<Secret>,
    ) -> Result<Auth> {
        match &self.credential {
            Some(Credential::Auth(auth)) => Ok(auth.clone()),
            Some(Credential::Key(key)) => of_key(key.clone()),
            None => of_key(from_env()?),
        }
    }

    /// As [`auth`](Self::auth), where another credential than a key may be found, or none is needed.
    ///
    /// # Errors
    ///
    /// Those of the functions.
    pub fn auth_or(
        &self,
        of_key: impl FnOnce(Secret) -> Result<Auth>,
        otherwise: impl FnOnce() -> Result<Auth>,
    ) -> Result<Auth> {
        match &self.credential {
            Some(Credential::Auth(auth)) => Ok(auth.clone()),
            Some(Credential::Key(key)) => of_key(key.clone()),
            None => otherwise(),
        }
    }

    /// Adds a header to every request; it replaces one of the same name.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.add(name, value);
    }

    /// Adds a header that is never printed to every request; it replaces one of the same name.
    pub fn add_secret_header(&mut self, name: impl Into<String>, value: impl Into<Secret>) {
        self.headers.add_secret(name, value);
    }

    /// Sends requests through another HTTP client than the shared one.
    pub fn set_client(&mut self, client: Client) {
        self.client = Some(client);
    }

    /// Sets time limits for requests that bring none.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
    }

    /// Sets the most bytes that one event, or an answer that is not streamed, may hold.
    pub fn set_frame_limit(&mut self, bytes: usize) {
        self.frame_limit = Some(bytes);
    }

    /// The HTTP client, where it is not the shared one: for credentials that send requests too.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Makes the provider that is called `id` in errors and `provider/model` strings. Does no network I/O.
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) when a header cannot be sent.
    pub fn provider<C: Codec>(
        &self,
        id: impl Into<Cow<'static, str>>,
        codec: C,
        endpoint: Endpoint,
        auth: Auth,
    ) -> Result<HttpProvider<C>> {
        let endpoint = self.headers.add_to(endpoint)?;
        let mut provider =
            HttpProvider::new(id, codec, endpoint).with_auth(auth).with_timeouts(self.timeouts);
        if let Some(client) = &self.client {
            provider = provider.with_client(client.clone());
        }
        if let Some(bytes) = self.frame_limit {
            provider = provider.with_frame_limit(bytes);
        }
        Ok(provider)
    }
}

/// Writes the methods that every provider's builder has, into its `impl`: `header`, `secret_header`,
/// `http_client`, `timeouts` and `frame_limit`. Takes `self` and where its [`Connection`] is, as a mutable
/// reference; the example is there.
#[macro_export]
macro_rules! connection_methods {
    ($self:ident => $connection:expr) => {
        /// Adds a header to every request.
        pub fn header(
            mut $self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<::std::string::String>,
        ) -> Self {
            $crate::Connection::add_header($connection, name, value);
            $self
        }

        /// Adds a header that is never printed to every request.
        pub fn secret_header(
            mut $self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<$crate::Secret>,
        ) -> Self {
            $crate::Connection::add_secret_header($connection, name, value);
            $self
        }

        /// Sends requests through another HTTP client than the shared one.
        pub fn http_client(mut $self, client: $crate::Client) -> Self {
            $crate::Connection::set_client($connection, client);
            $self
        }

        /// Sets time limits for requests that bring none.
        pub fn timeouts(mut $self, timeouts: $crate::__private::Timeouts) -> Self {
            $crate::Connection::set_timeouts($connection, timeouts);
            $self
        }

        /// Sets the most bytes that one event, or an answer that is not streamed, may hold.
        pub fn frame_limit(mut $self, bytes: usize) -> Self {
            $crate::Connection::set_frame_limit($connection, bytes);
            $self
        }
    };
}

/// Writes the methods `api_key` and `auth` of a provider's builder, into its `impl`. Takes `self` and where its
/// [`Connection`] is, as a mutable reference; the example is there.
#[macro_export]
macro_rules! credential_methods {
    ($self:ident => $connection:expr) => {
        /// Sends this key instead of that of the environment.
        pub fn api_key(mut $self, key: impl ::core::convert::Into<$crate::Secret>) -> Self {
            $crate::Connection::set_api_key($connection, key);
            $self
        }

        /// Proves in another way who sends the requests.
        pub fn auth(mut $self, auth: $crate::Auth) -> Self {
            $crate::Connection::set_auth($connection, auth);
            $self
        }
    };
}
