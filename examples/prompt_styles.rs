//! Every way to write a prompt gives messages; all of these ask the same thing.

use meanwhile::prelude::*;

/// A string literal is a template, checked at compile time.
#[call("scripted/any")]
async fn template(genre: &str) -> Result<String> {
    "Recommend a {genre} book."
}

/// Any other text is taken as it is.
#[call("scripted/any")]
async fn string(genre: &str) -> Result<String> {
    format!("Recommend a {genre} book.")
}

/// Messages, one or several.
#[call("scripted/any")]
async fn messages(genre: &str) -> Result<String> {
    [Message::user(format!("Recommend a {genre} book."))]
}

/// A local is a computed field; the body may fail, too.
#[call("scripted/any")]
async fn computed(code: &str) -> Result<String> {
    let number: usize = code.parse()?;
    let genre = ["fantasy", "mystery"].get(number).ok_or("there is no such genre")?;
    "Recommend a {genre} book."
}

/// Sections, with the history of the conversation in between.
#[call("scripted/any")]
async fn sections(history: &[Message], genres: &[&str], price: f64) -> Result<String> {
    "SYSTEM: You are a librarian.
     MESSAGES: {history}
     USER:
     Recommend a book under {price:.2} of one of these genres:
     {genres:list}"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    registry().insert(Scripted::new().reply_with(|_| "The Name of the Wind".to_owned()).into());

    let expected = template("fantasy").messages().await?;
    assert_eq!(string("fantasy").messages().await?, expected);
    assert_eq!(messages("fantasy").messages().await?, expected);
    assert_eq!(computed("0").messages().await?, expected);
    println!("{}: {}", expected[0].text(), template("fantasy").await?);

    let error = computed("seven").await.unwrap_err();
    println!("a failed body fails the call, and nothing is sent: {error}");

    let history = [Message::user("Hello"), Message::assistant("How can I help?")];
    for message in sections(&history, &["fantasy", "noir"], 9.5).messages().await? {
        println!("{:>9}: {}", message.role.as_str(), message.text().replace('\n', "\n           "));
    }
    Ok(())
}
