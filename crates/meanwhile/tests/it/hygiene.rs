//! The macros need nothing in scope, and nothing in scope disturbs them.

#![allow(dead_code)]

// Everything the expansion could mean, as something else.
mod core {}
mod std {}
struct String;
struct Vec;
struct Option;
struct Call;
struct Prompt;
struct Template;
struct Settings;

#[meanwhile::call("a/b", temperature = 0.5, tools = [look_up], timeout = "1s", tool_choice = "required")]
async fn prompt(settings: &str, body: u8) -> meanwhile::Result<meanwhile::Response> {
    "{settings} {body}"
}

#[meanwhile::call("a/b", crate = ::meanwhile, reasoning = "low")]
async fn renamed(call: u8) -> ::meanwhile::Result<u8> {
    async {}.await;
    "{call}"
}

/// Looks something up.
#[meanwhile::tool(crate = ::meanwhile)]
fn look_up(output: u8, call: &[u8]) -> u8 {
    output + call[0]
}

/// Looks something up elsewhere.
#[meanwhile::tool(crate = ::meanwhile, timeout = "1s")]
async fn look_elsewhere(context: u8, #[host] host_1: &u8, #[host] kind: u16) -> u16 {
    u16::from(context + host_1) + kind
}

struct Kit;

#[meanwhile::toolkit(crate = ::meanwhile)]
impl Kit {
    /// Looks around.
    #[tool]
    fn look(&self, this: &str, #[host] context: &u8, arguments: u8) -> usize {
        this.len() + usize::from(context + arguments)
    }
}

#[derive(meanwhile::ToolSet)]
#[meanwhile(crate = ::meanwhile)]
enum Set {
    LookUp(LookUp),
}

#[derive(meanwhile::Extract, serde::Deserialize, schemars::JsonSchema)]
#[meanwhile(crate = ::meanwhile)]
struct Output {
    response: u8,
}

#[test]
fn works_with_nothing_imported() {
    let call = prompt("a", 1);
    assert_eq!(crate::support::messages(call), ["user: a 1"]);
    assert_eq!(crate::support::messages(renamed(1)), ["user: 1"]);
}
