//! [`HttpProvider`]: a [`Codec`] with an endpoint, a credential and a client is a provider.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{AnyProvider, Capabilities, EventStream, Provider, Request, Result, Timeouts};

use crate::frame::FRAME_LIMIT;
use crate::transport::Client;
use crate::{Auth, Codec, Endpoint, exchange};

/// A provider that speaks HTTP: what it says is the codec's, how it is said is the same for all.
///
/// Clones share everything. Without further settings it uses the [shared](Client::shared) client,
/// sends no credential, waits 10 minutes for the first event and as long between two events, with
/// no limit for the whole call; a request's own [`Timeouts`] go before these. An answer that is
/// not streamed is one event. Comments in a stream keep no silence from counting, events without
/// content do.
///
/// Redirects are not followed, neither to another host nor to another path of the same one: requests
/// go where the program says and nowhere else. The error says where the server points to.
///
/// Must be polled inside a tokio runtime with its timers enabled.
///
/// ```
/// # use std::collections::VecDeque;
/// # use std::io::{Read as _, Write as _};
/// # use http::{HeaderMap, StatusCode};
/// # use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Model, Part};
/// # use meanwhile_core::{Request, Result};
/// # use meanwhile_http::{Auth, Codec, Decoder, Endpoint, Frame, Framing, HttpProvider, Wire};
/// /// Asks in plain text and is answered in JSON.
/// #[derive(Debug)]
/// struct Plain;
///
/// impl Codec for Plain {
/// #     type Decoder = PlainDecoder;
///     fn encode(&self, request: &Request) -> Result<Wire> {
///         Ok(Wire::post("/ask", request.messages[0].text(), Framing::Whole))
///     }
/// #     fn decoder(&self, _: &Request) -> PlainDecoder {
/// #         PlainDecoder
/// #     }
/// #     fn error(&self, _: StatusCode, _: &HeaderMap, _: &[u8]) -> Error {
/// #         Error::new(ErrorKind::Other, "no")
/// #     }
/// }
///
/// # struct PlainDecoder;
/// # impl Decoder for PlainDecoder {
/// #     fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
/// #         let Frame::Body(body) = frame else { return Ok(()) };
/// #         let answer: serde_json::Value = serde_json::from_slice(body)
/// #             .map_err(|error| Error::new(ErrorKind::Decode, error.to_string()))?;
/// #         let text = answer["text"].as_str().unwrap_or_default();
/// #         events.push_back(Event::part(0, Part::text(text)));
/// #         events.push_back(Event::finish(Finish::new(FinishReason::Stop)));
/// #         Ok(())
/// #     }
/// #     fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let base_url = format!("http://{}/v1", listener.local_addr()?);
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 4096];
/// #     let length = connection.read(&mut read).unwrap();
/// #     let read = String::from_utf8_lossy(&read[..length]);
/// #     assert!(read.starts_with("POST /v1/ask ") && read.contains("Bearer sk-secret"));
/// #     let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"text\": \"hello\"}";
/// #     connection.write_all(answer).unwrap();
/// # });
/// let provider = HttpProvider::new("house", Plain, Endpoint::new(base_url)?)
///     .with_auth(Auth::bearer("sk-secret")?);
/// let answer: String = Model::new(provider, "any").call("Say hello").await?;
/// assert_eq!(answer, "hello");
/// # Ok(()) }
/// ```
pub struct HttpProvider<C> {
    pub(crate) codec: Arc<C>,
    pub(crate) shared: Arc<Shared>,
}

/// What a request and its answer need beside the codec.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) id: Cow<'static, str>,
    pub(crate) endpoint: Endpoint,
    // Of the base URL, for `Capabilities::endpoint`.
    digest: u64,
    pub(crate) auth: Auth,
    pub(crate) timeouts: Timeouts,
    pub(crate) frame_limit: usize,
    client: Option<Client>,
    capabilities: Arc<dyn Fn(&str) -> Capabilities + Send + Sync>,
}

const TIMEOUT: Duration = Duration::from_secs(600);

impl<C: Codec> HttpProvider<C> {
    /// Makes a provider that is called `id` in errors and `provider/model` strings.
    #[must_use]
    pub fn new(id: impl Into<Cow<'static, str>>, codec: C, endpoint: Endpoint) -> Self {
        let shared = Shared {
            id: id.into(),
            digest: digest(&endpoint.to_string()),
            endpoint,
            auth: Auth::none(),
            timeouts: Timeouts::default().first_event(TIMEOUT).idle(TIMEOUT),
            frame_limit: FRAME_LIMIT,
            client: None,
            capabilities: Arc::new(|_| Capabilities::none()),
        };
        Self { codec: Arc::new(codec), shared: Arc::new(shared) }
    }

    /// Sets how requests prove who sends them.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.shared_mut().auth = auth;
        self
    }

    /// Uses another client than the shared one.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.shared_mut().client = Some(client);
        self
    }

    /// Sets time limits for requests that bring none; what is `None` stays as it was. A limit of
    /// [`Duration::MAX`] is none.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        let shared = self.shared_mut();
        shared.timeouts = timeouts.or(shared.timeouts);
        self
    }

    /// Sets the most bytes that one event, or an answer that is not streamed, may hold. 64 MiB
    /// without it.
    #[must_use]
    pub fn with_frame_limit(mut self, bytes: usize) -> Self {
        self.shared_mut().frame_limit = bytes;
        self
    }

    /// Sets what is known about each model; without it, nothing.
    #[must_use]
    pub fn with_capabilities(
        mut self,
        capabilities: impl Fn(&str) -> Capabilities + Send + Sync + 'static,
    ) -> Self {
        self.shared_mut().capabilities = Arc::new(capabilities);
        self
    }

    /// The codec.
    #[must_use]
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// Where requests go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

impl Shared {
    pub(crate) fn client(&self) -> Result<Client> {
        self.client.clone().map_or_else(Client::shared, Ok)
    }
}

/// FNV-1a: the same in every process, and enough to tell addresses apart.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl<C: Codec> Provider for HttpProvider<C> {
    fn id(&self) -> &str {
        &self.shared.id
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        let mut capabilities = (self.shared.capabilities)(model);
        capabilities.endpoint = Some(self.shared.digest);
        capabilities
    }

    // Boxes the exchange itself instead of a future around it.
    fn send<'life, 'future>(
        &'life self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<EventStream>> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(exchange::exchange(&*self.codec, &self.shared, request))
    }
}

impl<C> Clone for HttpProvider<C> {
    fn clone(&self) -> Self {
        Self { codec: self.codec.clone(), shared: self.shared.clone() }
    }
}

impl<C: Codec> From<HttpProvider<C>> for AnyProvider {
    fn from(provider: HttpProvider<C>) -> Self {
        Self::new(provider)
    }
}

impl<C: Codec> fmt::Debug for HttpProvider<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("id", &self.shared.id)
            .field("codec", &self.codec)
            .field("endpoint", &self.shared.endpoint)
            .field("auth", &self.shared.auth)
            .field("timeouts", &self.shared.timeouts)
            .finish_non_exhaustive()
    }
}
