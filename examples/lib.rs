//! One idea a file, in the order to read them: `basic_call`, `prompt_styles`, `streaming`,
//! `parallel`, `concurrency`, `compare`, `tools`, `toolkit`, `agent_events`, `agent_with_approval`,
//! `checks`, `partials`, `chaining`, `custom_client`, `callbacks`, `blocking`, `mcp_server_and_client`;
//! `quickstart` shows all at once. `mcp_server_and_client` wants `--features mcp`. Programs are
//! `predict`, `sync_and_async_tools`, `react` and `modules`, with `--features programs`.
//! Documents are searched and asked in `retrieval`, `documents_chat` and `ask_the_docs`, with `--features
//! documents`.
