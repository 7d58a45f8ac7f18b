//! [`AzureBatches`]: batches of a resource, whose file is taken in before the batch can begin.

use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    Batch, BatchId, BatchItem, Batches, Error, ErrorKind, Request, Result, Timeouts,
};
use meanwhile_http::{Api, Wire};
use meanwhile_openai_compatible::BatchApi;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{AzureCodec, error};

/// Where the answers are asked for, on the paths of version 1 and on the older ones.
const ENDPOINT: &str = "/chat/completions";

/// First wait between two looks at a file that is taken in; each is twice the one before, up to the
/// longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long a file may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Hands batches to deployments whose type is that of batches, as in
/// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>. A deployment is asked on Chat
/// Completions, whatever wire it is asked on otherwise.
#[derive(Debug, Clone)]
pub(crate) struct AzureBatches {
    api: Api,
    codec: AzureCodec,
    batches: BatchApi,
}

#[async_trait]
impl Batches for AzureBatches {
    async fn create(&self, requests: Vec<(String, Request)>) -> Result<Batch> {
        let encode = |request: &Request| self.codec.encode_chat(request);
        let (lines, warnings) = self.batches.write_requests(requests, encode)?;
        let file = self.batches.upload(&lines).await?;
        self.taken_in(&file).await?;
        Ok(self.batches.start(&file).await?.with_warnings(warnings))
    }

    async fn status(&self, id: &BatchId) -> Result<Batch> {
        self.batches.status(id).await
    }

    async fn results(&self, id: &BatchId) -> Result<Vec<BatchItem>> {
        let mut items = self.batches.results(id).await?;
        for item in &mut items {
            if let Err(failure) = &item.response {
                let body = failure.body().unwrap_or_default().to_owned();
                item.response = Err(error::explain(failure.clone(), body.as_bytes()));
            }
        }
        Ok(items)
    }

    async fn cancel(&self, id: &BatchId) -> Result<Batch> {
        self.batches.cancel(id).await
    }
}

impl AzureBatches {
    /// Hands batches over through `api`, whose base URL ends where `/files` and `/batches` follow.
    pub(crate) fn new(api: Api, codec: AzureCodec) -> Self {
        let batches = BatchApi::new(api.clone(), codec.chat("")).with_endpoint(ENDPOINT);
        Self { api, codec, batches }
    }

    /// Waits until a file has been taken in; before that, no batch can be made of it.
    async fn taken_in(&self, file: &str) -> Result<()> {
        let given_up = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        let path = format!("/files/{}", crate::codec::segment(file));
        loop {
            let reply = self.api.send(Wire::get(&*path), "", Timeouts::default()).await?;
            let found: Value = reply.json()?;
            let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
            let failed = |kind, message: String| Err(reply.unexpected(Error::new(kind, message)));
            match text("status") {
                "error" | "failed" => {
                    let message = match reason(&found) {
                        Some(reason) => {
                            format!("the file `{file}` of the batch was refused: {reason}")
                        }
                        None => format!(
                            "the file `{file}` of the batch was refused without a reason; check its \
                             requests and make the batch again"
                        ),
                    };
                    return failed(ErrorKind::InvalidRequest, message);
                }
                gone @ ("canceled" | "cancelled" | "deleting" | "deleted") => {
                    let message = format!(
                        "the file `{file}` of the batch is gone: its status is `{gone}`; make the \
                         batch again"
                    );
                    return failed(ErrorKind::NotFound, message);
                }
                "pending" | "running" | "notRunning" | "not_running" => {}
                _ => return Ok(()),
            }
            if Instant::now() + wait > given_up {
                let message = format!(
                    "the file `{file}` of the batch is still being taken in after {} minutes; make \
                     the batch again later, which uploads it anew, and delete this one",
                    PATIENCE.as_secs() / 60
                );
                return failed(ErrorKind::Overloaded, message);
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Why a file was refused; older API versions say it in `error`.
fn reason(file: &Value) -> Option<&str> {
    ["status_details", "error"].into_iter().find_map(|name| {
        let told = file.get(name)?;
        let text = told.as_str().or_else(|| told.get("message")?.as_str())?.trim();
        (!text.is_empty()).then_some(text)
    })
}
