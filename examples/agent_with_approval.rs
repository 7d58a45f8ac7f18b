//! A run that stops before something dangerous, is stored as JSON, and is gone on with once decided.

use meanwhile::prelude::*;

/// Looks at the files in a folder.
#[tool]
fn list_files(folder: &str) -> Vec<String> {
    vec![format!("{folder}/old.log"), format!("{folder}/new.log")]
}

/// Deletes a file for good.
#[tool]
fn delete_file(path: String) -> String {
    format!("{path} is gone")
}

#[call("scripted/janitor", tools = [list_files, delete_file])]
async fn tidy(folder: &str) -> Result<String> {
    "Delete the old logs in {folder}."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scripted = Scripted::new()
        .tool_call("call_1", "list_files", r#"{"folder": "logs"}"#)
        .tool_call("call_2", "delete_file", r#"{"path": "logs/old.log"}"#)
        .reply("The old log is deleted.");
    registry().insert(scripted.into());

    let careful = approval(|call| async move {
        match call.name.as_str() {
            "delete_file" => Approval::Pause,
            _ => Approval::Allow,
        }
    });
    let mut run = tidy("logs").approve(careful).run_loop();
    while let Some(event) = run.next().await {
        match event? {
            RunEvent::ToolEnd(result) => println!("{}: {}", result.name, result.text()),
            RunEvent::Paused(calls) => println!("waits: {} {}", calls[0].name, calls[0].arguments),
            _ => {}
        }
    }
    let stored = run.state().map(serde_json::to_string).transpose()?.unwrap_or_default();
    println!("stored as {} bytes of JSON", stored.len());

    // Later, elsewhere: somebody has looked at it.
    let mut state: RunState = serde_json::from_str(&stored)?;
    let waiting: Vec<ToolCall> = state.undecided().cloned().collect();
    for call in waiting {
        state.decide(&call.id, Approval::Allow);
    }
    println!("{}", tidy("logs").resume(state).await?);
    Ok(())
}
