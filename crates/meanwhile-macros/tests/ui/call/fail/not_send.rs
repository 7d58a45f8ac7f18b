use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn recommend(genre: std::rc::Rc<str>) -> Result<String> {
    async {}.await;
    "Recommend a {genre} book"
}

fn main() {}
