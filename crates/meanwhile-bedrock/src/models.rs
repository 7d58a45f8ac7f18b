//! [`Model`]: what an id tells about a model. Ids stay open strings: a model that is not known here is
//! taken for a new one that can do what new ones can.

use meanwhile_core::{Capabilities, OutputSupport};

/// Who made a model, which says what it takes beside the common settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Claude,
    Nova,
    /// Amazon's older models.
    Titan,
    Ai21,
    Cohere,
    DeepSeek,
    Llama,
    Mistral,
    OpenAi,
    Qwen,
    /// Another vendor, or an id that does not say, such as that of an application's own profile.
    Other,
}

const VENDORS: &[(&str, Family)] = &[
    ("anthropic", Family::Claude),
    ("amazon", Family::Nova),
    ("ai21", Family::Ai21),
    ("cohere", Family::Cohere),
    ("deepseek", Family::DeepSeek),
    ("meta", Family::Llama),
    ("mistral", Family::Mistral),
    ("openai", Family::OpenAi),
    ("qwen", Family::Qwen),
];

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// Not at all, or the way is not known.
    Unknown,
    /// By a number of tokens (Claude).
    Budget,
    /// By a number of tokens or a level (Claude).
    BudgetOrLevel,
    /// By a level (Claude).
    Level,
    /// By the level in `reasoningConfig` (Nova).
    NovaConfig,
    /// By the level in `reasoning_effort` (OpenAI).
    Effort,
    /// By the level in `reasoning_config` (Qwen).
    Config,
}

/// How a model can be made to call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Choice {
    /// Not at all.
    Auto,
    /// To call any.
    Any,
    /// To call this one.
    Tool,
}

/// Claude models that do not think.
const CLAUDE_WITHOUT_THINKING: &[&str] = &[
    "claude-v",
    "claude-instant",
    "claude-3-haiku",
    "claude-3-sonnet",
    "claude-3-opus",
    "claude-3-5",
];

/// Claude models that are told how much to think in tokens.
const CLAUDE_WITH_BUDGET: &[&str] = &[
    "claude-3-7",
    "claude-sonnet-4-2025",
    "claude-opus-4-2025",
    "claude-opus-4-1",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
];

/// Claude models that may be told either way.
const CLAUDE_WITH_EITHER: &[&str] = &["claude-opus-4-6", "claude-sonnet-4-6"];

/// Models of vendors whose newer models hold an answer to a schema, but these do not.
const WITHOUT_SCHEMA: &[&str] = &[
    "claude-v",
    "claude-instant",
    "claude-3",
    "claude-sonnet-4-2025",
    "claude-opus-4-2025",
    "claude-opus-4-1",
    "mistral-7b",
    "mixtral",
    "mistral-large-24",
    "mistral-small-24",
    "pixtral-large-25",
    "r1",
];

/// What an id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model<'a> {
    pub(crate) family: Family,
    /// The id without region and vendor.
    pub(crate) name: &'a str,
}

impl<'a> Model<'a> {
    /// Reads an id: `VENDOR.NAME`, with a region before it, at the end of an ARN.
    pub(crate) fn of(id: &'a str) -> Self {
        let id = id.rsplit('/').next().unwrap_or(id);
        for (vendor, family) in VENDORS {
            let mut rest = id;
            while let Some(at) = rest.find(vendor) {
                let (before, found) = rest.split_at(at);
                let behind = found.get(vendor.len()..).unwrap_or_default();
                if (before.is_empty() || before.ends_with('.'))
                    && let Some(name) = behind.strip_prefix('.')
                {
                    let is_old = *family == Family::Nova && !name.starts_with("nova");
                    let family = if is_old { Family::Titan } else { *family };
                    return Self { family, name };
                }
                rest = behind;
            }
        }
        Self { family: Family::Other, name: id }
    }

    pub(crate) fn thinking(&self) -> Thinking {
        match self.family {
            Family::Claude if self.is_one_of(CLAUDE_WITHOUT_THINKING) => Thinking::Unknown,
            Family::Claude if self.is_one_of(CLAUDE_WITH_BUDGET) => Thinking::Budget,
            Family::Claude if self.is_one_of(CLAUDE_WITH_EITHER) => Thinking::BudgetOrLevel,
            Family::Claude => Thinking::Level,
            Family::Nova if self.name.starts_with("nova-2") => Thinking::NovaConfig,
            Family::OpenAi => Thinking::Effort,
            Family::Qwen => Thinking::Config,
            _ => Thinking::Unknown,
        }
    }

    /// Whether the service holds the model's answers to a schema.
    pub(crate) fn has_schema(&self) -> bool {
        match self.family {
            Family::Nova | Family::Titan | Family::Ai21 | Family::Cohere | Family::Llama => false,
            _ => !self.is_one_of(WITHOUT_SCHEMA),
        }
    }

    pub(crate) fn choice(&self) -> Choice {
        match self.family {
            Family::Llama | Family::Cohere | Family::Titan | Family::Ai21 => Choice::Auto,
            Family::Mistral => Choice::Any,
            _ => Choice::Tool,
        }
    }

    /// What a model accepts and offers.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let mut known = Capabilities::text();
        let old_claude = self.is_one_of(&["claude-v", "claude-instant"]);
        known.tools = self.family != Family::Titan
            && !(self.family == Family::Claude && old_claude)
            && !self.is_one_of(&["mistral-7b", "mixtral", "r1"]);
        known.output = match self.has_schema() || (known.tools && self.choice() > Choice::Auto) {
            true => OutputSupport::Schema,
            false => OutputSupport::Prompted,
        };
        known.images = match self.family {
            Family::Claude => !old_claude && !self.is_one_of(&["claude-3-5-haiku"]),
            Family::Nova => !self.is_one_of(&["nova-micro"]),
            Family::Llama => self.is_one_of(&["llama3-2-11b", "llama3-2-90b", "llama4"]),
            Family::Mistral => self.is_one_of(&["pixtral", "mistral-large-3", "ministral-3"]),
            _ => false,
        };
        known.documents = self.family != Family::Titan;
        known.audio = self.is_one_of(&["voxtral", "nova-2-omni"]);
        known.reasoning = self.thinking() != Thinking::Unknown || self.is_one_of(&["r1"]);
        known
    }

    pub(crate) fn is_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.starts_with(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let check = |id, family, name| assert_eq!(Model::of(id), Model { family, name }, "{id}");
        check(
            "anthropic.claude-3-haiku-20240307-v1:0",
            Family::Claude,
            "claude-3-haiku-20240307-v1:0",
        );
        check("us.anthropic.claude-sonnet-4-6", Family::Claude, "claude-sonnet-4-6");
        check("global.amazon.nova-2-lite-v1:0", Family::Nova, "nova-2-lite-v1:0");
        check("amazon.titan-text-express-v1", Family::Titan, "titan-text-express-v1");
        check("us.meta.llama3-3-70b-instruct-v1:0", Family::Llama, "llama3-3-70b-instruct-v1:0");
        check(
            "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.meta.llama4-scout",
            Family::Llama,
            "llama4-scout",
        );
        check(
            "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/mi1dadi0g15f",
            Family::Other,
            "mi1dadi0g15f",
        );
        check("zai.glm-4.7-flash", Family::Other, "zai.glm-4.7-flash");
        check("mistral.mistral-large-3", Family::Mistral, "mistral-large-3");
        check("", Family::Other, "");
    }

    #[test]
    fn thinking() {
        let check = |id, expected| assert_eq!(Model::of(id).thinking(), expected, "{id}");
        check("anthropic.claude-3-5-sonnet-20240620-v1:0", Thinking::Unknown);
        check("us.anthropic.claude-3-7-sonnet-20250219-v1:0", Thinking::Budget);
        check("us.anthropic.claude-sonnet-4-20250514-v1:0", Thinking::Budget);
        check("us.anthropic.claude-sonnet-4-6", Thinking::BudgetOrLevel);
        check("us.anthropic.claude-sonnet-5", Thinking::Level);
        check("amazon.nova-lite-v1:0", Thinking::Unknown);
        check("us.amazon.nova-2-lite-v1:0", Thinking::NovaConfig);
        check("openai.gpt-oss-120b-1:0", Thinking::Effort);
        check("qwen.qwen3-32b-v1:0", Thinking::Config);
    }
}
