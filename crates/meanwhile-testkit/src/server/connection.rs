//! [`accept`]: takes connections, reads their requests, and does with each what the reply says.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::reply::Step;
use super::{Received, Shared};

/// What a connection is wrapped into before anything is read from it.
#[derive(Clone)]
pub(super) struct Security {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Security {
    pub(super) fn none() -> Self {
        Self {
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

pub(super) async fn accept(listener: TcpListener, security: Security, shared: Arc<Shared>) {
    // Dropped with this task, which ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        shared.open.fetch_add(1, Ordering::SeqCst);
        let (security, shared) = (security.clone(), shared.clone());
        connections.spawn(async move {
            let _open = Open(&shared.open);
            // A client that goes away is part of the game.
            let _ = secure(connection, security, &shared).await;
        });
        // Those that are over are not kept.
        while connections.try_join_next().is_some() {}
    }
}

/// Counts a connection until it is dropped.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn secure(connection: TcpStream, security: Security, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some(tls) = security.tls {
        return serve(tls.accept(connection).await?, |wrapped| wrapped.get_ref().0, shared).await;
    }
    let Security { .. } = security;
    serve(connection, |connection| connection, shared).await
}

async fn serve<C: AsyncRead + AsyncWrite + Unpin>(
    mut connection: C,
    socket: impl Fn(&C) -> &TcpStream,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(received) = read_request(&mut connection, &mut buffer).await? {
        let reply = (shared.respond)(&received);
        shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        for step in reply.steps() {
            let gone = match step {
                Step::Send(bytes) => connection.write_all(&bytes).await.is_err(),
                Step::Wait(time) => has_closed(&mut connection, &mut buffer, time).await,
                Step::Repeat(bytes, pause) => loop {
                    if connection.write_all(&bytes).await.is_err()
                        || has_closed(&mut connection, &mut buffer, pause).await
                    {
                        break true;
                    }
                },
                Step::Cut => return Ok(()),
                Step::Reset => return reset_on_close(socket(&connection)),
            };
            if gone {
                shared.closed.add_permits(1);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Makes the connection end with a reset when it is closed.
fn reset_on_close(connection: &TcpStream) -> io::Result<()> {
    #[allow(
        deprecated,
        reason = "it blocks only with a time; what replaces it is newer than our oldest tokio"
    )]
    connection.set_linger(Some(Duration::ZERO))
}

/// Waits, and returns earlier when the client closes the connection. What it sends is kept.
async fn has_closed(
    connection: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    time: Duration,
) -> bool {
    let until = Instant::now() + time;
    loop {
        match tokio::time::timeout_at(until, connection.read_buf(buffer)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}

async fn read_request(
    connection: &mut (impl AsyncRead + AsyncWrite + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Received>> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            let refusal = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
            connection.write_all(refusal).await?;
            return Ok(None);
        }
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().and_then(|method| method.parse().ok()).unwrap_or(Method::GET);
    let path = first.next().unwrap_or("/").to_owned();
    let headers: HeaderMap = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        })
        .collect();
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < head + length {
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let mut request: Vec<u8> = buffer.drain(..head + length).collect();
    let body = Bytes::from(request.split_off(head));
    Ok(Some(Received { method, path, headers, body }))
}
