//! [`Model`]: what is known about a model from its id. Ids stay open strings: one that is not known
//! here is taken for a new one that can do what new ones can.

use meanwhile_core::{Capabilities, Effort, OutputSupport, Reasoning, Result};
use meanwhile_http::Notes;
use serde_json::{Value, json};

/// What is known about a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    /// Major and minor version; the highest there is where the id tells none.
    version: (u32, u32),
    family: Family,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Pro,
    Flash,
    Lite,
    /// Paints pictures.
    Image,
    /// Speaks.
    Speech,
    /// Open weights up to version 3, without system messages, tools and schemas.
    Gemma,
}

impl Model {
    /// Reads a model's id, with whatever stands before its last slash.
    pub(crate) fn of(id: &str) -> Self {
        let name = id.rsplit('/').next().unwrap_or(id);
        let family = if ["gemma-1", "gemma-2", "gemma-3"].iter().any(|old| name.starts_with(old)) {
            Family::Gemma
        } else if name.contains("-tts") {
            Family::Speech
        } else if name.contains("-image") {
            Family::Image
        } else if name.contains("lite") {
            Family::Lite
        } else if name.contains("pro") {
            Family::Pro
        } else {
            Family::Flash
        };
        let newest = (u32::MAX, 0);
        let version = match name.strip_prefix("gemini-") {
            // These count their versions on their own.
            Some(rest) if rest.starts_with("robotics-er-1.5") => (2, 5),
            Some(rest) if rest.starts_with("robotics-") => newest,
            Some(rest) => rest.split('-').find_map(version).unwrap_or(newest),
            None => newest,
        };
        Self { version, family }
    }

    /// Whether there are system messages.
    pub(crate) fn takes_system(self) -> bool {
        self.family != Family::Gemma
    }

    /// Whether a call without a signature is refused.
    pub(crate) fn wants_signatures(self) -> bool {
        self.version >= (3, 0) && self.family != Family::Gemma
    }

    /// Whether each image may have a resolution of its own.
    pub(crate) fn takes_resolution(self) -> bool {
        self.version >= (3, 0) && self.family != Family::Gemma
    }

    /// Whether tool results may hold more than text.
    pub(crate) fn takes_media_in_results(self) -> bool {
        self.version >= (3, 0) && self.family != Family::Gemma
    }

    /// Whether an answer may be held to a shape while there are tools.
    pub(crate) fn has_output_beside_tools(self) -> bool {
        self.version >= (3, 0)
    }

    /// Whether tools of this program and of the provider may be mixed.
    pub(crate) fn mixes_tools(self) -> bool {
        self.version >= (3, 0)
    }

    /// Whether schemas may be JSON Schema; others take a subset of `OpenAPI`.
    pub(crate) fn takes_json_schema(self) -> bool {
        self.version >= (2, 0) && self.family != Family::Gemma
    }

    fn thinks(self) -> bool {
        self.version >= (2, 5)
            && !matches!(self.family, Family::Gemma | Family::Speech)
            && !(self.family == Family::Image && self.version < (3, 0))
    }

    /// Writes how much to think: a budget up to version 2.5, a level from version 3 on.
    /// See <https://ai.google.dev/gemini-api/docs/thinking>.
    pub(crate) fn thinking(self, reasoning: Reasoning, notes: &mut Notes) -> Result<Option<Value>> {
        if !self.thinks() {
            if !matches!(reasoning, Reasoning::Effort(Effort::None) | Reasoning::Budget(0)) {
                notes.dropped("reasoning", "this model does not think")?;
            }
            return Ok(None);
        }
        if self.version < (3, 0) {
            return self.budget(reasoning, notes).map(Some);
        }
        let effort = match reasoning {
            // Newer models still take a budget, only not beside a level.
            Reasoning::Budget(tokens) => {
                return Ok(Some(
                    json!({ "thinkingBudget": tokens, "includeThoughts": tokens > 0 }),
                ));
            }
            Reasoning::Effort(effort) => effort,
            _ => Effort::Medium,
        };
        let known: &[Effort] = match (self.family, self.version) {
            (Family::Pro | Family::Image, (3, 0)) => &[Effort::Low, Effort::High],
            (Family::Pro | Family::Image, _) => &[Effort::Low, Effort::Medium, Effort::High],
            _ => &[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High],
        };
        let distance = |level: &&Effort| (**level as u8).abs_diff(effort as u8);
        // Of two that are equally near, the one that thinks more.
        let level = known.iter().rev().min_by_key(distance).copied().unwrap_or(effort);
        if level != effort {
            let message = format!(
                "this model knows no level `{}`; the nearest is `{}`",
                effort.as_str(),
                level.as_str()
            );
            notes.changed("reasoning", message)?;
        }
        let shown = effort != Effort::None;
        Ok(Some(json!({ "thinkingLevel": level.as_str(), "includeThoughts": shown })))
    }

    fn budget(self, reasoning: Reasoning, notes: &mut Notes) -> Result<Value> {
        let (least, most, stops) = match self.family {
            Family::Pro => (128, 32_768, false),
            Family::Lite => (512, 24_576, true),
            _ => (1, 24_576, true),
        };
        let asked = match reasoning {
            Reasoning::Budget(tokens) => tokens,
            Reasoning::Effort(effort) => match effort {
                Effort::None => 0,
                Effort::Minimal => least.max(256),
                Effort::Low => 1024,
                Effort::Medium => 8192,
                Effort::High => 24_576,
                _ => most,
            },
            _ => 8192,
        };
        let tokens = if asked == 0 && stops { 0 } else { asked.clamp(least, most) };
        if tokens != asked {
            let message =
                format!("this model thinks between {least} and {most} tokens; {tokens} is sent");
            notes.changed("reasoning", message)?;
        }
        Ok(json!({ "thinkingBudget": tokens, "includeThoughts": asked > 0 }))
    }

    /// What the model accepts and offers.
    pub(crate) fn capabilities(self) -> Capabilities {
        let mut capabilities = Capabilities::text();
        capabilities.images = true;
        capabilities.audio = true;
        capabilities.documents = true;
        capabilities.reasoning = self.thinks();
        match self.family {
            Family::Pro | Family::Flash | Family::Lite => {}
            Family::Image => {
                capabilities.audio = false;
                capabilities.tools = false;
                capabilities.output = OutputSupport::Prompted;
            }
            Family::Speech => {
                capabilities = Capabilities::none();
                capabilities.streaming = true;
            }
            Family::Gemma => {
                capabilities.audio = false;
                capabilities.documents = false;
                capabilities.tools = false;
                capabilities.output = OutputSupport::Prompted;
            }
        }
        capabilities
    }
}

/// Reads `2.5` or `3`; a build number is no version.
fn version(segment: &str) -> Option<(u32, u32)> {
    let (major, minor) = segment.split_once('.').unwrap_or((segment, "0"));
    let version = (major.parse().ok()?, minor.parse().ok()?);
    (version.0 < 100).then_some(version)
}
