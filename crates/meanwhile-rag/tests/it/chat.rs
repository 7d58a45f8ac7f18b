//! Chats: what can be said, what is remembered, when it is searched, and what a broken turn leaves behind.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Error, ErrorKind, Event, Message, Moment, Observer, Part, Registry, Result, Role, Run,
    Scripted, Settings, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox, scope,
};
use meanwhile_rag::{
    ChatEngine, ChatMode, ChatModel as _, ChatStore as _, InMemoryChatStore, IntoMessages, Memory,
    Summary, TokenBudget,
};
use serde_json::json;

use crate::common::{handbook, model};

fn texts(messages: &[Message]) -> Vec<(Role, String)> {
    messages.iter().map(|message| (message.role, message.text())).collect()
}

async fn remembered(chat: &ChatEngine) -> Vec<(Role, String)> {
    texts(&chat.remembered().conversation().await.unwrap().messages)
}

#[test]
fn conversations_are_written_in_many_ways() {
    let check = |messages: Result<Vec<Message>>, expected: &[(Role, &str)]| {
        let texts = texts(&messages.unwrap());
        let texts: Vec<_> = texts.iter().map(|(role, text)| (*role, text.as_str())).collect();
        assert_eq!(texts, expected);
    };
    let user = [(Role::User, "Hi")];
    let both = [(Role::System, "Be kind."), (Role::User, "Hi")];
    check("Hi".into_messages(), &user);
    check(String::from("Hi").into_messages(), &user);
    check(Message::user("Hi").into_messages(), &user);
    check(("user", "Hi").into_messages(), &user);
    check((Role::User, String::from("Hi")).into_messages(), &user);
    check([("developer", "Be kind."), ("user", "Hi")].into_messages(), &both);
    check(vec![Message::system("Be kind."), Message::user("Hi")].into_messages(), &both);
    check((&[Message::system("Be kind."), Message::user("Hi")][..]).into_messages(), &both);
    check(
        json!([{"role": "system", "content": "Be kind."}, {"content": [{"type": "text", "text": "Hi"}], "role": "user"}])
            .into_messages(),
        &both,
    );
    check([BTreeMap::from([("role", "user"), ("content", "Hi")])].into_messages(), &user);
    check([HashMap::from([("content", "Hi"), ("role", "user")])].into_messages(), &user);
    check(json!("Hi").into_messages(), &user);
    let named = json!({"role": "user", "content": "Hi", "name": "Ada"}).into_messages().unwrap();
    assert_eq!(named[0].name.as_deref(), Some("Ada"));
    let tool = json!({"role": "tool", "content": "42", "tool_call_id": "7", "name": "sum"});
    let tool = tool.into_messages().unwrap();
    assert!(
        matches!(&tool[0].parts[0], Part::ToolResult(result) if result.call_id == "7" && result.text() == "42")
    );
}

#[test]
fn what_is_no_message_says_what_one_is() {
    let check = |value: serde_json::Value, expected: &str| {
        let error = value.clone().into_messages().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(expected), "{value} gave {error}");
    };
    check(json!(7), "`role` and `content`");
    check(json!({"content": "Hi"}), "needs a `role`");
    check(json!({"role": "robot", "content": "Hi"}), "no role `robot`");
    check(json!({"role": 7, "content": "Hi"}), "`role` of a message is text");
    check(json!({"role": "user", "content": 7}), "`content` of a message is text");
    check(json!({"role": "user", "content": [{"type": "image_url"}]}), "build a `Message`");
    check(json!({"role": "user", "content": "Hi", "mood": "good"}), "no field `mood`");
    check(json!({"role": "tool", "content": "42"}), "`tool_call_id`");
    check(
        json!({"role": "user", "content": "42", "tool_call_id": "7"}),
        "only a message of a tool",
    );
    assert!([("narrator", "Hi")].into_messages().is_err());
}

#[tokio::test]
async fn a_model_is_chatted_with_in_pairs_and_maps() {
    let scripted = Scripted::new().reply("Once upon a time.").reply("Hello, Ada.");
    let model = model(&scripted);
    let mut story = model.stream_chat([("user", "Tell me a story")]).await.unwrap();
    let mut deltas = Vec::new();
    while let Some(chunk) = story.next().await {
        deltas.push(chunk.unwrap().delta);
    }
    assert_eq!(deltas, ["Once ", "upon ", "a ", "time."]);
    assert_eq!(story.text(), "Once upon a time.");
    assert_eq!(story.answer().unwrap().usage.output.total, Some(4));
    let hello = model.chat(json!([{"role": "user", "content": "I am Ada."}])).await.unwrap();
    assert_eq!(hello.text, "Hello, Ada.");
    assert!(model.chat([("narrator", "…")]).await.is_err());
    assert_eq!(scripted.requests().len(), 2);
    // It can be given to a task of its own.
    let stream = model.stream_chat("Hi");
    assert!(tokio::spawn(async move { stream.await.map(|_| ()) }).await.unwrap().is_err());
}

#[tokio::test]
async fn a_turn_has_its_sources_and_the_memory_has_none() {
    let (index, embedder) = handbook().await;
    let scripted = Scripted::new().reply("Within 30 days [1].").reply("No [1].");
    let chat = ChatEngine::new(index.retriever().dense(), ChatMode::Context);
    let chat = chat.model(model(&scripted)).top_k(1);
    let answer = chat.chat("Money back?").await.unwrap();
    assert_eq!(answer.citations[0].document_id, "refunds.md");
    chat.chat("And a voucher?").await.unwrap();
    assert_eq!(embedder.questions(), [["Money back?"], ["And a voucher?"]]);
    let said = [
        (Role::User, "Money back?".to_owned()),
        (Role::Assistant, "Within 30 days [1].".to_owned()),
        (Role::User, "And a voucher?".to_owned()),
        (Role::Assistant, "No [1].".to_owned()),
    ];
    assert_eq!(remembered(&chat).await, said);
    let asked = texts(&scripted.requests()[1].messages);
    assert_eq!(asked[1..3], said[..2]);
    assert_eq!(asked.len(), 4);
    assert!(asked[3].1.starts_with("Sources:\n\n[1] refunds.md\n"), "{}", asked[3].1);
    assert!(asked[3].1.ends_with("Question: And a voucher?"), "{}", asked[3].1);
}

#[tokio::test]
async fn a_follow_up_is_condensed_into_a_question() {
    let (index, embedder) = handbook().await;
    let check = async |mode: ChatMode, last: &str, messages: usize| {
        let scripted = Scripted::new()
            .reply("30 days [1].")
            .reply(" Is a voucher reimbursed? ")
            .reply("No [1].");
        let chat = index.chat(mode).model(model(&scripted)).top_k(1);
        chat.chat("Money back?").await.unwrap();
        let mut stream = chat.stream_chat("And for those?").await.unwrap();
        assert_eq!(stream.sources()[0].chunk.text.trim(), "Gift cards cannot be reimbursed.");
        assert_eq!(stream.next().await.unwrap().unwrap().delta, "No ");
        let answer = stream.finish().await.unwrap();
        assert_eq!(answer.text, "No [1].");
        // The question cost something, too.
        assert_eq!(answer.usage.output.total, Some(4 + 2));
        let requests = scripted.requests();
        assert_eq!(requests.len(), 3);
        let condensed = requests[1].messages.last().unwrap().text();
        assert_eq!(
            condensed,
            "Conversation:\nuser: Money back?\nassistant: 30 days [1].\n\nThe user says next: And for those?"
        );
        assert_eq!(requests[2].messages.len(), messages, "{mode:?}");
        let asked = requests[2].messages.last().unwrap().text();
        assert!(asked.ends_with(last), "{asked}");
        assert_eq!(remembered(&chat).await[2].1, "And for those?");
    };
    check(ChatMode::CondensePlusContext, "Question: And for those?", 4).await;
    check(ChatMode::CondenseQuestion, "Question: Is a voucher reimbursed?", 2).await;
    assert_eq!(embedder.questions().len(), 4);
}

#[tokio::test]
async fn a_turn_that_does_not_end_is_not_remembered() {
    let (index, _) = handbook().await;
    let cut = [
        Ok(Event::text_start(0)),
        Ok(Event::text_delta(0, "With")),
        Err(Error::new(ErrorKind::StreamInterrupted, "gone")),
    ];
    let scripted = Scripted::new()
        .reply("Within 30 days.")
        .silence_after([Event::text_start(0), Event::text_delta(0, "With")])
        .events(cut.clone())
        .events(cut)
        .error(Error::new(ErrorKind::RateLimit, "later"))
        .reply("Within 30 days.");
    let chat = index.chat(ChatMode::Context).model(model(&scripted));
    // Dropped in its middle, before the last word and after it.
    let mut stream = chat.stream_chat("Money back?").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().delta, "Within ");
    drop(stream);
    assert_eq!(remembered(&chat).await, []);
    let mut stream = chat.stream_chat("Money back?").await.unwrap();
    stream.next().await.unwrap().unwrap();
    assert!(futures::FutureExt::now_or_never(stream.next()).is_none());
    drop(stream);
    // Broken.
    let error = chat.stream_chat("Money back?").await.unwrap().finish().await.unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "With");
    assert!(chat.chat("Money back?").await.is_err());
    assert!(chat.stream_chat("Money back?").await.is_err());
    assert_eq!(remembered(&chat).await, []);
    let answer = chat.stream_chat("Money back?").await.unwrap().finish().await.unwrap();
    assert_eq!(answer.text, "Within 30 days.");
    assert_eq!(remembered(&chat).await.len(), 2);
}

#[tokio::test]
async fn turns_that_overlap_do_not_wait_for_each_other() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply_with(|_| "Yes, of course.".to_owned());
    let chat = index.chat(ChatMode::Context).model(model(&scripted));
    let mut first = chat.stream_chat("One?").await.unwrap();
    first.next().await.unwrap().unwrap();
    chat.chat("Two?").await.unwrap();
    first.finish().await.unwrap();
    let said: Vec<_> = remembered(&chat).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(said, ["Two?", "Yes, of course.", "One?", "Yes, of course."]);
}

#[tokio::test]
async fn the_newest_messages_that_fit_go_along() {
    let (index, _) = handbook().await;
    let store = InMemoryChatStore::new();
    let ten = "x".repeat(40);
    for turn in 0..4 {
        let said = [Message::user(format!("{turn}{ten}")), Message::assistant(ten.as_str())];
        store.append("ada", said.to_vec()).await.unwrap();
    }
    let check = async |tokens: usize, expected: &[&str]| {
        let scripted = Scripted::new().reply("Yes.");
        let memory = Memory::new(tokens).store(InMemoryChatStore::new(), "ada");
        let memory = memory.store(copy(&store).await, "ada");
        let chat = index.chat(ChatMode::Context).model(model(&scripted)).memory(memory);
        chat.chat("Well?").await.unwrap();
        let asked = texts(&scripted.requests()[0].messages);
        let history: Vec<_> = asked[1..asked.len() - 1]
            .iter()
            .map(|(role, text)| (*role, text.get(..1).unwrap()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .flat_map(|turn| [(Role::User, *turn), (Role::Assistant, "x")])
            .collect();
        assert_eq!(history, expected, "{tokens}");
    };
    check(1_000, &["0", "1", "2", "3"]).await;
    check(42, &["2", "3"]).await;
    check(41, &["3"]).await;
    // An answer never stands without its question.
    check(11, &[]).await;
    check(0, &[]).await;
    let all = store.load("ada").await.unwrap();
    assert_eq!(all.messages.len(), 8);
    assert_eq!(store.load("bob").await.unwrap().messages, []);
}

async fn copy(store: &InMemoryChatStore) -> InMemoryChatStore {
    let copy = InMemoryChatStore::new();
    copy.append("ada", store.load("ada").await.unwrap().messages).await.unwrap();
    copy
}

#[tokio::test]
async fn what_no_longer_fits_is_summed_up() {
    let (index, _) = handbook().await;
    let summarizer = Scripted::new().reply("They spoke of lamps.").reply("Lamps, then vouchers.");
    let scripted = Scripted::new().reply_with(|_| "y".repeat(40));
    let memory = Memory::from(TokenBudget(50)).summary(model(&summarizer));
    let chat = index.chat(ChatMode::Context).model(model(&scripted)).memory(memory);
    let ten = "x".repeat(40);
    let asked = async |text: String| {
        chat.chat(text).await.unwrap();
        texts(&scripted.requests().pop().unwrap().messages)
    };
    asked(format!("0{ten}")).await;
    asked(format!("1{ten}")).await;
    // Two turns are 42 tokens, which fit.
    let second = asked(format!("2{ten}")).await;
    assert_eq!(second.len(), 1 + 4 + 1);
    assert!(summarizer.requests().is_empty());
    // Three do not: the newest, which has half of the room, stays, and the others are summed up.
    let third = asked(format!("3{ten}")).await;
    assert_eq!(
        third[1],
        (Role::System, "Summary of the conversation so far: They spoke of lamps.".to_owned())
    );
    assert_eq!(third.len(), 1 + 1 + 2 + 1);
    let summed = summarizer.requests()[0].messages[1].text();
    assert!(
        summed.starts_with("user: 0x")
            && summed.contains("user: 1x")
            && !summed.contains("user: 2x")
    );
    asked(format!("4{ten}")).await;
    assert_eq!(summarizer.requests().len(), 1);
    let fifth = asked(format!("5{ten}")).await;
    assert!(fifth[1].1.ends_with("Lamps, then vouchers."));
    let summed = summarizer.requests()[1].messages[1].text();
    assert!(
        summed.starts_with("Summary of what came before: They spoke of lamps.\n\nuser: 2x"),
        "{summed}"
    );
    // Nothing is lost.
    let kept = chat.remembered().conversation().await.unwrap();
    assert_eq!(kept.messages.len(), 12);
    assert_eq!(kept.summary, Some(Summary::new("Lamps, then vouchers.", 8)));
    let read = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    assert_eq!(kept, read);
    chat.remembered().clear().await.unwrap();
    assert_eq!(remembered(&chat).await, []);
}

/// Tells the time, always the same.
#[derive(Debug)]
struct Clock;

#[async_trait]
impl Tool for Clock {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("clock", "Tells the time.", json!({"type": "object"}).into())
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new("12:00"))
    }
}

#[tokio::test]
async fn a_model_that_searches_itself_keeps_its_sources() {
    let (index, _) = handbook().await;
    let scripted = || {
        let first = [
            Ok(Event::text_start(0)),
            Ok(Event::text_delta(0, "Let me look.")),
            Ok(Event::part_end(0)),
            Ok(Event::tool_call_start(1, "1", "search")),
            Ok(Event::tool_call_delta(1, r#"{"query": "voucher"}"#)),
            Ok(Event::part_end(1)),
            Ok(Event::finish(meanwhile_core::Finish::new(meanwhile_core::FinishReason::ToolCalls))),
        ];
        Scripted::new()
            .events(first)
            .tool_calls([
                ToolCall::new("2", "search", r#"{"query": "courier"}"#),
                ToolCall::new("3", "search", r#"{"query": "gift"}"#),
                ToolCall::new("4", "clock", "{}"),
            ])
            .reply("No vouchers [1], but a courier [2].")
    };
    let chat = |scripted: &Scripted| {
        let chat = ChatEngine::new(index.retriever().dense(), ChatMode::Tools).top_k(1);
        chat.model(model(scripted)).tools(Toolbox::new().with(AnyTool::new(Clock)))
    };
    let streamed = scripted();
    let engine = chat(&streamed);
    let mut stream = engine.stream_chat("Gift cards?").await.unwrap();
    assert!(stream.sources().is_empty());
    assert_eq!(stream.next().await.unwrap().unwrap().delta, "Let me look.");
    assert_eq!(stream.text(), "Let me look.");
    assert_eq!(stream.next().await.unwrap().unwrap().delta, "No ");
    assert_eq!((stream.text(), stream.sources().len()), ("No ", 2));
    let answer = stream.finish().await.unwrap();
    let check = |answer: &meanwhile_rag::Answer| {
        assert_eq!(answer.text, "No vouchers [1], but a courier [2].");
        let cited: Vec<_> = answer.cited().map(|found| found.chunk.text.trim()).collect();
        assert_eq!(
            cited,
            ["Gift cards cannot be reimbursed.", "A courier brings every order within two days."]
        );
        assert_eq!(answer.chunks.len(), 2);
    };
    check(&answer);
    // What was found twice has one number.
    let results = streamed.requests()[2].messages.last().unwrap().clone();
    let results: Vec<_> = results
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => result.text().get(..3).unwrap().to_owned(),
            part => panic!("{part:?}"),
        })
        .collect();
    assert_eq!(results, ["[2]", "[1]", "12:"]);
    let roles: Vec<_> = remembered(&engine).await.into_iter().map(|(role, _)| role).collect();
    let turn =
        [Role::User, Role::Assistant, Role::Tool, Role::Assistant, Role::Tool, Role::Assistant];
    assert_eq!(roles, turn);

    let awaited = scripted();
    let engine = chat(&awaited);
    check(&engine.chat("Gift cards?").await.unwrap());
    assert_eq!(remembered(&engine).await.len(), 6);
}

#[tokio::test]
async fn a_second_turn_knows_the_first_and_not_what_it_found() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new()
        .tool_call("1", "search", r#"{"query": "voucher"}"#)
        .tool_calls([
            ToolCall::new("2", "search", r#"{"query": "courier"}"#),
            ToolCall::new("3", "clock", "{}"),
        ])
        .reply("No vouchers [1], but a courier [2].")
        .tool_call("4", "search", r#"{"query": "money back"}"#)
        .reply("Within 30 days [1].");
    let chat = ChatEngine::new(index.retriever().dense(), ChatMode::Tools).top_k(1);
    let chat = chat.model(model(&scripted)).tools(Toolbox::new().with(AnyTool::new(Clock)));
    // Less than what the searches of one turn have found.
    let chat = chat.memory(TokenBudget(24));
    chat.chat("Gift cards?").await.unwrap();
    let answer = chat.chat("And the money?").await.unwrap();
    assert_eq!(answer.chunks.len(), 1);
    assert_eq!(answer.citations[0].document_id, "refunds.md");

    let second = &scripted.requests()[3].messages;
    let parts = |message: &Message| {
        let part = |part: &Part| match part {
            Part::Text(part) => part.text.clone(),
            Part::ToolCall(call) => format!("call of {}", call.name),
            Part::ToolResult(result) => format!("result {}", result.text()),
            part => panic!("{part:?}"),
        };
        message.parts.iter().map(part).collect::<Vec<_>>().join(" | ")
    };
    let went: Vec<_> = second.iter().skip(1).map(parts).collect();
    assert_eq!(
        went,
        [
            "Gift cards?",
            "call of clock",
            "result 12:00",
            "No vouchers [1], but a courier [2].",
            "And the money?",
        ]
    );
    // All of it is kept.
    assert_eq!(remembered(&chat).await.len(), 6 + 4);

    // With less room, what was said goes along all the same.
    let scripted = Scripted::new().reply("Well.");
    let memory = Memory::new(12).store(kept(&chat).await, "ada");
    let tight = chat.memory(memory).model(model(&scripted));
    tight.chat("Hm?").await.unwrap();
    let went: Vec<_> = scripted.requests()[0].messages.iter().skip(1).map(parts).collect();
    assert_eq!(went, ["And the money?", "Within 30 days [1].", "Hm?"]);
}

/// What a chat remembers, in a store of its own.
async fn kept(chat: &ChatEngine) -> InMemoryChatStore {
    let store = InMemoryChatStore::new();
    let conversation = chat.remembered().conversation().await.unwrap();
    store.append("ada", conversation.messages).await.unwrap();
    store
}

#[tokio::test]
async fn a_tool_that_is_called_as_the_search_is_an_error() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply("Yes.");
    let chat = index.chat(ChatMode::Tools).model(model(&scripted));
    let chat = chat.tools(Toolbox::new().with(AnyTool::new(Clock)));
    let error = chat.clone().search_tool("clock", "Searches.").chat("Hm?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("`clock`"), "{error}");
    assert_eq!(chat.chat("Hm?").await.unwrap().text, "Yes.");
}

#[tokio::test]
async fn what_goes_along_begins_with_the_user() {
    let (index, _) = handbook().await;
    let check = async |said: &[(&str, &str)], expected: &[(Role, &str)]| {
        let scripted = Scripted::new().reply("Hello.").reply("Fine.");
        let chat = index.chat(ChatMode::Simple).model(model(&scripted));
        chat.chat(said.to_vec()).await.unwrap();
        chat.chat("And now?").await.unwrap();
        let asked = texts(&scripted.requests()[1].messages);
        let asked: Vec<_> =
            asked.iter().skip(1).map(|(role, text)| (*role, text.as_str())).collect();
        assert_eq!(asked, expected);
    };
    let rest = [(Role::User, "Hi"), (Role::Assistant, "Hello."), (Role::User, "And now?")];
    check(&[("user", "Hi")], &rest).await;
    check(&[("assistant", "Welcome."), ("user", "Hi")], &rest).await;
    let system = [[(Role::System, "It is May.")].as_slice(), &rest].concat();
    check(&[("system", "It is May."), ("user", "Hi")], &system).await;
}

/// Keeps what is told of chains, and what ran in them.
#[derive(Debug, Default)]
struct Chains(Mutex<Vec<String>>);

impl Observer for Chains {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let what = match moment {
            Moment::ChainStart => "begins",
            Moment::ChainEnd => "ends",
            Moment::ModelStart { .. } => "model",
            _ => return,
        };
        self.0.lock().unwrap().push(format!("{} {what}", run.name()));
    }
}

#[tokio::test]
async fn a_stream_is_observed_as_one_chain_to_its_end() {
    let (index, _) = handbook().await;
    let check = async |streamed: bool| {
        let (chains, scripted) = (Arc::new(Chains::default()), Scripted::new());
        let scripted = scripted.reply("Within 30 days [1].").reply("Within 30 days [1].");
        let chat = index.chat(ChatMode::Context).model(model(&scripted));
        let query = index.query("Money back?").model(model(&scripted));
        let settings = Settings::new().observe(Arc::clone(&chains));
        scope(settings, async {
            if streamed {
                let mut stream = chat.stream_chat("Money back?").await.unwrap();
                assert!(!stream.sources().is_empty());
                stream.next().await.unwrap().unwrap();
                let told = chains.0.lock().unwrap().clone();
                assert!(told.iter().all(|told| !told.ends_with("ends")), "{told:?}");
                stream.finish().await.unwrap();
                query.stream().await.unwrap().finish().await.unwrap();
            } else {
                chat.chat("Money back?").await.unwrap();
                query.await.unwrap();
            }
        })
        .await;
        chains.0.lock().unwrap().clone()
    };
    let streamed = check(true).await;
    assert_eq!(streamed, check(false).await);
    assert_eq!(streamed.first().map(String::as_str), Some("chat begins"));
    assert_eq!(streamed.last().map(String::as_str), Some("query ends"));
}

#[tokio::test]
async fn a_chat_without_documents_searches_nothing() {
    let (index, embedder) = handbook().await;
    let scripted = Scripted::new().reply("Hello.").reply("Fine.");
    let chat = index.chat(ChatMode::Simple).model(model(&scripted)).instructions("Be brief.");
    let answer =
        chat.chat([("user", "Hi"), ("assistant", "Hey"), ("user", "Hello?")]).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.chunks.len()), ("Hello.", 0));
    assert!(embedder.questions().is_empty());
    assert_eq!(remembered(&chat).await.len(), 4);
    assert_eq!(scripted.requests()[0].messages[0], Message::system("Be brief."));
    for wrong in [vec![("assistant", "Hi")], vec![("user", " ")], Vec::new()] {
        let error = chat.chat(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    assert_eq!(scripted.requests().len(), 1);
}

/// A store that cannot write.
#[derive(Debug, Default)]
struct Full(Arc<Mutex<usize>>);

#[async_trait]
impl meanwhile_rag::ChatStore for Full {
    async fn load(&self, _: &str) -> Result<meanwhile_rag::Conversation> {
        Ok(meanwhile_rag::Conversation::default())
    }

    async fn append(&self, _: &str, messages: Vec<Message>) -> Result<()> {
        *self.0.lock().unwrap() += messages.len();
        Err(Error::new(ErrorKind::Other, "the disk is full"))
    }

    async fn summarize(&self, _: &str, _: Summary) -> Result<()> {
        Ok(())
    }

    async fn clear(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_written_is_an_error() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply("Yes.").reply("Yes.");
    let memory = Memory::default().store(Full::default(), "ada");
    let chat = index.chat(ChatMode::Context).model(model(&scripted)).memory(memory);
    assert_eq!(chat.chat("Well?").await.unwrap_err().message(), "the disk is full");
    let mut stream = chat.stream_chat("Well?").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().delta, "Yes.");
    assert_eq!(stream.next().await.unwrap().unwrap_err().message(), "the disk is full");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_summary_is_asked_of_a_model_of_the_same_registry() {
    let (index, _) = handbook().await;
    let registry = Registry::new();
    registry.insert(Scripted::new().reply_with(|_| "y".repeat(200)).into());
    let memory = Memory::new(20).summary("scripted/small");
    let chat =
        index.chat(ChatMode::Simple).registry(&registry).model("scripted/any").memory(memory);
    chat.chat("Hello").await.unwrap();
    chat.chat("Hello again").await.unwrap();
    let summary = chat.remembered().conversation().await.unwrap().summary.unwrap();
    assert_eq!(summary.messages, 2);
}
