//! [`ModelsApi`]: `GET /models`, as in <https://platform.openai.com/docs/api-reference/models/list>.

use std::borrow::Cow;

use async_trait::async_trait;
use meanwhile_core::{ListModels, ModelInfo, Result};
use meanwhile_http::Api;
use serde::Deserialize;
use serde_json::Value;

/// Lists the models of a host of the dialect.
///
/// ```
/// # use meanwhile_core::ListModels as _;
/// # use meanwhile_openai_compatible::{ModelsApi, OpenAiCompatible};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"object": "list", "data": [{"id": "large", "owned_by": "acme", "context_length": 8192}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let models = ModelsApi::new(api).list_models().await?;
/// assert_eq!((models[0].id.as_str(), models[0].input_tokens), ("large", Some(8192)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ModelsApi {
    api: Api,
    path: Cow<'static, str>,
}

impl ModelsApi {
    /// Lists through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, path: Cow::Borrowed("/models") }
    }

    /// Sets the path below the base URL.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.path = path.into();
        self
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    List { data: Vec<Value> },
    // Together answers with the bare list.
    Bare(Vec<Value>),
}

#[async_trait]
impl ListModels for ModelsApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        let (Answer::List { data } | Answer::Bare(data)) = self.api.get(&self.path).await?;
        Ok(data.into_iter().filter_map(model).collect())
    }
}

/// Reads one model; an entry without an id names none.
fn model(raw: Value) -> Option<ModelInfo> {
    let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
    let count = |names: &[&str]| names.iter().find_map(|name| raw.get(name)?.as_u64());
    let mut model = ModelInfo::new(text("id")?);
    model.name = text("name").or_else(|| text("display_name"));
    model.owner = text("owned_by");
    model.created = count(&["created", "created_at"]);
    model.input_tokens =
        count(&["context_length", "context_window", "max_context_length", "max_model_len"]);
    model.output_tokens = count(&["max_completion_tokens", "max_output_length"]);
    model.raw = Some(Box::new(raw));
    Some(model)
}
