//! Signatures: as text, as values, and what types are called.

use std::collections::BTreeMap;

use meanwhile_programs::{FieldSpec, FieldType, Fields, SignatureSpec, fields};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The types of all fields, in our words.
fn check(text: &str, types: &[&str]) {
    let spec: SignatureSpec = text.parse().unwrap();
    let found: Vec<String> = spec.fields().map(|field| field.ty.to_string()).collect();
    assert_eq!(found, types, "{text}");
}

#[test]
fn python_and_rust_spell_the_same_types() {
    let words = ["list of text", "whole number or null", "true or false", "text"];
    check("a: list[str], b: Optional[int] -> c: bool, d", &words);
    check("a: Vec<String>, b: Option<i64> -> c: bool, d: &str", &words);
    check("a: typing.List[str], b: int | None -> c: bool, d: str", &words);
    let map = ["object with names of your choice, each number", "number", "one of: a, b, 1"];
    check("m: dict[str, float] -> x: float, c: Literal['a', \"b\", 1]", &map);
    check("m: HashMap<String, f32> -> x: f64, c: Literal['a', 'b', 1]", &map);
    check(
        "i: dspy.Image, a: Audio, d: Document, h: History -> v: Any, w: serde_json::Value",
        &["image", "audio", "document", "conversation", "any JSON", "any JSON"],
    );
}

fn check_faults(text: &str, faults: &[&str]) {
    let error = text.parse::<SignatureSpec>().unwrap_err().to_string();
    let mut at = 0;
    for fault in faults {
        let found = error[at..].find(fault);
        at += found.unwrap_or_else(|| panic!("`{fault}` is not, or too early, in: {error}"));
    }
}

#[test]
fn every_fault_of_a_text_is_named_in_order_with_its_place() {
    check_faults("question", &["no `->`"]);
    check_faults("a -> b -> c", &["second `->` at 7"]);
    check_faults(
        "a: Foo, b c, 1d -> a: list[Bar, e: Literal[x]",
        &[
            "`Foo` is not known (at 3)",
            "comma is missing (at 10)",
            "not beginning with a digit",
            "`Bar` is not known (at 27)",
        ],
    );
    check_faults("a, b -> a", &["the name `a` at 8 is there already"]);
    check_faults("a: dict[int, str] -> b: Optional", &["names of a map", "needs a type"]);
    check_faults("a ->", &["there is no output"]);
    check_faults("a: int | str -> b", &["only `None`"]);
    check_faults("a: list[str -> b", &["`]` is missing"]);
    check_faults("a -> b: Literal['x", &["quote is not closed"]);
}

#[test]
fn any_text_is_a_signature_or_an_error() {
    let signs = ["a", "->", ":", "[", "]", "<", ">", ",", " ", "'", "|", "list", "é", "1", "::"];
    let mut random = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..9 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text += signs[(random >> 33) as usize % signs.len()];
        }
        // It ends, and does not panic.
        let _ = text.parse::<SignatureSpec>();
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Person {
    name: String,
    friends: Vec<Person>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Mood {
    Calm,
    Angry,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Rated {
    /// Not good.
    Bad,
    /// Not bad.
    Good,
}

#[test]
fn types_of_rust_have_a_field_type() {
    let name = |ty: FieldType| ty.to_string();
    assert_eq!(FieldType::of::<String>(), FieldType::String);
    assert_eq!(FieldType::of::<u8>(), FieldType::Integer);
    assert_eq!(FieldType::of::<f32>(), FieldType::Float);
    assert_eq!(FieldType::of::<bool>(), FieldType::Boolean);
    assert_eq!(FieldType::of::<serde_json::Value>(), FieldType::Any);
    assert_eq!(name(FieldType::of::<Option<Vec<i64>>>()), "list of whole number or null");
    assert_eq!(FieldType::of::<Mood>(), FieldType::one_of(["Calm", "Angry"]));
    assert_eq!(FieldType::of::<Rated>(), FieldType::one_of(["Bad", "Good"]));
    assert_eq!(name(FieldType::of::<Option<Mood>>()), "(one of: Calm, Angry) or null");
    let map = FieldType::of::<BTreeMap<String, Vec<bool>>>();
    assert_eq!(map, FieldType::Map(Box::new(FieldType::List(Box::new(FieldType::Boolean)))));
    let FieldType::Record { name, schema } = FieldType::of::<Person>() else { panic!("a record") };
    assert_eq!(
        (name.as_str(), schema.as_value()["required"].as_array().unwrap().len()),
        ("Person", 2)
    );
    let several = FieldType::List(Box::new(FieldType::of::<Person>())).schema();
    assert_eq!(several.as_value()["items"], json!({"$ref": "#/$defs/Person"}));
    assert!(several.as_value()["$defs"]["Person"]["properties"]["name"].is_object());
}

#[test]
fn a_signature_is_changed_by_copies() {
    let spec: SignatureSpec = "question -> answer".parse().unwrap();
    let longer = spec
        .clone()
        .prepend_output(FieldSpec::text("reasoning"))
        .append_input(FieldSpec::new("k", FieldType::Integer))
        .insert_input(1, FieldSpec::text("context").description("what is known"))
        .append_instructions("Be brief.")
        .with_field("answer", |field| field.description("one word").constraint("at most 9 letters"))
        .unwrap();
    let names = |spec: &SignatureSpec| {
        spec.fields().map(|field| field.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&longer), "question context k reasoning answer");
    assert!(longer.instructions.ends_with("`answer`.\n\nBe brief."));
    assert_eq!(longer.output("answer").unwrap().constraints, ["at most 9 letters"]);
    assert_eq!(
        names(&longer.clone().delete("k").delete("nothing")),
        "question context reasoning answer"
    );
    // A field moves to the other side where it is taken out of the one; nothing is lost silently.
    assert_eq!(
        names(&longer.clone().delete("context").append_output(FieldSpec::text("context"))),
        "question k reasoning answer context"
    );
    assert_eq!(
        names(&longer.append_output(FieldSpec::text("context"))),
        "question context k reasoning answer context"
    );
    assert!(spec.with_field("other", |field| field).is_err());
}

#[test]
fn a_signature_survives_json() {
    let text = "a: list[dict[str, int]], i: Image -> b: Literal['x', 2], c: float | None";
    let spec: SignatureSpec = text.parse().unwrap();
    let spec = spec.with_field("c", |field| field.default_value(1.5)).unwrap();
    let written = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<SignatureSpec>(&written).unwrap(), spec);
}

#[test]
fn fields_say_what_is_wrong() {
    let fields = fields! { answer: "Lima", people: vec![1, 2], none: Option::<i64>::None };
    assert_eq!(fields.get::<Vec<u8>>("people").unwrap(), [1, 2]);
    assert_eq!(fields.get::<Option<u8>>("none").unwrap(), None);
    let missing = fields.get::<String>("anwser").unwrap_err().to_string();
    assert!(missing.contains("there is no field `anwser`; there is `answer`, `people`, `none`"));
    let wrong = fields.get::<u8>("answer").unwrap_err().to_string();
    assert!(wrong.contains("the field `answer` is a text") && !wrong.contains("secret"), "{wrong}");
    assert!(Fields::of("text").unwrap_err().to_string().contains("this is a text; give it a name"));
}
