//! b01 to b15: what a client of many providers has to do for concurrent programs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile::layers::Concurrency;
use meanwhile::prelude::*;
use meanwhile::{Moment, Observer, Run, RunKind, Settings, TimeoutPhase, compare, race, scope};
use tokio::time::{Instant, sleep};

use crate::http::{End, STREAM, client, echo, last, raw};

const LATE: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Whole);

/// Answers with the prompt and its own name after as many milliseconds as the prompt says.
fn slow(name: &'static str) -> Scripted {
    Scripted::new().reply_later(move |request| {
        let text = request.messages[0].text();
        async move {
            sleep(Duration::from_millis(text.parse().unwrap())).await;
            Ok(format!("{text} {name}"))
        }
    })
}

#[call("mistral/mistral-large-latest")]
async fn ask(milliseconds: u64) -> Result<String> {
    "{milliseconds}"
}

fn after(milliseconds: u64, client: &Scripted) -> Call<'static, String> {
    ask(milliseconds).client(client.clone())
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn b01_a_call_that_is_not_awaited_does_nothing() {
    // That forgetting it is a warning is tested beside the macros.
    let client = slow("a");
    drop(after(1, &client));
    drop(after(1, &client).into_future());
    drop(gather([after(1, &client)]).settle());
    drop(compare(["a/b"], |model| after(1, &client).model(model)).into_future());
    drop(after(1, &client).stream());
    assert!(client.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn b02_many_calls_take_as_long_as_the_slowest_and_come_in_their_order() {
    let (mistral, ollama) = (slow("mistral"), slow("ollama"));
    let calls =
        || [after(400, &mistral), after(300, &ollama), after(200, &mistral), after(100, &ollama)];
    let start = Instant::now();
    let answers = gather(calls()).await.unwrap();
    assert_eq!(answers, ["400 mistral", "300 ollama", "200 mistral", "100 ollama"]);
    assert_eq!(start.elapsed(), ms(400));
    let completed: Vec<usize> =
        gather(calls()).as_completed().map(|(index, _)| index).collect().await;
    assert_eq!(completed, [3, 2, 1, 0]);
}

#[tokio::test]
async fn b03_the_first_error_cancels_the_others_and_closes_their_connections() {
    let mut silent = raw("", Vec::new(), End::Silence).await;
    let pending = || echo("hi").client(client(&silent.url, "k"));
    let failing = async {
        sleep(ms(200)).await;
        Err(Error::new(ErrorKind::Server, "down"))
    };
    let calls = [pending().into_future(), pending().into_future(), Box::pin(failing)];
    let error = gather(calls).await.unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::Server, Some(2)));
    for _ in 0..2 {
        let closed = tokio::time::timeout(Duration::from_secs(5), silent.closed.recv());
        closed.await.expect("the server sees that the client has gone").unwrap();
    }
    assert_eq!(silent.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn b04_results_and_errors_are_kept_side_by_side_with_labels() {
    let broken = Scripted::new().error(Error::new(ErrorKind::RateLimit, "slow down"));
    let (good, other) = (slow("good"), slow("other"));
    let calls = [after(20, &good), after(0, &broken), after(10, &other)];
    let results = gather(calls).settle().await;
    let shown: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(answer) => format!("succeeded with: {answer}"),
            Err(error) => format!("failed with: {error}"),
        })
        .collect();
    let expected = [
        "succeeded with: 20 good",
        "failed with: scripted/mistral-large-latest: rate limited: slow down (index 1)",
        "succeeded with: 10 other",
    ];
    assert_eq!(shown, expected);
    assert_eq!(results[1].as_ref().unwrap_err().operation(), Some("ask"));
}

#[tokio::test(start_paused = true)]
async fn b05_a_call_that_takes_too_long_is_a_value_and_the_others_succeed() {
    let client = slow("a");
    let start = Instant::now();
    let calls = [100, 60_000, 200].map(|wait| after(wait, &client));
    let results = gather(calls).each_within(Duration::from_secs(15)).settle().await;
    let answers: Vec<String> = results
        .into_iter()
        .map(|result| match result {
            Ok(answer) => answer,
            Err(error) if error.kind() == LATE => "timed out".to_owned(),
            Err(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(answers, ["100 a", "timed out", "200 a"]);
    assert_eq!(start.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn b06_one_prompt_is_compared_over_providers_and_the_fastest_wins_a_race() {
    for (name, wait) in [("mistral", 300_u64), ("ollama", 100), ("openai", 60_000)] {
        let client = Scripted::new().reply_later(move |_| async move {
            sleep(ms(wait)).await;
            Ok(format!("from {name}"))
        });
        registry().insert_as(name, client.into());
    }
    let models = ["mistral/m", "ollama/m", "openai/m"];
    let start = Instant::now();
    let outcomes =
        compare(models, |model| ask(0).model(model)).each_within(Duration::from_secs(20)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(20), "as long as the slowest may take");
    let seen: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let answer = outcome.answer().map_or("timed out", String::as_str);
            assert_eq!(outcome.answer().is_none(), outcome.is_timeout());
            (outcome.model.as_str(), answer, outcome.latency.as_millis())
        })
        .collect();
    let expected = [
        ("mistral/m", "from mistral", 300),
        ("ollama/m", "from ollama", 100),
        ("openai/m", "timed out", 20_000),
    ];
    assert_eq!(seen, expected);
    assert_eq!(outcomes[1].time_to_first_token, Some(ms(100)));
    assert_eq!(outcomes[1].usage.output.total, Some(2));

    let start = Instant::now();
    let fastest = race(models.map(|model| ask(0).model(model))).await.unwrap();
    assert_eq!((fastest.as_str(), start.elapsed()), ("from ollama", ms(100)));
}

/// Writes down the runs, without what was said in them.
#[derive(Debug, Default)]
struct Names(Mutex<Vec<String>>);

impl Observer for Names {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let kind = match run.kind() {
            RunKind::Chain => "chain",
            RunKind::Model => "model",
            RunKind::Tool => "tool",
            _ => "other",
        };
        let what = match moment {
            Moment::Event(_) => return,
            Moment::Error(_) => "failed",
            moment if moment.is_end() => "ended",
            _ => "started",
        };
        let tags: String =
            run.tags().iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.0.lock().unwrap().push(format!("{kind} {} {what}{tags}", run.name()));
    }
}

#[tokio::test(start_paused = true)]
async fn b07_every_call_has_a_name_in_what_is_observed() {
    let names = Arc::new(Names::default());
    let client = slow("a");
    let observed = Settings::new().observe(Arc::clone(&names));
    scope(observed, async {
        // Calls know the scope in which they are made.
        gather([20, 10].map(|wait| after(wait, &client).tag("task", wait.to_string()))).await
    })
    .await
    .unwrap();
    let expected = [
        "chain ask started task=20",
        "model scripted/mistral-large-latest started task=20",
        "chain ask started task=10",
        "model scripted/mistral-large-latest started task=10",
        "model scripted/mistral-large-latest ended task=10",
        "chain ask ended task=10",
        "model scripted/mistral-large-latest ended task=20",
        "chain ask ended task=20",
    ];
    assert_eq!(*names.0.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn b08_a_hundred_prompts_run_five_at_a_time_and_stay_with_their_answers() {
    let client = slow("a");
    let prompts: Vec<u64> = (0..100).map(|number| 1 + number % 10).collect();
    let answers = map_concurrent(&prompts, 5, |prompt| after(*prompt, &client)).await.unwrap();
    for (prompt, answer) in prompts.iter().zip(&answers) {
        assert_eq!(*answer, format!("{prompt} a"));
    }
    // One limit for two gathers in two tasks.
    let limit = Concurrency::new(5);
    let start = Instant::now();
    let groups = [0; 2].map(|_| {
        let (client, limit) = (slow("a"), limit.clone());
        tokio::spawn(async move {
            gather((0..50).map(|_| after(100, &client).layer(limit.clone()))).await
        })
    });
    for group in groups {
        assert_eq!(group.await.unwrap().unwrap().len(), 50);
    }
    assert_eq!(start.elapsed(), ms(2_000), "a hundred calls of 100 ms, five at a time");
}

#[tokio::test]
async fn b09_a_client_is_a_handle_that_tasks_share() {
    // That the last clone closes the connections is tested as a12.
    let client =
        AnyProvider::from(Scripted::new().reply_with(|request| request.messages[0].text()));
    let tasks = (0..8).map(|number| {
        let client = client.clone();
        async move { tokio::spawn(ask(number).client(client).into_future()).await.unwrap() }
    });
    let answers = gather(tasks).await.unwrap();
    assert_eq!(answers, (0..8).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn b10_text_is_printed_as_it_comes_whole_letters_only() {
    let text = "héllo wörld 🦀 done";
    let delta =
        serde_json::json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]});
    let empty =
        serde_json::json!({"id": "c", "choices": [{"index": 0, "delta": {"content": null}}]});
    let mut bytes = format!("data: {empty}\n\ndata: {delta}\n\n").into_bytes();
    bytes.extend(last());
    // A byte at a time: letters are cut everywhere.
    let pieces = bytes.chunks(1).map(<[u8]>::to_vec).collect();
    let server = raw(STREAM, pieces, End::Clean).await;
    let stream = echo("hi").client(client(&server.url, "k")).stream().await.unwrap();
    let mut printed = Vec::new();
    let mut whole = stream.text();
    while let Some(piece) = whole.next().await {
        let piece = piece.unwrap();
        assert!(!piece.is_empty());
        std::io::Write::write_all(&mut printed, piece.as_bytes()).unwrap();
    }
    assert_eq!(String::from_utf8(printed).unwrap(), text);
}

#[tokio::test]
async fn b11_blocking_work_runs_beside_the_tasks() {
    // It ends when the others have gone on.
    let (go_on, wait) = std::sync::mpsc::channel();
    let ticker = async {
        for _ in 0..20 {
            sleep(ms(1)).await;
        }
        go_on.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let sleeper = move || wait.recv_timeout(Duration::from_secs(30));
    tokio::select! {
        done = meanwhile::blocking::off_runtime(sleeper) => done.unwrap().unwrap(),
        () = ticker => {}
    }
}

#[test]
fn b12_synchronous_code_has_one_entry_that_never_meets_a_second_loop() {
    let client = Scripted::new().reply_with(|request| request.messages[0].text());
    for number in 0..20 {
        assert_eq!(after(number, &client).blocking().unwrap(), number.to_string());
    }
    let answers = gather((0..3).map(|number| after(number, &client))).blocking().unwrap();
    assert_eq!(answers, ["0", "1", "2"]);
    let settled = meanwhile::blocking::block_on(gather([after(7, &client)]).settle()).unwrap();
    assert_eq!(settled.len(), 1);
    let stream = after(8, &client).blocking_stream().unwrap();
    assert_eq!(stream.text().collect::<Result<String>>().unwrap(), "8");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { after(1, &client).blocking() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// Says yes.
#[tool]
async fn confirm() -> bool {
    true
}

#[call("a/b", tools = [confirm])]
async fn confirmed(client: &Scripted) -> Result<String> {
    prompt!("Is it so?").client(client.clone())
}

#[tokio::test]
async fn b13_what_starts_ends_once_streams_tools_and_failures_included() {
    let names = Arc::new(Names::default());
    let client = Scripted::new()
        .tool_call("1", "confirm", "{}")
        .reply("yes")
        .reply("streamed")
        .reply("dropped halfway")
        .error(Error::new(ErrorKind::Server, "down"));
    let call = || confirmed(&client).observe(Arc::clone(&names));
    call().await.unwrap();
    call().stream().await.unwrap().finish().await.unwrap();
    let mut halfway = call().stream().await.unwrap();
    halfway.next().await;
    drop(halfway);
    call().await.unwrap_err();
    let log = names.0.lock().unwrap().clone();
    let count = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("started"), count("ended") + count("failed")), (10, 10), "{log:#?}");
    assert_eq!(count("tool confirm"), 2);
    assert_eq!(count("failed"), 4, "the dropped and the refused, each with its chain: {log:#?}");
}

#[cfg(feature = "ollama")]
#[tokio::test]
async fn b14_a_key_comes_from_the_environment_and_local_models_need_none() {
    if std::env::var_os("OPENAI_API_KEY").is_none() {
        let error = ask(1).model("openai/gpt-4o-mini").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingCredential);
        assert!(error.message().contains("OPENAI_API_KEY"), "{error}");
    }
    assert!(registry().model("ollama/llama3").is_ok());
}

#[tokio::test(start_paused = true)]
async fn b15_what_finished_within_the_time_of_all_is_kept() {
    let client = slow("a");
    let calls = [50, 5_000, 100].map(|wait| after(wait, &client));
    let results = gather(calls).within(Duration::from_secs(1)).settle().await;
    let kinds: Vec<_> =
        results.iter().map(|result| result.as_ref().map_err(Error::kind).err()).collect();
    assert_eq!(kinds, [None, Some(LATE), None]);
}
