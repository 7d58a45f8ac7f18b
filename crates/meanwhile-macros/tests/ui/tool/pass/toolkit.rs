#![deny(warnings)]

use std::sync::Arc;

use meanwhile::prelude::*;

pub struct Clock(u64);

#[toolkit]
impl Clock {
    /// Says when it is.
    #[tool(name = "now", timeout = "500ms")]
    pub async fn now(&self) -> u64 {
        self.0
    }

    /// Waits.
    #[tool]
    fn wait(&self, seconds: u64, #[host] _context: &ToolContext, #[host] name: &String) -> String {
        format!("{} {seconds} {name}", self.0)
    }
}

/// Doubles.
#[tool]
#[derive(Deserialize, JsonSchema)]
pub struct Double {
    number: u8,
}

impl Double {
    async fn call(self, _: &ToolContext) -> u8 {
        self.number * 2
    }
}

/// Asks.
#[tool]
#[call("a/b")]
pub async fn ask(question: &str, #[host] name: &String) -> Result<String> {
    "{name} asks {question}"
}

fn main() {
    assert_eq!(Arc::new(Clock(5)).tools().specs().count(), 2);
    assert_eq!(Double::toolbox().specs().count(), 1);
    drop(Ask { question: "Why".into() }.call(&"Ada".into()));
}
