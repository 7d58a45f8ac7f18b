//! One idea a file, in the order to read them: `basic_call`, `prompt_styles`, `streaming`,
//! `parallel`, `concurrency`, `compare`, `tools`, `toolkit`, `agent_events`, `agent_with_approval`,
//! `partials`, `chaining`, `custom_client`, `callbacks`, `blocking`, `mcp_server_and_client`;
//! `quickstart` shows all at once. `mcp_server_and_client` wants `--features mcp`.
