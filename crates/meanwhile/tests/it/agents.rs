//! Tools of agents: values of the program, media as answers, toolkits, structs, agents as tools.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::{FunctionTool, Host, HostType, Moment, Observer, Run, RunId, Settings, scope};
use serde_json::json;

use crate::support::run;

#[derive(Debug)]
struct Db(Mutex<Vec<String>>);

impl Db {
    fn with(rows: &[&str]) -> Self {
        Self(Mutex::new(rows.iter().map(|row| (*row).to_owned()).collect()))
    }
}

#[derive(Debug, Clone)]
struct User(String);

/// Looks a row up.
#[tool(timeout = "5s")]
async fn look_up(#[host] db: &Db, query: &str, #[host] user: User) -> String {
    let rows = db.0.lock().unwrap();
    let found = rows.iter().find(|row| row.contains(query)).cloned().unwrap_or_default();
    format!("{found} for {}", user.0)
}

/// Adds a row.
#[tool(timeout = Duration::from_millis(20))]
fn add_row(row: String, #[host] db: &Db, #[host] context: &ToolContext) -> u32 {
    db.0.lock().unwrap().push(row);
    context.turn
}

/// Says who asks.
#[tool]
async fn who(#[host] context: &ToolContext, #[host] user: &User) -> Result<String> {
    Ok(format!("{} in turn {}", user.0, context.turn))
}

fn results(scripted: &Scripted) -> Vec<ToolResult> {
    let requests = scripted.requests();
    let parts = &requests.last().unwrap().messages.last().unwrap().parts;
    parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => result.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn texts(scripted: &Scripted) -> Vec<String> {
    results(scripted).iter().map(ToolResult::text).collect()
}

#[test]
fn values_of_the_program_are_no_arguments() {
    let spec = LookUp::spec();
    assert_eq!(
        spec.parameters.as_value(),
        &json!({ "type": "object", "properties": { "query": { "type": "string" } },
            "required": ["query"] })
    );
    assert_eq!(LookUp::needs(), [HostType::of::<Db>(), HostType::of::<User>()]);
    assert_eq!(AddRow::needs(), [HostType::of::<Db>()]);
    assert_eq!(Who::needs(), [HostType::of::<User>()]);
    assert_eq!(LookUp::TIMEOUT, Some(Duration::from_secs(5)));
    assert_eq!(AddRow::TIMEOUT, Some(Duration::from_millis(20)));
    assert_eq!(Who::TIMEOUT, None);

    let db = Db::with(&["Dune"]);
    let tool = LookUp { query: "un".into() };
    assert_eq!(run(tool.call(&db, User("Ada".into()))), "Dune for Ada");
    assert_eq!(AddRow { row: "Emma".into() }.call(&db, &ToolContext::default()), 0);
    assert_eq!(db.0.lock().unwrap().len(), 2);
}

#[call("a/b", tools = [look_up, add_row, who])]
async fn ask(client: &Scripted) -> Result<String> {
    prompt!("go").client(client.clone())
}

fn three_calls() -> Scripted {
    Scripted::new()
        .tool_calls([
            ToolCall::new("1", "add_row", r#"{"row": "Persuasion"}"#),
            ToolCall::new("2", "who", "{}"),
        ])
        .tool_call("3", "look_up", r#"{"query": "uasi"}"#)
        .reply("done")
}

#[test]
fn values_come_from_the_call() {
    let scripted = three_calls();
    let call = ask(&scripted).host(Db::with(&[])).host(User("Ada".into()));
    assert_eq!(run(call.timer(Never).into_future()).unwrap(), "done");
    assert_eq!(texts(&scripted), ["Persuasion for Ada"]);
    let first = &scripted.requests()[1].messages[2];
    assert!(format!("{first:?}").contains("Ada in turn 1"), "{first:?}");

    // Or from the scope around.
    let scripted = three_calls();
    let settings = Settings::new().host(Db::with(&[])).host(User("Bea".into())).timer(Never);
    run(scope(settings, async { ask(&scripted).await })).unwrap();
    assert_eq!(texts(&scripted), ["Persuasion for Bea"]);
}

#[test]
fn a_missing_value_fails_before_anything_is_sent() {
    let scripted = three_calls();
    let error = run(ask(&scripted).host(Db::with(&[])).into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("`look_up` needs a `"), "{error}");
    assert!(error.message().contains("agents::User"), "{error}");
    assert!(scripted.requests().is_empty());

    // By hand, too.
    let tool = LookUp { query: "x".into() };
    let context = ToolContext::new(Host::new().with(Db::with(&[])));
    let error = run(FunctionTool::run(tool, &context)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// A timer whose time never comes.
#[derive(Debug)]
struct Never;

impl meanwhile::Timer for Never {
    fn sleep(
        &self,
        _: Duration,
    ) -> meanwhile::Result<meanwhile::futures_util::future::BoxFuture<'static, ()>> {
        Ok(Box::pin(std::future::pending()))
    }
}

#[cfg(feature = "blocking")]
#[test]
fn synchronous_tools_with_values_run_off_the_runtime() {
    static RUNTIME: Mutex<Option<std::thread::ThreadId>> = Mutex::new(None);

    /// Says on which thread it runs.
    #[tool]
    fn place(#[host] db: &Db) -> bool {
        let rows = db.0.lock().unwrap();
        rows.is_empty() && Some(std::thread::current().id()) != *RUNTIME.lock().unwrap()
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        *RUNTIME.lock().unwrap() = Some(std::thread::current().id());
        let context = ToolContext::new(Host::new().with(Db::with(&[])));
        let output = FunctionTool::run(Place {}, &context).await.unwrap();
        assert_eq!(output, ToolOutput::new("true"));
    });
}

fn picture() -> Image {
    Image::bytes(vec![1, 2, 3], "image/png")
}

type Drawn = std::result::Result<Image, std::fmt::Error>;

#[derive(Serialize)]
struct Framed {
    image: Image,
}

/// Draws.
#[tool]
async fn one_image() -> Image {
    picture()
}

/// Draws, off the runtime.
#[tool]
fn one_part() -> Part {
    picture().into()
}

/// Draws a lot.
#[tool]
async fn some_images() -> Vec<Image> {
    vec![picture(), picture()]
}

/// Draws and says.
#[tool]
fn some_parts() -> Result<Vec<Part>, String> {
    Ok(vec![Part::text("here"), picture().into()])
}

/// Draws, perhaps.
#[tool]
async fn perhaps(is_there: bool) -> Result<Option<Image>> {
    Ok(is_there.then(picture))
}

/// Fails to draw.
#[tool]
async fn failing() -> Result<Image, String> {
    Err("no paint".into())
}

/// Draws by another name.
#[tool]
async fn alias() -> Drawn {
    Ok(picture())
}

/// Sings.
#[tool]
async fn one_sound() -> Audio {
    Audio::bytes(vec![1], "audio/wav")
}

/// Writes.
#[tool]
async fn one_document() -> [Document; 1] {
    [Document::text("words")]
}

/// Frames: a picture inside of something else.
#[tool]
async fn in_frame() -> Framed {
    Framed { image: picture() }
}

/// Counts, as JSON.
#[tool]
async fn counted() -> Result<Vec<u8>> {
    Ok(vec![1, 2])
}

/// Does nothing.
#[tool]
async fn nothing() {}

#[test]
fn media_are_answers_as_they_are() {
    fn check<T: FunctionTool>(arguments: &str, expected: Vec<Part>) {
        let tool: T = ToolCall::new("1", T::NAME, arguments).parse().unwrap();
        let output = run(tool.run(&ToolContext::default())).unwrap();
        assert_eq!(output.parts, expected, "{}", T::NAME);
    }
    let image = || Part::from(picture());
    check::<OneImage>("", vec![image()]);
    check::<OnePart>("", vec![image()]);
    check::<SomeImages>("", vec![image(), image()]);
    check::<SomeParts>("", vec![Part::text("here"), image()]);
    check::<Perhaps>(r#"{"is_there": true}"#, vec![image()]);
    check::<Perhaps>(r#"{"is_there": false}"#, vec![]);
    check::<Alias>("", vec![image()]);
    check::<OneSound>("", vec![Audio::bytes(vec![1], "audio/wav").into()]);
    check::<OneDocument>("", vec![Document::text("words").into()]);
    let json = r#"{"image":{"source":{"bytes":"AQID"},"media_type":"image/png"}}"#;
    check::<InFrame>("", vec![Part::text(json)]);
    check::<Counted>("", vec![Part::text("[1,2]")]);
    check::<Nothing>("", vec![Part::text("")]);
    let error = run(FunctionTool::run(Failing {}, &ToolContext::default())).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Tool, "no paint"));
}

#[derive(Debug, Default)]
struct Notes {
    notes: Mutex<Vec<String>>,
    reads: AtomicU32,
}

#[toolkit]
impl Notes {
    const LIMIT: usize = 3;

    /// Writes a note down.
    #[tool(name = "add_note")]
    fn add(
        &self,
        /// What to remember.
        text: &str,
        #[serde(default)] urgent: bool,
    ) -> Result<usize, String> {
        let mut notes = self.notes.lock().unwrap();
        if notes.len() == Self::LIMIT {
            return Err("the notebook is full".into());
        }
        notes.push(if urgent { format!("{text}!") } else { text.to_owned() });
        Ok(notes.len())
    }

    /// Reads the notes of a user.
    #[tool(timeout = "1m")]
    async fn read(&self, #[host] user: &User) -> Vec<String> {
        std::future::ready(()).await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.all().iter().map(|note| format!("{}: {note}", user.0)).collect()
    }

    /// Draws the notes.
    #[tool]
    async fn draw(&self) -> Image {
        picture()
    }

    #[cfg(any())]
    /// Is not there.
    #[tool]
    fn gone(&self) -> NoSuchType {}

    /// Asks somebody else.
    #[tool(description = "Asks the sage.")]
    #[call("a/b")]
    async fn ask(&self, question: &str, #[host] client: &Scripted) -> Result<String> {
        prompt!("{question}, with {self.notes:?}").client(client.clone())
    }

    fn all(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

#[test]
fn the_tools_of_a_toolkit_share_its_value() {
    let notes = Arc::new(Notes::default());
    let tools = Arc::clone(&notes).tools();
    let names: Vec<&str> = tools.specs().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["add_note", "read", "draw", "ask"]);
    let add = tools.specs().next().unwrap();
    assert_eq!(add.description, "Writes a note down.");
    assert_eq!(add.parameters.as_value()["required"], json!(["text"]));
    assert_eq!(
        add.parameters.as_value()["properties"]["text"],
        json!({ "type": "string", "description": "What to remember." })
    );
    let facts = |name: &str| {
        let tool = tools.get(name).unwrap();
        (tool.is_async(), tool.timeout(), tool.needs())
    };
    assert_eq!(facts("add_note"), (false, None, vec![]));
    let minute = Some(Duration::from_secs(60));
    assert_eq!(facts("read"), (true, minute, vec![HostType::of::<User>()]));
    assert_eq!(tools.get("ask").unwrap().spec().description, "Asks the sage.");
    assert!(format!("{:?}", tools.get("read").unwrap()).contains("read"));

    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "add_note", r#"{"text": "milk"}"#),
            ToolCall::new("2", "add_note", r#"{"text": "tea", "urgent": true}"#),
        ])
        .tool_calls([
            ToolCall::new("3", "read", "{}"),
            ToolCall::new("4", "draw", "{}"),
            ToolCall::new("5", "add_note", "[]"),
            ToolCall::new("6", "ask", r#"{"question": "Why"}"#),
        ])
        .reply("done");
    let sage = Scripted::new().reply("Because.");
    let agent = Model::new(scripted.clone(), "any").call::<String>("go").tools(tools);
    let agent = agent.host(User("Ada".into())).host(sage.clone()).timer(Never);
    assert_eq!(run(agent.into_future()).unwrap(), "done");

    assert_eq!(notes.all(), ["milk", "tea!"]);
    assert_eq!(notes.reads.load(Ordering::SeqCst), 1);
    let results = results(&scripted);
    assert_eq!(results[0].text(), r#"["Ada: milk","Ada: tea!"]"#);
    assert_eq!(results[1].parts, [Part::from(picture())]);
    assert!(results[2].is_error && results[2].text().contains("do not fit"), "{results:?}");
    assert_eq!(results[3].text(), "Because.");
    assert_eq!(
        sage.requests()[0].messages[0].text(),
        r#"Why, with Mutex { data: ["milk", "tea!"], poisoned: false, .. }"#
    );
}

/// Looks something up.
///
/// Anything.
#[tool(timeout = "2s", needs(User))]
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
struct LookItUp {
    /// What to look for.
    query: String,
    #[serde(default)]
    page: u32,
}

impl LookItUp {
    async fn call(self, context: &ToolContext) -> Result<String> {
        let user = context.host::<User>()?;
        Ok(format!("{} on page {} for {}", self.query, self.page, user.0))
    }
}

/// Takes a picture.
#[tool(name = "photo", description = "Takes a photo.")]
#[derive(Deserialize, JsonSchema)]
struct Camera {}

impl Camera {
    async fn call(&self, _: &ToolContext) -> Image {
        picture()
    }
}

#[derive(ToolSet)]
enum Kit {
    LookItUp(LookItUp),
    Camera(Camera),
}

#[test]
fn a_struct_is_a_tool() {
    assert_eq!((LookItUp::NAME, Camera::NAME), ("look_it_up", "photo"));
    assert_eq!(LookItUp::TIMEOUT, Some(Duration::from_secs(2)));
    assert_eq!(LookItUp::needs(), [HostType::of::<User>()]);
    assert_eq!(LookItUp::spec().description, "Looks something up.\n\nAnything.");
    assert_eq!(Camera::spec().description, "Takes a photo.");
    let spec = LookItUp::spec();
    let query = &spec.parameters.as_value()["properties"]["query"];
    assert_eq!(query["description"], "What to look for.");

    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "look_it_up", r#"{"query": "tea"}"#),
            ToolCall::new("2", "photo", "{}"),
        ])
        .reply("done");
    let call = Model::new(scripted.clone(), "any").call::<String>("go").tool::<Kit>();
    run(call.host(User("Ada".into())).timer(Never).into_future()).unwrap();
    let results = results(&scripted);
    assert_eq!(results[0].text(), "tea on page 0 for Ada");
    assert_eq!(results[1].parts, [Part::from(picture())]);
    assert!(matches!(
        Kit::from_call(&ToolCall::new("1", "look_it_up", r#"{"query": "tea"}"#)),
        Ok(Kit::LookItUp(LookItUp { page: 0, .. }))
    ));
    assert!(matches!(Kit::from_call(&ToolCall::new("1", "photo", "")), Ok(Kit::Camera(_))));
}

/// Asks the critic.
#[tool(timeout = "1m")]
#[call("a/b", temperature = 0.5, tools = [add_row])]
async fn ask_critic(
    /// The exact title.
    title: &str,
    #[host] client: &Scripted,
) -> Result<String> {
    prompt!("Is {title} good?").client(client.clone())
}

/// A run that has ended.
#[derive(Debug, Clone)]
struct Ended {
    id: RunId,
    parent: Option<RunId>,
    name: String,
    tokens: u64,
}

/// Every run that has ended, in order.
#[derive(Debug, Default)]
struct Family(Mutex<Vec<Ended>>);

impl Observer for Family {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let tokens = match moment {
            Moment::ModelEnd { response } => response.usage.total().unwrap_or_default(),
            moment if moment.is_end() => 0,
            _ => return,
        };
        let (id, parent, name) = (run.id(), run.parent(), run.name().to_owned());
        self.0.lock().unwrap().push(Ended { id, parent, name, tokens });
    }
}

#[test]
fn an_agent_is_a_tool_of_another() {
    assert_eq!(AskCritic::needs(), [HostType::of::<Scripted>()]);
    assert_eq!(AskCritic::TIMEOUT, Some(Duration::from_secs(60)));
    const { assert!(AskCritic::IS_ASYNC) };
    let spec = AskCritic::spec();
    assert_eq!(
        &spec.parameters.as_value()["properties"],
        &json!({ "title": { "type": "string", "description": "The exact title." } })
    );

    let critic =
        Scripted::new().tool_call("1", "add_row", r#"{"row": "Dune"}"#).reply("It is good.");
    let scripted =
        Scripted::new().tool_call("1", "ask_critic", r#"{"title": "Dune"}"#).reply("Dune it is.");
    let family = Arc::new(Family::default());
    let outer = async {
        let call = Model::new(scripted.clone(), "any").call::<String>("go").tool::<AskCritic>();
        call.host(critic.clone()).observe(family.clone()).await
    };
    let settings = Settings::new().host(Db::with(&[])).timer(Never);
    assert_eq!(run(scope(settings, outer)).unwrap(), "Dune it is.");

    assert_eq!(texts(&scripted), ["It is good."]);
    assert_eq!(critic.requests()[0].params.temperature, Some(0.5));
    assert_eq!(critic.requests()[0].messages[0].text(), "Is Dune good?");
    // All that the inner agent does, and uses, is observed as a part of the tool that it is.
    let ended = family.0.lock().unwrap().clone();
    let name = |id: Option<RunId>| {
        let found = ended.iter().find(|one| Some(one.id) == id);
        found.map_or("", |found| found.name.as_str())
    };
    let seen: Vec<(&str, &str, u64)> =
        ended.iter().map(|one| (one.name.as_str(), name(one.parent), one.tokens)).collect();
    let expected = [
        ("scripted/any", "call", 2),
        ("scripted/b", "ask_critic", 2),
        ("add_row", "ask_critic", 0),
        ("scripted/b", "ask_critic", 4),
        ("ask_critic", "ask_critic", 0),
        ("ask_critic", "call", 0),
        ("scripted/any", "call", 4),
        ("call", "", 0),
    ];
    assert_eq!(seen, expected);
}
