//! [`exchange`]: one request and its answer, on one page: encode → authorise → send → frame → decode.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use meanwhile_core::{
    Error, ErrorKind, Event, EventStream, Metadata, Moment, Request, Result, Run,
};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::content::{self, Decision};
use crate::frame::without_mark;
use crate::provider::Shared;
use crate::redact::Redactor;
use crate::status::{request_id, with_headers};
use crate::transport::Body;
use crate::{Answer, Codec, Decoder, Framing, Wire};

// Most bytes that are read of the body of a refusal, and how long it may take.
const REFUSAL_LIMIT: usize = 64 << 10;
const REFUSAL_TIME: Duration = Duration::from_secs(10);

// How long the finish is held back for the end of the body. They mostly come together, and a
// connection whose body was not read to its end cannot be used again.
const GRACE: Duration = Duration::from_millis(50);

// Most events that are handed out in one turn of the task, however many have arrived: other tasks of
// the thread have work, too.
const BURST: u8 = 64;

/// Sends `request` and returns its events. Nothing runs between polls.
pub(crate) async fn exchange<C: Codec>(
    codec: &C,
    shared: &Arc<Shared>,
    mut request: Request,
) -> Result<EventStream> {
    let mut call = Call::new(shared, "");
    let sent = call.send(codec, &mut request).await;
    call.model = request.model;
    match sent {
        Ok((answer, body, clock)) => Ok(EventStream::new(Reading {
            call,
            answer,
            body: Some(body),
            clock,
            held: None,
            burst: 0,
        })),
        Err(error) => Err(call.error(error)),
    }
}

/// What errors need to know about a request.
#[derive(Clone)]
pub(crate) struct Call {
    shared: Arc<Shared>,
    model: String,
    // Credentials beside those of the endpoint and of a fixed `Auth`.
    secrets: Vec<HeaderValue>,
}

impl Call {
    pub(crate) fn new(shared: &Arc<Shared>, model: &str) -> Self {
        Self { shared: shared.clone(), model: model.to_owned(), secrets: Vec::new() }
    }

    /// Completes and authorises a request.
    pub(crate) async fn message(&mut self, wire: Wire) -> Result<http::Request<Bytes>> {
        let shared = self.shared.clone();
        let Wire { method, path, headers, body, framing, warnings: _ } = wire;
        let mut message = http::Request::new(body);
        *message.method_mut() = method;
        *message.uri_mut() = shared.endpoint.url(&path)?;
        *message.headers_mut() = self.headers(headers, framing);
        shared.auth.apply(&mut message).await?;
        if shared.auth.is_hook() {
            self.keep_secrets(message.headers());
        }
        Ok(message)
    }

    async fn send<C: Codec>(
        &mut self,
        codec: &C,
        request: &mut Request,
    ) -> Result<(Answer<C::Decoder>, Body, Clock)> {
        let shared = self.shared.clone();
        let mut wire = codec.encode(request)?;
        let warnings = std::mem::take(&mut wire.warnings);
        let framing = wire.framing;
        let client = shared.client()?;

        // Refreshing a token takes time, too.
        let mut clock = Clock::start(request.timeouts.or(shared.timeouts));
        let message = clock.run(self.message(wire)).await??;
        if let Some(run) = &request.run {
            tell_server(run, message.uri());
        }
        let (head, mut body) = clock.run(client.send(message)).await??.into_parts();
        if !head.status.is_success() {
            let refusal = |status, headers: &_, body: &_| codec.error(status, headers, body);
            return Err(self.refusal(&refusal, &head, &mut body).await);
        }
        let named = |error: Error| match request_id(&head.headers) {
            Some(id) => error.with_request_id(id),
            None => error,
        };
        let mut first = Bytes::new();
        let framing = match content::decide(framing, &head.headers) {
            Decision::Cut(framing) => Some(framing),
            Decision::Look => {
                while first.trim_ascii_start().is_empty() {
                    let chunk = clock.run(body.chunk()).await;
                    let Some(chunk) = chunk.and_then(Option::transpose).map_err(named)? else {
                        break;
                    };
                    first = chunk;
                }
                content::look(framing, &first)
            }
        };
        let Some(framing) = framing else {
            let page = self.page(first, &mut body).await;
            let error = content::not_an_answer(&shared.endpoint, &head.headers, &page);
            let error = error.with_status(head.status.as_u16());
            return Err(with_headers(error, &head.headers).with_body(self.redactor().shown(&page)));
        };

        let mut answer = Answer::with_limit(codec.decoder(request), framing, shared.frame_limit);
        if request.raw {
            answer.keep_raw();
        }
        if let Some(id) = request_id(&head.headers) {
            let mut metadata = Metadata::default();
            metadata.request_id = Some(id.to_owned());
            answer.announce(Event::Metadata(Box::new(metadata)));
        }
        for warning in request.warnings.drain(..).chain(warnings) {
            answer.announce(Event::warning(warning));
        }
        answer.push(first);
        Ok((answer, body, clock))
    }

    /// Completes the headers. Those of the codec go before those of the endpoint.
    fn headers(&mut self, mut headers: HeaderMap, framing: Framing) -> HeaderMap {
        self.keep_secrets(&headers);
        // With room for those below, the credential, the host and the length.
        headers.reserve(self.shared.endpoint.headers().len() + 6);
        for (name, value) in self.shared.endpoint.headers() {
            if !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        let accept = match framing {
            Framing::Whole => JSON,
            Framing::ServerSentEvents => EVENTS,
            Framing::JsonLines => LINES,
            #[cfg(feature = "aws-event-stream")]
            Framing::AwsEventStream => {
                const { HeaderValue::from_static(content::AWS_EVENT_STREAM) }
            }
        };
        for (name, value) in [(CONTENT_TYPE, JSON), (ACCEPT, accept), (USER_AGENT, OURSELVES)] {
            headers.entry(name).or_insert(value);
        }
        headers
    }

    /// Reads an answer whose status is not a success.
    pub(crate) async fn refusal(
        &self,
        read: &(dyn Fn(StatusCode, &HeaderMap, &[u8]) -> Error + Sync),
        head: &Parts,
        body: &mut Body,
    ) -> Error {
        let redactor = self.redactor();
        let page = redactor.bytes(without_mark(&self.page(Bytes::new(), body).await));
        let error = match head.status.is_redirection() {
            true => redirect(&head.headers),
            false => read(head.status, &head.headers, &page),
        };
        let error =
            if error.status().is_none() { error.with_status(head.status.as_u16()) } else { error };
        with_headers(error, &head.headers).with_body(crate::redact::shown(&page))
    }

    /// Reads the beginning of a body that is no answer, as far as it comes.
    async fn page(&self, first: Bytes, body: &mut Body) -> Vec<u8> {
        let mut page = first.to_vec();
        let read = async {
            while page.len() < REFUSAL_LIMIT
                && let Some(Ok(chunk)) = body.chunk().await
            {
                page.extend_from_slice(&chunk);
            }
        };
        // What came until then has to do.
        let _ = tokio::time::timeout(REFUSAL_TIME, read).await;
        page.truncate(REFUSAL_LIMIT);
        page
    }

    fn keep_secrets(&mut self, headers: &HeaderMap) {
        self.secrets.extend(headers.values().filter(|value| value.is_sensitive()).cloned());
    }

    pub(crate) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::new();
        redactor.add_headers(self.shared.endpoint.headers());
        self.shared.auth.secrets(&mut |secret| redactor.add(secret));
        for secret in &self.secrets {
            redactor.add(secret.as_bytes());
        }
        redactor
    }

    /// Names the provider and the model, and takes credentials out.
    pub(crate) fn error(&self, error: Error) -> Error {
        let error = self.redactor().error(error);
        error.attributed_to(self.shared.id.clone()).with_model(self.model.clone())
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson, application/json");
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("meanwhile/", env!("CARGO_PKG_VERSION")));

/// Tells the observers of a run which server it asks.
fn tell_server(run: &Run, url: &Uri) {
    let Some(host) = url.host() else { return };
    // The brackets of an IPv6 address belong to the URL.
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("http") { 80 } else { 443 });
    run.observe(&Moment::Sending { address, port });
}

/// Redirects are not followed: the credential would go along.
fn redirect(headers: &HeaderMap) -> Error {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| location.parse::<Uri>().ok());
    // Nothing but the host: path and query may hold anything.
    let host = target.as_ref().and_then(Uri::host);
    let message = match host {
        Some(host) => format!(
            "the server redirects to `{host}`, which is not followed; set the base URL to the new address"
        ),
        None => "the server redirects to another path, which is not followed; check the base URL"
            .to_owned(),
    };
    Error::new(ErrorKind::Config, message)
}

/// The answer while it is read.
struct Reading<D> {
    call: Call,
    answer: Answer<D>,
    // Gone when it was read to its end.
    body: Option<Body>,
    clock: Clock,
    // The finish, and since when the end of the body is waited for.
    held: Option<(Event, Instant)>,
    // Events since the task last had to wait.
    burst: u8,
}

// Nothing in it is pinned in place.
impl<D> Unpin for Reading<D> {}

impl<D: Decoder> Stream for Reading<D> {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.held.is_some() {
            return this.poll_end(cx);
        }
        if this.burst >= BURST {
            this.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match this.answer.next() {
                Some(Ok(event)) if event.is_terminal() && this.body.is_some() => {
                    this.held = Some((event, Instant::now()));
                    return this.poll_end(cx);
                }
                Some(Ok(event)) => {
                    this.burst += 1;
                    return Poll::Ready(Some(Ok(event)));
                }
                Some(Err(error)) => {
                    this.body = None;
                    return Poll::Ready(Some(Err(this.call.error(error))));
                }
                None => {}
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            match body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => this.answer.push(chunk),
                Poll::Ready(Some(Err(error))) => {
                    this.body = None;
                    this.answer.fail(error);
                }
                Poll::Ready(None) => {
                    this.body = None;
                    this.answer.end();
                }
                Poll::Pending => match this.clock.poll(this.answer.frame_count(), cx) {
                    Poll::Ready(error) => {
                        this.body = None;
                        this.answer.fail(error);
                    }
                    Poll::Pending => {
                        this.burst = 0;
                        return Poll::Pending;
                    }
                },
            }
        }
    }
}

impl<D> Reading<D> {
    /// Hands the finish out when the body has ended, or when that takes too long.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        if let (Some(body), Some((_, since))) = (&mut self.body, &self.held) {
            let ended = loop {
                match body.poll_chunk(cx) {
                    // Padding behind the finish.
                    Poll::Ready(Some(Ok(_))) if since.elapsed() < GRACE => {}
                    Poll::Ready(_) => break true,
                    Poll::Pending => break self.clock.poll_grace(*since, GRACE, cx).is_ready(),
                }
            };
            if !ended {
                return Poll::Pending;
            }
        }
        self.body = None;
        Poll::Ready(self.held.take().map(|(finish, _)| Ok(finish)))
    }
}
