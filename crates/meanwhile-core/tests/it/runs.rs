//! Runs with tools: limits, approval, storing and going on, hooks, asking again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile_core::{
    AnyTool, Approval, Call, Capabilities, Checked, Error, ErrorKind, Event, Extracted, Finish,
    FinishReason, HostType, Json, OutputMode, OutputReader, Part, PartStart, ReadValue, Repair,
    Response, Result, Role, RunEvent, RunLimits, RunState, Schema, Scripted, Timer, Tool, ToolCall,
    ToolChoice, ToolContext, ToolOutput, ToolSpec, Toolbox, approval,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{model, wait};

/// Does what its name says, and counts.
#[derive(Debug, Default, Clone)]
struct Does {
    name: &'static str,
    runs: Arc<AtomicU32>,
    fails: Option<ErrorKind>,
    timeout: Option<Duration>,
    needs: Vec<HostType>,
    hangs: bool,
}

#[async_trait]
impl Tool for Does {
    fn spec(&self) -> ToolSpec {
        let schema = serde_json::json!({"type": "object", "properties": {}});
        ToolSpec::new(self.name, "Does something.", Schema::from(schema))
    }

    fn needs(&self) -> Vec<HostType> {
        self.needs.clone()
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if let Some(kind) = self.fails {
            return Err(Error::new(kind, format!("{} is out of order", self.name)));
        }
        let said = context.host.get::<String>().map(|text| text.to_string()).unwrap_or_default();
        Ok(ToolOutput::new(format!("{}({}){said}@{}", self.name, call.arguments, context.turn)))
    }
}

fn tool(name: &'static str) -> Does {
    Does { name, ..Does::default() }
}

fn tools(all: impl IntoIterator<Item = Does>) -> Toolbox {
    all.into_iter().map(AnyTool::new).collect()
}

fn ask(scripted: &Scripted, all: impl IntoIterator<Item = Does>) -> Call<'static, String> {
    model(scripted).call::<String>("go").tools(tools(all))
}

/// The text of every tool result of the last request.
fn results(scripted: &Scripted) -> Vec<String> {
    let requests = scripted.requests();
    let last = requests.last().unwrap();
    let parts = last.messages.iter().filter(|message| message.role == Role::Tool);
    let parts = parts.flat_map(|message| &message.parts);
    let text = |part: &Part| match part {
        Part::ToolResult(result) => Some(result.text()),
        _ => None,
    };
    parts.filter_map(text).collect()
}

fn two_calls() -> Scripted {
    Scripted::new()
        .tool_calls([ToolCall::new("1", "look", r#"{"x":1}"#), ToolCall::new("2", "act", "{}")])
        .reply("done")
}

/// Time that only passes when it is asked for.
#[derive(Debug)]
struct Instantly;

impl Timer for Instantly {
    fn sleep(&self, _: Duration) -> Result<BoxFuture<'static, ()>> {
        Ok(Box::pin(std::future::ready(())))
    }
}

#[derive(Debug)]
struct Never;

impl Timer for Never {
    fn sleep(&self, _: Duration) -> Result<BoxFuture<'static, ()>> {
        Ok(Box::pin(std::future::pending()))
    }
}

#[test]
fn a_run_tells_of_all_that_happens_in_it() {
    let scripted = two_calls();
    let mut run = ask(&scripted, [tool("look"), tool("act")]).run_loop();
    assert!(run.state().is_none() && scripted.requests().is_empty());
    let (told, value) = wait(async {
        let mut told = Vec::new();
        while let Some(event) = run.next().await {
            told.push(match event.unwrap() {
                RunEvent::TurnStart { turn } => format!("turn {turn}"),
                RunEvent::Event(event) => match event {
                    Event::TextDelta { text, .. } => text,
                    _ => continue,
                },
                RunEvent::TurnEnd(response) => {
                    format!("end, {} calls", response.tool_calls().count())
                }
                RunEvent::ToolStart(call) => format!("start {}", call.name),
                RunEvent::ToolEnd(result) => format!("result {}", result.text()),
                event => format!("{event:?}"),
            });
        }
        (told, run.finish().await)
    });
    assert_eq!(value.unwrap(), "done");
    let text: String = told.iter().skip_while(|one| *one != "turn 2").skip(1).cloned().collect();
    assert!(text.starts_with("done") && text.ends_with("end, 0 calls"), "{told:?}");
    assert_eq!(
        told.iter().take_while(|one| *one != "turn 2").collect::<Vec<_>>(),
        [
            "turn 1",
            "end, 2 calls",
            "start look",
            "start act",
            "result look({\"x\":1})@1",
            "result act({})@1"
        ]
    );
}

#[test]
fn the_host_reaches_tools_and_no_model() {
    let scripted = two_calls();
    let call = ask(&scripted, [tool("look"), tool("act")]).host("-secret".to_owned());
    assert_eq!(wait(call).unwrap(), "done");
    assert_eq!(results(&scripted), ["look({\"x\":1})-secret@1", "act({})-secret@1"]);
    let sent = format!("{:?}", scripted.requests()[0]);
    assert!(!sent.contains("secret"), "{sent}");
}

#[test]
fn a_tool_without_what_it_needs_fails_before_anything_is_sent() {
    let scripted = two_calls();
    let mut look = tool("look");
    look.needs = vec![HostType::of::<std::net::IpAddr>()];
    let error = wait(ask(&scripted, [look.clone()])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("IpAddr") && error.message().contains(".host("), "{error}");
    assert!(scripted.requests().is_empty());
    let address: std::net::IpAddr = [127, 0, 0, 1].into();
    assert!(wait(ask(&scripted, [look]).host(address)).is_ok());
}

#[test]
fn calls_are_allowed_denied_and_edited() {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "look", "{}"),
            ToolCall::new("2", "act", r#"{"much":9}"#),
            ToolCall::new("3", "drop", "{}"),
        ])
        .reply("done");
    let drop = tool("drop");
    let call = ask(&scripted, [tool("look"), tool("act"), drop.clone()]).approve(approval(
        |call: ToolCall| async move {
            match &*call.name {
                "act" => Approval::Edit(r#"{"much":1}"#.to_owned()),
                "drop" => Approval::Deny("not on Fridays".to_owned()),
                _ => Approval::Allow,
            }
        },
    ));
    assert_eq!(wait(call).unwrap(), "done");
    assert_eq!(drop.runs.load(Ordering::SeqCst), 0);
    let results = results(&scripted);
    assert_eq!(results[..2], ["look({})@1", r#"act({"much":1})@1"#]);
    assert!(results[2].contains("not on Fridays"), "{results:?}");
    let kept = scripted.requests()[1].messages[1].tool_calls().nth(1).unwrap().arguments.clone();
    assert_eq!(kept, r#"{"much":9}"#, "the conversation keeps what the model wrote");
}

#[test]
fn a_paused_run_is_stored_and_gone_on_with() {
    let scripted = two_calls();
    let (look, act) = (tool("look"), tool("act"));
    let careful = || {
        approval(|call: ToolCall| async move {
            if call.name == "act" { Approval::Pause } else { Approval::Allow }
        })
    };
    let call = || ask(&scripted, [look.clone(), act.clone()]).approve(careful());

    let error = wait(call()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Paused);
    assert!(error.message().contains("act"), "{error}");
    assert_eq!(look.runs.load(Ordering::SeqCst), 0, "no tool of the turn runs before");

    // Elsewhere, later.
    let text = serde_json::to_string(error.run_state().unwrap()).unwrap();
    let mut state: RunState = serde_json::from_str(&text).unwrap();
    assert_eq!(Some(&state), error.run_state());
    assert_eq!(state.undecided().map(|call| &*call.id).collect::<Vec<_>>(), ["2"]);

    // Who has decided nothing gets no further, and nothing runs unasked.
    let again = wait(call().resume(state.clone())).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Paused);
    let unguarded = ask(&scripted, [look.clone(), act.clone()]).resume(state.clone());
    assert_eq!(wait(unguarded).unwrap_err().kind(), ErrorKind::Paused);
    assert_eq!(act.runs.load(Ordering::SeqCst), 0);

    assert!(!state.decide("9", Approval::Allow));
    assert!(state.decide("2", Approval::Allow));
    assert_eq!(wait(call().resume(state)).unwrap(), "done");
    assert_eq!(results(&scripted), ["look({\"x\":1})@1", "act({})@1"]);
    assert_eq!(scripted.requests().len(), 2, "the answer that was there is not asked for again");
}

/// Stored after every single event and gone on with from there, a run comes to the same end.
#[test]
fn a_run_goes_on_from_between_any_two_events() {
    let script = || {
        Scripted::new()
            .tool_calls([ToolCall::new("1", "look", "{}"), ToolCall::new("2", "act", "{}")])
            .tool_call("3", "look", r#"{"x":2}"#)
            .reply("done")
    };
    let whole = {
        let scripted = script();
        let mut run = ask(&scripted, [tool("look"), tool("act")]).run_loop();
        wait(async {
            while let Some(event) = run.next().await {
                event.unwrap();
            }
        });
        run.state().unwrap().clone()
    };
    for cut in 0.. {
        let scripted = script();
        let call = || ask(&scripted, [tool("look"), tool("act")]);
        let mut run = call().run_loop();
        let (over, state) = wait(async {
            for _ in 0..cut {
                if run.next().await.is_none() {
                    return (true, run.state().cloned());
                }
            }
            (false, run.state().cloned())
        });
        drop(run);
        let Some(state) = state else { continue };
        if over {
            break;
        }
        // What was asked and not answered is asked again: the script has to say it again.
        let answered = usize::try_from(state.turns).unwrap();
        let rest = Scripted::new();
        let rest = if answered < 1 {
            rest.tool_calls([ToolCall::new("1", "look", "{}"), ToolCall::new("2", "act", "{}")])
        } else {
            rest
        };
        let rest = if answered < 2 { rest.tool_call("3", "look", r#"{"x":2}"#) } else { rest };
        let rest = rest.reply("done");
        let text = serde_json::to_string(&state).unwrap();
        let stored: RunState = serde_json::from_str(&text).unwrap();
        let mut run = ask(&rest, [tool("look"), tool("act")]).resume(stored).run_loop();
        wait(async {
            while let Some(event) = run.next().await {
                event.unwrap();
            }
        });
        let mut end = run.state().unwrap().clone();
        end.elapsed = whole.elapsed;
        assert_eq!(end, whole, "cut after {cut} events");
    }
}

#[test]
fn a_failed_run_keeps_its_state() {
    let scripted = Scripted::new()
        .tool_call("1", "look", "{}")
        .error(Error::new(ErrorKind::Server, "down"))
        .reply("done");
    let error = wait(ask(&scripted, [tool("look")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    let state = error.run_state().unwrap().clone();
    assert_eq!((state.turns, state.messages.len()), (1, 3));
    let look = tool("look");
    assert_eq!(wait(ask(&scripted, [look.clone()]).resume(state)).unwrap(), "done");
    assert_eq!(look.runs.load(Ordering::SeqCst), 0, "what had run does not run again");
}

#[test]
fn limits_end_a_run_in_the_right_kind() {
    let endless = || (0..20).fold(Scripted::new(), |script, _| script.tool_call("1", "look", "{}"));
    let check = |what: &str, limits: RunLimits, look: Does, kind: ErrorKind, asked: usize| {
        let scripted = endless();
        let error = wait(ask(&scripted, [look]).limits(limits).timer(Never)).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert_eq!(scripted.requests().len(), asked, "{what}");
        assert!(error.run_state().is_some(), "{what}");
        assert!(error.partial().is_some_and(|one| one.usage.total() > Some(0)), "{what}");
    };
    let failing = Does { fails: Some(ErrorKind::Tool), ..tool("look") };
    check("turns", RunLimits::new().turns(3), tool("look"), ErrorKind::TurnLimit, 3);
    check("default", RunLimits::new(), tool("look"), ErrorKind::TurnLimit, 10);
    check("tokens", RunLimits::new().tokens(5), tool("look"), ErrorKind::Budget, 3);
    check("errors", RunLimits::new().tool_errors(2), failing, ErrorKind::Tool, 3);
    for kind in [ErrorKind::Budget, ErrorKind::Cancelled, ErrorKind::Config] {
        let last = Does { fails: Some(kind), ..tool("look") };
        check("final", RunLimits::new(), last, kind, 1);
    }
}

#[test]
fn time_is_limited_for_runs_and_for_tools() {
    let hanging = Does { hangs: true, ..tool("look") };
    let script = || Scripted::new().tool_call("1", "look", "{}").reply("done");

    // A tool that is late is told to the model.
    let scripted = script();
    let timed = Does { timeout: Some(Duration::from_secs(5)), ..hanging.clone() };
    assert_eq!(wait(ask(&scripted, [timed.clone()]).timer(Instantly)).unwrap(), "done");
    assert!(results(&scripted)[0].contains("did not finish within 5s"));
    let scripted = script();
    let limits = RunLimits::new().tool_timeout(Duration::from_secs(7));
    assert!(wait(ask(&scripted, [hanging.clone()]).limits(limits).timer(Instantly)).is_ok());
    assert!(results(&scripted)[0].contains("7s"));

    // A run that is late ends.
    let scripted = script();
    let limits = RunLimits::new().time(Duration::from_secs(9));
    let error = wait(ask(&scripted, [hanging]).limits(limits).timer(Instantly)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");

    // Who sets a limit that nothing can measure is told before anything is sent.
    for call in [ask(&scripted, [timed]), ask(&scripted, [tool("look")]).limits(limits)] {
        let asked = scripted.requests().len();
        let error = wait(call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert_eq!(scripted.requests().len(), asked);
    }
}

#[test]
fn a_run_stops_when_it_is_told_to() {
    let scripted = Scripted::new().tool_call("1", "look", "{}").tool_call("2", "act", "{}");
    let call = ask(&scripted, [tool("look"), tool("act")]);
    let stopped = call.stop_when(|state| state.turns == 2).output::<Response>().run_loop();
    let response = wait(stopped.finish()).unwrap();
    assert_eq!(response.tool_calls().next().unwrap().name, "act");
    assert_eq!(response.usage.total(), Some(4), "that of all turns, once");
}

#[test]
fn each_turn_may_be_changed() {
    let scripted = Scripted::new().tool_call("1", "look", "{}").reply("done");
    let call = ask(&scripted, [tool("look"), tool("act")]).each_turn(|turn| {
        if turn.turn == 1 {
            turn.tools = std::mem::take(&mut turn.tools).without("act");
            turn.tool_choice = ToolChoice::Required;
        } else {
            turn.messages.push(meanwhile_core::Message::user("hurry"));
        }
    });
    assert_eq!(wait(call).unwrap(), "done");
    let requests = scripted.requests();
    let names = |turn: usize| -> Vec<String> {
        requests[turn].tools.iter().map(|tool| tool.name.clone()).collect()
    };
    assert_eq!(names(0), ["look"]);
    assert_eq!(requests[0].tool_choice, ToolChoice::Required);
    assert_eq!(names(1), ["look", "act"]);
    assert_eq!(requests[1].tool_choice, ToolChoice::Auto);
    assert_eq!(requests[1].messages.last().unwrap().text(), "hurry");
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn at_most_so_many_tools_run_at_once_and_results_keep_their_order() {
    #[derive(Debug, Default)]
    struct Crowd(Arc<(AtomicU32, AtomicU32)>);

    #[async_trait]
    impl Tool for Crowd {
        fn spec(&self) -> ToolSpec {
            ToolSpec::new("join", "Joins.", Schema::from(serde_json::json!({"type": "object"})))
        }

        async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
            let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.1.fetch_max(now, Ordering::SeqCst);
            // Those that came first leave last.
            for _ in 0..(20 - call.id.parse::<usize>().unwrap_or(0)) {
                yield_once().await;
            }
            self.0.0.fetch_sub(1, Ordering::SeqCst);
            Ok(ToolOutput::new(call.id.clone()))
        }
    }

    let crowd = Crowd::default();
    let counts = Arc::clone(&crowd.0);
    let calls = (0..12).map(|id| ToolCall::new(id.to_string(), "join", "{}"));
    let scripted = Scripted::new().tool_calls(calls).reply("done");
    let call = model(&scripted)
        .call::<String>("go")
        .tools(Toolbox::new().with(AnyTool::new(crowd)))
        .limits(RunLimits::new().tool_concurrency(5));
    assert_eq!(wait(call).unwrap(), "done");
    assert_eq!(counts.1.load(Ordering::SeqCst), 5);
    let expected: Vec<String> = (0..12).map(|id: u32| id.to_string()).collect();
    assert_eq!(results(&scripted), expected);
}

fn paused(text: &str) -> Vec<Result<Event>> {
    vec![
        Ok(Event::PartStart { index: 0, part: PartStart::Text }),
        Ok(Event::TextDelta { index: 0, text: text.to_owned() }),
        Ok(Event::PartEnd { index: 0, data: None }),
        Ok(Event::Finish(Box::new(Finish::new(FinishReason::Paused)))),
    ]
}

#[test]
fn a_paused_answer_is_gone_on_with() {
    let mut capabilities = Capabilities::text();
    capabilities.pauses = true;
    let scripted = Scripted::new()
        .events(paused("one, "))
        .events(paused("two, "))
        .reply("three")
        .with_capabilities(capabilities);
    let text = wait(model(&scripted).call::<String>("count")).unwrap();
    assert_eq!(text, "one, two, three");
    let requests = scripted.requests();
    assert_eq!(requests.len(), 3);
    let said: Vec<String> = requests[2].messages.iter().map(|message| message.text()).collect();
    assert_eq!(said, ["count", "one, ", "two, "]);

    // Whoever wants single answers gets them.
    let scripted = Scripted::new().events(paused("one, ")).with_capabilities(capabilities);
    let response = wait(model(&scripted).call::<Response>("count")).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::Paused));

    // One that only ever pauses ends.
    let scripted = (0..12).fold(Scripted::new(), |script, _| script.events(paused("…")));
    let scripted = scripted.with_capabilities(capabilities);
    let error = wait(model(&scripted).call::<String>("count")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TurnLimit);
    assert_eq!(scripted.requests().len(), 10);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct City {
    name: String,
    people: u32,
}

impl Checked for City {}

const LISBON: &str = r#"{"name":"Lisbon","people":575000}"#;

fn lisbon() -> City {
    City { name: "Lisbon".to_owned(), people: 575_000 }
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again() {
    let script =
        || Scripted::new().reply("It is Lisbon.").reply(r#"{"name":"Lisbon"}"#).reply(LISBON);
    let scripted = script();
    let city = wait(model(&scripted).call::<Extracted<Json<City>>>("go").attempts(3)).unwrap();
    assert_eq!((city.value.0, city.failed), (lisbon(), 2));
    assert_eq!(city.response.usage.total(), Some(1 + 3 + 1 + 1 + 1 + 1));
    let requests = scripted.requests();
    assert_eq!(requests.len(), 3);
    let [_, answer, wrong] = &requests[1].messages[..] else { panic!("three messages") };
    assert_eq!((answer.role, &*answer.text()), (Role::Assistant, "It is Lisbon."));
    assert!(wrong.text().contains("does not fit"), "{}", wrong.text());
    assert!(requests[2].messages.last().unwrap().text().contains("people"));

    let scripted = script();
    let error = wait(model(&scripted).call::<Json<City>>("go").attempts(2)).unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Output, 2));
    assert_eq!(error.run_state().unwrap().failed_outputs, 1);
    let scripted = script();
    assert!(wait(model(&scripted).call::<Json<City>>("go")).is_err());
    assert_eq!(scripted.requests().len(), 1, "the first one counts where nothing is said");
}

#[test]
fn a_value_is_asked_for_in_the_chosen_mode() {
    let check = |mode: OutputMode, scripted: Scripted| {
        let city = wait(model(&scripted).call::<Json<City>>("go").output_mode(mode)).unwrap();
        assert_eq!(city.0, lisbon());
        scripted.requests().remove(0)
    };
    let replies = || Scripted::new().reply(LISBON);
    let prompted =
        |request: &meanwhile_core::Request| request.messages[0].text().contains("people");
    use meanwhile_core::OutputFormat;

    let request = check(OutputMode::Auto, replies().with_capabilities(Capabilities::text()));
    assert!(matches!(request.output, OutputFormat::Schema(_)) && !prompted(&request));
    let request = check(OutputMode::Auto, replies().with_capabilities(Capabilities::none()));
    assert!(matches!(request.output, OutputFormat::Text) && prompted(&request));
    assert_eq!(request.warnings.len(), 1);
    let request = check(OutputMode::Native, replies().with_capabilities(Capabilities::none()));
    assert!(matches!(request.output, OutputFormat::Schema(_)) && !prompted(&request));
    let request = check(OutputMode::Json, replies().with_capabilities(Capabilities::text()));
    assert!(matches!(request.output, OutputFormat::Json) && prompted(&request));
    assert!(request.warnings.is_empty(), "it was asked for");
    let request = check(OutputMode::Prompted, replies().with_capabilities(Capabilities::text()));
    assert!(matches!(request.output, OutputFormat::Text) && prompted(&request));

    let request = check(OutputMode::Tool, Scripted::new().tool_call("1", "final_answer", LISBON));
    assert!(matches!(request.output, OutputFormat::Text) && !prompted(&request));
    assert_eq!(request.tool_choice, ToolChoice::Tool("final_answer".to_owned()));
    assert!(request.tools[0].parameters.as_value().to_string().contains("people"));
}

#[test]
fn the_final_tool_goes_together_with_others() {
    let scripted = Scripted::new()
        .tool_call("1", "look", "{}")
        .tool_call("2", "final_answer", r#"{"name":"Lisbon"}"#)
        .tool_calls([ToolCall::new("3", "final_answer", LISBON), ToolCall::new("4", "look", "{}")]);
    let look = tool("look");
    let call = model(&scripted).call::<Extracted<Json<City>>>("go").tools(tools([look.clone()]));
    let city = wait(call.output_mode(OutputMode::Tool).attempts(2)).unwrap();
    assert_eq!(city.value.0, lisbon());
    assert_eq!(look.runs.load(Ordering::SeqCst), 1, "beside the final answer nothing runs");
    assert!(city.response.warnings.iter().any(|one| one.message.contains("did not run")));
    let requests = scripted.requests();
    assert!(requests.iter().all(|request| request.tool_choice == ToolChoice::Required));
    let corrected = requests[2].messages.last().unwrap();
    assert!(
        matches!(&corrected.parts[0], Part::ToolResult(result) if result.call_id == "2" && result.is_error)
    );
}

/// Finds the first `{` and reads from there.
#[derive(Debug)]
struct FromBrace;

impl OutputReader for FromBrace {
    fn read(&self, text: &str, _: &Schema) -> Result<ReadValue, String> {
        let at = text.find('{').ok_or("there is no object in it")?;
        let value = serde_json::from_str(&text[at..]).map_err(|error| error.to_string())?;
        Ok(ReadValue::new(value, vec![Repair::new("text before the value", 0, "")]))
    }
}

/// A run that is over is read again, and nobody is asked.
#[test]
fn a_run_that_has_ended_gives_its_value_again() {
    let scripted = Scripted::new().reply("done").reply("something else");
    let mut run = ask(&scripted, []).run_loop();
    let state = wait(async {
        while let Some(event) = run.next().await {
            event.unwrap();
        }
        run.state().unwrap().clone()
    });
    assert_eq!(wait(ask(&scripted, []).resume(state)).unwrap(), "done");
    assert_eq!(scripted.requests().len(), 1);
}

#[test]
fn an_answer_that_was_cut_is_not_mended() {
    let events = |reason| {
        let text = format!("Here: {LISBON}");
        vec![
            Ok(Event::PartStart { index: 0, part: PartStart::Text }),
            Ok(Event::TextDelta { index: 0, text }),
            Ok(Event::PartEnd { index: 0, data: None }),
            Ok(Event::Finish(Box::new(Finish::new(reason)))),
        ]
    };
    let ask = |reason| {
        let scripted = Scripted::new().events(events(reason));
        wait(model(&scripted).call::<Json<City>>("go").reader(FromBrace).attempts(3))
    };
    assert_eq!(ask(FinishReason::Stop).unwrap().0, lisbon());
    let error = ask(FinishReason::Length).unwrap_err();
    assert!(error.message().contains("token limit"), "{error}");
    assert_eq!(ask(FinishReason::ContentFilter).unwrap_err().kind(), ErrorKind::ContentFilter);
}

#[test]
fn a_reader_reads_what_is_not_quite_json() {
    let ask = |text: &str| {
        let scripted = Scripted::new().reply(text);
        wait(model(&scripted).call::<Extracted<Json<City>>>("go").reader(FromBrace))
    };
    let city = ask(&format!("Here you are: {LISBON}")).unwrap();
    assert_eq!((city.value.0, city.repairs.len()), (lisbon(), 1));
    assert!(ask(LISBON).unwrap().repairs.is_empty(), "what fits is not mended");
    let error = ask("no idea").unwrap_err();
    assert!(error.to_string().contains("output"), "{error}");
    assert!(error.message().contains("no object"), "{error}");
    let error = ask("x {\"name\":1}").unwrap_err();
    assert!(error.message().contains("does not fit"), "{error}");
}

#[test]
fn what_a_turn_adds_to_the_conversation_is_added_once() {
    let hurried = |scripted: &Scripted| {
        ask(scripted, [tool("look")])
            .each_turn(|turn| turn.messages.push(meanwhile_core::Message::user("hurry")))
            .approve(approval(|_| async { Approval::Pause }))
    };
    let scripted = Scripted::new().tool_call("1", "look", "{}").reply("done");
    let mut state = wait(hurried(&scripted)).unwrap_err().take_run_state().unwrap();
    assert!(state.decide("1", Approval::Allow));
    assert_eq!(wait(hurried(&scripted).resume(state)).unwrap(), "done");
    let roles: Vec<Role> = scripted.requests()[1].messages.iter().map(|one| one.role).collect();
    assert_eq!(roles, [Role::User, Role::User, Role::Assistant, Role::Tool, Role::User]);

    // Nor twice when it could not be sent.
    let scripted = Scripted::new()
        .tool_call("1", "look", "{}")
        .error(Error::new(ErrorKind::Server, "down"))
        .reply("done");
    let call = || {
        ask(&scripted, [tool("look")])
            .each_turn(|turn| turn.messages.push(meanwhile_core::Message::user("hurry")))
    };
    let state = wait(call()).unwrap_err().take_run_state().unwrap();
    assert_eq!(wait(call().resume(state)).unwrap(), "done");
    let last = scripted.requests().pop().unwrap();
    let hurries = last.messages.iter().filter(|message| message.text() == "hurry").count();
    assert_eq!(hurries, 2, "one for each turn");
}

#[test]
fn the_last_word_has_who_denies() {
    let edit = || approval(|_| async { Approval::Edit(r#"{"x":2}"#.to_owned()) });
    let deny_two = || {
        approval(|call: ToolCall| async move {
            match call.arguments.contains('2') {
                true => Approval::Deny("not two".to_owned()),
                false => Approval::Allow,
            }
        })
    };
    let pause = || approval(|_| async { Approval::Pause });
    let scripted = two_calls();
    let look = tool("look");
    let call = ask(&scripted, [look.clone(), tool("act")]).approve(edit()).approve(deny_two());
    assert_eq!(wait(call).unwrap(), "done");
    assert_eq!(look.runs.load(Ordering::SeqCst), 0);
    let scripted = two_calls();
    let call = ask(&scripted, [tool("look"), tool("act")]);
    let paused = wait(call.approve(edit()).approve(pause()).approve(deny_two()));
    assert_eq!(paused.unwrap(), "done", "denied is denied, and need not be waited for");
}

#[test]
fn the_answer_at_the_turn_limit_is_kept() {
    let scripted = Scripted::new().tool_call("1", "look", "{}").reply("done");
    let look = tool("look");
    let call = || ask(&scripted, [look.clone()]);
    let error = wait(call().max_turns(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TurnLimit);
    assert_eq!(error.partial().unwrap().usage.total(), Some(2), "counted once");
    let state = error.run_state().unwrap().clone();
    assert_eq!((state.calls.len(), state.usage.total()), (1, Some(2)));
    let still = wait(call().max_turns(1).resume(state.clone())).unwrap_err();
    assert_eq!((still.kind(), look.runs.load(Ordering::SeqCst)), (ErrorKind::TurnLimit, 0));
    assert_eq!(wait(call().max_turns(2).resume(state)).unwrap(), "done");
    assert_eq!(scripted.requests().len(), 2, "what was answered is not asked again");
}

#[test]
fn every_call_of_a_failed_answer_is_answered() {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "final_answer", r#"{"name":"Lisbon"}"#),
            ToolCall::new("2", "look", "{}"),
        ])
        .tool_call("3", "final_answer", LISBON);
    let call = model(&scripted).call::<Json<City>>("go").tools(tools([tool("look")]));
    assert_eq!(wait(call.output_mode(OutputMode::Tool).attempts(2)).unwrap().0, lisbon());
    let results = results(&scripted);
    assert!(results[0].contains("people") && results[1].contains("did not run"), "{results:?}");

    // A call of a tool that does not exist is one too.
    let scripted = Scripted::new().tool_call("1", "made_up", "{}").reply(LISBON);
    assert!(wait(model(&scripted).call::<Json<City>>("go").attempts(2)).is_ok());
    assert_eq!(scripted.requests()[1].messages.last().unwrap().role, Role::Tool);
}

#[test]
fn a_cut_answer_is_asked_for_again_when_the_run_goes_on() {
    let cut = vec![
        Ok(Event::PartStart { index: 0, part: PartStart::Text }),
        Ok(Event::TextDelta { index: 0, text: format!("Here: {LISBON}") }),
        Ok(Event::PartEnd { index: 0, data: None }),
        Ok(Event::Finish(Box::new(Finish::new(FinishReason::Length)))),
    ];
    let scripted = Scripted::new().events(cut).reply(LISBON);
    let call = || model(&scripted).call::<Json<City>>("go").reader(FromBrace).attempts(2);
    let state = wait(call()).unwrap_err().take_run_state().unwrap();
    assert_eq!(wait(call().resume(state)).unwrap().0, lisbon());
    assert_eq!(scripted.requests().len(), 2);
}

#[test]
fn an_object_is_not_taken_for_the_absence_of_one() {
    let ask = |text: &str| {
        let scripted = Scripted::new().reply(text);
        wait(model(&scripted).call::<Option<City>>("go"))
    };
    assert_eq!(ask(LISBON).unwrap().map(|city| city.name).as_deref(), Some("Lisbon"));
    assert!(ask(r#"{"value":null}"#).unwrap().is_none());
    assert!(ask("null").unwrap().is_none());
    let scripted = Scripted::new().reply("[[1,2]]");
    let list = wait(model(&scripted).call::<Vec<serde_json::Value>>("go")).unwrap();
    assert_eq!(list, [serde_json::json!([1, 2])]);
}

#[test]
fn events_come_before_the_error_that_ends_the_run() {
    let scripted = Scripted::new().tool_call("1", "look", "{}");
    let mut run = ask(&scripted, [tool("look")]).max_turns(1).run_loop();
    let told = wait(async {
        let mut told = Vec::new();
        while let Some(event) = run.next().await {
            told.push(event.map_err(|error| error.kind()));
        }
        told
    });
    assert_eq!(told.last(), Some(&Err(ErrorKind::TurnLimit)));
    assert!(matches!(told[told.len() - 2], Ok(RunEvent::TurnEnd(_))), "{told:?}");
}
