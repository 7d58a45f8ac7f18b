//! [`GoogleOptions`]: what only Google's API can be told, typed.

use meanwhile_core::Params;
use serde_json::{Map, Value, json};

use crate::codec::GOOGLE;

/// Options of one call that only Google's API has, on AI Studio and Vertex AI.
///
/// They become the vendor options `google` of [`Params`]; a field that is not here can be set with
/// [`Params::option`] as it is in the API, and options under `vertex` hold for Vertex AI alone. Tools
/// add to those of the request, `generationConfig` and `toolConfig` are merged field by field, and
/// everything else replaces.
///
/// ```
/// use meanwhile_core::Params;
/// use meanwhile_google::GoogleOptions;
///
/// let params = GoogleOptions::new()
///     .google_search()
///     .safety("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH")
///     .include_thoughts(true)
///     .apply(Params::new().max_tokens(1024));
/// assert_eq!(params.options["google"]["tools"][0]["googleSearch"], serde_json::json!({}));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GoogleOptions {
    fields: Map<String, Value>,
}

impl GoogleOptions {
    /// Begins without any option.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much of one category of harm is let through; the last word on a category counts.
    /// See <https://ai.google.dev/gemini-api/docs/safety-settings>.
    #[must_use]
    pub fn safety(mut self, category: &str, threshold: &str) -> Self {
        let settings = self.fields.entry("safetySettings").or_insert_with(|| json!([]));
        if let Some(settings) = settings.as_array_mut() {
            settings.retain(|setting| setting.get("category") != Some(&json!(category)));
            settings.push(json!({ "category": category, "threshold": threshold }));
        }
        self
    }

    /// Continues from content that was cached before, by its name (`cachedContents/…`).
    /// See <https://ai.google.dev/gemini-api/docs/caching>.
    #[must_use]
    pub fn cached_content(self, name: impl Into<String>) -> Self {
        self.field("cachedContent", name.into())
    }

    /// Lets the model search the web.
    /// See <https://ai.google.dev/gemini-api/docs/google-search>.
    #[must_use]
    pub fn google_search(self) -> Self {
        self.tool(json!({ "googleSearch": {} }))
    }

    /// Lets the model read the addresses that the prompt names.
    /// See <https://ai.google.dev/gemini-api/docs/url-context>.
    #[must_use]
    pub fn url_context(self) -> Self {
        self.tool(json!({ "urlContext": {} }))
    }

    /// Lets the model write and run code.
    /// See <https://ai.google.dev/gemini-api/docs/code-execution>.
    #[must_use]
    pub fn code_execution(self) -> Self {
        self.tool(json!({ "codeExecution": {} }))
    }

    /// Lets the model ask Google Maps.
    /// See <https://ai.google.dev/gemini-api/docs/maps-grounding>.
    #[must_use]
    pub fn google_maps(self) -> Self {
        self.tool(json!({ "googleMaps": {} }))
    }

    /// Lets the model search stored files, by the names of their stores (`fileSearchStores/…`).
    /// See <https://ai.google.dev/gemini-api/docs/file-search>.
    #[must_use]
    pub fn file_search<S: Into<String>>(self, stores: impl IntoIterator<Item = S>) -> Self {
        let stores: Vec<String> = stores.into_iter().map(Into::into).collect();
        self.tool(json!({ "fileSearch": { "fileSearchStoreNames": stores } }))
    }

    /// Offers another tool that Google runs, as the API writes it.
    /// See <https://ai.google.dev/api/caching#Tool>.
    #[must_use]
    pub fn tool(mut self, tool: Value) -> Self {
        let tools = self.fields.entry("tools").or_insert_with(|| json!([]));
        if let Some(tools) = tools.as_array_mut() {
            tools.push(tool);
        }
        self
    }

    /// Sets whether the model's thoughts are summarised in the answer.
    /// See <https://ai.google.dev/gemini-api/docs/thinking>.
    #[must_use]
    pub fn include_thoughts(mut self, include: bool) -> Self {
        let config = self.fields.entry("generationConfig").or_insert_with(|| json!({}));
        if let Some(config) = config.as_object_mut() {
            let thinking = config.entry("thinkingConfig").or_insert_with(|| json!({}));
            if let Some(thinking) = thinking.as_object_mut() {
                thinking.insert("includeThoughts".to_owned(), include.into());
            }
        }
        self
    }

    /// Sets what the answer may consist of: `TEXT`, `IMAGE`, `AUDIO`.
    /// See <https://ai.google.dev/gemini-api/docs/image-generation>.
    #[must_use]
    pub fn response_modalities<S: Into<String>>(
        self,
        modalities: impl IntoIterator<Item = S>,
    ) -> Self {
        let modalities: Vec<String> = modalities.into_iter().map(Into::into).collect();
        self.generation_config("responseModalities", modalities)
    }

    /// Sets the voice of a spoken answer.
    /// See <https://ai.google.dev/gemini-api/docs/speech-generation>.
    #[must_use]
    pub fn voice(self, name: impl Into<String>) -> Self {
        let voice = json!({ "prebuiltVoiceConfig": { "voiceName": name.into() } });
        self.generation_config("speechConfig", json!({ "voiceConfig": voice }))
    }

    /// Sets the shape of pictures in the answer, such as `16:9`.
    /// See <https://ai.google.dev/gemini-api/docs/image-generation>.
    #[must_use]
    pub fn aspect_ratio(self, ratio: impl Into<String>) -> Self {
        self.generation_config("imageConfig", json!({ "aspectRatio": ratio.into() }))
    }

    /// Sets how closely all media are looked at, such as `MEDIA_RESOLUTION_LOW`.
    /// See <https://ai.google.dev/gemini-api/docs/media-resolution>.
    #[must_use]
    pub fn media_resolution(self, resolution: impl Into<String>) -> Self {
        self.generation_config("mediaResolution", resolution.into())
    }

    /// Has Vertex AI hand out the arguments of tool calls while they are written.
    /// See <https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling>.
    #[must_use]
    pub fn stream_arguments(mut self, stream: bool) -> Self {
        let config = self.fields.entry("toolConfig").or_insert_with(|| json!({}));
        if let Some(config) = config.as_object_mut() {
            let calling = config.entry("functionCallingConfig").or_insert_with(|| json!({}));
            if let Some(calling) = calling.as_object_mut() {
                calling.insert("streamFunctionCallArguments".to_owned(), stream.into());
            }
        }
        self
    }

    /// Labels the request on the bill of Vertex AI.
    /// See <https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls>.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = self.fields.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(name.into(), value.into().into());
        }
        self
    }

    /// Sets any other field of `generationConfig`.
    #[must_use]
    pub fn generation_config(mut self, name: &str, value: impl Into<Value>) -> Self {
        let config = self.fields.entry("generationConfig").or_insert_with(|| json!({}));
        if let Some(config) = config.as_object_mut() {
            config.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Sets any other field of the request body.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Adds the options to `params`, key by key.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(GOOGLE.to_owned()).or_default().extend(self.fields);
        params
    }
}
