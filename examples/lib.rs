//! One idea a file, in the order to read them: `basic_call`, `prompt_styles`, `streaming`,
//! `parallel`, `tools`, `chaining`, `custom_client`; `quickstart` shows all at once.
