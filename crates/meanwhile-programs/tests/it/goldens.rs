//! What the installed DSPy writes and reads, against what we do: prompts to the letter, replies, string
//! signatures. `tests/goldens/generate.py` asks the package; nothing of it is kept here.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use meanwhile_core::{Message, Role};
use meanwhile_programs::{
    Adapter, ChatAdapter, Demo, FieldChange, Fields, JsonAdapter, Parsed, SignatureSpec,
    TwoStepAdapter, XmlAdapter,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Deserialize)]
struct Goldens {
    prompts: Vec<PromptCase>,
    replies: Vec<ReplyCase>,
    texts: Vec<TextCase>,
}

#[derive(Deserialize)]
struct PromptCase {
    name: String,
    adapter: String,
    signature: SignatureSpec,
    demos: Vec<Fields>,
    inputs: Fields,
    messages: Vec<Said>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Said {
    role: String,
    content: String,
}

#[derive(Deserialize)]
struct ReplyCase {
    name: String,
    adapter: String,
    #[serde(deserialize_with = "shared")]
    signature: Arc<SignatureSpec>,
    text: String,
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct TextCase {
    text: String,
    signature: Option<SignatureSpec>,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<SignatureSpec>, D::Error> {
    SignatureSpec::deserialize(deserializer).map(Arc::new)
}

/// Asks the installed package; says why where that is not possible.
fn goldens() -> Option<Goldens> {
    asked(&[]).map(|printed| serde_json::from_slice(&printed).unwrap())
}

/// What a script prints in its last line that runs where DSPy is installed; says why where that is not
/// possible.
pub(crate) fn dspy(script: &Path) -> Option<Value> {
    let printed = asked(&["--run".as_ref(), script.as_os_str()])?;
    // DSPy itself prints how far it is.
    let last = printed.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    Some(serde_json::from_slice(last.unwrap_or_default()).unwrap())
}

fn asked(arguments: &[&OsStr]) -> Option<Vec<u8>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/generate.py");
    let output = match Command::new("python3").arg(script).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: there is no python3 to ask DSPy with: {error}");
            return None;
        }
    };
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        println!("skipped: DSPy cannot be installed or asked: {reason}");
        return None;
    }
    Some(output.stdout)
}

fn adapter(name: &str) -> Box<dyn Adapter> {
    match name {
        "chat" => Box::new(ChatAdapter::new().dspy_compatible()),
        "json" => Box::new(JsonAdapter::new().dspy_compatible()),
        "xml" => Box::new(XmlAdapter::new().dspy_compatible()),
        "two_step" | "extraction" => Box::new(TwoStepAdapter::new("any/any").dspy_compatible()),
        other => panic!("no adapter {other}"),
    }
}

#[test]
fn prompts_equal_those_of_dspy() {
    let Some(goldens) = goldens() else { return };
    let mut wrong = Vec::new();
    for case in &goldens.prompts {
        let ours = ours(case);
        if ours != case.messages {
            let both = ours.iter().zip(&case.messages).find(|(one, other)| one != other);
            let both = both.map(|(one, other)| (&one.content, &other.content));
            wrong.push(format!(
                "{}: {} and {}, {both:#?}",
                case.name,
                ours.len(),
                case.messages.len()
            ));
        }
    }
    println!("{} prompts compared", goldens.prompts.len());
    assert!(goldens.prompts.len() >= 75);
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong.join("\n"));
}

fn ours(case: &PromptCase) -> Vec<Said> {
    let mut adapter: Arc<dyn Adapter> = adapter(&case.adapter).into();
    let mut spec = Arc::new(case.signature.clone());
    if case.adapter == "extraction" {
        let second = adapter.extraction(&spec).unwrap();
        (adapter, spec) = (second.adapter, second.spec);
    }
    let demos: Vec<Demo> = case.demos.iter().cloned().map(Demo::new).collect();
    let mut inputs = case.inputs.clone();
    let history: Vec<Fields> = match spec.history().and_then(|field| inputs.remove(&field.name)) {
        Some(history) => serde_json::from_value(history).unwrap(),
        None => Vec::new(),
    };
    let prompt = adapter.prompt(&spec, &demos, &history, &inputs).unwrap();
    prompt.messages.iter().map(said).collect()
}

fn said(message: &Message) -> Said {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        _ => "assistant",
    };
    Said { role: role.to_owned(), content: message.text() }
}

/// Replies of which ours are read on purpose, although DSPy refuses or garbles them.
const MORE_TOLERANT: &[(&str, &str)] = &[
    // The reply's own indentation shifts what DSPy takes for the rest of the line.
    ("chat/plain/7", r#"{"answer":"indented"}"#),
    ("xml/plain/4", r#"{"answer":"a < b & c"}"#),
    ("xml/plain/5", r#"{"answer":"unfinished"}"#),
];

#[test]
fn replies_are_read_as_dspy_reads_them() {
    let Some(goldens) = goldens() else { return };
    let mut wrong = Vec::new();
    for case in &goldens.replies {
        let read = adapter(&case.adapter).parse(&case.signature, &case.text);
        let read = read.map(|parsed| parsed.fields).map_err(|error| error.to_string());
        let excused = MORE_TOLERANT.iter().find(|(name, _)| *name == case.name);
        let wanted = match excused {
            Some((_, wanted)) => Some(serde_json::from_str(wanted).unwrap()),
            None => case.fields.clone(),
        };
        let same = match (&read, &wanted) {
            (Ok(read), Some(wanted)) => equal(&read.clone().into(), &wanted.clone().into()),
            (read, wanted) => read.is_err() && wanted.is_none(),
        };
        if !same {
            wrong.push(format!("{}: {read:?} for {wanted:?}", case.name));
        }
    }
    println!("{} replies compared", goldens.replies.len());
    assert!(goldens.replies.len() >= 60);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether two values are the same: 1 is 1.0, and a member that is null may be absent.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let within = |one: &serde_json::Map<String, Value>, other: &serde_json::Map<_, _>| {
                let same = |(name, value): (&String, &Value)| {
                    equal(value, other.get(name).unwrap_or(&Value::Null))
                };
                one.iter().all(same)
            };
            within(one, other) && within(other, one)
        }
        (one, other) => one == other,
    }
}

#[test]
fn replies_split_at_every_byte_stream_to_the_same_fields() {
    let Some(goldens) = goldens() else { return };
    let mut splits = 0;
    for case in &goldens.replies {
        for adapter in [adapter(&case.adapter), neutral(&case.adapter)] {
            let whole = adapter.parse(&case.signature, &case.text).map_err(|e| e.to_string());
            for (at, _) in case.text.char_indices() {
                let (head, tail) = case.text.split_at(at);
                assert_streams(&*adapter, case, &[head, tail], &whole);
                splits += 1;
            }
            let single: Vec<String> = case.text.chars().map(String::from).collect();
            let single: Vec<&str> = single.iter().map(String::as_str).collect();
            assert_streams(&*adapter, case, &single, &whole);
        }
    }
    println!("{splits} splits");
    assert!(splits > 8000);
}

fn neutral(name: &str) -> Box<dyn Adapter> {
    match name {
        "chat" => Box::new(ChatAdapter::new()),
        "json" => Box::new(JsonAdapter::new()),
        _ => Box::new(XmlAdapter::new()),
    }
}

fn assert_streams(
    adapter: &dyn Adapter,
    case: &ReplyCase,
    pieces: &[&str],
    whole: &Result<Parsed, String>,
) {
    let mut texts = Fields::new();
    let mut completed = Fields::new();
    let mut tell = |change: FieldChange<'_>| match change {
        FieldChange::Text { name, delta } => {
            assert!(!delta.is_empty() && !completed.contains(name), "{}", case.name);
            let so_far = texts.text(name).unwrap_or_default().to_owned() + delta;
            texts.insert(name, so_far);
        }
        FieldChange::Completed { name, value } => {
            assert!(completed.insert(name, value.clone()).is_none(), "{}: {name} twice", case.name);
        }
        _ => {}
    };
    let mut reader = adapter.reader(&case.signature);
    for piece in pieces {
        reader.push(piece, &mut tell);
    }
    let parsed = reader.finish(&mut tell).map_err(|error| error.to_string());
    assert_eq!(&parsed, whole, "{} in {pieces:?}", case.name);
    let Ok(parsed) = parsed else { return };
    for (name, value) in completed.iter() {
        assert_eq!(Some(value), parsed.fields.value(name), "{} {name}", case.name);
    }
    for (name, text) in texts.iter() {
        assert_eq!(Some(text), parsed.fields.value(name), "{} {name} in {pieces:?}", case.name);
    }
    // Text that was not told as it came would be missed by whoever shows it.
    for field in case.signature.outputs.iter().filter(|field| field.ty.is_text()) {
        let value = parsed.fields.text(&field.name).filter(|text| !text.is_empty());
        if completed.contains(&field.name) {
            assert_eq!(texts.text(&field.name), value, "{} {}", case.name, field.name);
        }
    }
}

/// Texts that DSPy takes, and we refuse: a name that comes twice is a mistake.
const STRICTER: &[&str] = &["a, a -> b", "a ->"];

#[test]
fn signatures_as_text_are_those_of_dspy() {
    let Some(goldens) = goldens() else { return };
    for TextCase { text, signature } in &goldens.texts {
        let ours = text.parse::<SignatureSpec>();
        let theirs = signature.as_ref().filter(|_| !STRICTER.contains(&text.as_str()));
        match (&ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours.instructions, theirs.instructions, "{text}");
                assert_eq!(ours.inputs, theirs.inputs, "{text}");
                assert_eq!(ours.outputs, theirs.outputs, "{text}");
            }
            (ours, theirs) => assert!(ours.is_err() && theirs.is_none(), "{text}: {ours:?}"),
        }
    }
    println!("{} texts compared", goldens.texts.len());
}
