//! Tools that share a value, take a value of the program that the model never sees, and show images.

use std::sync::{Arc, Mutex};

use meanwhile::prelude::*;

/// Who asks. Comes from the program: a model cannot pretend to be somebody else.
struct User(String);

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[toolkit]
impl Notes {
    /// Writes a note down.
    #[tool(name = "add_note")]
    fn add(
        &self,
        #[host] user: &User,
        /// What to remember.
        text: String,
    ) -> Result<String, String> {
        let mut notes = self.0.lock().map_err(|_| "the notebook is torn")?;
        notes.push(format!("{}: {text}", user.0));
        Ok(format!("{} notes", notes.len()))
    }

    /// Takes a photo of the notebook.
    #[tool(timeout = "5s")]
    async fn photo(&self) -> Image {
        Image::bytes(&b"\x89PNG\r\n\x1a\n"[..], "image/png")
    }
}

#[call("scripted/secretary")]
async fn secretary(wish: &str) -> Result<String> {
    "{wish}"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new()
        .tool_call("call_1", "add_note", r#"{"text": "buy milk"}"#)
        .tool_call("call_2", "photo", "{}")
        .reply("Noted; the picture shows one note.");
    registry().insert(scripted.clone().into());

    let notes = Arc::new(Notes::default());
    let call = secretary("Note: buy milk. Then show me.").tools(Arc::clone(&notes).tools());
    println!("{}", call.host(User("Ada".into())).await?);

    println!("{:?}", notes.0.lock());
    // The image went to the model as an image, not as text.
    if let Some(message) = scripted.requests()[2].messages.last() {
        println!("{:?}", message.parts);
    }
    Ok(())
}
