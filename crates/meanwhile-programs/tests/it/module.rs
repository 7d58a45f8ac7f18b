//! Predictors are found by the paths that DSPy gives them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use meanwhile_core::Settings;
use meanwhile_programs::{
    ChainOfThought, Frozen, Module, ModuleExt as _, Predict, PredictorState, ProgramState,
};

fn predict() -> Predict {
    Predict::parse("question -> answer").unwrap()
}

fn check(module: &dyn Module, paths: &[&str]) {
    let named = module.named_predictors();
    let found: Vec<&str> = named.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(found, paths);
}

#[test]
fn paths_are_those_of_dspy() {
    let think = || ChainOfThought::parse("question -> answer").unwrap();
    check(&predict(), &["self"]);
    check(&predict().predictor, &["self"]);
    check(&think(), &["predict"]);
    check(&vec![predict(), predict()], &["[0]", "[1]"]);
    check(&[[think()], [think()]], &["[0][0].predict", "[1][0].predict"]);
    check(&Some(Box::new(think())), &["predict"]);
    check(&None::<Predict>, &[]);
    check(&Frozen::new(think()), &[]);
    let named = |name: &str| (name.to_owned(), think());
    check(&BTreeMap::from([named("law"), named("art")]), &["['art'].predict", "['law'].predict"]);
    check(&HashMap::from([named("law"), named("art")]), &["['art'].predict", "['law'].predict"]);
}

#[test]
fn a_predictor_that_is_shared_has_its_first_path() {
    let shared = Arc::new(predict());
    check(&vec![shared.clone(), shared], &["[0]"]);
}

#[test]
fn what_is_shared_cannot_be_changed() {
    let shared = Arc::new(predict());
    let mut program = vec![shared.clone(), Arc::new(predict())];
    let state = ProgramState::of(&program);
    let error = program.load_state(&state).unwrap_err();
    assert!(error.message().contains("`[0]` is shared"), "{error}");
    let error = program.set_model("house/small").unwrap_err();
    assert!(error.message().contains("`[0]` is shared"), "{error}");
    assert!(program.iter().all(|one| one.predictor.settings().model.is_none()));
    drop(shared);
    program.load_state(&state).unwrap();
    program.set_model("house/small").unwrap();
    program.set_settings(&Settings::new().temperature(0.5)).unwrap();
    for one in &program {
        let settings = one.predictor.settings();
        assert_eq!((settings.model.is_some(), settings.params.temperature), (true, Some(0.5)));
    }
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let mut program = vec![predict(), predict()];
    let before = ProgramState::of(&program);
    let other = || PredictorState::default().instructions("Other.");
    let state = ProgramState::default().with("[0]", other()).with("[2]", other());
    let error = program.load_state(&state).unwrap_err();
    assert_eq!(
        error.message(),
        "the state does not fit the program, whose predictors are `[0]`, `[1]`: nothing is saved for the \
         predictor `[1]`; the program has no predictor `[2]`"
    );
    assert_eq!(ProgramState::of(&program), before);
}
