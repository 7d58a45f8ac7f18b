//! The signatures of an agent's predictors, made of the signature of its task.

use meanwhile_core::Toolbox;
use serde_json::Value;

use crate::adapter::python_repr;
use crate::{FieldSpec, FieldType, SignatureSpec};

use super::submit::SUBMIT;

/// The input that says what was done so far, under the protocols of text.
pub(super) const TRAJECTORY: &str = "trajectory";
/// The output that comes before an act.
pub(super) const THOUGHT: &str = "next_thought";
/// The tool calls of a turn.
pub(super) const CALLS: &str = "next_tool_calls";
/// The one tool of a turn, as DSPy asks for it.
pub(super) const TOOL_NAME: &str = "next_tool_name";
/// Its arguments.
pub(super) const TOOL_ARGUMENTS: &str = "next_tool_args";
/// The tool by which DSPy's agents end.
pub(super) const FINISH: &str = "finish";

fn names(fields: &[FieldSpec]) -> String {
    fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
}

/// The task itself, with what an agent has to know about its tools.
pub(super) fn native(spec: &SignatureSpec) -> SignatureSpec {
    let (inputs, outputs) = (names(&spec.inputs), names(&spec.outputs));
    spec.clone().append_instructions(format!(
        "You are an agent. Use the tools to find out from {inputs} what {outputs} should be. Call several \
         tools at once where none needs what another one finds. When you know everything, call \
         `{SUBMIT}` with {outputs}."
    ))
}

/// One turn of an agent that speaks of tools in text, several calls a turn. Which tools there are is said
/// [beside](tool_list): they are the program's, and not what is taught.
pub(super) fn text(spec: &SignatureSpec) -> SignatureSpec {
    let (inputs, outputs) = (names(&spec.inputs), names(&spec.outputs));
    let instructions = format!(
        "You are an agent. Use the tools to find out from {inputs} what {outputs} should be. In each turn \
         you see in `{TRAJECTORY}` what you have done so far; say in `{THOUGHT}` what is still to be done, \
         and call tools in `{CALLS}`: a list of objects with `name` and `args`. Call several tools at once \
         where none needs what another one finds. When you know everything, call `{SUBMIT}` with \
         {outputs}."
    );
    let call = serde_json::json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "args": {"type": "object", "additionalProperties": true},
        },
        "required": ["name", "args"],
    });
    let call = FieldType::Record { name: "tool call".into(), schema: call.into() };
    turn(spec, instructions).append_output(FieldSpec::new(CALLS, FieldType::List(Box::new(call))))
}

/// The tools of an agent that speaks of them in text, for the end of its instructions.
pub(super) fn tool_list(spec: &SignatureSpec, tools: &Toolbox) -> String {
    let mut list = "The tools, each with the JSON Schema of its `args`:".to_owned();
    for tool in tools.specs() {
        let description = tool.description.replace('\n', " ");
        let schema = tool.parameters.as_value();
        list.push_str(&format!("\n- {}: {description} {schema}", tool.name));
    }
    let outputs: Vec<String> =
        spec.outputs.iter().map(|field| format!("`{}` ({})", field.name, field.ty)).collect();
    list.push_str(&format!(
        "\n- {SUBMIT}: Submits the final outputs and ends the task. Its arguments are {}.",
        outputs.join(", ")
    ));
    list
}

/// One turn of an agent, as DSPy's `ReAct` asks for it up to 3.4 (source: `dspy/predict/react.py`).
pub(super) fn dspy(spec: &SignatureSpec, tools: &Toolbox) -> SignatureSpec {
    let (inputs, outputs) = (names(&spec.inputs), names(&spec.outputs));
    let mut lines: Vec<String> = vec![
        format!(
            "You are an Agent. In each episode, you will be given the fields {inputs} as input. And you can see your past trajectory so far."
        ),
        format!(
            "Your goal is to use one or more of the supplied tools to collect any necessary information for producing {outputs}.\n"
        ),
        "To do this, you will interleave next_thought, next_tool_name, and next_tool_args in each turn, and also when finishing the task.".into(),
        "After each tool call, you receive a resulting observation, which gets appended to your trajectory.\n".into(),
        "When writing next_thought, you may reason about the current situation and plan for future steps.".into(),
        "When selecting the next_tool_name and its next_tool_args, the tool must be one of:\n".into(),
    ];
    let mut choices: Vec<Value> = Vec::new();
    for (index, tool) in tools.specs().enumerate() {
        let parameters = tool.parameters.as_value();
        let arguments = parameters.get("properties").map_or_else(|| "{}".to_owned(), python_repr);
        let description = tool.description.replace('\n', "  ");
        lines.push(format!(
            "({}) {}, whose description is <desc>{description}</desc>. It takes arguments {arguments}.",
            index + 1,
            tool.name
        ));
        choices.push(tool.name.as_str().into());
    }
    lines.push(format!(
        "({}) {FINISH}, whose description is <desc>Marks the task as complete. That is, signals that all information for producing the outputs, i.e. {outputs}, are now available to be extracted.</desc>. It takes arguments {{}}.",
        choices.len() + 1
    ));
    choices.push(FINISH.into());
    lines.push(
        "When providing `next_tool_args`, the value inside the field must be in JSON format".into(),
    );
    let mut spec = turn(spec, lines.join("\n"))
        .append_output(FieldSpec::new(TOOL_NAME, FieldType::Choice(choices)))
        .append_output(FieldSpec::new(TOOL_ARGUMENTS, FieldType::Map(Box::new(FieldType::Any))));
    spec.name = "StringSignature".into();
    spec
}

/// The inputs and what was done so far; the thought first.
fn turn(spec: &SignatureSpec, instructions: String) -> SignatureSpec {
    let mut turn = SignatureSpec::new(
        spec.name.clone(),
        spec.inputs.iter().cloned(),
        [FieldSpec::text(THOUGHT)],
    );
    turn.instructions.clone_from(&spec.instructions);
    let mut turn = turn.append_instructions(instructions);
    if spec.instructions.is_empty() {
        turn.instructions = turn.instructions.trim_start().to_owned();
    }
    turn.append_input(FieldSpec::text(TRAJECTORY))
}

/// What reads the outputs out of what was done.
pub(super) fn extraction(spec: &SignatureSpec) -> SignatureSpec {
    spec.clone().append_input(FieldSpec::text(TRAJECTORY))
}
