//! The macros of [Meanwhile]; programs use them through the `meanwhile` crate.
//!
//! [`macro@call`] makes a prompt function, [`prompt!`] a prompt anywhere, [`macro@tool`] a tool of a
//! function or a struct, [`macro@toolkit`] tools of methods that share a value; [`macro@Extract`] derives
//! an output type and [`macro@ToolSet`] a closed set of tools. For programs, [`macro@Signature`] derives a
//! signature, [`signature!`] makes one of text, and [`macro@Module`] finds the predictors of a struct.
//!
//! Every mistake is reported on the user's own tokens and says what to write instead. The code that
//! is written refers to `::meanwhile` alone; in a crate that re-exports it under another path, say
//! `crate = path` (`#[meanwhile(crate = path)]` on a derive).
//!
//! [Meanwhile]: https://docs.rs/meanwhile

mod call;
mod common;
mod derive;
mod program;
mod template;
mod tool;

use proc_macro::TokenStream;

/// Makes a prompt of a template, which is checked at compile time.
///
/// ```
/// use meanwhile::prelude::*;
///
/// let (genre, price) = ("noir", 9.5);
/// let seen = vec!["The Big Sleep", "The Third Man"];
/// let history = vec![Message::user("Hello"), Message::assistant("Hello, reader.")];
///
/// let prompt = prompt!(
///     "SYSTEM: You are a librarian.
///      MESSAGES: {history}
///      USER: Recommend one {genre} book under {price:.2}, but none of these:
///      {seen:list}"
/// );
///
/// assert_eq!(prompt.messages.len(), 4);
/// assert_eq!(
///     prompt.messages[3].text(),
///     "Recommend one noir book under 9.50, but none of these:\nThe Big Sleep\nThe Third Man",
/// );
/// ```
///
/// # Placeholders
///
/// `{name}`, `{name.field.0}` and every format spec of [`format!`]: `{price:.2}`, `{x:?}`,
/// `{x:>width$}`. The values need the trait that the spec asks for. `{{` and `}}` are braces.
///
/// | placeholder | becomes |
/// |---|---|
/// | `{items:list}` | items, one a line |
/// | `{groups:lists}` | lists of items, with a blank line between lists |
/// | `{photo:image}`, `{photo:image(detail=low)}` | an image: an `Image`, its bytes, or its address |
/// | `{photos:images}` | several images |
/// | `{voice:audio}`, `{report:document}` | a recording, a document |
/// | `{parts:parts}` | parts, as they are |
/// | `{:cache}`, `{:cache(ttl=1h)}` | the mark that everything up to here may be cached |
///
/// An empty value of a media placeholder, such as `None`, leaves the part out.
///
/// # Roles
///
/// `SYSTEM:`, `USER:` and `ASSISTANT:` begin a message, `MESSAGES: {history}` puts in a list of
/// messages; all four only at the start of a line. A template without roles is one user message.
/// Roles are read before values are put in, so a value can never begin a message. A backslash before
/// the word writes the word itself: `"\\USER: is a role"`.
///
/// # Space
///
/// The indentation that all lines after the first have in common is removed at compile time, as is
/// the space around a section. Nothing else is touched: code keeps its shape, values come as they
/// are, and spaces after an escaped `\n` stay.
#[proc_macro]
pub fn prompt(input: TokenStream) -> TokenStream {
    template::prompt(input.into()).into()
}

/// Makes an `async fn` a prompt function: its body is the prompt, and awaiting a call of it asks a
/// model.
///
/// ```
/// use meanwhile::prelude::*;
///
/// #[call("scripted/librarian", temperature = 0.7, timeout = "20s")]
/// async fn recommend_book(genre: &str) -> Result<String> {
///     let shout = genre.to_uppercase();
///     "SYSTEM: You are a librarian.
///      USER: Recommend one {shout} book."
/// }
///
/// # futures::executor::block_on(async {
/// registry().insert(Scripted::new().reply("Dune").reply("Emma").into());
///
/// let book: String = recommend_book("science fiction").await?;
/// assert_eq!(book, "Dune");
///
/// let response: Response = recommend_book("romance").temperature(0.0).response().await?;
/// assert_eq!(response.text(), "Emma");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// The function returns a `Call<'_, T>`, a lazy builder that is awaited or streamed; nothing is sent
/// before the first poll. `T` is the type in the declared `Result<T>`: `Response`, `String`, a number,
/// a list, a `Turn`, or any type with `#[derive(Extract)]`. Doc comments on the function are for
/// readers of the code and are not sent.
///
/// # The body
///
/// The body evaluates to the prompt: a string, a `Message`, a list of messages, a `Prompt`, or a
/// `Result` of one of these. A string literal where the body ends, through blocks, `if`, `match`,
/// `Ok(…)` and `return`, is a template as in [`prompt!`], which may use parameters and locals. A
/// `Prompt` carries settings that hold for this one call. `?` works on any error; what fails comes
/// out where the call is awaited.
///
/// A body that does not await runs when the function is called, so the call owns its data and can be
/// spawned. A body that awaits (also by `join!` and its like) runs when the call is awaited, and the
/// call borrows what the parameters borrow.
///
/// ```
/// use meanwhile::prelude::*;
///
/// #[call("scripted/any")]
/// async fn answer(question: &str, tenant: Option<&Scripted>) -> Result<String> {
///     let prompt = prompt!("Answer briefly: {question}");
///     match tenant {
///         Some(client) => prompt.client(client.clone()).max_tokens(100),
///         None => prompt,
///     }
/// }
/// # futures::executor::block_on(async {
/// let tenant = Scripted::new().reply("Yes.");
/// assert_eq!(answer("Is it late?", Some(&tenant)).await?, "Yes.");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// # The attribute
///
/// First the model, a `provider/model` string or a constant; without it, the body or the call site
/// names one. Then any of these, each an expression that is evaluated for each call and may use the
/// parameters:
///
/// - `temperature`, `top_p`, `top_k`, `max_tokens`, `stop`, `seed`, `presence_penalty`,
///   `frequency_penalty`, `parallel_tool_calls`, `reasoning` (`"low"`, `Effort::Low`, a budget),
///   `logprobs`, `user`, `service_tier`, `prompt_cache_key`, and `option("provider", "field", value)`;
/// - `model = …`, `client = …`: who answers;
/// - `tools = [format_book, AuthorOf]` or `tools = Desk`: `#[tool]` functions or types, or an
///   expression of the type `Toolbox`; `tool_choice = "auto"`, `"none"`, `"required"` or a tool's name;
///   `max_turns = 5`;
/// - `timeout = "20s"` (or a `Duration`); `strict`, which makes a setting that the provider cannot
///   carry an error; `tag(name = "value")`;
/// - `crate = path`.
///
/// What the call site sets wins over what the body sets, which wins over the attribute, which wins
/// over the registry's defaults.
#[proc_macro_attribute]
pub fn call(attribute: TokenStream, item: TokenStream) -> TokenStream {
    call::call(attribute.into(), item.into()).into()
}

/// Makes a function, or a struct, a tool that a model may call.
///
/// The function stays as it is, and may be `async` or not. Beside it stands a type of its name in
/// camel case, whose fields are its parameters: so a call of the tool is matched, not cast.
///
/// ```
/// use meanwhile::prelude::*;
///
/// /// Formats a recommendation.
/// #[tool]
/// async fn format_book(
///     /// Exact title.
///     title: String,
///     author: &str,
/// ) -> String {
///     format!("{title} by {author}")
/// }
///
/// #[call("scripted/any", tools = [format_book])]
/// async fn recommend_book(genre: &str) -> Result<String> {
///     "Recommend a {genre} book and format it."
/// }
///
/// # futures::executor::block_on(async {
/// let arguments = r#"{"title": "Dune", "author": "Frank Herbert"}"#;
/// let scripted = Scripted::new().tool_call("1", "format_book", arguments).reply("Dune!");
/// registry().insert(scripted.into());
///
/// assert_eq!(recommend_book("science fiction").await?, "Dune!");
///
/// let tool = FormatBook { title: "Emma".into(), author: "Jane Austen".into() };
/// assert_eq!(tool.call().await, "Emma by Jane Austen");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// The doc comment on the function tells the model what the tool does, those on parameters what they
/// mean. Parameters are owned, `&str` or `&[T]`; those with `Option<_>` or `#[serde(default)]` may be
/// left out by the model. `#[serde(…)]` and `#[schemars(…)]` on parameters go to the fields. Arguments
/// that the model invents are ignored; those that do not fit are an error that the model is shown.
///
/// The type has the visibility of the function, `call(self)`, and `Debug`, `Deserialize`, `JsonSchema`,
/// `FunctionTool` and `ToolSet`. Keys of the attribute: `name = "…"` as the model sees it, `type = Name`,
/// `description = "…"`, `timeout = "5s"` (or a constant `Duration`), the longest that one run may take,
/// `derive(Clone, …)` for more traits, `crate = path`.
///
/// # What it returns
///
/// Anything `Serialize`, which the model sees as JSON, text as it is; a `ToolOutput`; or nothing. An
/// `Image`, `Audio`, `Document` or `Part` is shown as what it is, as are an `Option`, a `Vec` and an array
/// of them; inside of another type it is JSON like the rest. All of these may be in a `Result` with any
/// error, which the model is shown. Where a provider has no images in answers of tools, it says so in a
/// warning or sends them after the answer.
///
/// # Values of the program
///
/// A parameter under `#[host]` comes from the program, by its type: from `.host(value)` on the call or
/// its settings. The model is not told of it. `&T` borrows the value, `T` is a clone of it, and
/// `&ToolContext` is the context of the run itself. A call with a tool whose value nobody gave fails
/// before anything is sent. `call(…)` of the type takes these values as arguments.
///
/// ```
/// use meanwhile::prelude::*;
///
/// struct Shelf(Vec<String>);
///
/// /// Looks for books on the shelf.
/// #[tool]
/// async fn find_books(#[host] shelf: &Shelf, word: String) -> Vec<String> {
///     shelf.0.iter().filter(|title| title.contains(&word)).cloned().collect()
/// }
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().tool_call("1", "find_books", r#"{"word": "un"}"#).reply("Dune");
/// let model = Model::new(scripted, "any");
///
/// let shelf = Shelf(vec!["Dune".into(), "Emma".into()]);
/// let call = model.call::<String>("Which title has an `un` in it?").tool::<FindBooks>();
/// assert_eq!(call.host(shelf).await?, "Dune");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// # A struct
///
/// On a struct, the fields are the arguments and its own method `call` is what runs, with the context of
/// the run. The name is that of the type in snake case. The struct also needs `Deserialize` and
/// `JsonSchema`. Keys: `name`, `description`, `timeout`, `needs(Type, …)` for what it takes from the
/// program, `crate`.
///
/// ```
/// use meanwhile::prelude::*;
///
/// /// Converts a length from metres to feet.
/// #[tool]
/// #[derive(Deserialize, JsonSchema)]
/// struct ToFeet {
///     /// In metres.
///     length: f64,
/// }
///
/// impl ToFeet {
///     async fn call(&self, _: &ToolContext) -> f64 {
///         self.length * 3.28084
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let call = ToolCall::new("1", "to_feet", r#"{"length": 100}"#);
/// let result = ToFeet::toolbox().run(&call, &ToolContext::default()).await;
/// assert_eq!(result.text(), "328.084");
/// # });
/// ```
///
/// # An agent as a tool
///
/// `#[tool]` above `#[call]` makes a prompt function a tool, so that one agent asks another. What the inner
/// one does is a part of the outer run to observers, and is cancelled with it.
///
/// ```
/// use meanwhile::prelude::*;
///
/// /// Asks the critic what a book is worth.
/// #[tool]
/// #[call("scripted/critic")]
/// async fn ask_critic(title: String) -> Result<String> {
///     "Is {title} worth reading? Answer in one sentence."
/// }
///
/// #[call("scripted/librarian", tools = [ask_critic])]
/// async fn recommend_book(genre: &str) -> Result<String> {
///     "Recommend a {genre} book that the critic likes."
/// }
///
/// # futures::executor::block_on(async {
/// # let scripted = Scripted::new()
/// #     .tool_call("1", "ask_critic", r#"{"title": "Dune"}"#)
/// #     .reply("It is.")
/// #     .reply("Dune");
/// # registry().insert(scripted.into());
/// assert_eq!(recommend_book("science fiction").await?, "Dune");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::tool(attribute.into(), item.into()).into()
}

/// Makes the methods of a type tools that share one value.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use meanwhile::prelude::*;
///
/// #[derive(Default)]
/// struct Notes(Mutex<Vec<String>>);
///
/// #[toolkit]
/// impl Notes {
///     /// Writes a note down.
///     #[tool(name = "add_note")]
///     fn add(&self, text: String) {
///         self.0.lock().unwrap().push(text);
///     }
///
///     /// Reads all notes.
///     #[tool]
///     async fn read_notes(&self) -> Vec<String> {
///         self.0.lock().unwrap().clone()
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let notes = Arc::new(Notes::default());
/// let scripted = Scripted::new().tool_call("1", "add_note", r#"{"text": "Milk"}"#).reply("Noted.");
/// let model = Model::new(scripted, "any");
///
/// let answer: String = model.call("Note: milk").tools(notes.clone().tools()).await?;
///
/// assert_eq!(answer, "Noted.");
/// assert_eq!(notes.read_notes().await, ["Milk"]);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// The methods under `#[tool]` take `&self` and what a function under [`macro@tool`] takes, `#[host]` values
/// among them; doc comments, outputs and the keys `name`, `description` and `timeout` are as there. They may
/// be `async` or not; several may run at the same time, so what changes is in a `Mutex` or its like. The
/// type gets `tools(self: Arc<Self>) -> Toolbox`, and so has one such `impl`. The other methods in it stay
/// what they are. The one key of the attribute itself is `crate = path`.
#[proc_macro_attribute]
pub fn toolkit(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::toolkit(attribute.into(), item.into()).into()
}

/// Makes a struct or enum the output of calls.
///
/// The type also needs `serde::Deserialize`, by which it is read, and `schemars::JsonSchema`, which
/// tells the model its shape; doc comments on fields become their descriptions.
///
/// ```
/// use meanwhile::prelude::*;
///
/// #[derive(Extract, Deserialize, JsonSchema)]
/// struct Book {
///     /// Exact title.
///     title: String,
///     pages: Option<u32>,
/// }
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply(r#"{"title": "Dune"}"#), "any");
/// let book: Book = model.call("Recommend a book").await?;
/// assert_eq!(book.title, "Dune");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// # Checks
///
/// What no schema can say is checked by functions: `#[extract(check = "path::to::function")]` on a field
/// names a `fn(&Field) -> Result<(), E>`, on the type a `fn(&Type) -> Result<(), E>`, which sees how fields go
/// together; `E` is anything that can be displayed. `check` may be given several times. The fields come
/// first, with the checks of their own types; those of the type run where no field of it has failed. What they
/// all find is one message that names each field by its JSON pointer.
///
/// Checks reach into everything of the standard library that holds values: lists, sets, maps, tuples, options,
/// boxes. A value of a map is named by its key where that is text or a number, and else as `*`. Containers of
/// other crates are not looked into: a field of such a type has the checks that its own function makes.
/// A type with parameters is checked where they are: `Page<T>` needs `T: Checked`.
///
/// An answer that fails is a wrong answer: with `.attempts(n)` the model is shown it, and the message, and
/// is asked again; otherwise the call fails with `ErrorKind::Output` and the answer on the error.
///
/// ```
/// use meanwhile::prelude::*;
///
/// #[derive(Debug, Extract, Deserialize, JsonSchema)]
/// #[extract(check = "in_order")]
/// struct Stay {
///     #[extract(check = "known")]
///     city: String,
///     from_day: u32,
///     to_day: u32,
/// }
///
/// fn known(city: &str) -> Result<(), String> {
///     if ["Lisbon", "Oslo"].contains(&city) { Ok(()) } else { Err(format!("we do not serve {city}")) }
/// }
///
/// fn in_order(stay: &Stay) -> Result<(), &'static str> {
///     if stay.from_day < stay.to_day { Ok(()) } else { Err("a stay ends after it begins") }
/// }
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new()
///     .reply(r#"{"city": "Atlantis", "from_day": 1, "to_day": 4}"#)
///     .reply(r#"{"city": "Oslo", "from_day": 1, "to_day": 4}"#);
/// let model = Model::new(scripted.clone(), "any");
///
/// let stay: Stay = model.call("Where can I go?").attempts(2).await?;
///
/// assert_eq!(stay.city, "Oslo");
/// let told = scripted.requests()[1].messages[2].text();
/// assert!(told.contains("`/city`: we do not serve Atlantis"), "{told}");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[proc_macro_derive(Extract, attributes(extract, meanwhile))]
pub fn extract(input: TokenStream) -> TokenStream {
    derive::extract(input.into()).into()
}

/// Writes the partial form of a type: what is there of a value while it is still being read.
///
/// For a struct `Book` this is a struct `PartialBook` with the same fields: texts and lists that grow,
/// numbers and choices that are there once they are complete, and the partial forms of other structs.
/// Each knows whether it is done (`Growing::is_done`). The names of the fields in the text follow
/// `#[serde(rename)]` and `rename_all`. A field under `#[partial(whole)]`, and an enum, is there as a
/// whole or not at all.
///
/// ```
/// use meanwhile::prelude::*;
///
/// #[derive(Extract, Partial, Deserialize, JsonSchema)]
/// struct Book {
///     title: String,
///     pages: u32,
/// }
///
/// # futures::executor::block_on(async {
/// let json = r#"{"title": "Dune", "pages": 612}"#;
/// let model = Model::new(Scripted::new().reply(json), "any");
/// let mut book = model.call::<Book>("Recommend a book").partials().await?;
/// while let Some(partial) = book.next().await {
///     let partial: &PartialBook = partial?;
///     println!("{} ({:?} pages)", partial.title, partial.pages.get());
/// }
/// assert_eq!(book.finish().await?.pages, 612);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[proc_macro_derive(Partial, attributes(meanwhile, partial))]
pub fn partial(input: TokenStream) -> TokenStream {
    derive::partial(input.into()).into()
}

/// Makes an enum a closed set of tools: one variant for each tool, or for a nested set.
///
/// ```
/// use meanwhile::prelude::*;
///
/// /// Formats a recommendation.
/// #[tool]
/// fn format_book(title: String) -> String {
///     format!("*{title}*")
/// }
///
/// /// Finds out who wrote a book.
/// #[tool]
/// async fn author_of(title: String) -> Option<String> {
///     (title == "Dune").then(|| "Frank Herbert".into())
/// }
///
/// #[derive(Debug, ToolSet)]
/// enum Desk {
///     FormatBook(FormatBook),
///     AuthorOf(AuthorOf),
/// }
///
/// #[call("scripted/any")]
/// async fn recommend_book(genre: &str) -> Result<Turn<String, Desk>> {
///     "Recommend a {genre} book."
/// }
///
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().tool_call("1", "author_of", r#"{"title": "Dune"}"#);
/// registry().insert(scripted.into());
///
/// match recommend_book("science fiction").await? {
///     Turn::Final(text) => println!("{text}"),
///     Turn::ToolCalls(turn) => {
///         for call in turn.calls {
///             match &call.tool {
///                 Ok(Desk::FormatBook(book)) => println!("format {}", book.title),
///                 Ok(Desk::AuthorOf(author)) => assert_eq!(author.title, "Dune"),
///                 Err(error) => println!("{error}"),
///             }
///             assert_eq!(call.run().await.text(), "Frank Herbert");
///         }
///     }
/// }
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[proc_macro_derive(ToolSet, attributes(meanwhile))]
pub fn tool_set(input: TokenStream) -> TokenStream {
    derive::tool_set(input.into()).into()
}

/// Makes a struct a signature: what a predictor is given and what it is to answer.
///
/// The doc comment of the struct is what the model is to do, those of fields what they mean. For `Qa` there
/// are then `QaInput` and `QaOutput`, structs of the inputs and of the outputs with `Debug`, `Clone`,
/// `Serialize` and `Deserialize`, and `Qa::input(…)`, which takes the inputs in order. A filled-in `Qa` is an
/// example, which splits into both: `let (input, output) = qa.into();`.
///
/// ```
/// use meanwhile::prelude::*;
/// use meanwhile::programs::{ChainOfThought, Signature};
///
/// /// Answer in one short sentence.
/// #[derive(Signature)]
/// struct Qa {
///     #[input]
///     question: String,
///     /// No preamble.
///     #[output]
///     answer: String,
///     #[output(constraint = "between 0 and 1", default = 0.5)]
///     confidence: f64,
/// }
///
/// # futures::executor::block_on(async {
/// # let scripted = Scripted::new().reply(
/// #     "[[ ## reasoning ## ]]\nIt saw the oven.\n\n[[ ## answer ## ]]\nTo flee.\n\n[[ ## completed ## ]]",
/// # );
/// # let model = Model::new(scripted, "any");
/// let qa = ChainOfThought::<Qa>::new().model(model);
/// let out = qa.call(Qa::input("Why did the chicken cross the kitchen?")).await?;
/// assert_eq!((&*out.reasoning, &*out.answer), ("It saw the oven.", "To flee."));
/// assert_eq!(out.confidence, 0.5);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// Each field is under `#[input]` or `#[output]`, with any of `description = "…"` or `desc = "…"`, in place
/// of its doc comment; `constraint = "…"`, what must hold of its values, in words; for an output `default`
/// or `default = value`, which stands where the model leaves it out; for an input `history`, which makes it
/// the conversation so far, a `Vec<Fields>`. An output that is an `Option` may be left out, too.
///
/// Types of fields need `JsonSchema`, `Serialize`, `Deserialize`, `Debug` and `Clone`; `Image`, `Audio` and
/// `Document` go to the model as what they are. `#[signature(derive(PartialEq, …))]` derives more for
/// inputs and outputs; `#[meanwhile(crate = path)]` is as everywhere.
#[proc_macro_derive(Signature, attributes(input, output, signature, meanwhile))]
pub fn derive_signature(input: TokenStream) -> TokenStream {
    program::signature(input.into()).into()
}

/// Makes a signature of text, which is checked at compile time.
///
/// Alone, it is a `SignatureSpec`; instructions may follow. With a name in front, it is a type, as
/// [`macro@Signature`] makes one.
///
/// ```
/// use meanwhile::prelude::*;
/// use meanwhile::programs::{Predict, fields, signature};
///
/// signature! {
///     /// Answer with the name of a place.
///     pub Where = "thing, k: int -> places: list[str], sure: bool | None"
/// }
///
/// # futures::executor::block_on(async {
/// let spec = signature!("question -> answer, score: float", "Be brief.");
/// assert_eq!(spec.outputs[1].name, "score");
/// let _ = Predict::of(spec);
///
/// # let reply = "[[ ## places ## ]]\n[\"Lima\"]\n\n[[ ## completed ## ]]";
/// # let model = Model::new(Scripted::new().reply(reply), "any");
/// let found = Predict::<Where>::new().model(model).call(Where::input("llamas", 1)).await?;
/// assert_eq!((&*found.places, found.sure), (&["Lima".to_owned()][..], None));
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
///
/// Fields without a type are text. Types are written as in Python or as in Rust: `str`, `int`, `float`,
/// `bool`, `list[…]`, `dict[str, …]`, `… | None`, `Literal['a', 'b']`; any other name is a type of the
/// program, with the traits that [`macro@Signature`] asks for.
#[proc_macro]
pub fn signature(input: TokenStream) -> TokenStream {
    program::signature_of_text(input.into()).into()
}

/// Makes a struct a module: what optimisers, saved states and traces find predictors in.
///
/// Every field is a module: a predictor, another module, a list or map of modules. One that is none is
/// marked `#[module(skip)]`; `#[module(name = "…")]` gives one another name in paths. Paths are those of
/// DSPy: `draft.predict`, `steps[0]`, `experts['law']`.
///
/// ```
/// use meanwhile::prelude::*;
/// use meanwhile::programs::{ChainOfThought, Forward, Module, ModuleExt as _, signature};
///
/// signature! { Qa = "question -> answer" }
/// signature! { Shorten = "answer -> simplified_answer" }
///
/// #[derive(Module)]
/// struct Simplify {
///     predict1: ChainOfThought<Qa>,
///     predict2: ChainOfThought<Shorten>,
///     #[module(skip)]
///     calls: u32,
/// }
///
/// impl Forward for Simplify {
///     type In = String;
///     type Out = String;
///
///     async fn forward(&self, question: String) -> Result<String> {
///         let answer = self.predict1.call(Qa::input(question)).await?;
///         let short = self.predict2.call(Shorten::input(&answer.answer)).await?;
///         Ok(short.simplified_answer.clone())
///     }
/// }
///
/// let program =
///     Simplify { predict1: ChainOfThought::new(), predict2: ChainOfThought::new(), calls: 0 };
/// let named = program.named_predictors();
/// let paths: Vec<&str> = named.iter().map(|(path, _)| path.as_str()).collect();
/// assert_eq!(paths, ["predict1.predict", "predict2.predict"]);
/// ```
#[proc_macro_derive(Module, attributes(module, meanwhile))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    program::module(input.into()).into()
}
