//! a07, a08, a16: async tools by type, tools at the same time, tools that stop nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meanwhile::prelude::*;
use meanwhile::{Scope, Settings, scope};

/// Formats a recommendation.
#[tool]
async fn format_book(title: String, author: String) -> String {
    tokio::task::yield_now().await;
    format!("{title} by {author}")
}

/// Says how long a title is.
#[tool]
fn length(title: String) -> usize {
    title.len()
}

#[derive(Debug, ToolSet)]
enum Desk {
    FormatBook(FormatBook),
    Length(Length),
}

#[call("a/b", tools = Desk)]
async fn pick(client: &Scripted) -> Result<Turn<String, Desk>> {
    prompt!("Recommend a book").client(client.clone())
}

#[tokio::test]
async fn a07_an_async_tool_is_matched_by_its_type_and_awaited() {
    let client = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "format_book", r#"{"title": "Dune", "author": "Herbert"}"#),
            ToolCall::new("2", "length", r#"{"title": "Dune"}"#),
            ToolCall::new("3", "burn", "{}"),
            ToolCall::new("4", "length", r#"{"title": 4}"#),
        ])
        .reply("Read Dune.");
    let mut said = Vec::new();
    for _ in 0..2 {
        match pick(&client).await.unwrap() {
            Turn::Final(text) => said.push(text),
            Turn::ToolCalls(turn) => {
                for call in turn.calls {
                    said.push(match call.tool {
                        Ok(Desk::FormatBook(tool)) => {
                            assert_eq!(tool.title, "Dune");
                            tool.call().await
                        }
                        Ok(Desk::Length(tool)) => tool.call().to_string(),
                        Err(error) => format!("{:?}", error.kind()),
                    });
                }
            }
        }
    }
    assert_eq!(said, ["Dune by Herbert", "4", "Output", "Output", "Read Dune."]);
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Looks something up, which takes a second.
#[tool]
async fn look_up(number: u32) -> std::result::Result<Vec<u32>, String> {
    MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    match number {
        3 => Err("nothing is known of 3".to_owned()),
        5 => panic!("five"),
        number => Ok(vec![number]),
    }
}

#[call("a/b", tools = [look_up])]
async fn research(client: &Scripted) -> Result<String> {
    prompt!("Look it up").client(client.clone())
}

fn results(client: &Scripted) -> Vec<ToolResult> {
    let requests = client.requests();
    let parts = requests[1].messages.last().unwrap().parts.iter();
    let result = |part: &Part| match part {
        Part::ToolResult(result) => result.clone(),
        other => panic!("{other:?}"),
    };
    parts.map(result).collect()
}

#[tokio::test(start_paused = true)]
async fn a08_tools_run_together_in_order_and_one_that_fails_or_panics_stops_none() {
    let call = |number: u32| {
        ToolCall::new(number.to_string(), "look_up", format!(r#"{{"number": {number}}}"#))
    };
    let client = Scripted::new().tool_calls((0..16).map(call)).reply("done");
    let start = tokio::time::Instant::now();
    assert_eq!(research(&client).await.unwrap(), "done");
    // Sixteen calls, eight at a time.
    assert_eq!((start.elapsed(), MOST.load(Ordering::SeqCst)), (Duration::from_secs(2), 8));
    for (number, result) in (0_u32..).zip(results(&client)) {
        let expected = match number {
            3 => (true, "nothing is known of 3".to_owned()),
            5 => (true, "the tool `look_up` panicked: five".to_owned()),
            number => (false, format!("[{number}]")),
        };
        assert_eq!((result.is_error, result.text()), expected);
        assert_eq!(result.call_id, number.to_string());
    }
}

/// Works hard.
#[tool]
fn work(milliseconds: u64) -> String {
    std::thread::sleep(Duration::from_millis(milliseconds));
    format!("{:?}", Scope::current().settings().params.seed)
}

/// Works too hard.
#[tool]
fn break_down() {
    std::panic::resume_unwind(Box::new("enough".to_owned()));
}

#[call("a/b", tools = [work, break_down])]
async fn busy(client: &Scripted) -> Result<String> {
    prompt!("Work").client(client.clone())
}

#[tokio::test]
async fn a16_a_synchronous_tool_stops_no_task_of_the_runtime() {
    // A machine with much else to do may hold up one attempt, but hardly each.
    let mut attempts = Vec::new();
    for _ in 0..5 {
        let (longest, whole) = times_of_synchronous_tools().await;
        // One thread has polled it all. On a quiet machine a pause is a millisecond or two. One after the
        // other, the tools take 600 ms.
        if longest < Duration::from_millis(100) && whole < Duration::from_millis(550) {
            return;
        }
        attempts.push((longest, whole));
    }
    panic!("{attempts:?}");
}

/// The longest pause of the other tasks while tools work, and how long it all takes.
async fn times_of_synchronous_tools() -> (Duration, Duration) {
    let client = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "work", r#"{"milliseconds": 300}"#),
            ToolCall::new("2", "work", r#"{"milliseconds": 300}"#),
            ToolCall::new("3", "break_down", "{}"),
        ])
        .reply("done");
    let mut longest = Duration::ZERO;
    let ticker = async {
        loop {
            let last = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            longest = longest.max(last.elapsed());
        }
    };
    let start = Instant::now();
    let call = scope(Settings::new().seed(7), async { busy(&client).await });
    tokio::select! {
        outcome = call => assert_eq!(outcome.unwrap(), "done"),
        () = ticker => {}
    }
    let whole = start.elapsed();
    let told: Vec<(bool, String)> =
        results(&client).iter().map(|result| (result.is_error, result.text())).collect();
    let expected =
        [(false, "Some(7)"), (false, "Some(7)"), (true, "the tool `break_down` panicked: enough")];
    assert_eq!(told, expected.map(|(failed, text)| (failed, text.to_owned())));
    (longest, whole)
}

#[test]
fn a16_without_a_runtime_a_tool_runs_in_place() {
    let run = async { Work { milliseconds: 0 }.run(&ToolContext::current()).await };
    assert_eq!(crate::support::run(run).unwrap(), ToolOutput::new("None"));
}
