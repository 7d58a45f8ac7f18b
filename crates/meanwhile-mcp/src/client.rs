//! [`Client`]: a connection to a server of tools, resources and prompts.

use std::fmt;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile_core::{
    AnyTool, Error, ErrorKind, Message, Part, Result, Role, Schema, TimeoutPhase, ToolSpec, Toolbox,
};
use rmcp::model::{GetPromptRequestParams, ReadResourceRequestParams, Role as Speaker};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceError};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::child::Child;
use crate::connection::{Connection, Handler, explain};
use crate::http::Headers;
use crate::lines::{Lines, Oversized};
use crate::listing::{self, PromptInfo, ResourceInfo};
use crate::name::Names;
use crate::tool::{self, CallOutput, ServerTool};
use crate::{content, error, http};

/// How long a process that did not greet may take to end by itself.
const ENDING: Duration = Duration::from_millis(500);

/// A connection to a server. Clones share it, and so do the tools it has given out; it ends with the last
/// of them, or with [`close`](Self::close).
///
/// Every request ends with its future: a dropped one tells the server so (`notifications/cancelled`).
#[derive(Clone)]
pub struct Client(Arc<Connection>);

impl Client {
    /// Prepares a connection to a server that this program starts and speaks to over its standard streams.
    ///
    /// The process is killed when the connection ends; on Unix, with those it has started. What it writes
    /// to its standard error is kept, the last 4 KiB, for errors.
    ///
    /// ```no_run
    /// # async fn example() -> meanwhile_core::Result<()> {
    /// use std::process::Command;
    ///
    /// let mut command = Command::new("npx");
    /// command.args(["-y", "@modelcontextprotocol/server-filesystem", "."]);
    /// let files = meanwhile_mcp::Client::command(command).prefix("files").connect().await?;
    /// # Ok(()) }
    /// ```
    pub fn command(command: Command) -> ClientBuilder {
        ClientBuilder::new(Transport::Command(command))
    }

    /// Prepares a connection to a server over streamable HTTP.
    ///
    /// ```no_run
    /// # async fn example(token: &str) -> meanwhile_core::Result<()> {
    /// let tickets = meanwhile_mcp::Client::http("https://tickets.example/mcp")
    ///     .bearer(token)
    ///     .connect()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn http(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(Transport::Http(url.into()))
    }

    /// Prepares a connection over any stream of bytes: a socket, or one end of `tokio::io::duplex`.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> ClientBuilder {
        let (read, write) = tokio::io::split(stream);
        ClientBuilder::new(Transport::Stream(Box::new(read), Box::new(write)))
    }

    /// Lists the tools of the server, all pages, each to be run like any other tool.
    ///
    /// Their names are those of the server, made acceptable to every provider: letters, digits, `_` and
    /// `-`, of 64 characters at most, with the [prefix](ClientBuilder::prefix) in front. Schemas are as
    /// the server gives them. Of an answer, text, images, recordings and embedded resources become
    /// parts, links to resources become text, and a structured result that no text repeats is added as
    /// JSON. A result that says it is an error becomes an error of [`ErrorKind::Tool`], which a model is
    /// shown.
    ///
    /// The list is asked for anew each time; see [`tools_changed`](Self::tools_changed).
    ///
    /// # Errors
    ///
    /// Those of a request: [`ErrorKind::Timeout`], [`ErrorKind::Connection`], what the server answered,
    /// or [`ErrorKind::Decode`].
    pub async fn tools(&self) -> Result<Toolbox> {
        let connection = &self.0;
        // Before the question: a change that comes while it is answered must not be missed.
        let changes = *connection.changes.borrow();
        let listed = listing::all(connection, "tools/list", |page| async move {
            connection.peer.list_tools(page).await.map(|page| (page.tools, page.next_cursor))
        });
        let tools = self.offered(listed.await, |offer| offer.tools.is_some())?;
        connection.seen.fetch_max(changes, Ordering::AcqRel);
        let mut names = Names::default();
        let tools = tools.into_iter().map(|tool| {
            let accepted = names.give(connection.prefix.as_deref(), &tool.name);
            let description = tool.description.or(tool.title.map(Into::into)).unwrap_or_default();
            let schema = Schema::from(Value::Object((*tool.input_schema).clone()));
            AnyTool::new(ServerTool {
                connection: Arc::clone(connection),
                spec: ToolSpec::new(accepted, description, schema),
                name: tool.name.into_owned(),
            })
        });
        Ok(tools.collect())
    }

    /// Waits until the server says that its tools are others than those last listed.
    ///
    /// ```no_run
    /// # async fn example(client: meanwhile_mcp::Client) -> meanwhile_core::Result<()> {
    /// let mut tools = client.tools().await?;
    /// loop {
    ///     client.tools_changed().await?;
    ///     tools = client.tools().await?;
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connection`] when the connection has ended.
    pub async fn tools_changed(&self) -> Result<()> {
        self.0.changed().await
    }

    /// Runs a tool by the server's own name of it, for what a [`Toolbox`] does not tell: the structured
    /// result by itself, and the content of a failure.
    ///
    /// # Errors
    ///
    /// Those of a request, as [`tools`](Self::tools); [`ErrorKind::Unsupported`] when the tool asks for
    /// more before it runs. A tool that failed is not one.
    pub async fn call_tool(&self, name: &str, arguments: Map<String, Value>) -> Result<CallOutput> {
        tool::run(&self.0, name, arguments).await
    }

    /// Lists the resources of the server, all pages.
    ///
    /// # Errors
    ///
    /// Those of a request, as [`tools`](Self::tools).
    pub async fn resources(&self) -> Result<Vec<ResourceInfo>> {
        let connection = &self.0;
        let listed = listing::all(connection, "resources/list", |page| async move {
            connection
                .peer
                .list_resources(page)
                .await
                .map(|page| (page.resources, page.next_cursor))
        });
        let listed = self.offered(listed.await, |offer| offer.resources.is_some())?;
        Ok(listed.into_iter().map(ResourceInfo::from).collect())
    }

    /// Reads a resource: pictures, recordings, or documents named by their address.
    ///
    /// # Errors
    ///
    /// Those of a request, as [`tools`](Self::tools); [`ErrorKind::NotFound`] or
    /// [`ErrorKind::InvalidRequest`] when there is no such resource.
    pub async fn read_resource(&self, uri: &str) -> Result<Vec<Part>> {
        let asked = self.0.peer.read_resource_once(ReadResourceRequestParams::new(uri));
        let asked = async {
            match asked.await? {
                rmcp::model::ReadResourceResponse::Complete(result) => Ok(Some(result)),
                rmcp::model::ReadResourceResponse::InputRequired(_) => Ok(None),
                _ => Err(ServiceError::UnexpectedResponse),
            }
        };
        let answered = self.0.ask("resources/read", asked).await?;
        let result = answered.ok_or_else(|| error::input_required("the resource", uri))?;
        result.contents.into_iter().map(content::resource).collect()
    }

    /// Lists the prompts of the server, all pages.
    ///
    /// # Errors
    ///
    /// Those of a request, as [`tools`](Self::tools).
    pub async fn prompts(&self) -> Result<Vec<PromptInfo>> {
        let connection = &self.0;
        let listed = listing::all(connection, "prompts/list", |page| async move {
            connection.peer.list_prompts(page).await.map(|page| (page.prompts, page.next_cursor))
        });
        let listed = self.offered(listed.await, |offer| offer.prompts.is_some())?;
        Ok(listed.into_iter().map(PromptInfo::from).collect())
    }

    /// Gets a prompt with its arguments filled in, as messages for a model.
    ///
    /// # Errors
    ///
    /// Those of a request, as [`tools`](Self::tools); [`ErrorKind::InvalidRequest`] when there is no such
    /// prompt or an argument is missing.
    pub async fn prompt<'a>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Vec<Message>> {
        let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        let asked = GetPromptRequestParams::new(name).with_arguments(arguments.collect());
        let asked = self.0.peer.get_prompt_once(asked);
        let asked = async {
            match asked.await? {
                rmcp::model::GetPromptResponse::Complete(result) => Ok(Some(result)),
                rmcp::model::GetPromptResponse::InputRequired(_) => Ok(None),
                _ => Err(ServiceError::UnexpectedResponse),
            }
        };
        let answered = self.0.ask("prompts/get", asked).await?;
        let result = answered.ok_or_else(|| error::input_required("the prompt", name))?;
        let messages = result.messages.into_iter().map(|message| {
            let role = match message.role {
                Speaker::Assistant => Role::Assistant,
                _ => Role::User,
            };
            Ok(Message::new(role, vec![content::part(message.content)?]))
        });
        messages.collect()
    }

    /// The name that the server gives itself.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        self.0.peer.peer_info()?.server_info.as_ref().map(|server| server.name.clone())
    }

    /// What the server says about its use, for the system message.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        self.0.peer.peer_info()?.instructions.clone()
    }

    /// Ends the connection in order: the server is told, and a child process has two seconds to end
    /// before it is killed. The tools of this client fail from then on.
    pub async fn close(self) {
        self.0.close().await;
    }

    /// A server that has no such list says that it does not know the question.
    fn offered<T>(
        &self,
        listed: Result<Vec<T>>,
        has: impl Fn(&rmcp::model::ServerCapabilities) -> bool,
    ) -> Result<Vec<T>> {
        match listed {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let offers = self.0.peer.peer_info().is_some_and(|info| has(&info.capabilities));
                if offers { Err(error) } else { Ok(Vec::new()) }
            }
            listed => listed,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.server_name()).finish()
    }
}

/// A connection to be made; nothing happens before [`connect`](Self::connect).
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{ErrorKind, Result};
/// use meanwhile_mcp::{Client, Server};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let (here, there) = tokio::io::duplex(4096);
/// tokio::spawn(Server::new("office", "1.0.0").serve(there));
/// let client = Client::over(here).prefix("office").timeout(Duration::from_secs(5)).connect().await?;
/// assert_eq!(client.server_name().as_deref(), Some("office"));
/// // A secret has no place in a pipe.
/// let (here, _there) = tokio::io::duplex(4096);
/// let error = Client::over(here).bearer("secret").connect().await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `connect` is awaited"]
pub struct ClientBuilder {
    transport: Transport,
    headers: Result<Headers>,
    timeout: Option<Duration>,
    prefix: Option<String>,
}

enum Transport {
    Command(Command),
    Http(String),
    Stream(Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>),
}

impl fmt::Debug for Transport {
    // Arguments, environment and addresses may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command(..)",
            Self::Http(_) => "Http(..)",
            Self::Stream(..) => "Stream(..)",
        })
    }
}

impl ClientBuilder {
    fn new(transport: Transport) -> Self {
        let timeout = Some(Duration::from_secs(60));
        Self { transport, headers: Ok(Headers::default()), timeout, prefix: None }
    }

    /// Puts `prefix` and `_` in front of every tool's name, so that the tools of several servers go into
    /// one toolbox.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the longest that connecting, and then each request, may take; `None` for no limit. One
    /// minute unless set.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sends `Authorization: Bearer` with every request. The token is never printed, and not sent to
    /// another origin that a server points to.
    pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
        self.change_headers(|headers| headers.bearer(token.as_ref()));
        self
    }

    /// Sends a header with every request. Its value is treated as a secret, as that of
    /// [`bearer`](Self::bearer).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.change_headers(|headers| headers.set(name.as_ref(), value.as_ref()));
        self
    }

    /// Sends a header with every request, as [`header`](Self::header) does, under the name that it has on
    /// the builders of providers, whose headers are no secrets by themselves.
    pub fn secret_header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.header(name, value)
    }

    fn change_headers(&mut self, change: impl FnOnce(&mut Headers) -> Result<()>) {
        if let Ok(headers) = &mut self.headers
            && let Err(error) = change(headers)
        {
            self.headers = Err(error);
        }
    }

    /// Connects and greets the server. Dropping cancels, and kills a process that was started for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the program, the address or a header is not one,
    /// [`ErrorKind::Authentication`] and [`ErrorKind::PermissionDenied`] as the server says,
    /// [`ErrorKind::Timeout`], [`ErrorKind::Connection`], or [`ErrorKind::Decode`] when what answers is no
    /// server of this protocol. What a process wrote to its standard error is in the message.
    pub async fn connect(self) -> Result<Client> {
        let headers = self.headers?;
        if !headers.is_empty() && !matches!(self.transport, Transport::Http(_)) {
            let message = "headers are for HTTP; give a process its secrets by its environment";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let (sender, changes) = watch::channel(0);
        let handler = Handler { changes: sender };
        let mut child = None;
        let oversized = Oversized::default();
        let greeting: BoxFuture = match self.transport {
            Transport::Command(command) => {
                let started = Child::start(command).map_err(initializing)?;
                let (_, read, write) = (child.insert(started.0), started.1, started.2);
                let read = Lines::new(read, oversized.clone());
                Box::pin(greet(handler, lines(read, write)))
            }
            Transport::Http(url) => {
                let config = StreamableHttpClientTransportConfig::with_uri(url)
                    .custom_headers(headers.iter().collect());
                let client = http::client().map_err(initializing)?;
                let transport = StreamableHttpClientTransport::with_client(client, config);
                Box::pin(greet(handler, transport))
            }
            Transport::Stream(read, write) => {
                let read = Lines::new(read, oversized.clone());
                Box::pin(greet(handler, lines(read, write)))
            }
        };
        let greeted = match self.timeout {
            None => greeting.await,
            Some(limit) => tokio::time::timeout(limit, greeting).await.unwrap_or_else(|_| {
                let message = format!(
                    "the MCP server did not greet within {limit:?}; allow it more with `timeout`, or see whether it starts by itself"
                );
                Err(Error::new(ErrorKind::Timeout(TimeoutPhase::Connect), message))
            }),
        };
        let running = match greeted {
            Ok(running) => running,
            Err(error) => {
                let mut stderr = None;
                if let Some(child) = &mut child {
                    // It may be ending: its last words are the reason.
                    let is_late = matches!(error.kind(), ErrorKind::Timeout(_));
                    child.end(if is_late { Duration::ZERO } else { ENDING }).await;
                    stderr = child.errors().text();
                }
                let error = if oversized.is_fatal() { error::oversized() } else { error };
                return Err(initializing(explain(error, &headers, stderr)));
            }
        };
        Ok(Client(Arc::new(Connection {
            peer: running.peer().clone(),
            headers,
            timeout: self.timeout,
            prefix: self.prefix,
            changes,
            seen: 0.into(),
            oversized,
            running: Mutex::new(Some(running)),
            child: Mutex::new(child),
        })))
    }
}

type Greeted = Result<RunningService<RoleClient, Handler>>;
type BoxFuture = Pin<Box<dyn Future<Output = Greeted> + Send>>;

fn initializing(error: Error) -> Error {
    error.with_operation("initialize")
}

/// Messages as lines, whose length is looked after by what they are read from.
fn lines<R, W>(read: Lines<R>, write: W) -> AsyncRwTransport<RoleClient, Lines<R>, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    AsyncRwTransport::new_client(read, write).with_max_line_length(usize::MAX)
}

async fn greet<T>(handler: Handler, transport: T) -> Greeted
where
    T: rmcp::transport::Transport<RoleClient> + 'static,
{
    rmcp::serve_client(handler, transport).await.map_err(error::initialize)
}
