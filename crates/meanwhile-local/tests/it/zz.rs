use crate::*;
use meanwhile_core::*;
#[test]
fn which_tool() {
  for (tools, questions) in [
    (vec![("get_weather","Tells the weather in a city."),("add","Adds two numbers."),("send_email","Sends an email.")],
    vec![("What is the weather in Rome?","get_weather"),("Tell me a joke.","none"),("What is 2 plus 3?","add"),("Is it raining in Berlin today?","get_weather"),("Mail Bob that I am late.","send_email"),("Who wrote Hamlet?","none"),("Add 17 and 25.","add"),("Write a poem about the sea.","none"),("How warm is it in Oslo?","get_weather"),("Send an email to my boss saying thanks.","send_email"), ("What is the capital of France?","none"), ("Hello!", "none")]),
    (vec![("search_books","Search the library for books on a topic.")], vec![("Find me books on whales.","search_books"),("Do you have a book about trains?","search_books"),("Say hello.","none"),("What is 2 plus 2?","none"),("Thanks, bye!","none")]),
    (vec![("get_time","Returns the current time in a time zone."),("convert_currency","Converts an amount of money from one currency to another.")], vec![("What time is it in Tokyo?","get_time"),("How much is 100 euros in dollars?","convert_currency"),("Tell me about Japan.","none"),("Convert 5 pounds to yen.","convert_currency"),("Write a haiku.","none"),("What's the time in New York?","get_time")]),
  ] {
    let names: Vec<_> = tools.iter().map(|t| t.0).chain(["none"]).collect();
    for style in 0..4 {
        let (mut ok, mut n, mut wrong) = (0, 0, vec![]);
        for (q, want) in &questions {
            let nones = ["Tell me a story.", "Who are you?", "Hello!", "What is the capital of Spain?", "Thank you.", "Explain gravity."];
            let mut m = vec![Message::system("Choose the tool that the request needs, or none.")];
            let list: String = tools.iter().map(|(a,b)| format!("{a}: {b}\n")).collect();
            if style == 1 || style == 3 { m = vec![Message::system(format!("Tools:\n{list}none: Anything else.\nSay which tool the request needs."))]; }
            let mut nones = nones.iter();
            let mut shots = vec![];
            for (name, description) in &tools {
                shots.push((if style < 2 { description.to_string() } else { format!("I need this: {description}") }, name.to_string()));
                shots.push((nones.next().unwrap().to_string(), "none".into()));
            }
            while shots.len() < 6 { shots.push((nones.next().unwrap().to_string(), "none".into())); }
            for (u, a) in shots { m.push(Message::user(u)); m.push(Message::assistant(format!("\"{a}\""))); }
            m.push(Message::user(*q));
            let mut r = Request::new(SMOLLM2_135M, m);
            r.params.temperature = Some(0.0);
            r.output = OutputFormat::Schema(OutputSchema::new("x", serde_json::json!({"enum":names}).into()));
            let got = answer(r).text();
            n += 1; if got == format!("\"{want}\"") { ok += 1 } else { wrong.push(format!("{q} -> {got}")) }
        }
        println!("style {style}: {ok}/{n} {wrong:?}");
    }
  }
}
