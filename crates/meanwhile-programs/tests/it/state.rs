//! States of programs are saved and loaded: ours, and those that DSPy has saved.

use meanwhile_core::{ErrorKind, Model, ModelRef, Scripted};
use meanwhile_programs::{
    ChainOfThought, Demo, Fields, Module, ModuleExt as _, Predict, Predictor, PredictorState,
    ProgramState, fields, with_overlay,
};

/// The program of `tests/goldens/state.py`.
struct Program {
    a: ChainOfThought,
    l: Vec<Predict>,
    d: Predict,
}

impl Program {
    fn new() -> Self {
        Self {
            a: ChainOfThought::parse("question -> answer").unwrap(),
            l: ["question -> answer", "x: int -> y: float"]
                .map(|text| Predict::parse(text).unwrap())
                .into(),
            d: Predict::parse("a -> b").unwrap(),
        }
    }
}

impl Module for Program {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        self.a.predictors(&mut |path, predictor| visit(&format!("a.{path}"), predictor));
        self.l.predictors(&mut |path, predictor| visit(&format!("l{path}"), predictor));
        self.d.predictors(&mut |_, predictor| visit("d['k']", predictor));
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        self.a.predictors_mut(&mut |path, predictor| visit(&format!("a.{path}"), predictor));
        self.l.predictors_mut(&mut |path, predictor| visit(&format!("l{path}"), predictor));
        self.d.predictors_mut(&mut |_, predictor| visit("d['k']", predictor));
    }
}

fn taught() -> Program {
    let mut program = Program::new();
    let demo = Demo::augmented(fields! { question: "q", reasoning: "r", answer: "a" });
    let spec = program.a.predict.predictor.spec().clone().with_instructions("Be brief.");
    let spec = spec.with_field("question", |field| field.description("what is asked")).unwrap();
    program.a.predict.predictor.set_spec(spec);
    program.a.predict.predictor.set_demos(vec![demo, fields! { question: "z" }.into()]);
    program
}

#[test]
fn a_state_survives_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.json");
    let taught = taught();
    taught.save(&path).unwrap();

    let mut program = Program::new();
    let ignored = program.load(&path).unwrap();

    assert!(ignored.is_empty());
    assert_eq!(program.state(), taught.state());
    let spec = program.a.predict.predictor.spec();
    assert_eq!(spec.instructions, "Be brief.");
    assert_eq!(spec.inputs[0].description.as_deref(), Some("what is asked"));
    assert_eq!(program.a.predict.predictor.demos().len(), 2);
    // The same program, the same bytes.
    assert_eq!(program.state().to_json().unwrap(), taught.state().to_json().unwrap());
}

#[test]
fn a_file_that_is_none_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.json");
    let error = Program::new().load(&path).unwrap_err();
    assert!(error.message().contains("cannot be read"), "{error}");
    for text in ["", "[]", "{}", r#"{"predictors": {"a": 1}}"#, r#"{"a": {"signature": {}}}"#] {
        std::fs::write(&path, text).unwrap();
        let error = Program::new().load(&path).unwrap_err();
        assert!(error.message().contains("program.json"), "{text}: {error}");
    }
}

#[test]
fn an_overlay_shows_a_program_in_a_state_without_changing_it() {
    let scripted = Scripted::new().reply_with(|_| "[[ ## answer ## ]]\nyes".into());
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = predict.model(Model::new(scripted.clone(), "any"));
    let state = |words: &str| {
        let state = PredictorState::default().instructions(words).demos(Vec::<Fields>::new());
        ProgramState::default().with("self", state).overlay(&predict).unwrap()
    };
    futures::executor::block_on(async {
        let ask = || predict.call(fields! { question: "?" });
        let (one, other) = futures::join!(
            with_overlay(state("One."), ask()),
            with_overlay(state("Other."), ask())
        );
        one.unwrap();
        other.unwrap();
        ask().await.unwrap();
    });
    let systems = scripted.requests().iter().map(|one| one.messages[0].text()).collect::<Vec<_>>();
    assert!(systems[0].contains("One.") && systems[1].contains("Other."));
    assert!(systems[2].contains("Given the fields"));
}

/// What DSPy 3.4.1 writes for such a program.
const DSPY: &str = r#"{
  "a.predict": {
    "traces": [], "train": [],
    "demos": [{"question": "q", "answer": "a", "reasoning": "r", "augmented": true}, {"question": "z"}],
    "signature": {"instructions": "Answer briefly.", "fields": [
      {"prefix": "Question:", "description": "what is asked"},
      {"prefix": "Reasoning:", "description": "${reasoning}"},
      {"prefix": "Answer:", "description": "${answer}"}]},
    "lm": null
  },
  "l[0]": {
    "demos": [],
    "signature": {"instructions": "Zero.", "fields": []},
    "lm": {"model": "openai/gpt-4o-mini", "model_type": "chat", "temperature": 0.3, "max_tokens": 100,
           "api_base": "http://x", "launch_kwargs": {}, "finetuning_model": null}
  },
  "l[1]": {"signature": {"instructions": "One.", "fields": []}, "lm": null},
  "d['k']": {"signature": {"instructions": "Key.", "fields": []}, "lm": null},
  "metadata": {"dependency_versions": {"dspy": "3.4.1"}}
}"#;

#[test]
fn a_state_of_dspy_is_loaded() {
    let state = ProgramState::from_json(DSPY).unwrap();
    assert_eq!(state.ignored, ["`api_base` of the model of `l[0]`"]);
    let mut program = Program::new();
    program.load_state(&state).unwrap();

    let think = &program.a.predict.predictor;
    assert_eq!(think.spec().instructions, "Answer briefly.");
    assert_eq!(think.spec().inputs[0].description.as_deref(), Some("what is asked"));
    assert_eq!(think.spec().outputs[0].description, None);
    assert_eq!(think.spec().outputs[1].prefix.as_deref(), Some("Answer:"));
    assert!(think.demos()[0].augmented && !think.demos()[1].augmented);
    assert_eq!(
        think.demos()[0].fields.names().collect::<Vec<_>>(),
        ["question", "answer", "reasoning"]
    );
    let settings = program.l[0].predictor.settings();
    assert!(matches!(&settings.model, Some(ModelRef::Named(name)) if name == "openai/gpt-4o-mini"));
    assert_eq!((settings.params.temperature, settings.params.max_tokens), (Some(0.3), Some(100)));
    assert!(program.d.predictor.settings().model.is_none());
}

#[test]
fn a_bare_predictor_of_dspy_has_no_path() {
    let text = r#"{"demos": [], "signature": {"instructions": "Bare.", "fields": []}, "lm": null,
                   "metadata": {"dependency_versions": {}}}"#;
    let mut predict = Predict::parse("question -> answer").unwrap();
    predict.load_state(&ProgramState::from_json(text).unwrap()).unwrap();
    assert_eq!(predict.predictor.spec().instructions, "Bare.");
}

#[test]
fn a_key_that_means_nothing_is_no_state() {
    for text in [
        r#"{"predictors": {"predict": {"instruction": "Be brief."}}}"#,
        r#"{"predictors": {}, "version": 1}"#,
        r#"{"predictors": {"predict": {"fields": [{"name": "question", "desc": "x"}]}}}"#,
        r#"{"predictors": {"predict": {"model": {"name": "a/b", "top_p": 1}}}}"#,
    ] {
        let error = ProgramState::from_json(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn fields_by_place_are_those_of_the_signature() {
    let state = |fields: &str| {
        let text = format!(
            r#"{{"demos": [], "signature": {{"instructions": "Bare.", "fields": [{fields}]}}, "lm": null}}"#
        );
        ProgramState::from_json(&text).unwrap()
    };
    let field = |name: &str| format!(r#"{{"prefix": "{name}:", "description": "of {name}"}}"#);
    let load = |names: &[&str]| {
        let mut predict = Predict::parse("the_question, k: int -> answer").unwrap();
        let fields: Vec<String> = names.iter().map(|name| field(name)).collect();
        predict.load_state(&state(&fields.join(", "))).map(|_| predict.predictor.spec().clone())
    };
    let spec = load(&["The Question", "K", "Answer"]).unwrap();
    assert_eq!(spec.outputs[0].description.as_deref(), Some("of Answer"));
    // A prefix that somebody has written says nothing about the place.
    load(&["Ask", "K", "Answer"]).unwrap();
    for (names, says) in [
        (&["The Question", "Answer"][..], "2 fields"),
        (&["The Question", "K", "Reasoning", "Answer"], "4 fields"),
        (&["K", "The Question", "Answer"], "`the_question`"),
    ] {
        let error = load(names).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(says), "{error}");
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.json");
    let taught = taught();
    taught.save(&path).unwrap();
    // Whoever has the old file open reads the old file.
    let mut old = std::fs::File::open(&path).unwrap();
    Program::new().save(&path).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut old, &mut text).unwrap();
    assert!(text.contains("Be brief."));
    assert!(!std::fs::read_to_string(&path).unwrap().contains("Be brief."));
    // A folder is in the way: nothing is left behind.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    taught.save(&taken).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
