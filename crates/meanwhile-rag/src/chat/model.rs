//! [`ChatModel`], a chat with a model itself: messages in, an answer or its pieces out.

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use meanwhile_core::{Extracted, Model, Result, Usage};

use super::IntoMessages;
use crate::spent::Spent;
use crate::synthesis::{Read, Step, read};
use crate::{Answer, AnswerStream};

/// Chats with a model, without documents and without a memory.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_rag::ChatModel as _;
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("Once upon a time."), "any");
///
/// let mut story = model.stream_chat([("user", "Tell me a story")]).await?;
/// while let Some(chunk) = story.next().await {
///     print!("{}", chunk?.delta);
/// }
///
/// assert_eq!(story.text(), "Once upon a time.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub trait ChatModel {
    /// Answers a conversation. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// [`Config`](meanwhile_core::ErrorKind::Config) for messages that are none; whatever the model reports.
    fn chat(&self, messages: impl IntoMessages) -> BoxFuture<'static, Result<Answer>>;

    /// Answers a conversation as a stream, once the model has begun to write. Dropping the stream
    /// cancels.
    ///
    /// # Errors
    ///
    /// As [`chat`](Self::chat); failures after the beginning come as the last item of the stream.
    fn stream_chat(&self, messages: impl IntoMessages) -> BoxFuture<'static, Result<AnswerStream>>;
}

impl ChatModel for Model {
    fn chat(&self, messages: impl IntoMessages) -> BoxFuture<'static, Result<Answer>> {
        let call =
            messages.into_messages().map(|messages| self.call::<Extracted<String>>(messages));
        Box::pin(async move {
            let (answered, mut spent) = (call?.await?, Spent::new());
            spent.add(&answered.response);
            Ok(answer(answered, spent.usage))
        })
    }

    fn stream_chat(&self, messages: impl IntoMessages) -> BoxFuture<'static, Result<AnswerStream>> {
        let call =
            messages.into_messages().map(|messages| self.call::<Extracted<String>>(messages));
        Box::pin(async move {
            let mut spent = Spent::new();
            let reading = read(call?.run_loop()).await?;
            let steps = reading.map_ok(move |read| match read {
                Read::Delta(delta) => Step::Delta(delta),
                Read::Turn => Step::Restart(Vec::new()),
                Read::Done(done) => {
                    spent.add_usage(&done.usage);
                    Step::Done(Box::new(answer(done.answered, spent.usage.clone())))
                }
            });
            Ok(AnswerStream::new(Vec::new(), steps))
        })
    }
}

fn answer(answered: Extracted<String>, usage: Usage) -> Answer {
    Answer::new(answered.value, Vec::new(), usage, Usage::default(), Some(answered.response))
}
