//! What models are told, in one place.

/// How to answer from sources.
pub(super) const ANSWER: &str = "Answer the question with what the numbered sources say, and nothing \
    else. After each statement put the number of the source it is from in square brackets, as in [1]. \
    If the sources do not answer the question, say so.";

/// A question below its sources.
pub(super) fn question(question: &str, context: &str) -> String {
    format!("Sources:\n\n{context}\nQuestion: {question}")
}

/// An answer that is to be made better.
pub(super) fn refine(question: &str, context: &str, answer: &str) -> String {
    format!(
        "More sources:\n\n{context}\nQuestion: {question}\n\nThe answer so far, from sources you no \
         longer see:\n{answer}\n\nWrite the answer again, made better with what the new sources say. Keep \
         the numbers in square brackets. If they do not help, repeat the answer as it is."
    )
}

/// An answer from some of the sources, as a source of the next answer.
pub(super) fn partial(answer: &str) -> String {
    format!("Found in some of the sources, whose numbers are to be kept:\n{}\n\n", answer.trim())
}
