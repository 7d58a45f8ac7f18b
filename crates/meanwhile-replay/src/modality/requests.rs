//! Recorded requests as ours: what our types have a place for goes there, the rest into the options.

use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Image, ImageRequest, ModerationRequest, RerankRequest,
    SpeechRequest,
};
use serde_json::{Map, Value};

/// A recorded request for vectors, or why ours cannot say it.
pub(crate) fn embed(provider: &str, path: &str, body: &Value) -> Result<EmbedRequest, String> {
    let mut fields = fields(body)?;
    let mut request = match provider {
        "google" => return google(path, body),
        "vertex" => return vertex(path, &mut fields),
        "cohere" => {
            let request = EmbedRequest::new("", texts(&mut fields, "texts")?);
            // Our embedder asks for them anyway.
            if fields.get("embedding_types") == Some(&serde_json::json!(["float"])) {
                fields.shift_remove("embedding_types");
            }
            request
        }
        _ => EmbedRequest::new("", texts(&mut fields, "input")?),
    };
    request.model = match deployment(path) {
        Some(deployment) => {
            fields.shift_remove("model");
            deployment.to_owned()
        }
        None => text(&mut fields, "model").unwrap_or_default(),
    };
    let (dimensions, purposes): (_, fn(&str) -> Option<EmbedPurpose>) = match provider {
        "mistral" => ("output_dimension", |_| None),
        "voyage" => ("output_dimension", voyage_purpose),
        "cohere" => ("output_dimension", cohere_purpose),
        _ => ("dimensions", |_| None),
    };
    request.dimensions = count(&mut fields, dimensions);
    let purpose = fields.get("input_type").and_then(Value::as_str).and_then(purposes);
    if purpose.is_some() {
        request.purpose = purpose;
        fields.shift_remove("input_type");
    }
    keep(provider, fields, &mut request.options);
    Ok(request)
}

/// A recorded request for a ranking, or why ours cannot say it.
pub(crate) fn rerank(provider: &str, body: &Value) -> Result<RerankRequest, String> {
    let mut fields = fields(body)?;
    let documents = texts(&mut fields, "documents")?;
    let model = text(&mut fields, "model").unwrap_or_default();
    let query = text(&mut fields, "query").unwrap_or_default();
    let mut request = RerankRequest::new(model, query, documents);
    request.top = count(&mut fields, if provider == "voyage" { "top_k" } else { "top_n" });
    keep(provider, fields, &mut request.options);
    Ok(request)
}

/// A recorded request for a judgement, or why ours cannot say it.
pub(crate) fn moderate(provider: &str, body: &Value) -> Result<ModerationRequest, String> {
    let mut fields = fields(body)?;
    let model = text(&mut fields, "model").unwrap_or_default();
    let mut request = ModerationRequest::new(model, Vec::new());
    let is_part = |item: &Value| item.get("type").is_some();
    let input = fields.get("input").and_then(Value::as_array);
    if let Some(parts) = input.filter(|items| items.iter().any(is_part)) {
        for part in parts {
            let text = |place: &str| part.pointer(place).and_then(Value::as_str);
            match (text("/text"), text("/image_url/url")) {
                (Some(text), _) => request.texts.push(text.to_owned()),
                (None, Some(url)) => request.images.push(Image::url(url)),
                (None, None) => return Err("a part that is neither text nor image".to_owned()),
            }
        }
        fields.shift_remove("input");
    } else {
        request.texts = texts(&mut fields, "input")?;
    }
    keep(provider, fields, &mut request.options);
    Ok(request)
}

/// A recorded request for speech, or why ours cannot say it.
pub(crate) fn speak(provider: &str, body: &Value) -> Result<SpeechRequest, String> {
    let mut fields = fields(body)?;
    let mut take = |name: &str| text(&mut fields, name).unwrap_or_default();
    let mut request = SpeechRequest::new(take("model"), take("input"), take("voice"));
    request.format = text(&mut fields, "response_format");
    request.instructions = text(&mut fields, "instructions");
    request.speed = fields.shift_remove("speed").and_then(|speed| speed.as_f64());
    keep(provider, fields, &mut request.options);
    Ok(request)
}

/// A recorded request for images, or why ours cannot say it.
pub(crate) fn image(provider: &str, body: &Value) -> Result<ImageRequest, String> {
    let mut fields = fields(body)?;
    let mut take = |name: &str| text(&mut fields, name).unwrap_or_default();
    let mut request = ImageRequest::new(take("model"), take("prompt"));
    request.count = count(&mut fields, "n");
    request.quality = text(&mut fields, "quality");
    request.format = text(&mut fields, "output_format");
    let size = fields.get("size").and_then(Value::as_str).and_then(|size| size.split_once('x'));
    if let Some((Ok(width), Ok(height))) = size.map(|(w, h)| (w.parse(), h.parse())) {
        request.size = Some((width, height));
        fields.shift_remove("size");
    }
    keep(provider, fields, &mut request.options);
    Ok(request)
}

fn google(path: &str, body: &Value) -> Result<EmbedRequest, String> {
    let mut request = EmbedRequest::new(model_of(path), Vec::new());
    let entries = body.get("requests").and_then(Value::as_array).ok_or("no list of texts")?;
    for entry in entries {
        let mut fields = fields(entry)?;
        let content = fields.shift_remove("content").unwrap_or_default();
        match content.pointer("/parts").and_then(Value::as_array).map(Vec::as_slice) {
            Some([part]) if part.get("text").is_some_and(Value::is_string) => {
                let text = part.get("text").and_then(Value::as_str).unwrap_or_default();
                request.inputs.push(text.to_owned());
            }
            _ => return Err("content that is not one text".to_owned()),
        }
        request.dimensions = count(&mut fields, "outputDimensionality")
            .or_else(|| count(&mut fields, "output_dimensionality"));
        request.purpose = task(text(&mut fields, "taskType").as_deref());
        fields.shift_remove("model");
        keep("google", fields, &mut request.options);
    }
    Ok(request)
}

fn vertex(path: &str, fields: &mut Map<String, Value>) -> Result<EmbedRequest, String> {
    let mut request = EmbedRequest::new(model_of(path), Vec::new());
    let instances = fields.shift_remove("instances").unwrap_or_default();
    for instance in instances.as_array().into_iter().flatten() {
        let content = instance.get("content").and_then(Value::as_str);
        request.inputs.push(content.ok_or("an instance that is no text")?.to_owned());
        request.purpose = task(instance.get("task_type").and_then(Value::as_str));
    }
    if let Some(Value::Object(mut parameters)) = fields.shift_remove("parameters") {
        request.dimensions = count(&mut parameters, "outputDimensionality");
        keep("vertex", parameters, &mut request.options);
    }
    Ok(request)
}

fn task(name: Option<&str>) -> Option<EmbedPurpose> {
    Some(match name? {
        "RETRIEVAL_QUERY" => EmbedPurpose::Query,
        "RETRIEVAL_DOCUMENT" => EmbedPurpose::Document,
        "SEMANTIC_SIMILARITY" => EmbedPurpose::Similarity,
        "CLASSIFICATION" => EmbedPurpose::Classification,
        "CLUSTERING" => EmbedPurpose::Clustering,
        _ => return None,
    })
}

fn voyage_purpose(name: &str) -> Option<EmbedPurpose> {
    match name {
        "query" => Some(EmbedPurpose::Query),
        "document" => Some(EmbedPurpose::Document),
        _ => None,
    }
}

fn cohere_purpose(name: &str) -> Option<EmbedPurpose> {
    match name {
        "search_query" => Some(EmbedPurpose::Query),
        "search_document" => Some(EmbedPurpose::Document),
        "classification" => Some(EmbedPurpose::Classification),
        "clustering" => Some(EmbedPurpose::Clustering),
        _ => None,
    }
}

/// The model that a path of Google's names.
pub(crate) fn model_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// The deployment that a path of Azure's names.
fn deployment(path: &str) -> Option<&str> {
    path.split_once("/deployments/")?.1.split('/').next()
}

/// The fields of an object. A null says nothing that its absence does not say.
fn fields(body: &Value) -> Result<Map<String, Value>, String> {
    let fields = body.as_object().ok_or("no request recorded")?;
    let given = fields.iter().filter(|(_, value)| !value.is_null());
    Ok(given.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn texts(fields: &mut Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let texts = match fields.shift_remove(name) {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(items)) => {
            items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    };
    texts.ok_or_else(|| format!("`{name}` that is not made of texts"))
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    let text = fields.get(name)?.as_str()?.to_owned();
    fields.shift_remove(name);
    Some(text)
}

fn count(fields: &mut Map<String, Value>, name: &str) -> Option<u32> {
    let count = u32::try_from(fields.get(name)?.as_u64()?).ok()?;
    fields.shift_remove(name);
    Some(count)
}

fn keep(
    provider: &str,
    fields: Map<String, Value>,
    options: &mut std::collections::BTreeMap<String, Map<String, Value>>,
) {
    if !fields.is_empty() {
        options.entry(provider.to_owned()).or_default().extend(fields);
    }
}
