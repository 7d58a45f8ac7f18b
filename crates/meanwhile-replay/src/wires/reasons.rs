//! Why an exchange is not played: what its API is, and why nothing here speaks it.

use crate::corpus::Exchange;

pub(crate) const NO_BODY: &str = "the recorded body is not one that came over HTTP";
pub(crate) const NO_STATUS: &str = "the recorded status is no HTTP status";
/// The beginning of the reason for a family of endpoints that this table does not know.
pub(crate) const UNKNOWN: &str = "a family of endpoints that the replay has not met";

/// Families of endpoints that are outside, by provider (`*` for all), name, what the path must
/// contain, and the method (empty for any). The first row that fits counts.
#[rustfmt::skip]
const OUTSIDE: &[(&str, &str, &str, &str, &str)] = &[
    ("*", "realtime", "", "", "a realtime session over WebSocket: there is no realtime wire"),
    ("google", "interactions", "", "", "Google's Interactions API, a stateful beta beside generateContent, which is what is spoken"),
    ("google", "cached_contents", "", "DELETE", "removal of an explicit context cache: caches of Google's are not managed"),
    ("google", "cached_contents", "", "", "upkeep of an explicit context cache: caches of Google's are not managed"),
    ("google", "files", "fileSearchStores", "", "a file search store: there is no API for hosted search"),
    ("openai", "files", "vector_stores", "", "a vector store: there is no API for hosted search"),
    ("*", "files", "/content", "GET", "the download of a file: there is no file API; batches fetch their own results"),
    ("*", "files", "", "DELETE", "the removal of a file: there is no file API"),
    ("*", "files", "", "GET", "the description of files: there is no file API"),
    ("*", "files", "", "", "the upload of a file: there is no file API; batches upload their own requests"),
    ("*", "completions", "", "", "legacy text completions, which take one prompt instead of messages; Chat Completions and Responses are spoken"),
    ("anthropic", "complete", "", "", "Anthropic's legacy Text Completions, which take one prompt; Messages is spoken"),
    ("cohere", "chat_v1", "", "", "Cohere's chat of version 1; version 2 is spoken"),
    ("cohere", "generate_v1", "", "", "Cohere's retired generate of version 1; chat of version 2 is spoken"),
    ("cohere", "tokenize_v1", "", "", "Cohere's tokenizer: there is no API for tokens themselves"),
    ("ollama", "generate", "", "", "Ollama's /api/generate, which takes one prompt instead of messages; /api/chat is spoken"),
    ("ollama", "embeddings_legacy", "", "", "Ollama's retired /api/embeddings; /api/embed is spoken"),
    ("ollama", "show", "", "", "the description of one model of Ollama's: models are listed, not described one by one"),
    ("openai", "count_tokens", "", "", "the token count of the Responses API: tokens are counted for Anthropic and Google"),
    ("bedrock", "count_tokens", "", "", "the token count of Bedrock: tokens are counted for Anthropic and Google"),
    ("mistral", "ocr", "", "", "Mistral's OCR of documents: there is no OCR API"),
    ("google", "predict", "LongRunning", "", "the start of a long-running video generation: there is no video API"),
    ("google", "models", "/operations/", "", "the state of a long-running video generation: there is no video API"),
    ("*", "models", "/models/", "", "the description of one model by its id: models are listed, not described one by one"),
    ("*", "batches", "", "DELETE", "the removal of a batch: batches stay until the vendor removes them"),
    ("*", "batches", "", "", "the list of batches: batches are known by their ids"),
    ("*", "audio_speech", "", "", "speech in events: speech is read as bytes, while it is made or whole"),
    ("*", "audio_translation", "", "", "the translation of a recording: recordings are written down in their own language"),
    ("*", "images", "/variations", "", "the variation of a given image: images are made from text only"),
    ("*", "images", "/edits", "", "the edit of a given image: images are made from text only"),
    ("mistral", "moderations", "/chat/moderations", "", "the moderation of a conversation: texts are judged, not conversations"),
    ("openrouter", "audio_transcription", "", "", "OpenRouter's transcription, which takes JSON instead of a form"),
    ("openai", "moderations", "/organization/usage", "", "an organisation's report of usage: there is no API for administration"),
    ("*", "images", "", "", "images over another path than /images/generations"),
    ("huggingface", "hf_inference", "feature-extraction", "", "a feature-extraction pipeline of Hugging Face's own inference API; its Chat Completions router is spoken"),
    ("huggingface", "hf_inference", "sentence-similarity", "", "a sentence-similarity pipeline of Hugging Face's own inference API; its Chat Completions router is spoken"),
    ("huggingface", "hf_inference", "", "", "a task of one model on Hugging Face's own inference API, chosen by the model and not by the path; its Chat Completions router is spoken"),
];

/// Why an exchange whose wire is not spoken is not played.
pub(crate) fn reason(exchange: &Exchange) -> String {
    let Exchange { provider, api, request, .. } = exchange;
    let path = request.path.as_deref().unwrap_or_default();
    let method = request.method.as_deref().unwrap_or_default();
    let row = OUTSIDE.iter().find(|(of, family, within, by, _)| {
        (*of == "*" || of == provider)
            && family == api
            && path.contains(within)
            && (by.is_empty() || *by == method)
    });
    match row {
        Some((.., reason)) => (*reason).to_owned(),
        None => format!("{UNKNOWN}: `{api}` of `{provider}`"),
    }
}
