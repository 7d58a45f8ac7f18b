//! Runs of programs as streams: what is told, in which order, how much is done ahead, and how they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use meanwhile_core::{
    AnyTool, ErrorKind, Event, Finish, FinishReason, Model, Moment, Observer, Part, Result, Run,
    Schema, Scope, Scripted, Settings, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox,
    chain, scope,
};
use meanwhile_programs::{
    ChainOfThought, Fields, Forward, Module, Predict, PredictionEvent, Predictor, ProgramEvent,
    ProgramStream, Protocol, ReAct, TwoStepAdapter, fields, streamed, traced,
};
use serde_json::json;

/// An event in a few words.
fn words<T>(event: &ProgramEvent<T>) -> String {
    match event {
        ProgramEvent::PredictorStart { predictor, call } => format!("{call} {predictor} asks"),
        ProgramEvent::Text { call, name, delta, last, .. } => {
            format!("{call} {name}+{delta}{}", if *last { "." } else { "" })
        }
        ProgramEvent::Value { call, name, value, .. } => format!("{call} {name}={value}"),
        ProgramEvent::Again { call, attempt, .. } => format!("{call} again: {}", attempt.message),
        ProgramEvent::PredictorEnd { call, outcome: Ok(fields), .. } => {
            format!("{call} answers {fields}")
        }
        ProgramEvent::PredictorEnd { call, outcome: Err(error), .. } => {
            format!("{call} fails: {:?}", error.kind())
        }
        ProgramEvent::ToolStart(call) => format!("{} {}", call.name, call.arguments),
        ProgramEvent::ToolEnd(result) => {
            format!("{} {} {}", result.name, if result.is_error { "!" } else { "=" }, result.text())
        }
        ProgramEvent::ChainStart { name } => format!("{name} begins"),
        ProgramEvent::ChainEnd { name } => format!("{name} ends"),
        ProgramEvent::Done(_) => "done".to_owned(),
        other => panic!("an event of which nothing is known: {:?}", std::mem::discriminant(other)),
    }
}

/// All that is told, and what comes of the run.
async fn read<T>(mut run: ProgramStream<'_, T>) -> (Vec<String>, Result<T>) {
    let mut told = Vec::new();
    while let Some(event) = run.next().await {
        let outcome = match event {
            Ok(ProgramEvent::Done(output)) => Ok(*output),
            Ok(event) => {
                told.push(words(&event));
                continue;
            }
            Err(error) => Err(error),
        };
        assert!(run.next().await.is_none());
        return (told, outcome);
    }
    panic!("a stream ends with what the run answers or an error")
}

fn reasoned(reasoning: &str, name: &str, value: &str) -> String {
    format!("[[ ## reasoning ## ]]\n{reasoning}\n\n[[ ## {name} ## ]]\n{value}")
}

fn question() -> Fields {
    fields! { question: "Why?" }
}

/// Answers, and says that in simpler words.
struct Explain {
    answer: ChainOfThought,
    simplify: ChainOfThought,
}

impl Explain {
    fn new(scripted: &Scripted) -> Self {
        let think = |signature| {
            let think = ChainOfThought::parse(signature).unwrap();
            think.model(Model::new(scripted.clone(), "any"))
        };
        Self {
            answer: think("question -> answer"),
            simplify: think("answer -> simple, score: int"),
        }
    }
}

impl Module for Explain {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit("answer.predict", &self.answer.predict.predictor);
        visit("simplify.predict", &self.simplify.predict.predictor);
    }

    fn predictors_mut(&mut self, _: &mut dyn FnMut(&str, &mut Predictor)) {}
}

impl Forward for Explain {
    type In = Fields;
    type Out = String;

    async fn forward(&self, question: Fields) -> Result<String> {
        let first = self.answer.call(question).await?;
        let answer = first.get::<String>("answer")?;
        let second = self.simplify.call(fields! { answer: answer });
        chain("shorten", async { second.await?.get("simple") }).await
    }
}

fn explained() -> Scripted {
    Scripted::new().reply(reasoned("It saw", "answer", "To flee")).reply(reasoned(
        "So",
        "simple",
        "Flight\n\n[[ ## score ## ]]\n3",
    ))
}

#[tokio::test]
async fn a_module_tells_of_its_predictors_by_name_and_ends_with_its_answer() {
    let program = Explain::new(&explained());
    let (told, answer) = read(streamed(&program, program.forward(question()))).await;
    assert_eq!(
        told,
        [
            "0 answer.predict asks",
            "0 reasoning+It",
            "0 reasoning+ saw",
            "0 reasoning+.",
            "0 answer+To",
            "0 answer+ flee",
            "0 answer+.",
            r#"0 answers {"reasoning":"It saw","answer":"To flee"}"#,
            "shorten begins",
            "1 simplify.predict asks",
            "1 reasoning+So",
            "1 reasoning+.",
            "1 simple+Flight",
            "1 simple+.",
            "1 score=3",
            r#"1 answers {"reasoning":"So","simple":"Flight","score":3}"#,
            "shorten ends",
        ]
    );
    assert_eq!(answer.unwrap(), "Flight");
    // Read to its end only, and traced, it does the same.
    let program = Explain::new(&explained());
    let run = traced(async { streamed(&program, program.forward(question())).finish().await });
    let (answer, trace) = run.await;
    assert_eq!((answer.unwrap().as_str(), trace.calls.len()), ("Flight", 2));
}

#[tokio::test]
async fn no_more_is_done_than_is_looked_at() {
    let scripted = explained();
    let program = Explain::new(&scripted);
    let mut run = streamed(&program, program.forward(question()));
    assert_eq!(scripted.requests().len(), 0);
    while let Some(event) = run.next().await {
        let word = words(&event.unwrap());
        // Nobody has asked who has only said so.
        let most = match word.as_str() {
            "0 answer.predict asks" => 0,
            "shorten begins" | "1 simplify.predict asks" => 1,
            word if word.starts_with('0') => 1,
            _ => 2,
        };
        assert!(scripted.requests().len() <= most, "{word}");
    }
    assert_eq!(scripted.requests().len(), 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_and_one_that_fails_are_told() {
    let scripted = Scripted::new()
        .reply("[[ ## reasoning ## ]]\nHm")
        .reply(r#"{"reasoning": "Hm", "answer": "To flee"}"#)
        .error(meanwhile_core::Error::new(ErrorKind::Overloaded, "try later"));
    let program = Explain::new(&scripted);
    let (told, outcome) = read(streamed(&program, program.forward(question()))).await;
    assert_eq!(
        told[1..4].join(", "),
        "0 reasoning+Hm, 0 reasoning+., 0 again: the answer has no section for `answer`"
    );
    assert_eq!(told[4..6].concat(), "0 reasoning+Hm0 reasoning+.");
    let end = &told[told.len() - 4..];
    assert_eq!(
        end,
        ["shorten begins", "1 simplify.predict asks", "1 fails: Overloaded", "shorten ends"]
    );
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Overloaded);
}

/// Says what it is asked, or fails as it is told to.
#[derive(Debug)]
struct Look;

#[async_trait]
impl Tool for Look {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("look", "Looks at something.", Schema::from(json!({"type": "object"})))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        if call.arguments.contains("badly") {
            return Err(meanwhile_core::Error::new(ErrorKind::Other, "seen nothing"));
        }
        Ok(ToolOutput::new("a red ball"))
    }
}

fn agent(scripted: &Scripted) -> ReAct {
    ReAct::parse("question -> answer, n: int")
        .unwrap()
        .tools(Toolbox::new().with(AnyTool::new(Look)))
        .model(Model::new(scripted.clone(), "any"))
}

/// A turn that says something, and calls a tool whose arguments come in pieces.
fn turn(thought: &[&str], name: &str, arguments: &[&str]) -> Vec<Result<Event>> {
    let mut events = vec![Event::text_start(0)];
    events.extend(thought.iter().map(|text| Event::text_delta(0, *text)));
    events.push(Event::part_end(0));
    events.push(Event::tool_call_start(1, name, name));
    events.extend(arguments.iter().map(|text| Event::tool_call_delta(1, *text)));
    events.push(Event::part_end(1));
    events.push(Event::finish(Finish::new(FinishReason::ToolCalls)));
    events.into_iter().map(Ok).collect()
}

#[tokio::test]
async fn an_agent_tells_what_it_thinks_does_and_submits() {
    let scripted = Scripted::new()
        .events(turn(&["Let me ", "look."], "look", &["{\"how\": \"badly\"}"]))
        .tool_calls([ToolCall::new("a", "look", "{}")])
        .events(turn(&[], "submit", &["{\"answer\": \"blue\"}"]))
        .events(turn(&["So"], "submit", &["{\"answer\": \"a re", "d ball\", \"n\"", ": 1}"]));
    let agent = agent(&scripted);
    let (told, output) = read(streamed(&agent, agent.call(question()))).await;
    let refused = told.iter().position(|word| word.starts_with("2 again: ")).unwrap();
    assert!(told[refused].contains("expected the property `n`"), "{}", told[refused]);
    assert_eq!(
        told[..refused],
        [
            "0 react asks",
            "0 next_thought+Let me ",
            "0 next_thought+look.",
            "0 next_thought+.",
            r#"0 answers {"next_thought":"Let me look."}"#,
            r#"look {"how": "badly"}"#,
            "look ! seen nothing",
            "1 react asks",
            "1 answers {}",
            "look {}",
            "look = a red ball",
            "2 react asks",
            "2 answer+blue",
            "2 answer+.",
            "2 answers {}",
        ]
    );
    assert_eq!(
        told[refused + 1..],
        [
            "3 react asks",
            "3 next_thought+So",
            "3 answer+a re",
            "3 answer+d ball",
            "3 answer+.",
            "3 n=1",
            "3 next_thought+.",
            r#"3 answers {"next_thought":"So","answer":"a red ball","n":1}"#,
        ]
    );
    assert_eq!(output.unwrap().value, fields! { answer: "a red ball", n: 1 });
    // What is gone on with is told, too; and what fails in between.
    let scripted = Scripted::new()
        .tool_calls([ToolCall::new("a", "look", "{}")])
        .error(meanwhile_core::Error::new(ErrorKind::Overloaded, "try later"));
    let agent = self::agent(&scripted);
    let (told, outcome) = read(streamed(&agent, agent.call(question()))).await;
    assert_eq!(told[4..], ["1 react asks", "1 fails: Overloaded"]);
    let error = outcome.unwrap_err();
    let state = error.run_state().unwrap().clone();
    let scripted = scripted.tool_call("b", "submit", r#"{"answer": "red", "n": 2}"#);
    let (told, output) = read(streamed(&agent, agent.resume(state))).await;
    assert_eq!(told[1..4], ["0 answer+red", "0 answer+.", "0 n=2"]);
    assert_eq!((output.unwrap().n(), scripted.requests().len()), (2, 3));
}

#[tokio::test]
async fn of_several_submissions_of_a_turn_the_one_that_counts_is_told() {
    let (fits, misses) = (r#"{"answer": "red", "n": 1}"#, r#"{"answer": "blue"}"#);
    let told = |first: &'static str, second: &'static str| async move {
        let mut events = turn(&["So"], "submit", &[first]);
        let finish = events.pop().unwrap();
        events.push(Ok(Event::tool_call_start(2, "second", "submit")));
        events.push(Ok(Event::tool_call_delta(2, second)));
        events.push(Ok(Event::part_end(2)));
        events.push(finish);
        let agent = agent(&Scripted::new().events(events));
        let (told, output) = read(streamed(&agent, agent.call(question()))).await;
        assert_eq!(output.unwrap().value, fields! { answer: "red", n: 1 });
        told
    };
    // What is refused behind it changes nothing.
    assert_eq!(
        told(fits, misses).await,
        [
            "0 react asks",
            "0 next_thought+So",
            "0 answer+red",
            "0 answer+.",
            "0 n=1",
            "0 next_thought+.",
            r#"0 answers {"next_thought":"So","answer":"red","n":1}"#,
        ]
    );
    let told = told(misses, fits).await;
    let refused = told.iter().position(|word| word.starts_with("0 again: ")).unwrap();
    assert_eq!(told[refused - 1], r#"0 answers {"next_thought":"So"}"#);
    assert_eq!(
        told[refused + 1..],
        ["0 next_thought+So", "0 next_thought+.", "0 answer+red", "0 answer+.", "0 n=1"]
    );
}

/// Thinks with a predictor, as a piece that has a name, and asks a prompt function whose tool has the name
/// of that by which agents submit.
#[derive(Debug)]
struct Think(Predict);

#[async_trait]
impl Tool for Think {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("think", "Thinks.", Schema::from(json!({"type": "object"})))
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let text = chain("muse", async {
            let thought = chain("deeply", self.0.call(question())).await?;
            thought.get::<String>("answer")
        });
        let text = text.await?;
        let model = Scripted::new().tool_call("x", "submit", "{}").reply("sent");
        let tools = Toolbox::new().with(AnyTool::new(Named("submit")));
        let sent: String = Model::new(model, "any").call("Send it.").tools(tools).await?;
        Ok(ToolOutput::new(format!("{text}, {sent}")))
    }
}

/// Does nothing, under a name.
#[derive(Debug)]
struct Named(&'static str);

#[async_trait]
impl Tool for Named {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "Does nothing.", Schema::from(json!({"type": "object"})))
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new("nothing"))
    }
}

#[tokio::test]
async fn what_has_a_name_in_the_tool_of_an_agent_is_told() {
    let inner = Scripted::new().reply("[[ ## answer ## ]]\nHm");
    let inner = Predict::parse("question -> answer").unwrap().model(Model::new(inner, "any"));
    let scripted = Scripted::new().tool_call("a", "think", "{}").tool_call(
        "b",
        "submit",
        r#"{"answer": "red", "n": 1}"#,
    );
    let agent = agent(&scripted).tools(Toolbox::new().with(AnyTool::new(Think(inner))));
    let run = chain("ask", agent.call(question()));
    let (told, output) = read(streamed(&agent, run)).await;
    assert_eq!(output.unwrap().n(), 1);
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    assert_eq!(
        told,
        [
            "ask begins",
            "think {}",
            "muse begins",
            "deeply begins",
            "deeply ends",
            "muse ends",
            "call begins",
            "submit {}",
            "submit = nothing",
            "call ends",
            "think = Hm, sent",
            "ask ends",
        ]
    );
}

trait N {
    fn n(&self) -> i64;
}

impl N for Fields {
    fn n(&self) -> i64 {
        self.get("n").unwrap()
    }
}

#[tokio::test]
async fn an_agent_in_text_tells_the_same_as_fields() {
    let look = r#"[{"name": "look", "args": {}}]"#;
    let reply = |thought: &str, calls: &str| {
        format!("[[ ## next_thought ## ]]\n{thought}\n\n[[ ## next_tool_calls ## ]]\n{calls}")
    };
    let scripted = Scripted::new()
        .reply(reply("Look", look))
        .reply(reply("Done", "[]"))
        .reply("[[ ## reasoning ## ]]\nR\n\n[[ ## answer ## ]]\nred\n\n[[ ## n ## ]]\n1");
    let agent = agent(&scripted).protocol(Protocol::Text);
    let (told, output) = read(streamed(&agent, agent.call(question()))).await;
    assert_eq!(
        told[..4].join(", "),
        format!(
            "0 react asks, 0 next_thought+Look, 0 next_thought+., 0 next_tool_calls={}",
            look.replace(": ", ":").replace(", ", ",")
        )
    );
    assert_eq!(told[5..8], ["look {}", "look = a red ball", "1 react asks"]);
    assert!(told.contains(&"2 extract.predict asks".to_owned()), "{told:?}");
    assert!(told.contains(&"2 answer+red".to_owned()), "{told:?}");
    assert!(told.iter().all(|word| !word.contains("begins")), "{told:?}");
    assert_eq!(output.unwrap().value, fields! { answer: "red", n: 1 });
}

#[tokio::test]
async fn predictors_side_by_side_are_told_apart() {
    let scripted = Scripted::new().reply_with(|request| {
        let asked = request.messages.last().unwrap().text();
        let number = asked.chars().find(char::is_ascii_digit).unwrap();
        format!("[[ ## answer ## ]]\na{number} b{number} c{number}")
    });
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = predict.model(Model::new(scripted, "any"));
    // Each is polled only when it is woken.
    let all = async {
        let asked = (0..5).map(|number| predict.call(fields! { question: number.to_string() }));
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut count = 0;
        while let Some(answer) = asked.next().await {
            answer?;
            count += 1;
        }
        Ok(count)
    };
    let mut run = streamed(&predict, all);
    let mut texts = vec![String::new(); 5];
    let mut order = Vec::new();
    let mut count = 0;
    while let Some(event) = run.next().await {
        match event.unwrap() {
            ProgramEvent::Text { predictor, call, delta, last: false, .. } => {
                assert_eq!(predictor, "self");
                texts[call as usize].push_str(&delta);
                order.push(call);
            }
            ProgramEvent::Done(all) => count = *all,
            _ => {}
        }
    }
    texts.sort_unstable();
    assert_eq!(texts, ["a0 b0 c0", "a1 b1 c1", "a2 b2 c2", "a3 b3 c3", "a4 b4 c4"]);
    assert_eq!(count, 5);
    let switches = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(switches > 5, "they take turns: {order:?}");
}

#[derive(Debug, Default)]
struct Errors(Mutex<Vec<ErrorKind>>);

impl Observer for Errors {
    fn observe(&self, _: &Run, moment: &Moment<'_>) {
        if let Moment::Error(error) = moment {
            self.0.lock().unwrap().push(error.kind());
        }
    }
}

fn silent() -> Scripted {
    Scripted::new()
        .silence_after([Event::text_start(0), Event::text_delta(0, "[[ ## answer ## ]]\nLi")])
}

#[tokio::test]
async fn dropping_the_stream_cancels_what_is_under_way() {
    let errors = Arc::new(Errors::default());
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = predict.model(Model::new(silent(), "any"));
    let settings = Settings::new().observe(errors.clone());
    let mut run = scope(settings, async { streamed(&predict, predict.call(question())) }).await;
    assert_eq!(words(&run.next().await.unwrap().unwrap()), "0 self asks");
    assert_eq!(words(&run.next().await.unwrap().unwrap()), "0 answer+Li");
    assert!(futures::poll!(Box::pin(run.next())).is_pending());
    assert!(errors.0.lock().unwrap().is_empty());
    drop(run);
    let errors = errors.0.lock().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|kind| *kind == ErrorKind::Cancelled));
}

#[tokio::test]
async fn a_task_that_carries_the_scope_is_told_of_and_is_not_held_up_when_nobody_reads() {
    let scripted = || Scripted::new().reply("[[ ## answer ## ]]\nIt fled the heat");
    let make = || {
        let predict = Predict::parse("question -> answer").unwrap();
        predict.model(Model::new(scripted(), "any"))
    };
    let predict = Arc::new(make());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let spawned = predict.clone();
    let mut run = streamed(&predict, async move {
        let call = async move { spawned.call(question()).await };
        let task = tokio::spawn(Scope::current().run(call));
        sender.send(task).unwrap();
        std::future::pending::<Result<()>>().await
    });
    assert_eq!(words(&run.next().await.unwrap().unwrap()), "0 self asks");
    assert_eq!(words(&run.next().await.unwrap().unwrap()), "0 answer+It");
    // It waits for what it has told to be taken.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let task = receiver.await.unwrap();
    assert!(!task.is_finished());
    drop(run);
    assert_eq!(task.await.unwrap().unwrap().text("answer"), Some("It fled the heat"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_the_run_is_not_told_of_behind_its_end_and_is_not_held_up() {
    let scripted = Scripted::new().reply("[[ ## answer ## ]]\nIt fled the heat");
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = Arc::new(predict.model(Model::new(scripted, "any")));
    let spawned = predict.clone();
    let mut run = streamed(&predict, async move {
        let call = async move { spawned.call(question()).await };
        let task = tokio::spawn(Scope::current().run(call));
        tokio::task::yield_now().await;
        Ok(task)
    });
    let mut task = None;
    while let Some(event) = run.next().await {
        assert!(task.is_none(), "nothing comes behind what is done: {event:?}");
        if let ProgramEvent::Done(done) = event.unwrap() {
            task = Some(*done);
        }
    }
    // The stream is still there, and nobody reads it.
    let answer = tokio::time::timeout(Duration::from_secs(1), task.unwrap()).await;
    assert_eq!(answer.unwrap().unwrap().unwrap().text("answer"), Some("It fled the heat"));
    assert!(run.next().await.is_none());
}

#[tokio::test]
async fn streams_within_a_stream_are_told_in_both() {
    let scripted =
        Scripted::new().reply("[[ ## answer ## ]]\none two").reply("[[ ## answer ## ]]\nthree");
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = predict.model(Model::new(scripted, "any"));
    let run = async {
        let mut inner = Vec::new();
        let mut stream = predict.stream(question());
        while let Some(event) = stream.next().await {
            if let PredictionEvent::Text { delta, .. } = event? {
                inner.push(delta);
            }
        }
        let mut stream = streamed(&predict, predict.call(question()));
        while let Some(event) = stream.next().await {
            if let ProgramEvent::Text { delta, .. } = event? {
                inner.push(delta);
            }
        }
        Ok(inner)
    };
    let (told, inner) = read(streamed(&predict, run)).await;
    assert_eq!(inner.unwrap(), ["one", " two", "", "three", ""]);
    let texts: Vec<&String> = told.iter().filter(|word| word.contains('+')).collect();
    assert_eq!(
        texts,
        ["0 answer+one", "0 answer+ two", "0 answer+.", "1 answer+three", "1 answer+."]
    );
}

#[tokio::test]
async fn what_comes_whole_or_through_a_second_model_is_told_too() {
    let reply = "[[ ## answer ## ]]\nIt fled";
    let whole = Scripted::new().parts([Part::text(reply)]);
    let predict = Predict::parse("question -> answer").unwrap();
    let predict = predict.model(Model::new(whole, "any"));
    let done = predict.stream(question()).finish().await.unwrap();
    assert_eq!(done.text("answer"), Some("It fled"));

    let (main, second) = (Scripted::new().reply("I say: it fled"), Scripted::new().reply(reply));
    let adapter = TwoStepAdapter::new(Model::new(second, "small"));
    let predict = Predict::parse("question -> answer").unwrap().adapter(adapter);
    let predict = predict.model(Model::new(main, "any"));
    let (told, _) = read(streamed(&predict, predict.call(question()))).await;
    assert_eq!(told[1..4], ["0 answer+It", "0 answer+ fled", "0 answer+."]);
}
