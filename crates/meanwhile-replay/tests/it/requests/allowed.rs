//! The differences between a recorded request and ours that are no defect. Each row says why.

use serde_json::Value;

use super::difference::{Difference, differences};
use super::{Recorded, Written};

/// Where a difference was found.
pub(crate) struct Context<'a> {
    pub(crate) wire: &'a str,
    pub(crate) recorded: &'a Recorded<'a>,
    pub(crate) written: &'a Written,
}

/// The wires and the place of a difference, whether it is of the kind, and why it is allowed.
///
/// A place is a JSON pointer with `*` for places in lists; `**` at either end stands for anything.
type Row = (&'static [&'static str], &'static str, When, &'static str);
type When = fn(&Difference, &Context<'_>) -> bool;

const ANY: &[&str] = &[];
const ANTHROPIC: &[&str] = &["anthropic"];
const BEDROCK: &[&str] = &["bedrock"];
const COHERE: &[&str] = &["cohere"];
const MISTRAL: &[&str] = &["mistral"];
const GOOGLE: &[&str] = &["google"];
const OLLAMA: &[&str] = &["ollama"];
const RESPONSES: &[&str] = &["responses"];
const CHAT: &[&str] = &["chat", "mistral"];

#[rustfmt::skip]
const ALLOWED: &[Row] = &[
    (ANY, "/**", says_nothing, "null, empty and absent are the same"),
    (ANY, "/**", warned, "left out or changed with a warning that names it"),
    (ANY, "/stream", is_false, "false is the default"),
    (ANY, "/**/strict", unasked, "whether a schema is guaranteed is the vendor's quirk, not the request's"),
    (ANY, "/tool_choice", is_auto, "auto is the default"),

    (CHAT, "/stream_options", is_streamed, "usage is asked for in every stream, or cannot be at this host"),
    (CHAT, "/stream_options/**", is_streamed, "usage is asked for in every stream"),
    (CHAT, "/model", added, "a host of one model needs no name of it"),
    (CHAT, "/max_tokens", renamed, "the other name of the same setting"),
    (CHAT, "/max_completion_tokens", renamed, "the other name of the same setting"),
    (CHAT, "/messages/*/content", same_text, "content of text alone is written as text"),
    (CHAT, "/messages/*/content", null_beside_calls, "content may be absent, null or an empty list beside calls"),
    (CHAT, "/messages/*/name", of_result, "a tool result is known by the id of its call"),
    (CHAT, "/messages/*/metadata", unasked, "a client's own field"),
    (CHAT, "/messages/*/reasoning_signature", unasked, "a client's own field"),
    (CHAT, "/messages/*/cache_control", unasked, "cache marks stand on parts; a client put it on the message"),
    (CHAT, "/messages/*/tool_calls/*/cache_control", unasked, "cache marks stand on parts; a client put it on a call"),
    (CHAT, "/messages/*/tool_calls/*/index", unasked, "left over from a stream"),
    (CHAT, "/messages/*/role", is_developer, "the other name of the system role"),
    (CHAT, "/messages/*/reasoning_details/**", own_details, "a client's own form of the details"),
    (CHAT, "/messages/*/reasoning_details", own_details, "a client's own form of the details"),
    (CHAT, "/messages/*/reasoning_content", no_thought, "the same thought as in `reasoning_details`"),
    (CHAT, "/messages/*/reasoning", no_thought, "an empty thought, or the same one a second time"),
    (CHAT, "/messages/*/content/*/image_url", short_image, "an address alone is the short form"),
    (CHAT, "/messages/*/content/*/file/filename", added, "bytes need a file name, which need not be given"),
    (CHAT, "/messages", shown_result, "images of a tool result follow as a message of the user"),
    (CHAT, "/tool_choice/**", names_tool, "a tool is named in the one documented form"),
    (CHAT, "/parallel_tool_calls", without_tools, "servers refuse the setting where there are no tools"),
    (CHAT, "/top_logprobs", is_zero, "zero alternatives are the default"),
    (CHAT, "/response_format", is_text, "text is the default"),
    (CHAT, "/stop", one_stop, "one stop sequence is a list of one"),
    (CHAT, "/response_format/json_schema/schema/**", stricter, "the subset of JSON Schema that is guaranteed"),

    (CHAT, "/response_format/json_schema/name", added, "a schema has a name, which need not be given"),
    (CHAT, "/response_format/json_schema/strict", weaker, "strict where the schema allows it, else with a warning"),

    (ANTHROPIC, "/messages/*/content/*/content", same_text, "content of text alone is written as text"),
    (ANTHROPIC, "/system", same_text, "content of text alone is written as text"),
    (ANTHROPIC, "/tool_choice", is_auto, "auto is the default"),
    (ANTHROPIC, "/tool_choice/disable_parallel_tool_use", is_false, "false is the default"),
    (ANTHROPIC, "/messages/*/content/*/is_error", is_false, "false is the default"),
    (ANTHROPIC, "/output_format", moved_format, "the place of the format before it left beta"),
    (ANTHROPIC, "/output_config", moved_format, "the place of the format since it left beta"),
    (ANTHROPIC, "/output_config/format", moved_format, "the place of the format since it left beta"),
    (ANTHROPIC, "/output_config/format/schema/**", stricter, "the subset of JSON Schema that is guaranteed"),
    (ANTHROPIC, "/messages/*/content/*/caller", is_direct, "direct is the default"),
    (ANTHROPIC, "/tools/*/type", unasked, "`custom` is the default"),
    (ANTHROPIC, "/anthropic_version", added, "a client kept it elsewhere"),
    (ANTHROPIC, "/tools/*/input_schema", object_schema, "the schema of a tool must be an object"),
    (ANTHROPIC, "/tools/*/input_schema/type", added, "the schema of a tool must be an object"),

    (GOOGLE, "/systemInstruction/role", unasked, "instructions have no role"),
    (GOOGLE, "/contents/*/role", is_function, "the retired name of the role of results"),
    (GOOGLE, "/contents/*/parts/*/functionResponse/response/**", same_answer, "clients name the answer of a tool as they like; the models were trained on `output`"),
    (GOOGLE, "/contents/*/parts/*/functionResponse/response", same_answer, "clients name the answer of a tool as they like"),
    (GOOGLE, "/contents/*/parts/*/thoughtSignature", repeated, "a client repeats the signature of the first call"),
    (GOOGLE, "/contents/*/parts/*/thoughtSignature", same_media, "the other alphabet of base64"),
    (GOOGLE, "/contents/*/parts/*/inlineData/data", same_media, "the other alphabet of base64"),
    (GOOGLE, "/contents/*/parts/*/functionResponse/parts/*/inlineData/data", same_media, "the other alphabet of base64"),
    (GOOGLE, "/tools/*/functionDeclarations/*/parameters", no_parameters, "a schema without properties is refused"),
    (GOOGLE, "/tools/*/functionDeclarations/*/responseSchema", unasked, "a tool has no schema for its answer"),
    (GOOGLE, "/tools/*/functionDeclarations/*/parameters/**", stricter, "keywords that the API does not know"),
    (GOOGLE, "/generationConfig/responseSchema/**", stricter, "keywords that the API does not know"),
    (GOOGLE, "/generationConfig/thinkingConfig/includeThoughts", added, "thinking that was asked for is shown"),
    (GOOGLE, "/generationConfig/thinkingConfig/thinkingLevel", same_letters, "levels may be written in capitals"),
    (GOOGLE, "/generationConfig/thinkingConfig", no_budget, "the model does not think anyway"),
    (GOOGLE, "/toolConfig", is_auto, "auto is the default"),

    (RESPONSES, "/store", added, "the API's default is written out"),
    (RESPONSES, "/include", added, "thinking that is not stored comes in encrypted form"),
    (RESPONSES, "/tools/*/parameters/**", stricter, "the subset of JSON Schema that is guaranteed"),
    (RESPONSES, "/tools/*/strict", weaker, "strict where the schema allows it"),
    (RESPONSES, "/text/format/schema/**", stricter, "the subset of JSON Schema that is guaranteed"),
    (RESPONSES, "/text/format/strict", weaker, "strict where the schema allows it, else with a warning"),
    (RESPONSES, "/input/*/content", same_text, "content of text alone is written as text"),
    (RESPONSES, "/input/*/id", id_of_result, "a result is known by the id of its call"),
    (RESPONSES, "/text", is_text, "text is the default"),
    (RESPONSES, "/input/*/content/*/detail", added, "the documented default, which is required"),

    (BEDROCK, "/toolConfig/toolChoice", is_auto, "auto is the default"),
    (BEDROCK, "/messages/*/content/*/toolResult/status", is_success, "success is the default"),
    (BEDROCK, "/messages/*/content/*/toolResult/content/*/**", text_of_json, "a tool's answer is text, also where it is JSON"),
    (BEDROCK, "/outputConfig/textFormat/structure/jsonSchema/schema", same_json, "the schema as text, spelled otherwise"),
    (BEDROCK, "/additionalModelResponseFieldPaths", added, "tells which stop sequence it was"),
    (BEDROCK, "/additionalModelRequestFields/reasoning_config", unasked, "the older name of `thinking`"),
    (BEDROCK, "/additionalModelRequestFields/thinking", added, "the newer name of `reasoning_config`"),
    (BEDROCK, "/additionalModelRequestFields/output_config", unasked, "the effort has a field of Bedrock's own"),
    (BEDROCK, "/outputConfig", added, "the effort has a field of Bedrock's own"),
    (BEDROCK, "/messages/*/content/*/document/source/**", same_bytes, "text is sent as bytes, which every model reads"),
    (BEDROCK, "/messages/*/content/*/document/name", same_name, "names with other characters are refused"),

    (MISTRAL, "/messages/*/tool_calls/*/id", short_id, "ids are nine letters and digits; these were redacted"),
    (MISTRAL, "/messages/*/tool_call_id", short_id, "ids are nine letters and digits; these were redacted"),
    (MISTRAL, "/messages/*/prefix", is_false, "false is the default"),
    (MISTRAL, "/tools/*/type", added, "tools are functions"),
    (MISTRAL, "/tool_choice", is_required, "two words for the same"),
    (MISTRAL, "/messages/*/content/*/input_audio", audio_alone, "the bytes alone are the documented form"),
    (MISTRAL, "/messages/*/content/*/thinking", same_thought, "texts of one thought in a row are one text"),

    (COHERE, "/messages/*/content", same_text, "content of text alone is written as text"),
    (COHERE, "/response_format/schema", unasked, "the older name of `json_schema`"),
    (COHERE, "/response_format/json_schema", added, "the newer name of `schema`"),

    (OLLAMA, "/stream", is_true, "true is the default"),
    (OLLAMA, "/format", empty_format, "a client's way to ask for nothing"),
    (OLLAMA, "/messages/*/tool_calls/*/type", added, "calls are functions"),
];

/// Where an answer that goes back may say more than the client sent back of it.
#[rustfmt::skip]
const MORE: &[(&str, &str)] = &[
    ("/contents/*/parts", "thinking and the code that ran, which clients leave out"),
    ("/contents/*/parts/*/functionCall/id", "calls that came without an id get one, and so do their results"),
    ("/contents/*/parts/*/functionResponse/id", "calls that came without an id get one, and so do their results"),
    ("/contents/*/parts/*/thoughtSignature", "signatures, which clients leave out"),
    ("/input", "thinking and tools of the server, which clients leave out"),
    ("/input/*/action/sources", "what a search found"),
    ("/input/*/encrypted_content", "thinking in encrypted form, which clients leave out"),
    ("/input/*/id", "items go back under their ids"),
    ("/input/*/phase", "what kind of text it is"),
    ("/messages/*/citations", "citations, which clients leave out"),
    ("/messages/*/content", "thinking, and text beside calls, which clients leave out"),
    ("/messages/*/content/*/citations", "citations, which clients leave out"),
    ("/messages/*/content/*/reasoningContent", "thinking, which clients leave out"),
    ("/messages/*/reasoning_details/*/format", "null in the recording"),
    ("/messages/*/tool_call_id", "calls that came without an id get one, and so do their results"),
    ("/messages/*/tool_calls/*/function/arguments", "the same JSON, spaced as the model spaced it"),
    ("/messages/*/tool_calls/*/id", "calls that came without an id get one, and so do their results"),
    ("/messages/*/tool_plan", "thinking, which clients leave out"),
];

pub(crate) fn may_say_more(difference: &Difference) -> bool {
    MORE.iter().any(|(place, _because)| covers(place, &difference.pattern))
}

/// Recordings whose client sent an answer back in a form of its own, so that it says something else.
const OWN_FORMS: &[(&str, &str)] = &[
    ("ollama/chat/8fb8b89c923b06fb.json", "thinking that came in the text goes back as thinking"),
    ("ollama/chat/9a65f3e281563084.json", "thinking that came in the text goes back as thinking"),
    ("openai/responses/02db1311571b5bb9.json", "a tool search gets an id and loses its output"),
    ("openai/responses/e225549b8ea85b20.json", "a tool search gets an id and loses its output"),
    ("openai/responses/1afdb76fc5e2f7f7.json", "a call gets a namespace"),
    (
        "google/generate_content/63029d16a302244f.json",
        "the answer of a tool of the server is filled in",
    ),
    ("bedrock/converse/03ea6f8acb638bea.json", "thinking goes back as text between tags"),
    ("openai/chat/589959ae9097a3cc.json", "arguments were unwrapped"),
    (
        "vertex/generate_content/44533bdccad2d7d8.json",
        "a signature goes back on a thought of its own",
    ),
];

pub(crate) fn is_own_form(file: &str) -> bool {
    OWN_FORMS.iter().any(|(own, _because)| *own == file)
}

pub(crate) fn is_allowed(difference: &Difference, context: &Context<'_>) -> bool {
    ALLOWED.iter().any(|(wires, place, when, _because)| {
        (wires.is_empty() || wires.contains(&context.wire))
            && covers(place, &difference.pattern)
            && when(difference, context)
    })
}

fn covers(place: &str, pattern: &str) -> bool {
    match (place.strip_suffix("**"), place.strip_prefix("/**/")) {
        (Some(start), _) => pattern.starts_with(start),
        (None, Some(end)) => pattern.strip_suffix(end).is_some_and(|start| start.ends_with('/')),
        (None, None) => place == pattern,
    }
}

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        _ => false,
    }
}

fn says_nothing(difference: &Difference, _: &Context<'_>) -> bool {
    is_nothing(difference.recorded.as_ref()) && is_nothing(difference.ours.as_ref())
}

/// Recorded, but not ours.
fn unasked(difference: &Difference, _: &Context<'_>) -> bool {
    difference.ours.is_none()
}

/// Ours, but not recorded.
fn added(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded.is_none()
}

fn is_false(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some(Value::Bool(false)) && difference.ours.is_none()
}

fn is_zero(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some(Value::from(0)) && difference.ours.is_none()
}

fn is_auto(difference: &Difference, _: &Context<'_>) -> bool {
    let recorded = difference.recorded.as_ref().unwrap_or(&Value::Null);
    let google = recorded.pointer("/functionCallingConfig/mode").is_some_and(|mode| mode == "AUTO");
    (recorded == "auto" || recorded["type"] == "auto" || recorded["auto"].is_object() || google)
        && recorded["disable_parallel_tool_use"] != true
        && difference.ours.is_none()
}

fn is_text(difference: &Difference, _: &Context<'_>) -> bool {
    let format = difference.recorded.as_ref();
    format.is_some_and(|format| format["type"] == "text" || format["format"]["type"] == "text")
}

fn is_streamed(_: &Difference, context: &Context<'_>) -> bool {
    context.recorded.body["stream"] == true
}

/// Whether a warning is about this field.
fn warned(difference: &Difference, context: &Context<'_>) -> bool {
    let subjects: &[&str] = match difference.pattern.as_str() {
        "/top_logprobs" => &["logprobs"],
        "/messages/*/reasoning" | "/messages/*/reasoning_content" => &["thinking"],
        "/messages/*/content" => &["image", "document", "audio", "cache mark"],
        "/messages/*/content/*/cache_control" | "/messages/*/content/*/prompt_cache_breakpoint" => {
            &["cache mark"]
        }
        "/messages/*/name" => &["name"],
        "/response_format/type" | "/response_format/json_schema" => &["output schema"],
        "/response_format" => &["output format", "output schema"],
        "/reasoning_effort" | "/thinking" => &["reasoning"],
        pattern => &[pattern.trim_start_matches('/')],
    };
    let warnings = &context.written.warnings;
    subjects.iter().any(|subject| {
        warnings
            .iter()
            .any(|warning| warning.split_once(": ").is_some_and(|(of, _)| of == *subject))
    })
}

/// Whether the most tokens are asked for under either name, with the same number.
fn renamed(_: &Difference, context: &Context<'_>) -> bool {
    let of = |body: &Value| {
        ["max_tokens", "max_completion_tokens"].iter().find_map(|name| body[name].as_u64())
    };
    of(context.recorded.body) == of(&context.written.body)
}

/// The text of content, however it is written, with `between` in between; `None` where it is not
/// text alone.
fn text(content: Option<&Value>, between: &str) -> Option<String> {
    match content {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| {
                let fields = item.as_object()?.values().filter(|value| !value.is_null());
                if fields.count() == 2 { item["text"].as_str() } else { None }
            });
            Some(texts.collect::<Option<Vec<_>>>()?.join(between))
        }
        _ => None,
    }
}

fn same_text(difference: &Difference, _: &Context<'_>) -> bool {
    let [recorded, ours] =
        [&difference.recorded, &difference.ours].map(|content| text(content.as_ref(), "\n\n"));
    recorded.is_some() && recorded == ours
}

fn same_thought(difference: &Difference, _: &Context<'_>) -> bool {
    let [recorded, ours] =
        [&difference.recorded, &difference.ours].map(|content| text(content.as_ref(), ""));
    recorded.is_some() && recorded == ours
}

/// What surrounds the place of a difference, in the recorded body.
fn parent<'a>(difference: &Difference, context: &Context<'a>) -> &'a Value {
    let up = difference.pointer.rsplit_once('/').map_or("", |(up, _)| up);
    context.recorded.body.pointer(up).unwrap_or(&Value::Null)
}

fn null_beside_calls(difference: &Difference, context: &Context<'_>) -> bool {
    is_nothing(difference.recorded.as_ref())
        && difference.ours == Some(Value::Null)
        && parent(difference, context)["tool_calls"].is_array()
}

fn of_result(difference: &Difference, context: &Context<'_>) -> bool {
    parent(difference, context)["role"] == "tool" && difference.ours.is_none()
}

/// Whether the answer is held to the same schema, wherever it stands.
fn moved_format(_: &Difference, context: &Context<'_>) -> bool {
    let (recorded, ours) = (context.recorded.body, &context.written.body);
    let format = |body: &Value| {
        let format = body.pointer("/output_config/format").or_else(|| body.get("output_format"));
        format.map(|format| format["schema"].clone())
    };
    let (Some(recorded), Some(ours)) = (format(recorded), format(ours)) else { return false };
    differences(&recorded, &ours).iter().all(|found| stricter(found, context))
}

/// Whether an optional property may be null instead, which is how the subset says optional.
fn nullable(recorded: Option<&Value>, ours: Option<&Value>) -> bool {
    let ours = ours.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    matches!(ours, [kind, null] if Some(kind) == recorded && null == "null")
}

fn weaker(difference: &Difference, context: &Context<'_>) -> bool {
    difference.ours == Some(Value::Bool(true))
        || context.written.warnings.iter().any(|warning| warning.contains("not guaranteed"))
}

fn id_of_result(difference: &Difference, context: &Context<'_>) -> bool {
    around(difference, context).0["type"] == "function_call_output" && difference.ours.is_none()
}

fn same_media(difference: &Difference, _: &Context<'_>) -> bool {
    let bytes = |value: &Option<Value>| super::fields::bytes(value.as_ref()?.as_str()?).ok();
    bytes(&difference.recorded).is_some() && bytes(&difference.recorded) == bytes(&difference.ours)
}

fn repeated(difference: &Difference, context: &Context<'_>) -> bool {
    let Some((turn, _)) = difference.pointer.split_once("/parts/") else { return false };
    let recorded = super::spell(context.wire, context.recorded.body);
    let parts = recorded.pointer(turn).map(|turn| turn["parts"].as_array().into_iter().flatten());
    let same = parts
        .into_iter()
        .flatten()
        .filter(|part| difference.recorded.as_ref() == part.get("thoughtSignature"));
    difference.ours.is_none() && same.count() > 1
}

fn short_id(difference: &Difference, _: &Context<'_>) -> bool {
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let is_short =
        |id: &String| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (recorded, ours) = (text(&difference.recorded), text(&difference.ours));
    recorded.is_some_and(|id| !is_short(&id)) && ours.is_some_and(|id| is_short(&id))
}

fn is_required(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some("required".into()) && difference.ours == Some("any".into())
}

fn audio_alone(difference: &Difference, _: &Context<'_>) -> bool {
    let data = difference.recorded.as_ref().map(|audio| &audio["data"]);
    data.is_some() && data == difference.ours.as_ref()
}

fn is_direct(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded.as_ref().is_some_and(|caller| caller["type"] == "direct")
}

fn own_details(difference: &Difference, context: &Context<'_>) -> bool {
    let place = difference.pointer.split_inclusive("/reasoning_details").next().unwrap_or_default();
    let details = context.recorded.body.pointer(place).and_then(Value::as_array);
    let own = |detail: &Value| {
        // Either has fields that no wire has, or lacks what was thought.
        detail.get("provider_data").is_some()
            || ["text", "summary", "data"].iter().all(|name| detail.get(*name).is_none())
    };
    details.is_some_and(|details| details.iter().any(own))
}

fn is_true(difference: &Difference, _: &Context<'_>) -> bool {
    difference.ours == Some(Value::Bool(true)) && difference.recorded.is_none()
}

fn is_function(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some("function".into()) && difference.ours == Some("user".into())
}

fn is_success(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some("success".into()) && difference.ours.is_none()
}

fn object_schema(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some(Value::Bool(true))
}

fn no_parameters(difference: &Difference, _: &Context<'_>) -> bool {
    let properties = difference.recorded.as_ref().map(|schema| &schema["properties"]);
    is_nothing(properties) && difference.ours.is_none()
}

fn no_budget(difference: &Difference, _: &Context<'_>) -> bool {
    let budget = difference.recorded.as_ref().map(|config| &config["thinkingBudget"]);
    budget.is_some_and(|budget| *budget == 0) && difference.ours.is_none()
}

fn empty_format(difference: &Difference, _: &Context<'_>) -> bool {
    difference.recorded == Some("".into())
}

fn same_letters(difference: &Difference, _: &Context<'_>) -> bool {
    let lower =
        |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_lowercase);
    lower(&difference.recorded) == lower(&difference.ours)
}

fn same_name(difference: &Difference, _: &Context<'_>) -> bool {
    let letters = |value: &Option<Value>| -> Option<String> {
        Some(value.as_ref()?.as_str()?.chars().filter(char::is_ascii_alphanumeric).collect())
    };
    letters(&difference.recorded) == letters(&difference.ours)
}

fn parsed(value: Option<&Value>) -> Option<Value> {
    serde_json::from_str(value?.as_str()?).ok()
}

fn same_json(difference: &Difference, _: &Context<'_>) -> bool {
    match (parsed(difference.recorded.as_ref()), parsed(difference.ours.as_ref())) {
        (Some(recorded), Some(ours)) => differences(&recorded, &ours).iter().all(|found| {
            let keyword = found.pattern.rsplit('/').next().unwrap_or_default();
            ["additionalProperties", "required", "title", "default"].contains(&keyword)
        }),
        _ => false,
    }
}

/// The object around a difference, recorded and ours.
fn around<'a>(difference: &Difference, context: &Context<'a>) -> (Value, &'a Value) {
    let up = difference.pointer.rsplit_once('/').map_or("", |(up, _)| up);
    let recorded = super::spell(context.wire, context.recorded.body);
    let recorded = recorded.pointer(up).cloned().unwrap_or_default();
    (recorded, context.written.body.pointer(up).unwrap_or(&Value::Null))
}

fn text_of_json(difference: &Difference, context: &Context<'_>) -> bool {
    let (recorded, ours) = around(difference, context);
    recorded.get("json").is_some() && recorded.get("json") == parsed(ours.get("text")).as_ref()
}

fn same_bytes(difference: &Difference, context: &Context<'_>) -> bool {
    let (recorded, ours) = around(difference, context);
    let bytes = ours["bytes"].as_str().and_then(|text| super::fields::bytes(text).ok());
    recorded["text"].as_str().map(str::as_bytes) == bytes.as_deref()
}

/// Whether a tool answered the same, whatever the answer is called.
fn same_answer(difference: &Difference, context: &Context<'_>) -> bool {
    let Some(at) = difference.pointer.find("/response") else { return false };
    let place = difference.pointer.get(..at + "/response".len()).unwrap_or_default();
    let recorded = super::spell(context.wire, context.recorded.body);
    let recorded = recorded.pointer(place).unwrap_or(&Value::Null);
    let ours = context.written.body.pointer(place).unwrap_or(&Value::Null);
    let ours = ours.get("output").or_else(|| ours.get("error")).unwrap_or(ours);
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    plain(super::google::answered(recorded)) == plain(ours)
        || recorded.get("error").map(plain) == Some(plain(ours))
}

fn is_developer(difference: &Difference, _: &Context<'_>) -> bool {
    let is = |value: &Option<Value>, name: &str| value.as_ref().is_some_and(|value| value == name);
    is(&difference.recorded, "developer") && is(&difference.ours, "system")
}

fn no_thought(difference: &Difference, context: &Context<'_>) -> bool {
    let message = parent(difference, context);
    let thought = &message["reasoning"];
    thought == ""
        || *thought == message["reasoning_content"]
        || !message["reasoning_details"].is_null()
}

fn short_image(difference: &Difference, _: &Context<'_>) -> bool {
    let ours = difference.ours.as_ref().map(|image| &image["url"]);
    difference.recorded.is_some() && difference.recorded.as_ref() == ours
}

fn shown_result(difference: &Difference, context: &Context<'_>) -> bool {
    let length =
        |value: &Option<Value>| value.as_ref().and_then(Value::as_array).map_or(0, Vec::len);
    length(&difference.ours) > length(&difference.recorded)
        && context.written.warnings.iter().any(|warning| warning.starts_with("tool result: "))
}

fn names_tool(_: &Difference, context: &Context<'_>) -> bool {
    let choice = &context.recorded.body["tool_choice"];
    let name = choice.pointer("/function/name").or_else(|| choice.get("name"));
    name == context.written.body.pointer("/tool_choice/function/name")
}

fn without_tools(_: &Difference, context: &Context<'_>) -> bool {
    is_nothing(context.recorded.body.get("tools"))
}

fn one_stop(difference: &Difference, _: &Context<'_>) -> bool {
    let ours = difference.ours.as_ref().and_then(Value::as_array).map(Vec::as_slice);
    difference.recorded.is_some() && ours == difference.recorded.as_ref().map(std::slice::from_ref)
}

/// Whether a schema lost only what describes, or gained what closes it.
fn stricter(difference: &Difference, _: &Context<'_>) -> bool {
    let keyword = difference.pattern.rsplit('/').next().unwrap_or_default();
    let (recorded, ours) = (difference.recorded.as_ref(), difference.ours.as_ref());
    let names =
        |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    match keyword {
        "type" => nullable(recorded, ours),
        "$defs" | "$ref" | "definitions" | "anyOf" | "properties" if ours.is_none() => true,
        "title" | "default" | "$schema" | "examples" | "minLength" | "maxLength" | "format" => {
            ours.is_none()
        }
        "additionalProperties" => ours == Some(&Value::Bool(false)),
        "required" => names(recorded).iter().all(|name| names(ours).contains(name)),
        _ => false,
    }
}
