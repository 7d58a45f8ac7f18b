//! Runs: the agent loop asks what was recorded.
//!
//! Where a recorded request is an earlier one of its group with the answer to it and the results of the
//! tools behind, both are turns of one run. The run is made again: a call with the first request's prompt,
//! tools and settings, a provider that gives the recorded answers, and tools that return the recorded
//! results. Each request that the loop sends must be the one that was recorded, up to the differences of
//! `allowed`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use meanwhile_core::tool::{
    AnyTool, Tool, ToolCall, ToolChoice, ToolContext, ToolOutput, ToolSpec,
};
use meanwhile_core::{
    AnyProvider, Capabilities, Delivery, Error, ErrorKind, Event, EventStream, Extract,
    FinishReason, Model, OutputFormat, Part, Provider, Reading, Request, Response, Result, Role,
    RunLimits, ToolResult, Toolbox,
};
use meanwhile_replay::{Corpus, events, response};

use super::conversations::{Turn, groups, marks, narrow};
use super::{
    Judge, Outcome, Written, allowed, anthropic, bedrock, chat, cohere, compare, google, ollama,
    responses,
};
use crate::fixtures;

/// A recorded request that could be read, and the answer to it.
struct Step<'a> {
    turn: &'a Turn,
    request: Request,
    answer: Option<Response>,
}

/// What the tools answer: by turn and by the id of the call.
type Results = HashMap<(u32, String), ToolResult>;

/// Plays recorded answers, and keeps what it was asked.
#[derive(Debug)]
struct Recorded {
    id: String,
    answers: Mutex<Vec<Vec<Event>>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

#[async_trait::async_trait]
impl Provider for Recorded {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self, _: &str) -> Capabilities {
        // The clients asked for schemas as the wire has them.
        let mut capabilities = Capabilities::text();
        capabilities.pauses = true;
        capabilities
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        self.asked.lock().unwrap().push(request);
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() {
            return Err(Error::new(ErrorKind::Other, "nothing more was recorded"));
        }
        Ok(EventStream::from_events(answers.remove(0).into_iter().map(Ok).collect::<Vec<_>>()))
    }
}

/// Returns recorded results.
#[derive(Debug)]
struct Answers {
    spec: ToolSpec,
    results: Arc<Results>,
}

#[async_trait::async_trait]
impl Tool for Answers {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        let result = self.results.get(&(context.turn, call.id.clone())).unwrap();
        if result.is_error {
            return Err(Error::new(ErrorKind::Tool, result.text()));
        }
        Ok(ToolOutput::new(result.parts.clone()))
    }
}

thread_local! {
    /// The output of the run that is under way on this thread.
    static OUTPUT: RefCell<OutputFormat> = const { RefCell::new(OutputFormat::Text) };
}

/// Whatever was asked for.
struct Anything;

impl Extract for Anything {
    const RUNS_TOOLS: bool = true;

    fn output() -> OutputFormat {
        OUTPUT.with_borrow(Clone::clone)
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    fn extract(_: Response, _: &mut Reading) -> Result<Self> {
        Ok(Self)
    }
}

/// The results of a request that goes on from another one and its answer; or why it is no next turn.
fn follows(before: &Step<'_>, after: &Step<'_>) -> Result<Vec<ToolResult>, &'static str> {
    let Some(answer) = &before.answer else { return Err("the answer before was not recorded") };
    let (first, second) = (&before.request, &after.request);
    let length = first.messages.len();
    let starts = second.messages.get(..length) == Some(&first.messages);
    let said = second.messages.get(length).filter(|said| starts && said.role == Role::Assistant);
    let Some(said) = said else { return Err("another conversation") };
    let calls: Vec<&ToolCall> = answer.tool_calls().collect();
    let echoed: Vec<&ToolCall> = said.tool_calls().collect();
    let goes_on = !calls.is_empty() || answer.finish_reason() == Some(FinishReason::Paused);
    if !goes_on || calls.len() != echoed.len() {
        return Err("no tools were called, or others");
    }
    let same = |(call, echoed): (&&ToolCall, &&ToolCall)| {
        call.name == echoed.name && call.json().ok() == echoed.json().ok()
    };
    if !calls.iter().zip(&echoed).all(same) {
        return Err("no tools were called, or others");
    }
    // Several answers to one request may look alike; and clients make up ids of their own.
    let no_ids = echoed.iter().all(|echoed| echoed.id.is_empty());
    if !no_ids && !calls.iter().zip(&echoed).all(|(call, echoed)| call.id == echoed.id) {
        return Err("the calls have other ids");
    }
    let (ours, theirs) = (marks(&answer.message), marks(said));
    if !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs) {
        return Err("the calls have other ids");
    }
    let mut results = Vec::new();
    for part in second.messages.iter().skip(length + 1).flat_map(|message| &message.parts) {
        match part {
            Part::ToolResult(result) => results.push(result),
            Part::CacheMark(_) => {}
            _ => return Err("the user says more beside the results"),
        }
    }
    if results.len() != calls.len() {
        return Err("not every call has a result");
    }
    if calls.iter().any(|call| !first.tools.iter().any(|tool| tool.name == call.name)) {
        return Err("a tool was called that was not offered");
    }
    if first.params != second.params
        || first.output != second.output
        || first.delivery != second.delivery
        || first.model != second.model
    {
        return Err("the settings change");
    }
    let mut answers = Vec::new();
    for (call, echoed) in calls.iter().zip(&echoed) {
        let by_id = |result: &&ToolResult| !echoed.id.is_empty() && result.call_id == echoed.id;
        let by_name = |result: &&ToolResult| echoed.id.is_empty() && result.name == call.name;
        let Some(at) = results.iter().position(|one| by_id(one) || by_name(one)) else {
            return Err("not every call has a result");
        };
        let mut result = results.remove(at).clone();
        result.call_id.clone_from(&call.id);
        answers.push(result);
    }
    Ok(answers)
}

/// The longest runs of a group, each as the places of its turns and the results between them.
fn runs(
    steps: &[Step<'_>],
    left_out: &mut BTreeMap<&'static str, usize>,
) -> Vec<(Vec<usize>, Results)> {
    let mut found = Vec::new();
    let mut taken = vec![false; steps.len()];
    for start in 0..steps.len() {
        if taken[start] {
            continue;
        }
        let (mut places, mut all) = (vec![start], Results::new());
        let mut latest = start;
        while let Some((next, results)) = (latest + 1..steps.len())
            .filter(|next| !taken[*next])
            .find_map(|next| Some((next, follows(&steps[latest], &steps[next]).ok()?)))
        {
            let turn = places.len() as u32;
            all.extend(results.into_iter().map(|result| ((turn, result.call_id.clone()), result)));
            places.push(next);
            taken[next] = true;
            latest = next;
        }
        if places.len() > 1 {
            found.push((places, all));
        } else if let Some(next) = steps.get(start + 1)
            && let Err(reason) = follows(&steps[start], next)
            && reason != "another conversation"
        {
            *left_out.entry(reason).or_default() += 1;
        }
    }
    found
}

/// The mark for the cache that a client put behind the results of tools.
fn mark(request: &Request) -> Option<&Part> {
    let last = request.messages.last()?;
    let results = last.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    last.parts.last().filter(|part| results && matches!(part, Part::CacheMark(_)))
}

/// Makes a run again and returns what was asked in it.
fn run(corpus: &Corpus, provider: &str, steps: &[&Step<'_>], results: Results) -> Vec<Request> {
    let first = &steps[0].request;
    let answers = steps.iter().filter_map(|step| events(corpus, &step.turn.file)).collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let provider =
        Recorded { id: provider.to_owned(), answers: Mutex::new(answers), asked: asked.clone() };
    let results = Arc::new(results);
    let tool = |spec: &ToolSpec| {
        AnyTool::new(Answers { spec: spec.clone(), results: Arc::clone(&results) })
    };
    let tools = |request: &Request| request.tools.iter().map(tool).collect::<Toolbox>();
    OUTPUT.set(first.output.clone());
    let params = first.params.clone();
    let mut call = Model::of(AnyProvider::new(provider), first.model.clone())
        .call::<Anything>(first.messages.clone())
        .params(|_| params)
        .tools(tools(first))
        .tool_choice(first.tool_choice.clone())
        .limits(RunLimits::new().turns(steps.len() as u32));
    // A forced call is forced once, unless the program says otherwise; nor do tools change by themselves.
    let free = match &first.tool_choice {
        ToolChoice::Required | ToolChoice::Tool(_) => ToolChoice::Auto,
        choice => choice.clone(),
    };
    let changes = |step: &&Step<'_>| {
        step.request.tools != first.tools
            || step.request.tool_choice != free
            || mark(&step.request).is_some()
    };
    if steps.iter().skip(1).any(changes) {
        let each: Vec<(Toolbox, ToolChoice, Option<Part>)> = steps
            .iter()
            .map(|Step { request, .. }| {
                (tools(request), request.tool_choice.clone(), mark(request).cloned())
            })
            .collect();
        call = call.each_turn(move |next| {
            let Some((tools, choice, mark)) = each.get(next.turn as usize - 1) else { return };
            (next.tools, next.tool_choice) = (tools.clone(), choice.clone());
            let last = next.messages.last_mut().filter(|last| last.role == Role::Tool);
            if let (Some(last), Some(mark)) = (last, mark) {
                last.parts.push(mark.clone());
            }
        });
    }
    let streamed = first.delivery == Delivery::Streamed;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ended = runtime
        .block_on(async { if streamed { call.run_loop().finish().await } else { call.await } });
    if let Err(error) = ended {
        // The last answer may call tools again, or may not be recorded.
        let expected = [ErrorKind::TurnLimit, ErrorKind::Other];
        assert!(expected.contains(&error.kind()), "{}: {error:?}", steps[0].turn.file);
    }
    let asked = asked.lock().unwrap();
    asked.clone()
}

/// Makes every recorded run of a wire again; `least` of them must be found where there are recordings.
fn check(judge: &Judge, least: usize) {
    let Some(folder) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    let corpus = Corpus::open(&folder, None).unwrap();
    let (mut conversations, mut requests, mut equal, mut own) = (0, 0, 0, 0);
    let mut left_out = BTreeMap::new();
    let mut different = Vec::new();
    let groups = groups(&corpus, judge);
    for turns in groups.values() {
        let read = |turn| {
            let request = (judge.read)(&Turn::recorded(turn)).ok()?;
            Some(Step { turn, request, answer: response(&corpus, &turn.file) })
        };
        let steps: Vec<Step<'_>> = turns.iter().filter_map(read).collect();
        for (places, results) in runs(&steps, &mut left_out) {
            let steps: Vec<&Step<'_>> = places.iter().map(|place| &steps[*place]).collect();
            if steps.iter().any(|step| allowed::is_own_form(&step.turn.file)) {
                own += 1;
                continue;
            }
            conversations += 1;
            let provider = steps[0].turn.recorded().provider;
            let asked = run(&corpus, provider, &steps, results);
            assert_eq!(asked.len(), steps.len(), "{}", steps[0].turn.file);
            for (step, asked) in steps.iter().zip(&asked) {
                let written: Written = (judge.write)(provider, asked).unwrap();
                requests += 1;
                match narrow(compare(judge.wire, &step.turn.recorded(), written)) {
                    Outcome::Different(left) if !left.is_empty() => {
                        different.push((&step.turn.file, left));
                    }
                    Outcome::Equal => equal += 1,
                    _ => {}
                }
            }
        }
    }
    println!(
        "{}: {conversations} recorded runs with {requests} requests made again, {equal} of them equal as they \
         are, {} different; {own} left out for a form of their own",
        judge.wire,
        different.len()
    );
    for (reason, number) in &left_out {
        println!("    no run: {number} because: {reason}");
    }
    for (file, left) in &different {
        for difference in left {
            println!("{file} {difference}");
        }
    }
    if conversations == 0 {
        println!("skipped: no run of several turns of {} was recorded", judge.wire);
    }
    // A corpus that is there but in which nothing is found must not pass for one that was compared.
    assert!(conversations >= least, "{conversations} runs of {} were found", judge.wire);
    assert!(different.is_empty(), "{} requests of {} differ", different.len(), judge.wire);
}

#[test]
fn chat_completions_runs_ask_what_was_recorded() {
    check(&chat::JUDGE, 90);
}

#[test]
fn messages_runs_ask_what_was_recorded() {
    check(&anthropic::JUDGE, 40);
}

#[test]
fn responses_runs_ask_what_was_recorded() {
    check(&responses::JUDGE, 20);
}

#[test]
fn generate_content_runs_ask_what_was_recorded() {
    check(&google::JUDGE, 40);
}

#[test]
fn ollama_runs_ask_what_was_recorded() {
    check(&ollama::JUDGE, 0);
}

#[test]
fn converse_runs_ask_what_was_recorded() {
    check(&bedrock::JUDGE, 20);
}

#[test]
fn mistral_runs_ask_what_was_recorded() {
    check(&chat::MISTRAL, 10);
}

#[test]
fn cohere_runs_ask_what_was_recorded() {
    check(&cohere::JUDGE, 18);
}
