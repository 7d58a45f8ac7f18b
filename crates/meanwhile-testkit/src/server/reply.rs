//! [`Reply`]: one answer of the server, piece by piece, with everything that can go wrong in it.

use std::time::Duration;

use bytes::Bytes;

/// Long enough for every test.
const FOREVER: Duration = Duration::from_secs(600);

/// One answer, built in the order in which it is sent.
///
/// The body is sent with its length when it is one piece, and in chunks when it is more, or when
/// anything happens between them.
///
/// ```
/// # use bytes::Bytes;
/// # use meanwhile_http::Client;
/// use meanwhile_testkit::{Reply, Server};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::start(|_| Reply::new(200).piece("hel").piece("lo").cut()).await?;
/// let request = http::Request::get(server.url()).body(Bytes::new())?;
/// let mut body = Client::shared()?.send(request).await?.into_body();
/// let (mut text, mut cut) = (Vec::new(), false);
/// while let Some(chunk) = body.chunk().await {
///     match chunk {
///         Ok(chunk) => text.extend_from_slice(&chunk),
///         Err(_) => cut = true,
///     }
/// }
/// assert!(text == b"hello" && cut);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<Step>,
    // What the head says of the length, whatever comes.
    length: Option<usize>,
    // No head at all.
    bare: bool,
}

/// What the server does next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(Bytes),
    /// Does nothing, but sees when the client goes away.
    Wait(Duration),
    /// Sends the same again and again, with a wait after each, until the client goes away.
    Repeat(Bytes, Duration),
    /// Closes the connection.
    Cut,
    /// Closes the connection as a crash does.
    Reset,
}

impl Reply {
    /// Begins an answer with `status` and neither headers nor a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), length: None, bare: false }
    }

    /// Begins an answer without a head: nothing is sent but what is added.
    pub fn bare() -> Self {
        Self { bare: true, ..Self::new(200) }
    }

    /// Answers with bytes that are no HTTP.
    pub fn garbage() -> Self {
        let noise = Bytes::from_static(b"\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n");
        Self::bare().piece(noise).cut()
    }

    /// Reads the request and never answers.
    pub fn silence() -> Self {
        Self::bare().hang()
    }

    /// Sends the client to another address.
    pub fn redirect(location: &str) -> Self {
        Self::new(307).header("location", location)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers with a JSON body.
    pub fn json(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").piece(body)
    }

    /// Answers with server-sent events.
    pub fn events(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "text/event-stream").piece(body)
    }

    /// Answers with lines of JSON.
    pub fn json_lines(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/x-ndjson").piece(body)
    }

    /// Answers with an HTML page, as gateways do.
    pub fn html(self, page: impl Into<Bytes>) -> Self {
        self.header("content-type", "text/html").piece(page)
    }

    /// Sends more of the body.
    pub fn piece(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body.push(Step::Send(bytes.into()));
        self
    }

    /// Sends `bytes` one by one, `pause` apart.
    pub fn slowly(mut self, bytes: impl Into<Bytes>, pause: Duration) -> Self {
        let bytes = bytes.into();
        for at in 0..bytes.len() {
            self = self.piece(bytes.slice(at..at + 1)).pause(pause);
        }
        self
    }

    /// Waits before it goes on.
    pub fn pause(mut self, time: Duration) -> Self {
        self.body.push(Step::Wait(time));
        self
    }

    /// Sends `bytes` again and again, `pause` apart, until the client closes the connection.
    pub fn endlessly(mut self, bytes: impl Into<Bytes>, pause: Duration) -> Self {
        let bytes = bytes.into();
        self.body.push(Step::Repeat(bytes, pause));
        self
    }

    /// Announces a body of so many bytes, whatever is sent, and sends it without chunks.
    pub fn length(mut self, bytes: usize) -> Self {
        self.length = Some(bytes);
        self
    }

    /// Resets the connection here, in the middle of the answer. What was sent may be lost with it, so
    /// give the client the time to read it.
    pub fn reset(mut self) -> Self {
        self.body.push(Step::Reset);
        self
    }

    /// Closes the connection here, in the middle of the answer.
    pub fn cut(mut self) -> Self {
        self.body.push(Step::Cut);
        self
    }

    /// Sends nothing more from here, and keeps the connection until the client closes it.
    pub fn hang(self) -> Self {
        self.pause(FOREVER).cut()
    }

    /// The whole answer in steps.
    pub(super) fn steps(self) -> Vec<Step> {
        if self.bare {
            return self.body;
        }
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = self.length {
            head.push_str(&format!("content-length: {length}\r\n\r\n"));
            return [Step::Send(head.into())].into_iter().chain(self.body).collect();
        }
        match self.body.as_slice() {
            [] | [Step::Send(_)] => {
                let body = match self.body.into_iter().next() {
                    Some(Step::Send(body)) => body,
                    _ => Bytes::new(),
                };
                head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
                vec![Step::Send([head.as_bytes(), &body].concat().into())]
            }
            _ => {
                head.push_str("transfer-encoding: chunked\r\n\r\n");
                let mut steps = vec![Step::Send(head.into())];
                steps.extend(self.body.into_iter().map(|step| match step {
                    Step::Send(bytes) => Step::Send(chunk(&bytes)),
                    Step::Repeat(bytes, pause) => Step::Repeat(chunk(&bytes), pause),
                    other => other,
                }));
                steps.push(Step::Send(Bytes::from_static(b"0\r\n\r\n")));
                steps
            }
        }
    }
}

fn chunk(bytes: &[u8]) -> Bytes {
    // An empty chunk would be the last one.
    if bytes.is_empty() {
        return Bytes::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat().into()
}
