//! What a client delivers: text and tool fragments as they come, the finish, the usage.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Where everything a request delivers ends up.
pub(crate) struct Sink {
    started: Instant,
    pub(crate) first: Option<Duration>,
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
    pub(crate) sum: u64,
    pub(crate) text: Option<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<u64>,
    stop_after: u64,
}

/// One tool call as far as it came.
#[derive(Default, Serialize)]
pub(crate) struct Tool {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) args: String,
}

impl Sink {
    pub(crate) fn new(collect: bool, stop_after: u64) -> Self {
        Self {
            started: Instant::now(),
            first: None,
            chunks: 0,
            bytes: 0,
            sum: 0,
            text: collect.then(String::new),
            tools: Vec::new(),
            finish: None,
            usage: None,
            stop_after,
        }
    }

    fn chunk(&mut self) {
        self.chunks += 1;
        if self.first.is_none() {
            self.first = Some(self.started.elapsed());
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return };
        self.chunk();
        self.bytes += text.len() as u64;
        self.sum = self.sum.wrapping_add(u64::from(first) * 3 + u64::from(last));
        if let Some(all) = &mut self.text {
            all.push_str(text);
        }
    }

    pub(crate) fn tool_start(&mut self, id: &str, name: &str) {
        self.tools.push(Tool { id: id.to_owned(), name: name.to_owned(), args: String::new() });
    }

    pub(crate) fn tool_delta(&mut self, call: usize, arguments: &str) {
        self.chunk();
        if let Some(tool) = self.tools.get_mut(call) {
            tool.args.push_str(arguments);
        }
    }

    /// Whether the caller wants the stream dropped now.
    pub(crate) fn is_full(&self) -> bool {
        self.stop_after != 0 && self.chunks >= self.stop_after
    }
}
