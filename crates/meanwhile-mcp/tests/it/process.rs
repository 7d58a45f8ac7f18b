//! Servers that are child processes.

use std::process::Command;
use std::time::Duration;

use meanwhile_core::ErrorKind;
use meanwhile_mcp::Client;
use serde_json::json;

use crate::support::{call, context};

/// How long a process is waited for that never greets: a shell has begun by then, however busy the machine.
#[cfg(unix)]
const UNGREETED: Duration = Duration::from_secs(5);

/// The example `stdio_server`, which is built together with the tests.
fn server() -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    Command::new(path.join("examples").join("stdio_server"))
}

#[tokio::test]
async fn a_process_serves_its_tools() {
    let client = Client::command(server()).prefix("math").connect().await.unwrap();
    let tools = client.tools().await.unwrap();
    let divided = |dividend: f64, divisor: f64| {
        call("math_divide", &json!({"dividend": dividend, "divisor": divisor}))
    };
    assert_eq!(tools.run(&divided(1.0, 4.0), &context()).await.text(), "0.25");
    let failed = tools.call(&divided(1.0, 0.0), &context()).await.unwrap_err();
    assert_eq!(failed.message(), "nothing can be divided by zero");
    client.close().await;
    let error = tools.call(&divided(1.0, 4.0), &context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = Client::command(Command::new("/no/such/server")).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("/no/such/server"), "{error}");
}

#[tokio::test]
async fn headers_are_not_for_a_process() {
    let error = Client::command(server()).bearer("secret-1").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error:?}").contains("secret-1"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_last_words_of_a_process_are_in_the_error() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo 'no API key: set WEATHER_KEY' >&2; exit 3"]);
    let error = Client::command(command).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains("set WEATHER_KEY"), "{error}");
}

/// Whether the process runs; one that has ended and not been waited for does not.
#[cfg(unix)]
fn runs(id: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap().stdout;
    let state = String::from_utf8(state).unwrap();
    !state.trim().is_empty() && !state.trim_start().starts_with('Z')
}

#[cfg(unix)]
async fn ends(id: &str) {
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while runs(id) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(ended.await.is_ok(), "process {id} still runs");
}

/// A process that starts the server as one of its own, as `npx` does, and writes down both ids.
#[cfg(unix)]
fn wrapped(folder: &std::path::Path) -> Command {
    let mut command = Command::new("sh");
    let server = server().get_program().to_string_lossy().into_owned();
    // Its own child sleeps on and reads nothing: only a signal ends it.
    let script = r#"sleep 1000 & echo "$! $$" > "$0"/ids; "$1"; wait"#;
    command.args(["-c", script]).arg(folder).arg(server);
    command
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_ends_with_the_last_that_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::command(wrapped(folder.path())).connect().await.unwrap();
    let ids = std::fs::read_to_string(folder.path().join("ids")).unwrap();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    let tools = client.tools().await.unwrap();
    drop(client);
    // The tools still use it.
    let divided = call("divide", &json!({"dividend": 1, "divisor": 2}));
    assert_eq!(tools.run(&divided, &context()).await.text(), "0.5");
    assert!(ids.iter().all(|id| runs(id)));
    drop(tools);
    for id in ids {
        ends(id).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_that_never_greets_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"echo "$$" > "$0"/id; exec sleep 1000"#]).arg(folder.path());
    let builder = Client::command(command).timeout(UNGREETED);
    let error = builder.connect().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    let id = std::fs::read_to_string(folder.path().join("id")).unwrap();
    ends(id.trim()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_process_leaves_behind_ends_with_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    // It ends by itself when the session does; its child would sleep on.
    let script = r#"sleep 1000 >/dev/null 2>&1 </dev/null & echo "$!" > "$0"/id; "$1""#;
    command.args(["-c", script]).arg(folder.path()).arg(server().get_program());
    let client = Client::command(command).connect().await.unwrap();
    let id = std::fs::read_to_string(folder.path().join("id")).unwrap();
    assert!(runs(id.trim()));
    client.close().await;
    ends(id.trim()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_that_never_greets_says_why() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo 'waiting for the licence server' >&2; exec sleep 1000"]);
    let builder = Client::command(command).timeout(UNGREETED);
    let error = builder.connect().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert!(error.message().contains("waiting for the licence server"), "{error}");
}
