//! One idea a file, in the order to read them: `basic_call`, `prompt_styles`, `streaming`,
//! `parallel`, `concurrency`, `compare`, `tools`, `chaining`, `custom_client`, `callbacks`,
//! `blocking`; `quickstart` shows all at once.
