//! What people read: streams as they come, and the timeline.

use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Event, Finish, FinishReason, Model, Part, Scripted, Settings,
    Warning, WarningKind, chain, scope,
};
use meanwhile_observe::History;
use meanwhile_observe::terminal::{AsyncStreamPrinter, StreamPrinter, Timeline};

use crate::support::{Again, Slow, ask, with_tool};

fn events() -> Vec<Event> {
    vec![
        Event::thinking_start(0),
        Event::thinking_delta(0, "Twice two"),
        Event::thinking_delta(0, " is"),
        Event::part_end(0),
        Event::text_start(1),
        Event::text_delta(1, "I \u{1b}[31mask"),
        Event::text_delta(1, " a tool.\r\n"),
        Event::part_end(1),
        Event::tool_call_start(2, "1", "double"),
        Event::tool_call_start(3, "2", "now"),
        Event::tool_call_delta(2, "{\"x\":"),
        Event::part_end(3),
        Event::tool_call_delta(2, "2}"),
        Event::part_end(2),
        Event::warning(Warning::new(WarningKind::Dropped, "top_k", "not supported")),
        Event::part(4, Part::text("Bye")),
        Event::finish(Finish::new(FinishReason::Length)),
    ]
}

fn written(colors: bool) -> String {
    let mut printer = StreamPrinter::new(Vec::new()).colors(colors);
    for event in events() {
        printer.event(&event).unwrap();
    }
    String::from_utf8(printer.into_inner()).unwrap()
}

const PLAIN: &str = "Twice two is
I \u{fffd}[31mask a tool.
→ now({})
→ double({\"x\":2})
warning: top_k: not supported
Bye
the answer was cut at its token limit
";

#[test]
fn a_stream_is_written_as_it_comes() {
    assert_eq!(written(false), PLAIN);
    let colored = written(true);
    assert!(colored.starts_with("\u{1b}[2mTwice two\u{1b}[0m\u{1b}[2m is\u{1b}[0m\nI \u{fffd}"));
    assert!(colored.contains("\u{1b}[36m→ double({\"x\":2})\u{1b}[0m\n"), "{colored:?}");
}

#[tokio::test]
async fn async_writers_get_the_same() {
    let scripted = Scripted::new().events(events().into_iter().map(Ok));
    let model = Model::new(scripted, "any");
    let mut stream = model.call::<String>("x").stream().await.unwrap();
    let mut printer = AsyncStreamPrinter::new(Vec::new());
    printer.print(&mut stream).await.unwrap();
    assert_eq!(String::from_utf8(printer.into_inner()).unwrap(), PLAIN);
}

#[tokio::test]
async fn a_stream_that_breaks_is_written_up_to_there() {
    let broken = Error::new(ErrorKind::Connection, "gone");
    let events = [Ok(Event::text_start(0)), Ok(Event::text_delta(0, "half")), Err(broken)];
    let model = Model::new(Scripted::new().events(events.clone()).events(events), "any");
    let mut stream = model.call::<String>("x").stream().await.unwrap();
    let mut printer = AsyncStreamPrinter::new(tokio::io::BufWriter::new(Vec::new()));
    printer.print(&mut stream).await.unwrap_err();
    assert_eq!(printer.into_inner().get_ref(), b"half\n");
    let mut stream = model.call::<String>("x").stream().await.unwrap();
    let mut printer = StreamPrinter::new(std::io::BufWriter::new(Vec::new()));
    let error = printer.print(&mut stream).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.partial().unwrap().text()),
        (ErrorKind::Connection, "half".into())
    );
    assert_eq!(printer.into_inner().get_ref(), b"half\n");

    /// Takes nothing.
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let model = Model::new(Scripted::new().reply("text"), "any");
    let mut stream = model.call::<String>("x").stream().await.unwrap();
    let error = StreamPrinter::new(Full).print(&mut stream).await.unwrap_err();
    assert!(error.message().starts_with("the answer cannot be written"), "{error}");
}

async fn history() -> History {
    let history = History::new(100);
    let work = chain("research", async {
        let (one, two) =
            tokio::join!(ask(Slow::model(with_tool(r#"{"x":2}"#), 400, 50)).into_future(), async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                ask(Slow::model(with_tool(r#"{"x":"two"}"#), 100, 10)).await
            },);
        let busy = Error::new(ErrorKind::Overloaded, "busy");
        let inner = AnyProvider::new(Scripted::new().error(busy.clone()).error(busy));
        let failed = ask(Model::new(Again(inner), "flaky")).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Overloaded);
        one.and(two)
    });
    scope(Settings::new().observe(history.clone()), work).await.unwrap();
    history
}

#[tokio::test(start_paused = true)]
async fn the_timeline_is_a_tree_with_bars() {
    let timeline = Timeline::of(&history().await).to_string();
    let expected = "\
research                             ████████████████████████████     +0 ms    1.50 s
├ ask                                ████████████████████████████     +0 ms    1.50 s
│ ├ scripted/slow-1                  ░░░░░░░░░████                    +0 ms    700 ms  first 500 ms  1 → 1 tokens
│ ├ double                                        █                 +700 ms      0 ms
│ └ scripted/slow-1                               ░░░░░░░░░██████   +700 ms    800 ms  first 500 ms  1 → 3 tokens
├ ask                                    ██████                     +200 ms    340 ms
│ ├ scripted/slow-1                      ░░█                        +200 ms    160 ms  first 120 ms  1 → 1 tokens
│ ├ double                                  █                       +360 ms      0 ms  tool failed
│ └ scripted/slow-1                         ░░█                     +360 ms    180 ms  first 120 ms  1 → 3 tokens
└ ask                                                           █   +1.50 s      0 ms  overloaded
  └ scripted/flaky                                              █   +1.50 s      0 ms  1 retry  overloaded
";
    assert_eq!(timeline, expected);
    assert!(!timeline.contains('\u{1b}'));
    assert!(Timeline::of(&history().await).colors(true).to_string().contains("\u{1b}[31m"));
}

#[tokio::test(start_paused = true)]
async fn runs_that_still_run_and_long_names_are_shown() {
    let history = History::new(100);
    let name = "a very long name of a chain — 長い名前 — that does not fit into its column";
    let mut work = Box::pin(scope(
        Settings::new().observe(history.clone()),
        chain(name, chain("inner\u{1b}[2J", std::future::pending::<meanwhile_core::Result<()>>())),
    ));
    assert!(futures_util::poll!(work.as_mut()).is_pending());
    let timeline = Timeline::of(&history).to_string();
    let lines: Vec<&str> = timeline.lines().collect();
    assert!(lines[0].starts_with("a very long name of a chain — 長い… "), "{timeline}");
    assert!(lines[0].ends_with("running"), "{timeline}");
    assert!(lines[1].starts_with("└ inner\u{fffd}[2J "), "{timeline}");
    assert_eq!(Timeline::new([]).to_string(), "");
}
