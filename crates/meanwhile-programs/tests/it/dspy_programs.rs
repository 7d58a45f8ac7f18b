//! Programs that the installed DSPy has optimised and saved, and its agent, against ours.
//! `tests/goldens/program.py` asks the package; nothing of it is kept here.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Message, Model, ModelRef, Request, Result, Role, Schema, Scripted, Tool, ToolCall,
    ToolContext, ToolOutput, ToolSpec, Toolbox,
};
use meanwhile_programs::{
    ChainOfThought, ChatAdapter, FieldSpec, Module, ModuleExt as _, Predict, Predictor,
    ProgramState, Protocol, ReAct, ReActStop, SignatureSpec, fields, with_adapter,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    optimised: Optimised,
    agent: Agent,
    bare: String,
}

#[derive(Deserialize)]
struct Optimised {
    state: String,
    paths: Vec<String>,
    replies: Vec<String>,
    asked: Vec<Vec<Said>>,
}

#[derive(Deserialize)]
struct Agent {
    state: String,
    paths: Vec<String>,
    tools: BTreeMap<String, Described>,
    replies: Vec<String>,
    asked: Vec<Vec<Said>>,
    answer: String,
}

#[derive(Deserialize)]
struct Described {
    description: String,
    parameters: serde_json::Value,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Said {
    role: String,
    content: String,
}

fn goldens() -> Option<Goldens> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/program.py");
    crate::goldens::dspy(&script).map(|printed| serde_json::from_value(printed).unwrap())
}

fn said(request: &Request) -> Vec<Said> {
    let one = |message: &Message| {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            _ => "assistant",
        };
        Said { role: role.to_owned(), content: message.text() }
    };
    request.messages.iter().map(one).collect()
}

fn scripted(replies: &[String]) -> Scripted {
    replies.iter().fold(Scripted::new(), |scripted, reply| scripted.reply(reply))
}

fn answer() -> SignatureSpec {
    SignatureSpec::new(
        "Answer",
        [FieldSpec::text("question").description("what is asked")],
        [FieldSpec::text("answer")],
    )
    .with_instructions("Answer in one short sentence.")
}

struct Program {
    think: ChainOfThought,
    steps: Vec<Predict>,
    experts: BTreeMap<String, Predict>,
}

impl Module for Program {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        use meanwhile_programs::macro_support::visit_part;
        visit_part(&self.think, "think", visit);
        visit_part(&self.steps, "steps", visit);
        visit_part(&self.experts, "experts", visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        use meanwhile_programs::macro_support::visit_part_mut;
        visit_part_mut(&mut self.think, "think", visit);
        visit_part_mut(&mut self.steps, "steps", visit);
        visit_part_mut(&mut self.experts, "experts", visit);
    }
}

fn paths(module: &dyn Module) -> Vec<String> {
    module.named_predictors().into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_program_that_python_has_optimised_asks_the_same_here() {
    let Some(Goldens { optimised, bare, .. }) = goldens() else { return };
    let predict = |text: &str| Predict::parse(text).unwrap();
    let mut program = Program {
        think: ChainOfThought::of(answer()),
        steps: vec![predict("answer -> short"), predict("short, k: int -> score: float")],
        experts: BTreeMap::from([("law".to_owned(), predict("question -> answer"))]),
    };
    assert_eq!(paths(&program), optimised.paths);
    let state = ProgramState::from_json(&optimised.state).unwrap();
    assert_eq!(state.ignored, Vec::<String>::new());
    program.load_state(&state).unwrap();

    let model = scripted(&optimised.replies);
    let settings = meanwhile_core::Settings::new().model(Model::new(model.clone(), "any"));
    let run = async {
        let question = fields! { question: "What is the capital of Peru?" };
        let thought = program.think.call(question).await?;
        let answer: String = thought.get("answer")?;
        let short: String =
            program.steps[0].call(fields! { answer: answer }).await?.get("short")?;
        let score = program.steps[1].call(fields! { short: short, k: 2 }).await?;
        score.get::<f64>("score")
    };
    let run = with_adapter(ChatAdapter::new().dspy_compatible(), run);
    let score = futures::executor::block_on(meanwhile_core::scope(settings, run)).unwrap();
    assert_eq!(score, 0.75);
    let asked: Vec<Vec<Said>> = model.requests().iter().map(said).collect();
    assert!(asked[0].len() > 4, "the demos of the optimiser are there");
    assert_eq!(asked, optimised.asked);

    let mut predict = Predict::of(answer());
    predict.load_state(&ProgramState::from_json(&bare).unwrap()).unwrap();
    let settings = predict.predictor.settings();
    assert!(matches!(&settings.model, Some(ModelRef::Named(name)) if name == "openai/gpt-4o-mini"));
    assert_eq!((settings.params.temperature, settings.params.max_tokens), (Some(0.25), Some(64)));
    assert_eq!(predict.predictor.demos().len(), 1);
}

/// A tool of the agent, as Python describes it.
#[derive(Debug)]
struct Pythonic(ToolSpec);

#[async_trait]
impl Tool for Pythonic {
    fn spec(&self) -> ToolSpec {
        self.0.clone()
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let arguments = call.json()?;
        Ok(match &*call.name {
            "double" => ToolOutput::new((arguments["x"].as_i64().unwrap() * 2).to_string()),
            _ => {
                let (city, days) = (arguments["city"].as_str().unwrap(), &arguments["days"]);
                ToolOutput::new(format!("sunny in {city} for {days} days"))
            }
        })
    }
}

#[test]
fn an_agent_runs_as_dspys_does() {
    let Some(Goldens { agent, .. }) = goldens() else { return };
    let tools: Toolbox = ["slow", "double"]
        .map(|name| {
            let Described { description, parameters } = &agent.tools[name];
            AnyTool::new(Pythonic(ToolSpec::new(
                name,
                description.clone(),
                Schema::from(parameters.clone()),
            )))
        })
        .into_iter()
        .collect();
    let model = scripted(&agent.replies);
    let mut ours = ReAct::of(answer())
        .protocol(Protocol::Dspy)
        .tools(tools)
        .model(Model::new(model.clone(), "any"));
    assert_eq!(paths(&ours), agent.paths);
    let written = ours.state();
    ours.load_state(&ProgramState::from_json(&agent.state).unwrap()).unwrap();
    // What Python has saved is what is written here.
    let instructions = |state: &ProgramState| state.get("react").unwrap().instructions.clone();
    assert_eq!(instructions(&written), instructions(&ours.state()));

    let run = ours.call(fields! { question: "What is the weather in Lima, and twice 21?" });
    let run = with_adapter(ChatAdapter::new().dspy_compatible(), run);
    let run = futures::executor::block_on(run).unwrap();

    assert_eq!((run.text("answer"), run.stop), (Some(&*agent.answer), ReActStop::Submitted));
    let asked: Vec<Vec<Said>> = model.requests().iter().map(said).collect();
    for (turn, (ours, theirs)) in asked.iter().zip(&agent.asked).enumerate() {
        assert_eq!(ours, theirs, "turn {turn}");
    }
    assert_eq!(asked.len(), agent.asked.len());
}
