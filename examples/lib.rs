//! One idea a file, in the order to read them: `basic_call`, `prompt_styles`, `streaming`,
//! `parallel`, `concurrency`, `compare`, `tools`, `toolkit`, `agent_events`, `agent_with_approval`,
//! `checks`, `partials`, `chaining`, `custom_client`, `callbacks`, `blocking`, `sync_and_async_tools`,
//! `mcp_server_and_client`; `quickstart` shows all at once. `mcp_server_and_client` wants `--features mcp`.
//! Programs are `predict`, `react`, `modules` and `streaming_programs`, with `--features programs`. Documents are
//! searched and asked in `retrieval`, `documents_chat` and `ask_the_docs`, with `--features documents`;
//! `retrieval_module` is both, with `--features documents,programs`.
//!
//! `shortest_call`, `shortest_stream`, `shortest_structured_output` and `shortest_tool_loop` are as short as it
//! gets. `research_assistant`, with `--features documents`, is a program to keep.
