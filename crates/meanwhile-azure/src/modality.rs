//! [`AzureEmbedder`]: embeddings of Azure, on whichever paths the resource has.

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, Embeddings, Result};
use meanwhile_http::Api;
use meanwhile_openai_compatible::EmbeddingApi;

use crate::AzureCodec;

/// The most texts of one request.
const BATCH_LIMIT: usize = 2048;

/// Embeds through deployments of an Azure resource, whose wire is that of
/// <https://learn.microsoft.com/azure/ai-foundry/openai/reference#embeddings>.
#[derive(Debug, Clone)]
pub(crate) struct AzureEmbedder {
    pub(crate) api: Api,
    pub(crate) codec: AzureCodec,
}

#[async_trait]
impl Embedder for AzureEmbedder {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, _: &str) -> usize {
        BATCH_LIMIT
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let path = self.codec.path(&request.model, "embeddings");
        EmbeddingApi::new(self.api.clone()).with_path(path).embed(request).await
    }
}
