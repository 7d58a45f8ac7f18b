//! [`Style`]: what one vendor's prompts and settings look like behind `InvokeModel`.

use crate::models::{Family, Model};

/// How the turns of a conversation are marked in a prompt. Each pair stands around a text.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) begin: &'static str,
    /// `None` where instructions stand in the first turn of the user.
    pub(crate) system: Option<(&'static str, &'static str)>,
    pub(crate) user: (&'static str, &'static str),
    pub(crate) model: (&'static str, &'static str),
    /// What the answer follows.
    pub(crate) answer: &'static str,
    /// What no text may hold.
    pub(crate) marks: &'static [&'static str],
    /// What a word stands between that is a mark, whatever the word is.
    pub(crate) brackets: Option<(&'static str, &'static str)>,
}

/// The names of the fields.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) prompt: &'static str,
    /// The object in which the settings are, where they have one.
    pub(crate) settings: Option<&'static str>,
    pub(crate) max_tokens: &'static str,
    pub(crate) top_p: &'static str,
    pub(crate) top_k: Option<&'static str>,
    pub(crate) stop: Option<&'static str>,
}

/// One vendor's wire.
#[derive(Debug)]
pub(crate) struct Style {
    pub(crate) template: Template,
    pub(crate) fields: Fields,
    /// Whether the prompt ends with the beginning of a thought.
    pub(crate) thinks: bool,
}

/// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html> and
/// <https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/>.
const LLAMA_3: Style = Style {
    template: Template {
        begin: "<|begin_of_text|>",
        system: Some(("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>")),
        user: ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
        model: ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
        answer: "<|start_header_id|>assistant<|end_header_id|>\n\n",
        marks: &[],
        brackets: Some(("<|", "|>")),
    },
    fields: LLAMA,
    thinks: false,
};

/// See <https://www.llama.com/docs/model-cards-and-prompt-formats/llama4/>.
const LLAMA_4: Style = Style {
    template: Template {
        begin: "<|begin_of_text|>",
        system: Some(("<|header_start|>system<|header_end|>\n\n", "<|eot|>")),
        user: ("<|header_start|>user<|header_end|>\n\n", "<|eot|>"),
        model: ("<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"),
        answer: "<|header_start|>assistant<|header_end|>\n\n",
        marks: &[],
        brackets: Some(("<|", "|>")),
    },
    fields: LLAMA,
    thinks: false,
};

const LLAMA: Fields = Fields {
    prompt: "prompt",
    settings: None,
    max_tokens: "max_gen_len",
    top_p: "top_p",
    top_k: None,
    stop: None,
};

/// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html>.
const TITAN: Style = Style {
    template: Template {
        begin: "",
        system: None,
        user: ("User: ", "\n"),
        model: ("Bot: ", "\n"),
        answer: "Bot:",
        marks: &["\nUser:", "\nBot:"],
        brackets: None,
    },
    fields: Fields {
        prompt: "inputText",
        settings: Some("textGenerationConfig"),
        max_tokens: "maxTokenCount",
        top_p: "topP",
        top_k: None,
        stop: Some("stopSequences"),
    },
    thinks: false,
};

/// See
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html>.
const MISTRAL: Style = Style {
    template: Template {
        begin: "<s>",
        system: None,
        user: ("[INST] ", " [/INST]"),
        model: (" ", "</s>"),
        answer: "",
        marks: &["[INST]", "[/INST]", "<s>", "</s>"],
        brackets: None,
    },
    fields: Fields {
        prompt: "prompt",
        settings: None,
        max_tokens: "max_tokens",
        top_p: "top_p",
        top_k: Some("top_k"),
        stop: Some("stop"),
    },
    thinks: false,
};

/// See <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-deepseek.html>.
const DEEPSEEK: Style = Style {
    template: Template {
        begin: "<｜begin▁of▁sentence｜>",
        system: Some(("", "")),
        user: ("<｜User｜>", ""),
        model: ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
        answer: "<｜Assistant｜><think>\n",
        marks: &[],
        brackets: Some(("<｜", "｜>")),
    },
    fields: Fields {
        prompt: "prompt",
        settings: None,
        max_tokens: "max_tokens",
        top_p: "top_p",
        top_k: None,
        stop: Some("stop"),
    },
    thinks: true,
};

/// The style of a model; `None` where it is not known to take a prompt.
pub(crate) fn style(model: &Model<'_>) -> Option<&'static Style> {
    Some(match model.family {
        Family::Llama if model.is_one_of(&["llama3"]) => &LLAMA_3,
        Family::Llama if model.is_one_of(&["llama4"]) => &LLAMA_4,
        Family::Titan if model.is_one_of(&["titan-text", "titan-tg1"]) => &TITAN,
        Family::Mistral if model.is_one_of(PROMPTED) => &MISTRAL,
        Family::DeepSeek if model.is_one_of(&["r1"]) => &DEEPSEEK,
        _ => return None,
    })
}

/// Mistral's models that take no conversation on their own wire.
const PROMPTED: &[&str] = &["mistral-7b", "mixtral", "mistral-small-2402"];
