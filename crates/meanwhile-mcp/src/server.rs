//! [`Server`]: a toolbox, served over the standard streams, over streamable HTTP or over any stream.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use meanwhile_core::{Error, ErrorKind, Host, Result, Toolbox};
use rmcp::model::Implementation;
use rmcp::service::{QuitReason, ServerInitializeError};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::service::Service;

/// Tools to be served. Nothing happens before one of its `serve` functions is awaited.
///
/// A `#[tool]` function is served with its own description and schema. A `#[call]` function is served by
/// a `#[tool]` function around it, which gives the arguments their names and descriptions:
///
/// ```text
/// #[call("openai/gpt-4o-mini")]
/// async fn summary(text: &str) -> Result<String> {
///     "Summarise in one sentence: {text}"
/// }
///
/// /// Summarises a text in one sentence.
/// #[tool]
/// async fn summarise(text: String) -> Result<String> {
///     summary(&text).await
/// }
/// ```
///
/// A tool that fails, panics, takes longer than its own limit or is given unfit arguments answers with a
/// result that says it is an error. A call that the client cancels is dropped at once; that of a client that
/// goes, after five seconds at most over a stream, and over HTTP when its session ends: when the client ends
/// it, or after an hour in which nothing was said. [`Progress`](crate::Progress) tells a client how far a tool is.
///
/// ```
/// # use async_trait::async_trait;
/// # use meanwhile_core::{
/// #     AnyTool, Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox,
/// # };
/// use meanwhile_mcp::{Client, Server};
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time.", serde_json::json!({"type": "object"}).into())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = Server::new("office", "1.0.0")
///     .instructions("Ask for the time before you book a room.")
///     .tools(Toolbox::new().with(AnyTool::new(Clock)));
/// // Over memory here; `serve_stdio` and `serve_http` are for other processes.
/// let (here, there) = tokio::io::duplex(4096);
/// tokio::spawn(server.serve(there));
/// let tools = Client::over(here).connect().await?.tools().await?;
/// assert_eq!(tools.specs().next().map(|spec| &*spec.description), Some("Tells the time."));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is served"]
pub struct Server {
    name: String,
    version: String,
    instructions: Option<String>,
    tools: Toolbox,
    host: Host,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Server {
    /// Names the server, and the version of it, for clients and people.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            instructions: None,
            tools: Toolbox::new(),
            host: Host::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// Says how the tools are to be used; clients show it to their model.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Adds tools; one of the same name is replaced.
    pub fn tools(mut self, tools: Toolbox) -> Self {
        self.tools = self.tools.with_all(tools);
        self
    }

    /// Gives the tools a value of the program; one of the same type is replaced.
    pub fn host<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.host = self.host.with(value);
        self
    }

    /// Also answers HTTP requests for this host (`tools.example` or `tools.example:8080`). Without it,
    /// only those for this machine are answered, so that no page in a browser reaches the server by a
    /// name of its own (DNS rebinding).
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Also answers HTTP requests of pages from this origin (`https://app.example:443`). Without it, only
    /// those from this machine are answered; programs send no origin.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Serves one client over the standard streams, until it closes them. Nothing else may write to the
    /// standard output meanwhile; write logs to the standard error.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_stdio(self) -> Result<()> {
        let service = self.service()?;
        let (read, write) = rmcp::transport::stdio_pipes();
        run(service, read, write).await
    }

    /// Serves one client over a stream of bytes, until it closes it. Dropping ends every call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a tool's schema is not an object's, or a value that a tool needs was
    /// not given; [`ErrorKind::Decode`] when the client does not begin as the protocol asks;
    /// [`ErrorKind::Connection`] when the stream breaks before that.
    pub async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<()> {
        let service = self.service()?;
        let (read, write) = tokio::io::split(stream);
        run(service, read, write).await
    }

    /// Serves any number of clients over streamable HTTP, at every path of the address; `/mcp` is the
    /// custom. Runs until it is dropped, which ends every session and every call.
    ///
    /// It speaks plain HTTP: put what ends TLS and asks for credentials in front of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] as [`serve`](Self::serve), and [`ErrorKind::Connection`] when the listener
    /// fails. What one client does wrong ends that client's connection only.
    pub async fn serve_http(self, listener: TcpListener) -> Result<()> {
        let service = self.service()?;
        let this_machine = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let pages = ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .flat_map(|host| [format!("http://{host}:*"), format!("https://{host}:*")]);
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(this_machine.into_iter().chain(self.hosts))
            .with_allowed_origins(pages.chain(self.origins));
        // Sessions run in tasks of their own.
        let _end_sessions = config.cancellation_token.clone().drop_guard();
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(SILENCE);
        let sessions = sessions.into();
        let http = StreamableHttpService::new(move || Ok(service.clone()), sessions, config);
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) if is_of_one_client(&error) => continue,
                    Err(error) if is_of_the_moment(&error) => {
                        // No room for another one: those that are there go on and make some.
                        tokio::time::sleep(NO_ROOM).await;
                        continue;
                    }
                    Err(error) => {
                        let message = format!("the listener of the MCP server failed: {error}");
                        return Err(Error::new(ErrorKind::Connection, message).with_source(error));
                    }
                },
                // Those that ended are let go.
                Some(_) = connections.join_next() => continue,
            };
            let http = TowerToHyperService::new(http.clone());
            connections.spawn(async move {
                let serving = Builder::new(TokioExecutor::new());
                // A client that breaks off is its own affair.
                let _ = serving.serve_connection(TokioIo::new(stream), http).await;
            });
        }
    }

    fn service(&self) -> Result<Service> {
        let implementation = Implementation::new(self.name.clone(), self.version.clone());
        let (tools, host) = (self.tools.clone(), self.host.clone());
        Service::new(implementation, self.instructions.clone(), tools, host)
    }
}

/// How long no client is let in when there is no room for one.
const NO_ROOM: Duration = Duration::from_millis(100);

/// How long a session is kept in which nothing is said: no longer than this may a tool be silent.
const SILENCE: Duration = Duration::from_secs(3600);

/// Whether there is no room for another connection: too many open files, or too little memory.
fn is_of_the_moment(error: &std::io::Error) -> bool {
    // ENOMEM, ENFILE and EMFILE, and ENOBUFS on Linux and on BSDs.
    matches!(error.kind(), std::io::ErrorKind::OutOfMemory)
        || matches!(error.raw_os_error(), Some(12 | 23 | 24 | 55 | 105))
}

/// Whether only the connection that was to be accepted is lost.
fn is_of_one_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn run<R, W>(service: Service, read: R, write: W) -> Result<()>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let transport = AsyncRwTransport::new_server(read, write);
    let running = match rmcp::serve_server(service, transport).await {
        Ok(running) => running,
        // It came and went: nothing was asked for.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error @ ServerInitializeError::TransportError { .. }) => {
            let message = "the connection to the MCP client broke before it had begun";
            return Err(Error::new(ErrorKind::Connection, message).with_source(error));
        }
        Err(error) => {
            let message = format!("the MCP client did not begin as the protocol asks: {error}");
            return Err(Error::new(ErrorKind::Decode, message));
        }
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => {
            let message = "the MCP server ended by a panic of its own; report it";
            Err(Error::new(ErrorKind::Other, message).with_source(error))
        }
        Ok(_) => Ok(()),
    }
}
