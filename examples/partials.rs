//! A typed value while it is still being written: texts and lists grow, numbers come whole.

use meanwhile::prelude::*;

/// A recipe.
#[derive(Debug, Extract, Partial, Deserialize, JsonSchema)]
struct Recipe {
    /// What it is called.
    name: String,
    /// How many it feeds.
    servings: u32,
    /// What to do, step by step.
    steps: Vec<String>,
}

#[call("scripted/chef")]
async fn recipe(dish: &str) -> Result<Recipe> {
    "Write a recipe for {dish}."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Any provider streams; this one plays what it is given, so that the example needs no key.
    let json = r#"{"name":"Pancakes","servings":4,"steps":["Mix.","Rest.","Fry."]}"#;
    registry().insert(Scripted::new().reply(json).into());

    let mut partials = recipe("pancakes").partials().await?;
    let mut told = 0;
    while let Some(partial) = partials.next().await {
        let partial = partial?;
        // Steps that are complete can be shown, or worked on, before the rest is there.
        for step in partial.steps.completed().skip(told) {
            println!("{} for {:?}: {step}", partial.name, partial.servings.get());
            told += 1;
        }
    }
    let recipe = partials.finish().await?;
    println!("{} has {} steps for {}", recipe.name, recipe.steps.len(), recipe.servings);
    Ok(())
}
