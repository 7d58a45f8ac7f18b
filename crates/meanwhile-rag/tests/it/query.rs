//! Answers from chunks, in every way, awaited and streamed, with citations that lead to the documents.

use std::time::Duration;

use meanwhile_core::{
    Error, ErrorKind, Event, Message, Request, Scripted, Settings, Toolbox, scope,
};
use meanwhile_rag::{Answer, Synthesis, Synthesizer};

use crate::common::{found, handbook, model};

/// What the model was asked in each request, without the instructions.
fn questions(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.messages.last().unwrap().text()).collect()
}

#[tokio::test]
async fn an_answer_says_where_it_is_from() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply("Within 30 days [1]. Not gift cards [2, 9]. Ask us.");
    let query = index.query("Do I get my money back?").model(model(&scripted)).top_k(2);
    let answer = query.await.unwrap();
    assert_eq!(answer.text, "Within 30 days [1]. Not gift cards [2, 9]. Ask us.");
    assert_eq!(answer.usage.output.total, Some(11));
    assert_eq!(answer.chunks.len(), 2);
    let cited: Vec<_> = answer
        .citations
        .iter()
        .map(|citation| {
            (
                citation.chunk,
                &answer.text[citation.marker.clone()],
                &answer.text[citation.statement.clone()],
            )
        })
        .collect();
    assert_eq!(cited, [(0, "[1]", "Within 30 days"), (1, "[2, 9]", "Not gift cards")]);
    // The span leads to the words in the document.
    for citation in &answer.citations {
        let document = index.store().document(&citation.document_id).await.unwrap().unwrap();
        assert_eq!(document.text[citation.span.clone()], answer.chunks[citation.chunk].chunk.text);
    }
    assert_eq!(answer.cited().count(), 2);
    let requests = scripted.requests();
    assert_eq!(requests.len(), 1);
    let asked = &questions(&requests)[0];
    assert!(asked.starts_with("Sources:\n\n[1] refunds.md\n"), "{asked}");
    assert!(
        asked.contains("\n\n[2] ") && asked.ends_with("Question: Do I get my money back?"),
        "{asked}"
    );
    let read: Answer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
    assert_eq!(read.citations, answer.citations);
}

#[tokio::test]
async fn markers_are_found_wherever_they_stand() {
    let check = async |text: &str, expected: &[(usize, &str)]| {
        let chunks = vec![found("a", 0, "a", 1.0), found("b", 0, "b", 1.0)];
        let scripted = Scripted::new().reply(text);
        let answer =
            Synthesizer::default().model(model(&scripted)).answer("q", chunks).await.unwrap();
        let found: Vec<_> = answer
            .citations
            .iter()
            .map(|citation| (citation.chunk + 1, &answer.text[citation.statement.clone()]))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("No sources.", &[]).await;
    check("One [1][2] two.", &[(1, "One"), (2, "One")]).await;
    check("One [1] [2]. Two[2]", &[(1, "One"), (2, "One"), (2, "Two")]).await;
    check("First. Second. [1] Third", &[(1, "Second.")]).await;
    check(
        "- Ein Fenster öffnet sich [2]\n- Größe [1]",
        &[(2, "- Ein Fenster öffnet sich"), (1, "- Größe")],
    )
    .await;
    check("[1] says so", &[(1, "")]).await;
    check("See [x], [], [0], [3], [-1], [1.5], [99999999999999999999] and [2", &[]).await;
    check("a [[1]] b", &[(1, "a [")]).await;
    check("v[0] and list[1] 𝄞 [2]", &[(1, "v[0] and list"), (2, "𝄞")]).await;
}

/// Answers with how it was asked, after a while that is longer for earlier sources.
fn parrot() -> Scripted {
    Scripted::new().reply_later(|request| {
        let asked = request.messages.last().unwrap().text();
        let numbers: Vec<String> =
            (1..10).map(|n| format!("[{n}]")).filter(|n| asked.contains(n)).collect();
        let refined = if asked.contains("answer so far") { "refined " } else { "" };
        let wait = 20 - numbers.first().map_or(0, |n| n.as_bytes()[1] - b'0');
        async move {
            tokio::time::sleep(Duration::from_millis(u64::from(wait))).await;
            Ok(format!("{refined}{}", numbers.join(" ")))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn every_mode_answers_awaited_and_streamed() {
    let check = async |mode: Synthesis, tokens: usize, text: &str, calls: usize| {
        let chunks: Vec<_> =
            ["a", "b", "c", "d"].map(|id| found(id, 0, &id.repeat(30), 1.0)).to_vec();
        let parrot = parrot();
        let synthesizer = Synthesizer::new(mode).model(model(&parrot)).context_tokens(tokens);
        let answer = synthesizer.answer("q", chunks.clone()).await.unwrap();
        assert_eq!(answer.text, text, "{mode:?}");
        assert_eq!(parrot.requests().len(), calls, "{mode:?}");
        assert_eq!(answer.usage.input.total, (calls > 0).then_some(calls as u64), "{mode:?}");
        assert_eq!(answer.response.is_some(), calls > 0);

        let mut stream = synthesizer.stream("q", chunks.clone()).await.unwrap();
        let mut streamed = String::new();
        while let Some(delta) = stream.next().await {
            streamed.push_str(&delta.unwrap().delta);
            assert_eq!(streamed, stream.text());
        }
        assert_eq!(streamed, text, "{mode:?} streamed");
        assert!(stream.next().await.is_none());
        let whole = stream.answer().unwrap();
        assert_eq!(
            (&whole.citations, &whole.usage, &whole.chunks),
            (&answer.citations, &answer.usage, &answer.chunks)
        );
        assert_eq!(parrot.requests().len(), 2 * calls, "{mode:?} streamed");
        parrot.requests()
    };
    // A source takes ten tokens.
    check(Synthesis::Compact, 1_000, "[1] [2] [3] [4]", 1).await;
    let asked = questions(&check(Synthesis::Compact, 20, "refined [1] [2] [3] [4]", 2).await);
    assert!(asked[1].contains("refined") || asked[1].contains("[1] [2]"), "{}", asked[1]);
    check(Synthesis::Compact, 1, "refined [1] [2] [3] [4]", 4).await;
    check(Synthesis::Refine, 1_000, "refined [1] [2] [3] [4]", 4).await;
    check(Synthesis::Tree, 1_000, "[1] [2] [3] [4]", 1).await;
    check(Synthesis::Tree, 20, "[1] [2] [3] [4]", 3).await;
    // Two answers go into the next prompt, even where one alone would be too long.
    check(Synthesis::Tree, 1, "[1] [2] [3] [4]", 4 + 2 + 1).await;
    check(Synthesis::Accumulate, 1_000, "[1]\n\n[2]\n\n[3]\n\n[4]", 4).await;
    check(Synthesis::NoText, 1_000, "", 0).await;
}

#[tokio::test(start_paused = true)]
async fn chunks_are_answered_from_all_at_once() {
    let chunks: Vec<_> = (0..8).map(|at| found("a", at, "x", 1.0)).collect();
    let begun = tokio::time::Instant::now();
    let parrot = parrot();
    let synthesizer = Synthesizer::new(Synthesis::Accumulate).model(model(&parrot));
    synthesizer.answer("q", chunks.clone()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(25), "{:?}", begun.elapsed());
    synthesizer.concurrency(1).answer("q", chunks).await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nothing_found_is_an_empty_answer_and_no_call() {
    let scripted = Scripted::new();
    let answer =
        Synthesizer::default().model(model(&scripted)).answer("q", Vec::new()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.response), ("", None));
    assert!(scripted.requests().is_empty());
}

#[tokio::test]
async fn a_failure_keeps_what_had_arrived() {
    let (index, _) = handbook().await;
    let cut = || {
        [
            Ok(Event::text_start(0)),
            Ok(Event::text_delta(0, "Within 30 ")),
            Err(Error::new(ErrorKind::StreamInterrupted, "gone")),
        ]
    };
    let scripted = Scripted::new().events(cut()).events(cut());
    let query = index.query("money?").model(model(&scripted));
    let error = query.clone().await.unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "Within 30 ");
    assert_eq!(error.operation(), Some("query"));
    let mut stream = query.clone().stream().await.unwrap();
    assert!(!stream.sources().is_empty());
    assert_eq!(stream.next().await.unwrap().unwrap().delta, "Within 30 ");
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "Within 30 ");
    assert!(stream.next().await.is_none());
    assert_eq!(stream.finish().await.unwrap_err().kind(), ErrorKind::Other);
    // Refused before it began: the stream is not there at all.
    let scripted = Scripted::new().error(Error::new(ErrorKind::RateLimit, "later"));
    let error = query.model(model(&scripted)).stream().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimit);
}

#[tokio::test]
async fn the_model_comes_from_the_engine_or_the_scope() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply("yes").reply("yes");
    let settings = Settings::new().model(model(&scripted)).temperature(0.5);
    let answer = scope(settings, async { index.query("money?").await }).await.unwrap();
    assert_eq!(answer.text, "yes");
    assert_eq!(scripted.requests()[0].params.temperature, Some(0.5));
    let engine =
        index.query_engine().settings(Settings::new().model(model(&scripted)).max_tokens(7));
    let engine = engine.instructions("Say yes.").settings(Settings::new().temperature(0.1));
    engine.query("money?").await.unwrap();
    let request = scripted.requests().pop().unwrap();
    assert_eq!((request.params.temperature, request.params.max_tokens), (Some(0.1), Some(7)));
    assert_eq!(request.messages[0], Message::system("Say yes."));
    assert_eq!(index.query("money?").await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn an_engine_is_a_tool() {
    let (index, _) = handbook().await;
    let librarian = Scripted::new().reply("Within 30 days [1].");
    let scripted = Scripted::new()
        .tool_call("1", "handbook", r#"{"query": "How long can things be returned?"}"#)
        .reply("30 days.");
    let tool = index.query_engine().model(model(&librarian)).tool("handbook", "Knows the rules.");
    let call = model(&scripted).call::<String>("Until when?").tools(Toolbox::new().with(tool));
    assert_eq!(call.await.unwrap(), "30 days.");
    // What the numbers stand for is said below.
    let result = scripted.requests()[1].messages.last().unwrap().parts[0].clone();
    let meanwhile_core::Part::ToolResult(result) = result else { panic!("{result:?}") };
    assert_eq!(result.text(), "Within 30 days [1].\n\n[1] refunds.md");
    assert!(questions(&librarian.requests())[0].ends_with("How long can things be returned?"));
}
