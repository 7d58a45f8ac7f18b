//! Finding chunks: by meaning, by words, by both, with more questions, rerankers and post-processors.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use meanwhile_core::{
    EmbeddingModel, ErrorKind, Event, Finish, FinishReason, Ranked, RankedDocuments, RerankRequest,
    Reranker, Result, Scripted, Toolbox, Usage,
};
use meanwhile_rag::{
    Cutoff, Deduplicate, Document, FusionRetriever, Index, MemoryStore, ModelQueries, ModelRerank,
    Neighbours, Origin, Pipeline, Postprocessor, QueryExpander as _, Reorder, Rerank,
    RetrievalQuery, Retriever, Scored, SearchMode, WindowQueries, eq, reciprocal_rank_fusion,
};

use crate::common::{Meanings, found, handbook, model, places};

#[test]
fn rankings_are_fused_by_place() {
    let check = |weights: (f32, f32), limit: usize, expected: &[(&str, u32)]| {
        let words =
            vec![found("a", 0, "a", 90.0), found("b", 0, "b", 80.0), found("c", 0, "c", 1.0)];
        let meaning =
            vec![found("c", 0, "c", 0.9), found("b", 0, "b", 0.8), found("d", 0, "d", 0.1)];
        let fused = reciprocal_rank_fusion([(weights.0, words), (weights.1, meaning)], limit);
        assert_eq!(places(&fused), expected);
        assert!(fused.iter().all(|found| found.origin == Origin::Fused));
        fused
    };
    let fused = check((1.0, 1.0), 9, &[("c", 0), ("b", 0), ("a", 0), ("d", 0)]);
    assert!((fused[0].score - (1.0 / 63.0 + 1.0 / 61.0)).abs() < 1e-6);
    assert!((fused[1].score - 2.0 / 62.0).abs() < 1e-6);
    check((3.0, 1.0), 2, &[("b", 0), ("c", 0)]);
    // Of equals, the smaller document id and index first.
    let equals = [(1.0, vec![found("b", 1, "x", 1.0)]), (1.0, vec![found("b", 0, "y", 1.0)])];
    assert_eq!(places(&reciprocal_rank_fusion(equals, 5)), [("b", 0), ("b", 1)]);
    assert!(reciprocal_rank_fusion([], 5).is_empty());
}

#[tokio::test]
async fn a_search_goes_by_meaning_by_words_or_by_both() {
    let (index, _) = handbook().await;
    // No word of the question is in the text that it means.
    let question = "reimbursement of parcel XK-77";
    let dense = index.retrieve("can I have a voucher").dense().top_k(1).await.unwrap();
    assert_eq!(places(&dense), [("refunds.md", 2)]);
    assert_eq!(dense[0].origin, Origin::Dense);
    let text = index.retrieve(question).text().await.unwrap();
    assert_eq!(places(&text), [("shipping.md", 1)]);
    assert_eq!(text[0].origin, Origin::Text);
    let both = index.retrieve(question).top_k(3).await.unwrap();
    assert_eq!(both.len(), 3);
    assert_eq!(places(&both)[0], ("shipping.md", 1));
    assert!(both.iter().all(|found| found.origin == Origin::Fused));
    let modes = [SearchMode::Dense, SearchMode::Text, SearchMode::Hybrid];
    for mode in modes {
        let german =
            index.retrieve("closed XK-77").mode(mode).filter(eq("lang", "de")).await.unwrap();
        assert!(!german.is_empty(), "{mode:?}");
        assert!(german.iter().all(|found| found.chunk.document_id == "hours.md"), "{mode:?}");
    }
    let both =
        index.retrieve("closed").filter(eq("lang", "de")).filter(eq("lang", "en")).await.unwrap();
    assert_eq!(both, []);
}

#[tokio::test]
async fn an_index_without_an_embedder_is_searched_by_words() {
    let (index, _) = handbook().await;
    let index = Index::of(Arc::clone(index.store()));
    let found = index.retrieve("XK-77").await.unwrap();
    assert_eq!(places(&found), [("shipping.md", 1)]);
    for mode in [SearchMode::Dense, SearchMode::Hybrid] {
        let error = index.retrieve("XK-77").mode(mode).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(".embedder("), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_asked_for_nothing() {
    let (index, embedder) = handbook().await;
    assert_eq!(index.retrieve("refund").top_k(0).await.unwrap(), []);
    assert!(embedder.questions().is_empty());
    let empty = FusionRetriever::new().retrieve(&RetrievalQuery::new("refund")).await.unwrap();
    assert_eq!(empty, []);
}

#[tokio::test]
async fn a_model_asks_more_questions_in_one_embedding() {
    let (index, embedder) = handbook().await;
    let scripted =
        Scripted::new().reply("1. When does the parcel come?\n- refund\n\n```\n3) too many");
    let expander = ModelQueries::new(2).model(model(&scripted));
    let found = index.retrieve("weekend").dense().top_k(5).expand(expander).await.unwrap();
    assert_eq!(
        embedder.questions(),
        [["weekend", "When does the parcel come?", "refund"].map(str::to_owned).to_vec()]
    );
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|found| found.origin == Origin::Fused));
    let asked = scripted.requests();
    assert_eq!(asked[0].messages[1].text(), "weekend");
    assert!(asked[0].messages[0].text().contains("Write 2 other"));
    let scripted = Scripted::new().reply("XK-77\nbulbs");
    let expander = ModelQueries::new(2).model(model(&scripted));
    let found = index.retrieve("Samstag").text().expand(expander).await.unwrap();
    let mut found = places(&found);
    found.sort_unstable();
    assert_eq!(found, [("hours.md", 0), ("refunds.md", 1), ("shipping.md", 1)]);
    // Its failure is the failure of the search.
    let expander = ModelQueries::new(2).model(model(&scripted));
    assert_eq!(index.retrieve("x").expand(expander).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_long_question_is_cut_into_windows() {
    let expand = async |words, text: &str| WindowQueries::new(words).expand(text).await.unwrap();
    assert!(expand(20, "Where is my parcel? I want it.").await.is_empty());
    let story = "I bought a lamp. It broke on the first day.\n\nNobody answers. What now?";
    assert_eq!(
        expand(9, story).await,
        ["I bought a lamp.", "It broke on the first day. Nobody answers.", "What now?"]
    );
    assert_eq!(WindowQueries::new(9).max_windows(1).expand(story).await.unwrap().len(), 1);
    assert!(expand(5, " \n … --- ").await.is_empty());
    assert_eq!(
        expand(2, "One two three four five. Six.").await,
        ["One two three four five.", "Six."]
    );
}

/// Likes long documents, and keeps what it was asked.
#[derive(Debug, Clone, Default)]
struct Longest(Arc<Mutex<Vec<RerankRequest>>>);

#[async_trait]
impl Reranker for Longest {
    fn id(&self) -> &str {
        "longest"
    }

    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
        let ranked = request.documents.iter().enumerate();
        let mut ranked: Vec<_> =
            ranked.map(|(at, text)| Ranked::new(at, text.len() as f64)).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked.truncate(request.top.unwrap_or(u32::MAX) as usize);
        let count = request.documents.len();
        self.0.lock().unwrap().push(request);
        RankedDocuments::new("longest", "any", count, ranked, Usage::default())
    }
}

#[tokio::test]
async fn a_reranker_chooses_among_candidates() {
    let (index, _) = handbook().await;
    let longest = Longest::default();
    let rerank = Rerank::new(longest.clone(), "any").option("longest", "strict", true);
    let search = index.retrieve("money back").dense().top_k(1).rerank(rerank.clone());
    let found = search.clone().candidates(7).await.unwrap();
    assert_eq!(places(&found), [("shipping.md", 0)]);
    assert_eq!(found[0].origin, Origin::Reranked);
    assert!(found[0].score > 40.0);
    let asked = longest.0.lock().unwrap().pop().unwrap();
    assert_eq!((asked.query.as_str(), asked.documents.len()), ("money back", 7));
    assert_eq!(asked.options["longest"]["strict"], true);
    assert_eq!(search.await.unwrap().len(), 1);
    assert_eq!(longest.0.lock().unwrap().pop().unwrap().documents.len(), 4);
    // The same behind any retriever.
    let pipeline =
        Pipeline::new(index.retriever().dense()).rerank(rerank.top(2)).postprocess(Cutoff(45.0));
    let found = pipeline.retrieve(&RetrievalQuery::new("money").top_k(5)).await.unwrap();
    assert!(found.len() <= 2 && found.iter().all(|found| found.score >= 45.0), "{found:?}");
    // Nothing is sent for nothing.
    let asked = longest.0.lock().unwrap().len();
    let query = RetrievalQuery::new("x");
    assert_eq!(Rerank::new(longest.clone(), "any").process(&query, Vec::new()).await.unwrap(), []);
    assert_eq!(longest.0.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn a_model_ranks_what_it_is_shown() {
    let check = async |answers: &[&str], batch: usize, expected: &[(&str, f32)]| {
        let scripted =
            answers.iter().fold(Scripted::new(), |scripted, answer| scripted.reply(*answer));
        let chunks = ["a", "b", "c", "d"].map(|id| found(id, 0, id, 0.5)).to_vec();
        let rerank = ModelRerank::new().model(model(&scripted)).batch(batch);
        let ranked = rerank.process(&RetrievalQuery::new("q"), chunks).await.unwrap();
        let ranked: Vec<_> =
            ranked.iter().map(|found| (&*found.chunk.document_id, found.score)).collect();
        assert_eq!(ranked, expected, "{answers:?}");
        assert_eq!(scripted.requests().len(), answers.len());
    };
    check(&["3: 9\n1: 2"], 10, &[("c", 9.0), ("a", 2.0), ("b", 0.0), ("d", 0.0)]).await;
    // What models write around it.
    let talk = "Sure!\nDoc: 2, Relevance: 7.5\n**4** - 10/10\n9: 10\n2: 1\n0: 3\n1: 99\nbye";
    check(&[talk], 10, &[("a", 10.0), ("d", 10.0), ("b", 7.5), ("c", 0.0)]).await;
    check(&["none of them"], 10, &[("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)]).await;
    // A batch of which none helps, of which an obedient model says nothing at all.
    check(&["", "1: 8"], 2, &[("c", 8.0), ("a", 0.0), ("b", 0.0), ("d", 0.0)]).await;
    check(&["2: 4", "1: 8"], 2, &[("c", 8.0), ("b", 4.0), ("a", 0.0), ("d", 0.0)]).await;
}

#[tokio::test]
async fn a_model_without_more_questions_does_not_fail_the_search() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new().reply("");
    let expander = ModelQueries::new(3).model(model(&scripted));
    let found = index.retrieve("bulb").dense().top_k(1).expand(expander).await.unwrap();
    assert_eq!(places(&found), [("refunds.md", 1)]);
    assert_eq!(scripted.requests().len(), 1);
}

#[tokio::test]
async fn vectors_of_another_embedder_are_not_compared() {
    let store = MemoryStore::new();
    let index = |model: &str| {
        Index::new(store.clone()).embedder(EmbeddingModel::new(Meanings::default(), model))
    };
    index("first").ingest().run_all([Document::new("a", "A refund.")]).await.unwrap();
    assert_eq!(index("first").retrieve("refund").dense().await.unwrap().len(), 1);

    let other = index("second");
    let error = other.retrieve("refund").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for word in ["meanings/first", "meanings/second", "trust_embedder"] {
        assert!(error.message().contains(word), "{error}");
    }
    // By words it is found whatever the vectors are.
    assert_eq!(other.retrieve("refund").text().await.unwrap().len(), 1);
    assert_eq!(other.clone().trust_embedder().retrieve("refund").await.unwrap().len(), 1);
    let report = other.ingest().run_all([Document::new("a", "A refund.")]).await.unwrap();
    assert_eq!(report.updated, 1, "{report:?}");
    assert_eq!(other.retrieve("refund").await.unwrap().len(), 1);
}

#[tokio::test]
async fn postprocessors_do_what_they_say() {
    let query = RetrievalQuery::new("q");
    let all = ["a", "b", "c", "d", "e"].map(|id| found(id, 0, id, 1.0)).to_vec();
    let ids =
        |found: &[Scored]| found.iter().map(|one| &*one.chunk.document_id).collect::<String>();
    let reordered = Reorder.process(&query, all.clone()).await.unwrap();
    assert_eq!(ids(&reordered), "acedb");
    assert_eq!(Reorder.process(&query, Vec::new()).await.unwrap(), []);

    let mut cut = all.clone();
    cut[1].score = 0.2;
    cut[3].score = f32::NAN;
    assert_eq!(ids(&Cutoff(0.5).process(&query, cut).await.unwrap()), "ace");

    let mut twice =
        vec![found("a", 0, "Within  30 days.", 1.0), found("b", 0, "within 30\ndays.", 0.9)];
    twice.push(found("c", 0, "Within 30 days, no more.", 0.8));
    let mut inner = found("c", 1, "30 days", 0.7);
    inner.chunk.span = 7..14;
    twice.push(inner);
    assert_eq!(ids(&Deduplicate.process(&query, twice).await.unwrap()), "ac");
}

#[tokio::test]
async fn neighbours_come_in_the_order_of_the_document() {
    let (index, _) = handbook().await;
    let retrieve = |before, after| {
        let neighbours = Neighbours::new(&index, before, after);
        index.retrieve("bulb").dense().top_k(1).postprocess(neighbours)
    };
    let places_of = async |before, after| {
        let found = retrieve(before, after).await.unwrap();
        found.iter().map(|found| found.chunk.index).collect::<Vec<_>>()
    };
    assert_eq!(places_of(0, 0).await, [1]);
    assert_eq!(places_of(1, 1).await, [0, 1, 2]);
    assert_eq!(places_of(9, 9).await, [0, 1, 2]);
    assert_eq!(places_of(0, u32::MAX).await, [1, 2]);
    // None comes twice.
    let two = vec![
        index.retrieve("money").dense().top_k(1).await.unwrap().remove(0),
        index.retrieve("voucher").dense().top_k(1).await.unwrap().remove(0),
    ];
    let around =
        Neighbours::new(&index, 1, 1).process(&RetrievalQuery::new("q"), two).await.unwrap();
    assert_eq!(places(&around), [("refunds.md", 0), ("refunds.md", 1), ("refunds.md", 2)]);
}

#[tokio::test]
async fn retrievers_are_fused_and_asked_every_question() {
    let (index, _) = handbook().await;
    let retriever = FusionRetriever::new()
        .with(index.retriever().text())
        .with_weight(0.5, index.retriever().dense())
        .expand(WindowQueries::new(3))
        .candidates(5);
    let query = RetrievalQuery::new("Where is XK-77? Is a voucher reimbursed? Samstag?").top_k(9);
    let found = retriever.retrieve(&query).await.unwrap();
    let places = places(&found);
    for place in [("shipping.md", 1), ("refunds.md", 2), ("hours.md", 0)] {
        assert!(places[..4].contains(&place), "{places:?}");
    }
}

#[tokio::test]
async fn a_retriever_is_a_tool() {
    let (index, _) = handbook().await;
    let scripted = Scripted::new()
        .tool_call("1", "search", r#"{"query": "  "}"#)
        .tool_call("2", "search", r#"{"query": "when does it arrive, XK-77"}"#)
        .reply("By sea.");
    let tool = index.tool("search", "Searches the handbook.").top_k(2).filter(eq("lang", "en"));
    let call = model(&scripted).call::<String>("How does XK-77 come?");
    assert_eq!(call.tools(Toolbox::new().with(tool.into())).await.unwrap(), "By sea.");
    let requests = scripted.requests();
    assert_eq!(requests[0].tools[0].parameters.as_value()["required"][0], "query");
    let results = |request: usize| match &requests[request].messages.last().unwrap().parts[0] {
        meanwhile_core::Part::ToolResult(result) => (result.is_error, result.text()),
        part => panic!("{part:?}"),
    };
    assert!(results(1).0 && results(1).1.contains("empty"), "{:?}", results(1));
    let (is_error, text) = results(2);
    assert!(!is_error && text.starts_with("[1] shipping.md\nItem XK-77 ships by sea."), "{text}");
}

#[tokio::test]
async fn an_empty_index_has_nothing_to_find() {
    let index = Index::new(MemoryStore::new());
    assert_eq!(index.retrieve("anything").await.unwrap(), []);
}

#[tokio::test]
async fn a_model_that_does_not_judge_is_no_judgement() {
    let (index, _) = handbook().await;
    let cut = |reason| {
        let delta = Event::text_delta(0, "1: 9");
        let finish = Event::finish(Finish::new(reason));
        [Event::text_start(0), delta, Event::part_end(0), finish].map(Ok)
    };
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let scripted = Scripted::new().events(cut(reason)).events(cut(reason));
        let rerank = ModelRerank::new().model(model(&scripted));
        let error = index.retrieve("money").rerank(rerank).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output, "{error:?}");
        assert_eq!(error.partial().unwrap().text(), "1: 9");
        let expand = ModelQueries::new(2).model(model(&scripted));
        let error = index.retrieve("money").expand(expand).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output, "{error:?}");
    }
}

#[tokio::test]
async fn only_numbers_of_a_list_are_taken_off_a_question() {
    let said = "1. 3D printer warranty\n2) 2024 prices\n- 1.5 volt bulbs\n* \"late parcels\"\n12: opening hours";
    let scripted = Scripted::new().reply(said);
    let more = ModelQueries::new(9).model(model(&scripted)).expand("q").await.unwrap();
    let wanted =
        ["3D printer warranty", "2024 prices", "1.5 volt bulbs", "late parcels", "opening hours"];
    assert_eq!(more, wanted);
}
