//! Claude on Vertex AI: Anthropic's wire behind the same credential, chosen by the model's id.

use async_trait::async_trait;
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::{AnyProvider, Capabilities, EventStream, Provider, Request, Result};
use meanwhile_http::{Auth, Endpoint, HttpProvider};

use crate::codec::VERTEX;
use crate::config::{Common, Connected};

type Claude = HttpProvider<MessagesCodec>;

/// Makes the provider of Claude for the endpoint of a project and location.
pub(crate) fn provider(endpoint: Endpoint, auth: Auth, common: &Common) -> Claude {
    let codec = MessagesCodec::new(VERTEX, Host::Vertex);
    let mut claude = HttpProvider::new(VERTEX, codec, endpoint)
        .with_auth(auth)
        .with_timeouts(common.timeouts)
        .with_capabilities(|model| MessagesCodec::capabilities(bare(model)));
    if let Some(bytes) = common.frame_limit {
        claude = claude.with_frame_limit(bytes);
    }
    match &common.client {
        Some(client) => claude.with_client(client.clone()),
        None => claude,
    }
}

/// Joins Google's own models and Claude in one provider.
pub(crate) fn beside(google: Connected, claude: Claude) -> AnyProvider {
    AnyProvider::new(Both { google, claude })
}

#[derive(Debug)]
struct Both {
    google: Connected,
    claude: Claude,
}

#[async_trait]
impl Provider for Both {
    fn id(&self) -> &str {
        self.google.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        match is_claude(model) {
            true => self.claude.capabilities(model),
            false => self.google.capabilities(model),
        }
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        if !is_claude(&request.model) {
            return self.google.send(request).await;
        }
        // The path names the publisher itself.
        request.model = bare(&request.model).to_owned();
        self.claude.send(request).await
    }
}

fn is_claude(model: &str) -> bool {
    bare(model).starts_with("claude")
}

/// A model's id without what stands before its last slash.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}
