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

pub struct Files;

#[toolkit]
impl Files {
    /// Lists with slashes.
    #[tool]
    #[cfg(unix)]
    fn list(&self, folder: &str) -> String {
        format!("/{folder}")
    }

    /// Lists with backslashes.
    #[cfg(not(unix))]
    #[tool]
    fn list(&self, folder: &str, drive: char) -> String {
        format!("{drive}:\\{folder}")
    }

    /// Opens here.
    #[tool(name = "open")]
    #[cfg(all())]
    fn open_here(&self) {}

    /// Opens nowhere.
    #[tool(name = "open")]
    #[cfg(any())]
    fn open_nowhere(&self) {}
}

/// Is here.
#[tool]
#[cfg(all())]
fn place() -> u8 {
    1
}

/// Is nowhere.
#[tool]
#[cfg(any())]
fn place() -> u8 {
    2
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
    let files = Arc::new(Files).tools();
    let names: Vec<&str> = files.specs().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["list", "open"]);
    assert_eq!(Place {}.call(), 1);
    assert_eq!(Double::toolbox().specs().count(), 1);
    drop(Ask { question: "Why".into() }.call(&"Ada".into()));
}
