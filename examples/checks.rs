//! What no schema can say: fields that are checked, alone and together, and a model that is told what is
//! wrong and asked again.

use meanwhile::prelude::*;

/// A stay in a city.
#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[extract(check = "in_order")]
struct Stay {
    #[extract(check = "served")]
    city: String,
    from_day: u32,
    to_day: u32,
}

/// Of one field.
fn served(city: &str) -> Result<(), String> {
    if ["Lisbon", "Oslo"].contains(&city) {
        Ok(())
    } else {
        Err(format!("we do not fly to {city}"))
    }
}

/// Of several together; asked once each of them holds.
fn in_order(stay: &Stay) -> Result<(), &'static str> {
    if stay.from_day < stay.to_day { Ok(()) } else { Err("a stay ends after it begins") }
}

#[call("scripted/agency")]
async fn stays(wish: &str) -> Result<Vec<Stay>> {
    "Plan two stays for somebody who wants {wish}."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Any provider does; this one plays what it is given, so that the example needs no key.
    let lisbon = r#"{"city": "Lisbon", "from_day": 1, "to_day": 4}"#;
    let scripted = Scripted::new()
        .reply(format!(r#"[{lisbon}, {{"city": "Atlantis", "from_day": 5, "to_day": 9}}]"#))
        .reply(format!(r#"[{lisbon}, {{"city": "Oslo", "from_day": 9, "to_day": 5}}]"#))
        .reply(format!(r#"[{lisbon}, {{"city": "Oslo", "from_day": 5, "to_day": 9}}]"#));
    registry().insert(scripted.clone().into());

    let stays = stays("the sea").attempts(3).await?;

    for request in scripted.requests().iter().skip(1) {
        println!("{}", request.messages.last().map(Message::text).unwrap_or_default());
    }
    for stay in stays {
        println!("{}: day {} to {}", stay.city, stay.from_day, stay.to_day);
    }
    Ok(())
}
