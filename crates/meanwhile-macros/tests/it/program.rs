//! What the macros for programs write.

use std::collections::BTreeMap;

use futures::executor::block_on;
use meanwhile::prelude::*;
use meanwhile::programs::{
    ChatAdapter, Dynamic, FieldType, Fields, Predictor, Reasoned, SignatureSpec,
    macro_support::Value, with_overlay,
};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mood {
    /// All is well.
    Calm,
    /// Nothing is.
    Angry,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Place {
    name: String,
    inhabitants: Option<u64>,
}

/// Judge the letter.
///
/// Be kind.
#[derive(Signature)]
#[signature(derive(PartialEq))]
pub struct Judge {
    /// The letter, as it was sent.
    #[input]
    pub letter: String,
    #[input]
    r#type: Option<String>,
    #[input]
    photos: Vec<Image>,
    #[input(history)]
    earlier: Vec<Fields>,
    #[output(desc = "how it sounds", constraint = "nothing in between", constraint = "no doubt")]
    mood: Mood,
    #[output]
    places: Vec<Place>,
    #[output(description = "a note", default = "none")]
    note: String,
    #[output(default)]
    words: u32,
    #[output]
    reply: Option<String>,
}

#[test]
fn a_struct_is_a_signature() {
    let spec = Judge::spec();
    assert_eq!((&*spec.name, &*spec.instructions), ("Judge", "Judge the letter.\n\nBe kind."));
    let names = |fields: &[meanwhile::programs::FieldSpec]| {
        fields.iter().map(|field| format!("{}: {}", field.name, field.ty)).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&spec.inputs),
        ["letter: text", "type: text or null", "photos: list of image", "earlier: conversation"]
    );
    assert_eq!(
        names(&spec.outputs),
        [
            "mood: one of: calm, angry",
            "places: list of Place",
            "note: text",
            "words: whole number",
            "reply: text or null"
        ]
    );
    assert_eq!(spec.inputs[0].description.as_deref(), Some("The letter, as it was sent."));
    assert_eq!(spec.outputs[0].description.as_deref(), Some("how it sounds"));
    assert_eq!(spec.outputs[2].description.as_deref(), Some("a note"));
    assert_eq!(spec.outputs[0].constraints, ["nothing in between", "no doubt"]);
    assert_eq!(spec.outputs[2].default, Some(Value::from("none")));
    assert_eq!(spec.outputs[3].default, Some(Value::from(0)));

    let input = Judge::input("Dear all", None, Vec::new(), Vec::new());
    assert_eq!(input.letter, "Dear all");
    assert_eq!(serde_json_keys(&input), ["letter", "type", "photos", "earlier"]);
}

fn serde_json_keys<T: Serialize>(value: &T) -> Vec<String> {
    Fields::of(value).unwrap().names().map(str::to_owned).collect()
}

#[test]
fn outputs_are_read_as_types() {
    let scripted = Scripted::new().reply(
        "[[ ## reasoning ## ]]\nIt shouts.\n\n[[ ## mood ## ]]\nangry\n\n\
         [[ ## places ## ]]\n[{\"name\": \"Lima\", \"inhabitants\": 10}]\n\n[[ ## completed ## ]]",
    );
    let judge = ChainOfThought::<Judge>::new().model(Model::new(scripted.clone(), "any"));
    let out = judge.call(Judge::input("NO", None, Vec::new(), Vec::new()));
    let out = block_on(out).unwrap();
    let expected = JudgeOutput {
        mood: Mood::Angry,
        places: vec![Place { name: "Lima".into(), inhabitants: Some(10) }],
        note: "none".into(),
        words: 0,
        reply: None,
    };
    let Reasoned { reasoning, value, .. } = out.into_inner();
    assert_eq!((&*reasoning, value), ("It shouts.", expected));
    let system = scripted.requests()[0].messages[0].text();
    assert!(
        system.contains("Judge the letter.") && system.contains("nothing in between"),
        "{system}"
    );
}

#[test]
fn a_filled_in_signature_is_an_example() {
    let example = Judge {
        letter: "Dear all".into(),
        r#type: None,
        photos: Vec::new(),
        earlier: Vec::new(),
        mood: Mood::Calm,
        places: Vec::new(),
        note: String::new(),
        words: 2,
        reply: None,
    };
    let (input, output): (JudgeInput, JudgeOutput) = example.into();
    assert_eq!((&*input.letter, output.mood, output.words), ("Dear all", Mood::Calm, 2));
}

signature! {
    /// Say where.
    pub(crate) Where = "thing, k: u8 -> places: list[Place], moods: dict[str, Mood] | None, sure: bool"
}
signature! { Shorten = "answer -> simplified_answer", "Be brief." }

/// The macro reads what the library reads at run time.
fn check(ours: SignatureSpec, text: &str) {
    let types = |name: &str| match name {
        "Place" => Some(FieldType::of::<Place>()),
        "Mood" => Some(FieldType::of::<Mood>()),
        _ => None,
    };
    let theirs = SignatureSpec::parse_with(text, types).unwrap();
    assert_eq!(ours.with_name(""), theirs.with_name(""), "{text}");
}

#[test]
fn text_is_a_signature() {
    check(
        signature!("question, k: int -> answer, score: float"),
        "question, k: int -> answer, score: float",
    );
    check(
        signature!(
            "a: Vec<Option<f64>>, b: dict, h: History -> c: Literal['x, y', 'z'], d: Image | None"
        ),
        "a: Vec<Option<f64>>, b: dict, h: History -> c: Literal['x, y', 'z'], d: Image | None",
    );
    check(
        signature!(
            "t -> m: list[Mood], p: Optional[Place], a: Any, o: bool, l: Literal[1, -2, True]"
        ),
        "t -> m: list[Mood], p: Optional[Place], a: Any, o: bool, l: Literal[1, -2, True]",
    );
    // Nothing is asked, a choice may be nothing, and choices of several kinds are one.
    check(signature!(" -> idea"), " -> idea");
    check(
        signature!("t -> a: Literal['x', None], b: Literal['a', 1], c: Literal[None]"),
        "t -> a: Literal['x', None], b: Literal['a', 1], c: Literal[None]",
    );
    assert_eq!(signature!("a -> b", "Be brief.").instructions, "Be brief.");
    assert_eq!((&*Where::spec().name, &*Where::spec().instructions), ("Where", "Say where."));
    assert_eq!(Shorten::spec().instructions, "Be brief.");
    let output = WhereOutput {
        places: Vec::new(),
        moods: Some(BTreeMap::from([("a".to_owned(), Mood::Calm)])),
        sure: true,
    };
    assert_eq!(serde_json_keys(&output), ["places", "moods", "sure"]);
    let input = Where::input(String::from("llamas"), 1_u8);
    assert_eq!((&*input.thing, input.k), ("llamas", 1));
}

signature! { Choose = " -> maybe: Literal['x', None], any: Literal['a', 1], number: Literal[1, 2]" }

#[test]
fn choices_are_the_types_that_they_can_be() {
    let check = |maybe: &str, any: &str, wanted: (Option<&str>, Value)| {
        let reply = format!(
            "[[ ## maybe ## ]]\n{maybe}\n\n[[ ## any ## ]]\n{any}\n\n[[ ## number ## ]]\n2"
        );
        let scripted = Scripted::new().reply(reply);
        let choose = Predict::<Choose>::new().model(Model::new(scripted.clone(), "any"));
        let out = block_on(choose.call(Choose::input())).unwrap();
        assert_eq!((out.maybe.as_deref(), out.any.clone()), wanted);
        assert_eq!((out.number, scripted.requests().len()), (2_i64, 1));
    };
    check("x", "a", (Some("x"), "a".into()));
    check("None", "1", (None, 1.into()));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Day(#[schemars(regex(pattern = "^[0-9-]+$"))] String);

/// What holds of the values of a type is said of its field.
#[derive(Signature)]
#[allow(dead_code, reason = "only its signature is looked at")]
struct Ruled {
    #[input]
    least: u8,
    #[output(constraint = "no more than needed")]
    share: u8,
    #[output]
    days: Vec<Day>,
    #[output]
    number: i64,
    #[output]
    note: Option<u16>,
}

#[test]
fn rules_of_a_type_are_said_in_words() {
    let spec = Ruled::spec();
    let rules = |name: &str| spec.field(name).unwrap().rules.join("; ");
    assert_eq!(rules("least"), "");
    assert_eq!(rules("share"), "at least 0; at most 255");
    assert_eq!(rules("days"), "each as the regular expression `^[0-9-]+$` says");
    assert_eq!(rules("number"), "");
    assert_eq!(rules("note"), "at least 0; at most 65535");
    // DSPy has no such types, so that a prompt that equals its own does not speak of them.
    let said = |adapter: ChatAdapter| {
        let predict = Predict::<Ruled>::new().adapter(adapter);
        let prompt = predict.predictor.prompt(Fields::new().with("least", 1)).unwrap();
        prompt.messages[0].text()
    };
    let (ours, theirs) = (said(ChatAdapter::new()), said(ChatAdapter::new().dspy_compatible()));
    assert!(ours.contains("no more than needed; at least 0; at most 255"), "{ours}");
    assert!(theirs.contains("Constraints: no more than needed\n"), "{theirs}");
    assert!(!theirs.contains("at least 0"), "{theirs}");
}

#[derive(Module)]
struct Program<M = Predict<Where>> {
    think: ChainOfThought<Shorten>,
    #[module(name = "find")]
    found: M,
    steps: Vec<Predict<Dynamic>>,
    experts: BTreeMap<String, ChainOfThought<Dynamic>>,
    nested: Option<Box<Inner>>,
    #[module(skip)]
    limit: usize,
}

#[derive(Module)]
struct Inner(Predictor, ReAct<Shorten>);

#[test]
fn a_struct_of_modules_is_a_module() {
    let text = || Predict::parse("question -> answer").unwrap();
    let mut program = Program {
        think: ChainOfThought::new(),
        found: Predict::<Where>::new(),
        steps: vec![text(), text()],
        experts: BTreeMap::from([("law".to_owned(), ChainOfThought::parse("a -> b").unwrap())]),
        nested: Some(Box::new(Inner(text().predictor, ReAct::new()))),
        limit: 3,
    };
    let named = program.named_predictors();
    let paths: Vec<&str> = named.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "think.predict",
            "find",
            "steps[0]",
            "steps[1]",
            "experts['law'].predict",
            "nested.0",
            "nested.1.react"
        ]
    );
    assert_eq!(program.limit, 3);
    let state = program.state();
    program.load_state(&state).unwrap();
    assert_eq!(program.state(), state);

    // A model that is named is looked up in the registry of the facade, overlay or not.
    registry().insert_as(
        "judge",
        Scripted::new().reply("[[ ## simplified_answer ## ]]\nIt fled.").into(),
    );
    let shorten = Predict::<Shorten>::new().model("judge/any");
    let overlay = state.overlay(&program).unwrap();
    let out = with_overlay(overlay, shorten.call(Shorten::input("It fled the oven.")));
    let out = block_on(out).unwrap();
    assert_eq!(out.simplified_answer, "It fled.");
}
