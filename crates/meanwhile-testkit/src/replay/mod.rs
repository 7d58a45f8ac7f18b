//! [`Replay`]: a transport that answers from a file, and writes the file when it is asked to.
//!
//! What must hold: no credential reaches the file, and the same traffic gives the same file.

mod cassette;
mod named;
mod scrub;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::{Body, Client, Secret, Transport};

pub use cassette::{Answered, Cassette, Content, Interaction, Recorded};
use scrub::Scrub;

/// The variable that says whether to play or to record.
const VARIABLE: &str = "MEANWHILE_REPLAY";

/// What a [`Replay`] does with a request.
///
/// ```
/// # use bytes::Bytes;
/// # use meanwhile_core::ErrorKind;
/// use meanwhile_testkit::{Mode, Replay};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Whatever the environment says: nothing is sent.
/// let client = Replay::file("tests/cassettes/greeting.json").mode(Mode::Replay).http_client();
/// let request = http::Request::get("https://api.example.com/v1/models").body(Bytes::new())?;
/// let error = client.send(request).await.unwrap_err();
/// // There is no such file; the error says how to record it.
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert!(error.message().contains("MEANWHILE_REPLAY=record"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Answers from the file and sends nothing.
    #[default]
    Replay,
    /// Sends the request and writes what came to the file.
    Record,
    /// Sends the request and touches no file.
    Live,
}

impl Mode {
    /// What the environment variable `MEANWHILE_REPLAY` says: `record`, `live`, or else `replay`.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Ok("record") => Self::Record,
            Ok("live") => Self::Live,
            _ => Self::Replay,
        }
    }
}

/// A client that answers from `tests/cassettes/NAME.json` of the crate under test.
///
/// Nothing is sent unless the environment variable `MEANWHILE_REPLAY` is `record`, which asks the
/// real service and writes the file, or `live`, which asks it and writes nothing. A file that is
/// missing is an error of the first request, which says how to record it.
///
/// ```no_run
/// use meanwhile_testkit::{key, replay};
/// # struct Acme;
/// # impl Acme {
/// #     fn builder() -> Self { Acme }
/// #     fn api_key(self, _: meanwhile_http::Secret) -> Self { self }
/// #     fn http_client(self, _: meanwhile_http::Client) -> Self { self }
/// # }
///
/// let acme = Acme::builder().api_key(key(&["ACME_API_KEY"])).http_client(replay("greeting"));
/// ```
#[must_use]
pub fn replay(name: &str) -> Client {
    Replay::new(name).http_client()
}

/// The key for a test that may be played or recorded: that of the environment, and anything at all
/// where nothing is sent.
#[must_use]
pub fn key(variables: &[&str]) -> Secret {
    match Mode::from_env() {
        Mode::Replay => Secret::new("replayed"),
        // Without a key the service itself will say so.
        _ => Secret::from_env(variables).unwrap_or_else(|_| Secret::new("missing")),
    }
}

/// A recording that is being set up.
///
/// ```
/// # use bytes::Bytes;
/// use meanwhile_testkit::{Mode, Replay};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("models.json");
/// # std::fs::write(&path, r#"{"interactions": [{
/// #     "request": {"method": "GET", "url": "https://api.example.com/v1/models"},
/// #     "response": {"status": 200, "body": {"json": {"data": []}}}
/// # }]}"#)?;
/// // A recording that is played; recorded anew, it would hold no account.
/// let client = Replay::file(path).scrub("/account/id").mode(Mode::Replay).http_client();
/// let request = http::Request::get("https://api.example.com/v1/models").body(Bytes::new())?;
/// let mut body = client.send(request).await?.into_body();
/// assert_eq!(body.chunk().await.unwrap()?, r#"{"data":[]}"#);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing is replayed before `client`"]
pub struct Replay {
    path: PathBuf,
    mode: Mode,
    scrub: Scrub,
    inner: Option<Client>,
}

impl Replay {
    /// The recording `tests/cassettes/NAME.json` of the crate under test, in the mode that the
    /// environment asks for.
    pub fn new(name: &str) -> Self {
        // Set by cargo for the tests of a crate.
        let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        Self::file(root.join("tests/cassettes").join(format!("{name}.json")))
    }

    /// The recording in this file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let mode = Mode::from_env();
        Self { path: path.into(), mode, scrub: Scrub::default(), inner: None }
    }

    /// Does this, whatever the environment says.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Replaces what this JSON pointer (`/metadata/user_id`) finds in the bodies of requests and
    /// answers. Keys in headers, queries, forms and fields of JSON that are named as such (`api_key`,
    /// `client_secret`, `access_token`, `authorization`, `password` and the like), and whatever repeats
    /// them, are replaced anyway.
    pub fn scrub(mut self, pointer: &str) -> Self {
        self.scrub.pointers.push(pointer.to_owned());
        self
    }

    /// Replaces the value of this header.
    pub fn scrub_header(mut self, name: &str) -> Self {
        self.scrub.headers.push(name.to_ascii_lowercase());
        self
    }

    /// Replaces the value of this parameter of the query.
    pub fn scrub_query(mut self, name: &str) -> Self {
        self.scrub.queries.push(name.to_owned());
        self
    }

    /// Records with another client than a fresh one.
    pub fn through(mut self, client: Client) -> Self {
        self.inner = Some(client);
        self
    }

    /// The client to give to a provider. Reads and writes the file when it is used, not before.
    #[must_use]
    pub fn http_client(self) -> Client {
        let Self { path, mode, scrub, inner } = self;
        Client::new(Player {
            path,
            mode,
            scrub: Arc::new(scrub),
            inner: Mutex::new(inner),
            tape: Arc::default(),
        })
    }
}

/// The transport behind [`Replay`].
struct Player {
    path: PathBuf,
    mode: Mode,
    scrub: Arc<Scrub>,
    inner: Mutex<Option<Client>>,
    tape: Arc<Mutex<Option<Tape>>>,
}

/// A cassette, and which of its interactions were played.
#[derive(Debug)]
struct Tape {
    cassette: Cassette,
    played: Vec<bool>,
}

impl Player {
    fn inner(&self) -> Result<Client> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = inner.as_ref() {
            return Ok(client.clone());
        }
        Ok(inner.insert(Client::builder().build()?).clone())
    }

    fn play(&self, asked: &Recorded) -> Result<Response<Body>> {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let tape = match tape.as_mut() {
            Some(tape) => tape,
            None => {
                let cassette = Cassette::load(&self.path)?;
                let played = vec![false; cassette.interactions.len()];
                tape.insert(Tape { cassette, played })
            }
        };
        let mut recorded = tape.cassette.interactions.iter().zip(&mut tape.played);
        let found =
            recorded.find(|(recorded, played)| !**played && recorded.request.answers(asked));
        let Some((interaction, played)) = found else {
            return Err(self.unknown(asked, tape));
        };
        *played = true;
        answer(interaction)
    }

    /// No recorded request is this one.
    fn unknown(&self, asked: &Recorded, tape: &Tape) -> Error {
        let left = tape.cassette.interactions.iter().zip(&tape.played);
        let next = left.into_iter().find(|(_, played)| !**played);
        let next = match next {
            Some((next, _)) => format!("the next one is {}", next.request.shown()),
            None => "all of them were played".to_owned(),
        };
        let message = format!(
            "{} is not among the requests that `{}` holds ({next}); set {VARIABLE}=record to record it again",
            asked.shown(),
            self.path.display(),
        );
        Error::new(ErrorKind::Config, message)
    }
}

fn answer(interaction: &Interaction) -> Result<Response<Body>> {
    let recorded = &interaction.response;
    let body = recorded.body.bytes().map_err(|message| Error::new(ErrorKind::Config, message))?;
    let mut response = Response::new(Body::from_chunks([body]));
    *response.status_mut() =
        StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &recorded.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

#[async_trait]
impl Transport for Player {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        if self.mode == Mode::Live {
            return self.inner()?.send(request).await;
        }
        let (redactor, asked) = self.scrub.request(&request);
        if self.mode == Mode::Replay {
            return self.play(&asked);
        }
        let response = self.inner()?.send(request).await?;
        let (head, body) = response.into_parts();
        let recording = Recording {
            path: self.path.clone(),
            tape: self.tape.clone(),
            scrub: self.scrub.clone(),
            redactor,
            asked: Some(asked),
            status: head.status.as_u16(),
            headers: head.headers.clone(),
            bytes: Vec::new(),
        };
        let body = Body::new(Tee { body, recording });
        Ok(Response::from_parts(head, body))
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("path", &self.path).field("mode", &self.mode).finish()
    }
}

/// One interaction while its answer is read.
struct Recording {
    path: PathBuf,
    tape: Arc<Mutex<Option<Tape>>>,
    scrub: Arc<Scrub>,
    redactor: meanwhile_http::redact::Redactor,
    // Gone when it was written.
    asked: Option<Recorded>,
    status: u16,
    headers: http::HeaderMap,
    bytes: Vec<u8>,
}

impl Recording {
    /// Adds the interaction to the file.
    fn write(&mut self) -> Result<()> {
        let Some(request) = self.asked.take() else { return Ok(()) };
        let response =
            self.scrub.response(&mut self.redactor, self.status, &self.headers, &self.bytes);
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        // The first interaction of a test replaces what was recorded before.
        let tape =
            tape.get_or_insert_with(|| Tape { cassette: Cassette::default(), played: Vec::new() });
        tape.cassette.interactions.push(Interaction { request, response });
        tape.cassette.save(&self.path)
    }
}

/// A body that is read and recorded.
struct Tee {
    body: Body,
    recording: Recording,
}

impl Stream for Tee {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = ready!(this.body.poll_chunk(cx));
        match &item {
            Some(Ok(chunk)) => this.recording.bytes.extend_from_slice(chunk),
            Some(Err(_)) => {}
            None => {
                if let Err(error) = this.recording.write() {
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(item)
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        // A stream that was not read to its end is recorded as far as it came. There is nobody to
        // tell when that fails; the next replay will.
        let _ = self.recording.write();
    }
}
