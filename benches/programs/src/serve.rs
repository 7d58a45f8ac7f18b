//! A server of the Chat Completions wire on the loopback interface, which answers the same every time.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long an answer takes
    #[arg(long, default_value_t = 20)]
    delay_ms: u64,
}

#[allow(clippy::print_stdout, reason = "the port is what it is asked for")]
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let answer = answer();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (answer, delay) = (answer.clone(), Duration::from_millis(arguments.delay_ms));
        tokio::spawn(async move {
            // A client that hangs up is not a failure.
            let _ = connection(stream, &answer, delay).await;
        });
    }
}

fn answer() -> Vec<u8> {
    let body = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_741_476_777,
        "model": "gpt-4o-mini",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "[[ ## answer ## ]]\nLima\n\n[[ ## completed ## ]]",
                "refusal": null,
            },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140 },
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// Answers the requests of one connection, one after the other.
async fn connection(mut stream: TcpStream, answer: &[u8], delay: Duration) -> anyhow::Result<()> {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(read.get(..end).unwrap_or_default()).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("a request without a length")?.trim().parse()?;
        while read.len() < end + length {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        read.drain(..end + length);
        tokio::time::sleep(delay).await;
        stream.write_all(answer).await?;
    }
}
