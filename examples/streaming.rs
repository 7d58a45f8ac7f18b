//! A streamed answer is printed as it is written, and is a value at the end.

use std::io::Write as _;

use meanwhile::prelude::*;

#[call("local/smollm2-135m", seed = 3, max_tokens = 60)]
async fn tell_story(hero: &str) -> Result<String> {
    "SYSTEM: You tell very short stories.
     USER: Tell a story about {hero}."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut stream = tell_story("a lighthouse keeper").stream().await?;
    let mut pieces = 0;
    while let Some(event) = stream.next().await {
        match event? {
            Event::TextDelta { text, .. } => {
                pieces += 1;
                print!("{text}");
                let _ = std::io::stdout().flush();
            }
            Event::Finish(finish) => println!("\n[{}]", finish.reason.as_str()),
            _ => {}
        }
    }
    let story: String = stream.finish().await?;
    println!("{} characters in {pieces} pieces", story.chars().count());
    Ok(())
}
