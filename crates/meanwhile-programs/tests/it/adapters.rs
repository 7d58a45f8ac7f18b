//! Adapters: what our own words are, media and conversations in prompts, and replies that need mending.

use std::sync::Arc;

use meanwhile_core::{Message, OutputFormat, Part, Role};
use meanwhile_programs::{
    Adapter, ChatAdapter, Demo, FieldChange, Fields, JsonAdapter, SignatureSpec, TwoStepAdapter,
    XmlAdapter, fields,
};
use serde_json::{Value, json};

fn spec(text: &str) -> Arc<SignatureSpec> {
    Arc::new(text.parse().unwrap())
}

fn messages(adapter: &dyn Adapter, spec: &SignatureSpec, inputs: &Fields) -> Vec<Message> {
    adapter.prompt(spec, &[], &[], inputs).unwrap().messages
}

#[test]
fn the_chat_prompt_in_our_words() {
    let spec = spec("question, k: int -> mood: Literal['calm', 'angry'], score: float, why");
    let inputs = fields! { question: "Is it well?", k: 3 };
    let messages = messages(&ChatAdapter::new(), &spec, &inputs);
    assert_eq!(
        messages[0].text(),
        "Given the fields `question`, `k`, produce the fields `mood`, `score`, `why`.

You are given:
1. `question` (text)
2. `k` (whole number)

Answer with:
1. `mood` (one of: calm, angry)
2. `score` (number)
3. `why` (text)

Write nothing but the answer, in this form, with the value in place of each {…}:

[[ ## mood ## ]]
{mood: one of: calm, angry}

[[ ## score ## ]]
{score: one number}

[[ ## why ## ]]
{why}

[[ ## completed ## ]]"
    );
    assert_eq!(
        messages[1].text(),
        "[[ ## question ## ]]
Is it well?

[[ ## k ## ]]
3

Answer with `[[ ## mood ## ]]` (one of: calm, angry), then `[[ ## score ## ]]` (one number), then \
         `[[ ## why ## ]]`, and end with `[[ ## completed ## ]]`."
    );
}

#[test]
fn every_prompt_says_all_and_names_no_language() {
    let spec = spec(
        "text, n: int -> tags: list[str], sure: bool, counts: dict[str, int], note: str | None",
    );
    let adapters: [&dyn Adapter; 4] = [
        &ChatAdapter::new(),
        &JsonAdapter::new(),
        &XmlAdapter::new(),
        &TwoStepAdapter::new("any/any"),
    ];
    for adapter in adapters {
        let messages = messages(adapter, &spec, &fields! { text: "Some", n: 2 });
        assert_eq!(messages.len(), 2, "{adapter:?}");
        let all: String = messages.iter().map(Message::text).collect();
        for wanted in ["`tags`", "list of text", "true or false", "Some", "null"] {
            assert!(all.contains(wanted), "{} lacks {wanted}: {all}", adapter.name());
        }
        assert!(!all.contains("Python") && !all.contains("str]"), "{all}");
    }
}

#[test]
fn demos_and_the_conversation_are_turns() {
    let spec = spec("question, history: History -> answer, score: float");
    let demos = [
        Demo::new(fields! { question: "Whole?", answer: "Yes", score: 1.5 }),
        Demo::new(fields! { question: "Half?", answer: "Ye" }),
        Demo::new(fields! { question: "Nothing?" }),
    ];
    let history = [fields! { question: "Before?", answer: "So." }];
    for adapter in [&ChatAdapter::new() as &dyn Adapter, &JsonAdapter::new(), &XmlAdapter::new()] {
        let inputs = fields! { question: "Now?" };
        let messages = adapter.prompt(&spec, &demos, &history, &inputs).unwrap().messages;
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        let (user, model) = (Role::User, Role::Assistant);
        assert_eq!(roles, [Role::System, user, model, user, model, user, model, user]);
        assert!(!messages[0].text().contains("conversation"));
        assert!(messages[1].text().contains("some input or output fields are not supplied"));
        assert!(messages[2].text().contains("Not supplied"));
        assert!(messages[3].text().contains("Whole?") && messages[4].text().contains("1.5"));
        // What is not known of an exchange is left out.
        assert!(messages[6].text().contains("So.") && !messages[6].text().contains("score"));
        // The same question is asked again in the same words, for the provider's cache.
        let last = messages[7].text().replace("Now?", "Before?");
        assert_eq!(messages[5].text(), last);
        // Whatever is shown as an answer is read as one.
        let whole = adapter.parse(&spec, &messages[4].text()).unwrap();
        assert_eq!(whole.fields, fields! { answer: "Yes", score: 1.5 });
    }
}

#[test]
fn media_stand_where_they_belong() {
    let spec = spec("picture: Image, more: list[Image], question -> answer");
    let picture = meanwhile_core::Image::url("https://example.com/1.png");
    let inputs = Fields::of(&json!({
        "picture": picture, "more": ["https://example.com/2.png"], "question": "What is it?"
    }));
    let messages = messages(&ChatAdapter::new(), &spec, &inputs.unwrap());
    let kinds: Vec<&str> = messages[1].parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["text", "image", "text", "image", "text"]);
    assert_eq!(messages[1].parts[0].as_text(), Some("[[ ## picture ## ]]\n"));
    assert!(messages[1].parts[2].as_text().unwrap().contains("[[ ## more ## ]]"));
    assert_eq!(messages[1].parts[1], Part::Image(picture));
    let wrong = ChatAdapter::new().prompt(&spec, &[], &[], &fields! { picture: 3 }).unwrap_err();
    assert!(wrong.to_string().contains("the input `picture`"), "{wrong}");
}

/// Reads a reply, and the repairs that it takes.
fn check(adapter: &dyn Adapter, signature: &str, reply: &str, wanted: Value) -> usize {
    let parsed = adapter.parse(&spec(signature), reply).map_err(|error| error.to_string());
    let parsed = parsed.unwrap_or_else(|error| panic!("{reply}: {error}"));
    assert_eq!(Value::from(parsed.fields), wanted, "{reply}");
    parsed.repairs.len()
}

#[test]
fn replies_that_need_mending_are_read() {
    let chat = ChatAdapter::new();
    let one = |ty: &str, text: &str, wanted: Value| {
        let signature = format!("a -> b: {ty}");
        check(&chat, &signature, &format!("[[ ## b ## ]]\n{text}"), json!({"b": wanted}))
    };
    one("int", "1,234", json!(1234));
    one("float", "**0.5**", json!(0.5));
    one("bool", "Yes.", json!(true));
    one("Literal['positive', 'negative']", "Positive.", json!("positive"));
    one("Literal['positive', 'negative']", "`negative`", json!("negative"));
    one("Literal[1, 2]", "2", json!(2));
    one("str | None", "None", Value::Null);
    one("str | None", "Nonetheless", json!("Nonetheless"));
    one("int | None", "null", Value::Null);
    one("Any", "{\"a\": 1}", json!({"a": 1}));
    one("Any", "words", json!("words"));
    one("str", "[1, 2]", json!("[1, 2]"));
    assert!(one("list[int]", "```json\n[1, 2,]\n```", json!([1, 2])) > 0);
    check(&chat, "a -> b", "[[##b##]] tight", json!({"b": "tight"}));
    check(
        &XmlAdapter::new(),
        "a -> b, n: int",
        "Well: <b>1 < 2 & so</b>\n<n> 3 </n>",
        json!({"b": "1 < 2 & so", "n": 3}),
    );
    assert_eq!(check(&XmlAdapter::new(), "a -> b", "<b>cut off</", json!({"b": "cut off"})), 1);
    check(
        &JsonAdapter::new(),
        "a -> b, t: list[str]",
        "{\"B\": \"x\", 't': 'y'",
        json!({"b": "x", "t": ["y"]}),
    );
    check(
        &JsonAdapter::new(),
        "a -> m: Literal['calm', 'angry']",
        "{\"m\": \"Calm.\"}",
        json!({"m": "calm"}),
    );
}

#[test]
fn replies_that_mean_nothing_are_errors_that_say_so() {
    let error = |adapter: &dyn Adapter, reply: &str| {
        adapter.parse(&spec("a -> b: int, c"), reply).unwrap_err().to_string()
    };
    let missing = error(&ChatAdapter::new(), "[[ ## b ## ]]\n1");
    assert!(missing.contains("no section for `c`"), "{missing}");
    let wrong = error(&ChatAdapter::new(), "[[ ## b ## ]]\nmany\n[[ ## c ## ]]\nx");
    assert!(wrong.contains("`b` is no whole number"), "{wrong}");
    assert!(error(&XmlAdapter::new(), "<b>1</b>").contains("no element for `c`"));
    assert!(
        error(&JsonAdapter::new(), "{\"b\": 1}").contains("`c`")
            || error(&JsonAdapter::new(), "{\"b\": 1}").contains("missing")
    );
    assert!(error(&JsonAdapter::new(), "nothing").contains("no JSON"));
    assert!(error(&TwoStepAdapter::new("any/any"), "prose").contains("second model"));
}

#[test]
fn json_is_asked_for_by_schema_where_every_property_has_a_name() {
    let json = JsonAdapter::new();
    let OutputFormat::Schema(schema) = json.output_format(&spec("a -> b: int | None, c")) else {
        panic!("a schema")
    };
    let schema = schema.schema.as_value();
    assert_eq!(schema["required"], json!(["b", "c"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(json.output_format(&spec("a -> b: dict[str, int]")), OutputFormat::Json);
    assert_eq!(ChatAdapter::new().output_format(&spec("a -> b")), OutputFormat::Text);
}

#[test]
fn what_xml_writes_it_reads() {
    let signature = spec("a -> r: dict[str, Any], l: list[list[int]], t");
    let demo = Demo::new(fields! {
        a: "x",
        r: json!({"odd key": "1 < 2 & 3", "list": ["<b>", ""], "deep": {"x-y": "\"'"}}),
        l: json!([[1, 2], [], [3]]),
        t: "</r> & <t>",
    });
    let messages =
        XmlAdapter::new().prompt(&signature, std::slice::from_ref(&demo), &[], &fields! { a: "y" });
    let shown = messages.unwrap().messages[2].text();
    let read = XmlAdapter::new().parse(&signature, &shown).unwrap().fields;
    for name in ["r", "l", "t"] {
        assert_eq!(read.value(name), demo.fields.value(name), "{name} of {shown}");
    }
}

/// What a reader tells and ends with, of a reply in pieces.
fn streamed(
    adapter: &dyn Adapter,
    spec: &Arc<SignatureSpec>,
    pieces: &[&str],
) -> (String, Result<Fields, String>) {
    let mut text = String::new();
    let mut tell = |change: FieldChange<'_>| {
        if let FieldChange::Text { name: "b", delta } = change {
            text.push_str(delta);
        }
    };
    let mut reader = adapter.reader(spec);
    pieces.iter().for_each(|piece| reader.push(piece, &mut tell));
    let end = reader.finish(&mut tell);
    (text, end.map(|parsed| parsed.fields).map_err(|error| error.to_string()))
}

#[test]
fn any_reply_reads_the_same_however_it_is_cut() {
    let spec = spec("a -> b, n: int | None, l: list[str] | None, o: str | None");
    let adapters: [(&dyn Adapter, &[&str]); 3] = [
        (
            &ChatAdapter::new(),
            &[
                "[[ ## b ## ]]",
                "[[ ## n ## ]]",
                "[[ ##",
                " ## ]]",
                "[[ ## o ## ]]",
                "[[ ## x ## ]]",
                "\n",
                "\r\n",
                "\r",
                " ",
                "b",
                "\u{a0}",
                "12",
                "é",
                "null",
                "[[ ## l ## ]]",
                "['x']",
                "]",
            ],
        ),
        (
            &XmlAdapter::new(),
            &[
                "<b>", "</b>", "<n>", "</n>", "<l>", "</l>", "<item>", "</item>", "<", ">", "&",
                "&amp;", "&#", ";", "<b", "/>", "é", "12", " ", "<o>", "</o>", "null", "b",
            ],
        ),
        (
            &JsonAdapter::new(),
            &[
                "{", "}", "\"b\"", "\"n\"", ":", ",", "\"", "12", "\\n", "\\u00e9", "[", "]",
                "null", " ", "é", "\"o\"", "\"l\"", "x",
            ],
        ),
    ];
    let mut random = 11_u64;
    let mut next = |below: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut read = 0;
    for (adapter, signs) in adapters {
        for round in 0..4000 {
            let mut reply = String::new();
            // A good beginning, so that not all replies are nonsense.
            if round % 2 == 0 {
                reply += ["[[ ## b ## ]]\n", "<b>", "{\"b\": \""]
                    [usize::from(signs.contains(&"</b>")) + 2 * usize::from(signs.contains(&"{"))];
            }
            (0..next(14)).for_each(|_| reply += signs[next(signs.len())]);
            let whole = streamed(adapter, &spec, &[&reply]);
            let mut pieces = Vec::new();
            let mut rest = reply.as_str();
            while let Some(c) = rest.chars().nth(next(4)) {
                let at = rest.find(c).unwrap_or_default() + c.len_utf8();
                let (piece, tail) = rest.split_at(at);
                pieces.push(piece);
                rest = tail;
            }
            pieces.push(rest);
            assert_eq!(
                streamed(adapter, &spec, &pieces),
                whole,
                "{} of {pieces:?}",
                adapter.name()
            );
            if let Ok(fields) = &whole.1 {
                read += 1;
                assert_eq!(fields.text("b"), Some(&*whole.0), "{} of {reply:?}", adapter.name());
            }
        }
    }
    println!("{read} replies were read");
    assert!(read > 2000, "{read}");
}

#[test]
fn elements_that_never_end_are_read_as_far_as_json_may_be_deep() {
    let xml = XmlAdapter::new();
    for ty in ["list[Any]", "dict[str, Any]", "Any", "list[str]"] {
        let spec = spec(&format!("a -> items: {ty}"));
        for tag in ["item", "x"] {
            let reply = format!("<items>{}", format!("<{tag}>").repeat(100_000));
            // A value or an error, and a process that goes on.
            let _ = xml.parse(&spec, &reply);
        }
    }
    let reply = format!("<items>{}1{}</items>", "<item>".repeat(20), "</item>".repeat(20));
    let parsed = xml.parse(&spec("a -> items: list[Any]"), &reply).unwrap();
    let mut value = parsed.fields.value("items").unwrap();
    let mut depth = 0;
    while let Some(inner) = value.as_array().and_then(|list| list.first()) {
        (value, depth) = (inner, depth + 1);
    }
    assert_eq!(depth, 20);
}

#[test]
fn what_json_makes_of_a_signature_is_made_once() {
    let json = JsonAdapter::new();
    let spec = spec("a -> b: float, c: list[str]");
    let schema = |adapter: &JsonAdapter| match adapter.output_format(&spec) {
        OutputFormat::Schema(schema) => schema.schema,
        other => panic!("{other:?}"),
    };
    let first = schema(&json);
    json.reader(&spec);
    assert!(std::ptr::eq(first.as_value(), schema(&json).as_value()));
    assert!(std::ptr::eq(first.as_value(), schema(&json.clone()).as_value()));
    // Of a signature with other instructions too, and of no other outputs.
    let other = Arc::new(SignatureSpec::clone(&spec).with_instructions("Otherwise."));
    assert_eq!(json.output_format(&other), json.output_format(&spec));
    let changed = SignatureSpec::clone(&spec)
        .with_field("b", |field| field.description("how sure").constraint("at most 1"));
    let OutputFormat::Schema(changed) = json.output_format(&changed.unwrap()) else { panic!() };
    let described = &changed.schema.as_value()["properties"]["b"]["description"];
    assert_eq!(described, "how sure; at most 1");
    for number in 0..100 {
        json.output_format(&format!("a -> b{number}").parse().unwrap());
    }
    assert_eq!(schema(&json), first);
}

#[test]
fn nothing_may_be_one_of_the_choices() {
    let ty = "a -> b: Literal['x', None]";
    for text in ["None", "null"] {
        check(&ChatAdapter::new(), ty, &format!("[[ ## b ## ]]\n{text}"), json!({"b": null}));
    }
    check(&JsonAdapter::new(), ty, r#"{"b": null}"#, json!({"b": null}));
}
