//! Keys of the cache: equal for equal requests, different for all others.

use meanwhile_core::tool::{ToolChoice, ToolSpec};
use meanwhile_core::{
    Capabilities, Effort, Image, Message, OnUnsupported, OutputFormat, OutputSchema, Params, Part,
    Reasoning, Request, Schema, Timeouts, Warning,
};
use meanwhile_layers::CacheKey;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::time::Duration;

fn key(request: &Request) -> CacheKey {
    CacheKey::of("", "p", Capabilities::text(), request).unwrap()
}

fn request() -> Request {
    let schema = Schema::from(json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    let mut request = Request::new("m", vec![Message::system("Be brief."), Message::user("Hi!")]);
    request.tools.push(ToolSpec::new("look", "Looks.", schema.clone()));
    request.output = OutputFormat::Schema(OutputSchema::new("Answer", schema));
    request.params = Params::new().temperature(0.5).option("p", "speed", json!({"x": 1, "y": 2}));
    request
}

type Change = fn(&mut Request);

/// Everything that an answer depends on.
const RELEVANT: &[(&str, Change)] = &[
    ("model", |r| r.model.push('x')),
    ("message", |r| r.messages.push(Message::user("More."))),
    ("text", |r| r.messages[1] = Message::user("Hi?")),
    ("role", |r| r.messages[1] = Message::assistant("Hi!")),
    ("name", |r| r.messages[1].name = Some("ann".to_owned())),
    ("cut of parts", |r| {
        r.messages[1] = Message::user(vec![Part::text("H"), Part::text("i!")]);
    }),
    ("image", |r| r.messages[1].parts.push(Image::bytes(vec![1, 2, 3], "image/png").into())),
    ("cache mark", |r| r.messages[1].parts.push(Part::cache_mark())),
    ("no tool", |r| r.tools.clear()),
    ("name of a tool", |r| r.tools.iter_mut().for_each(|t| t.name.push('s'))),
    ("description of a tool", |r| r.tools.iter_mut().for_each(|t| t.description.push('s'))),
    ("tool choice", |r| r.tool_choice = ToolChoice::Required),
    ("named tool choice", |r| r.tool_choice = ToolChoice::Tool("look".to_owned())),
    ("text for schema", |r| r.output = OutputFormat::Text),
    ("json for schema", |r| r.output = OutputFormat::Json),
    ("schema", |r| {
        r.output = OutputFormat::Schema(OutputSchema::new("Answer", Schema::from(json!({}))));
    }),
    ("temperature", |r| r.params.temperature = Some(0.6)),
    ("no temperature", |r| r.params.temperature = None),
    ("top_p", |r| r.params.top_p = Some(0.5)),
    ("top_k", |r| r.params.top_k = Some(1)),
    ("max_tokens", |r| r.params.max_tokens = Some(1)),
    ("stop", |r| r.params.stop = Some(vec!["x".to_owned()])),
    ("no stop", |r| r.params.stop = Some(Vec::new())),
    ("seed", |r| r.params.seed = Some(1)),
    ("presence_penalty", |r| r.params.presence_penalty = Some(0.5)),
    ("frequency_penalty", |r| r.params.frequency_penalty = Some(0.5)),
    ("parallel_tool_calls", |r| r.params.parallel_tool_calls = Some(true)),
    ("effort", |r| r.params.reasoning = Some(Effort::High.into())),
    ("reasoning budget", |r| r.params.reasoning = Some(Reasoning::Budget(100))),
    ("logprobs", |r| r.params.logprobs = Some(1)),
    ("user", |r| r.params.user = Some("ann".to_owned())),
    ("service_tier", |r| r.params.service_tier = Some("flex".to_owned())),
    ("prompt_cache_key", |r| r.params.prompt_cache_key = Some("x".to_owned())),
    ("option", |r| r.params = r.params.clone().option("p", "speed", json!({"x": 1, "y": 3}))),
    ("unsupported", |r| r.unsupported = OnUnsupported::Error),
    ("raw", |r| r.raw = true),
    ("warning", |r| r.warnings.push(Warning::dropped("x", "y"))),
];

/// What is about the call, not about the answer.
const IRRELEVANT: &[(&str, Change)] = &[
    ("delivery", |r| *r = r.clone().streamed()),
    ("timeouts", |r| r.timeouts = Timeouts::default().whole(Duration::from_secs(1))),
    ("tags", |r| r.tags.push(("a".to_owned(), "b".to_owned()))),
    ("operation", |r| r.operation = "other".into()),
    ("order of an option's fields", |r| {
        r.params = r.params.clone().option("p", "speed", json!({"y": 2, "x": 1}));
    }),
    ("order of a schema's fields", |r| {
        let schema = json!({"properties": {"a": {"type": "string"}}, "type": "object"});
        r.output = OutputFormat::Schema(OutputSchema::new("Answer", schema.into()));
    }),
];

#[test]
fn every_relevant_change_makes_another_key() {
    let mut keys = vec![("nothing", key(&request()))];
    for (name, change) in RELEVANT {
        let mut changed = request();
        change(&mut changed);
        keys.push((name, key(&changed)));
    }
    let other = |namespace: &str, provider: &str, endpoint: Option<u64>| {
        let mut capabilities = Capabilities::text();
        capabilities.endpoint = endpoint;
        CacheKey::of(namespace, provider, capabilities, &request()).unwrap()
    };
    keys.push(("namespace", other("n", "p", None)));
    keys.push(("provider", other("", "q", None)));
    keys.push(("endpoint", other("", "p", Some(1))));
    keys.push(("another endpoint", other("", "p", Some(2))));
    keys.push(("both", other("p", "", None)));
    for (place, (name, one)) in keys.iter().enumerate() {
        for (other, another) in &keys[place + 1..] {
            assert_ne!(one, another, "{name} and {other}");
        }
    }
}

#[test]
fn irrelevant_changes_do_not() {
    for (name, change) in IRRELEVANT {
        let mut changed = request();
        change(&mut changed);
        assert_eq!(key(&request()), key(&changed), "{name}");
    }
    let mut capabilities = Capabilities::text();
    capabilities.images = true;
    assert_eq!(CacheKey::of("", "p", capabilities, &request()).unwrap(), key(&request()));
}

#[test]
fn a_key_stays_what_it_is() {
    // Another digest here makes every answer on disk unreachable: raise the version on purpose.
    let plain = Request::new("m", vec![Message::user("Hi!")]);
    let digest = key(&plain).to_string();
    assert_eq!(digest.len(), 64);
    assert_eq!(digest, "b74bb671e0a6997e8fb1fd4be8836c91e2d1f0eb06cb7efc0e6a403c9d6deade");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same value with the fields of all objects the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(reversed).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().rev().map(|(name, value)| (name.clone(), reversed(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn with_json(value: &Value) -> Request {
    let mut request = request();
    request.messages.push(Message::user(Part::opaque("p", value.clone())));
    request.params = request.params.option("p", "x", value.clone());
    request.tools[0].parameters = Schema::from(value.clone());
    request
}

proptest! {
    #[test]
    fn equal_requests_have_equal_keys_in_any_order_of_fields(value in any_json()) {
        prop_assert_eq!(key(&with_json(&value)), key(&with_json(&reversed(&value))));
        prop_assert_eq!(key(&with_json(&value)), key(&with_json(&value).clone()));
    }

    #[test]
    fn different_values_have_different_keys(one in any_json(), other in any_json()) {
        prop_assume!(one != other);
        prop_assert_ne!(key(&with_json(&one)), key(&with_json(&other)));
    }

    #[test]
    fn texts_do_not_run_into_each_other(text in ".{1,12}", cut in 0_usize..12) {
        let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(0);
        let (head, tail) = text.split_at(cut);
        let mut one = request();
        one.messages = vec![Message::user(text.as_str())];
        let mut two = request();
        two.messages = vec![Message::user(head), Message::user(tail)];
        prop_assert_ne!(key(&one), key(&two));
    }

    #[test]
    fn any_two_changes_make_a_key_of_their_own(one in 0..RELEVANT.len(), two in 0..RELEVANT.len()) {
        let (mut changed, mut both) = (request(), request());
        RELEVANT[one].1(&mut changed);
        RELEVANT[one].1(&mut both);
        RELEVANT[two].1(&mut both);
        prop_assert_eq!(changed == both, key(&changed) == key(&both));
    }
}
