//! [`Publishers`]: models of other vendors on Vertex AI, each on its vendor's wire behind the same
//! credential, chosen by the model's id.

use async_trait::async_trait;
#[cfg(feature = "anthropic")]
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, Provider, Request, Result,
};
use meanwhile_http::{Auth, Connection, Endpoint, HttpProvider};

use crate::codec::VERTEX;
use crate::config::Connected;
#[cfg(feature = "mistral")]
use crate::mistral::MistralCodec;

/// The beginnings of the ids of Mistral's models.
const MISTRAL: &[&str] =
    &["mistral", "ministral", "codestral", "magistral", "devstral", "pixtral", "voxtral"];

/// The vendors whose models stand beside Google's own.
#[derive(Debug)]
pub(crate) struct Publishers {
    #[cfg(feature = "anthropic")]
    claude: HttpProvider<MessagesCodec>,
    #[cfg(feature = "mistral")]
    mistral: HttpProvider<MistralCodec>,
}

impl Publishers {
    /// Makes them for the endpoint of a project and location.
    pub(crate) fn new(endpoint: &Endpoint, auth: &Auth, connection: &Connection) -> Result<Self> {
        Ok(Self {
            #[cfg(feature = "anthropic")]
            claude: connection
                .provider(
                    VERTEX,
                    MessagesCodec::new(VERTEX, Host::Vertex),
                    endpoint.clone(),
                    auth.clone(),
                )?
                .with_capabilities(|model| MessagesCodec::capabilities(bare(model))),
            #[cfg(feature = "mistral")]
            mistral: connection
                .provider(VERTEX, MistralCodec::new(), endpoint.clone(), auth.clone())?
                .with_capabilities(|model| meanwhile_mistral::capabilities(bare(model))),
        })
    }

    /// Joins them and Google's own models in one provider.
    pub(crate) fn beside(self, google: Connected) -> AnyProvider {
        AnyProvider::new(All { google, publishers: self })
    }

    /// Who answers for a model; `None` where Google does.
    fn of(&self, model: &str) -> Option<&dyn Provider> {
        let name = bare(model);
        #[cfg(feature = "anthropic")]
        if name.starts_with("claude") {
            return Some(&self.claude);
        }
        #[cfg(feature = "mistral")]
        if MISTRAL.iter().any(|family| name.starts_with(family)) {
            return Some(&self.mistral);
        }
        None
    }
}

#[derive(Debug)]
struct All {
    google: Connected,
    publishers: Publishers,
}

#[async_trait]
impl Provider for All {
    fn id(&self) -> &str {
        self.google.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        match self.publishers.of(model) {
            Some(publisher) => publisher.capabilities(model),
            None => self.google.capabilities(model),
        }
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        let Some(publisher) = self.publishers.of(&request.model) else {
            let name = bare(&request.model);
            let lacks = if name.starts_with("claude") {
                Some("`vertex` (of this crate: `anthropic`)")
            } else if MISTRAL.iter().any(|family| name.starts_with(family)) {
                Some("`vertex-mistral` (of this crate: `mistral`)")
            } else {
                None
            };
            if let Some(feature) = lacks {
                let message = format!(
                    "Vertex AI serves `{name}` on its vendor's own wire: enable the feature {feature}"
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            return self.google.send(request).await;
        };
        // The path names the publisher itself.
        request.model = bare(&request.model).to_owned();
        publisher.send(request).await
    }
}

/// A model's id without what stands before its last slash.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}
