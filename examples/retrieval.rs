//! Finding passages: by meaning, by words and by both, with a condition, more questions and post-processors.

use meanwhile::prelude::*;
use meanwhile::rag::{
    Deduplicate, Document, Index, MemoryStore, Neighbours, Scored, WindowQueries, eq,
};

fn show(title: &str, found: &[Scored]) {
    println!("{title}");
    for Scored { chunk, score, .. } in found {
        println!("  {score:.3} {} {:?} {}", chunk.document_id, chunk.span, chunk.text.trim());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let embedder = meanwhile::embedding_model("local/all-minilm-l6-v2")?;
    // One file instead of memory: `meanwhile::rag::sqlite::SqliteStore::open("kb.sqlite").await?`.
    let index = Index::new(MemoryStore::new()).embedder(embedder);
    let refunds =
        "# Refunds\n\nMoney back within 30 days.\n\n## Exceptions\n\nGift cards are final.";
    let shipping = "# Shipping\n\nA courier brings item XK-77 within two days.";
    let lieferung = "# Lieferung\n\nDer Kurier bringt XK-77 in zwei Tagen.";
    let documents = [
        Document::new("refunds.md", refunds).with("lang", "en"),
        Document::new("shipping.md", shipping).with("lang", "en"),
        Document::new("lieferung.md", lieferung).with("lang", "de"),
    ];
    let report = index.ingest().run_all(documents).await?;
    println!("{} chunks of {} documents", report.chunks, report.documents());

    let question = "Can I be reimbursed?";
    show("by meaning", &index.retrieve(question).dense().top_k(2).await?);
    show("by words", &index.retrieve("XK-77").text().await?);
    show("by both", &index.retrieve("When does XK-77 arrive?").filter(eq("lang", "en")).await?);

    let story = "I bought a lamp on Monday. It is not what I wanted. Can I have my money back? \
                 And when would a new one be here?";
    let steps = index
        .retrieve(story)
        .expand(WindowQueries::new(12))
        .top_k(2)
        .postprocess(Deduplicate)
        .postprocess(Neighbours::new(&index, 1, 1));
    show("a long question, and what stands around what is found", &steps.await?);
    Ok(())
}
