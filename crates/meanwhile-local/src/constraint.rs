//! [`Constraint`] holds an answer to a grammar: it says which tokens may come next.

use llguidance::Matcher;
use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use serde_json::{Value, json};

use crate::LocalError;
use crate::tokenizer::Vocabulary;

/// What an answer must look like.
#[derive(Debug, Clone)]
pub(crate) enum Grammar {
    /// JSON that satisfies this schema, without white space between its parts.
    Json(Value),
    /// A grammar in Lark's notation.
    Lark(String),
}

/// Digits in a row after which only something else may follow: a model can write them for ever.
const DIGITS_IN_A_ROW: usize = 15;

/// The state of one answer in its grammar.
pub(crate) struct Constraint {
    matcher: Matcher,
    digits: usize,
}

impl Constraint {
    /// Compiles a grammar.
    pub(crate) fn new(vocabulary: &Vocabulary, grammar: &Grammar) -> Result<Self, LocalError> {
        let grammar = match grammar {
            Grammar::Json(schema) => GrammarWithLexer::from_json_schema(compact(schema)),
            Grammar::Lark(text) => GrammarWithLexer::from_lark(text.clone()),
        };
        let factory = vocabulary.grammars()?;
        let parser = factory.create_parser(TopLevelGrammar::from_grammar(grammar));
        let parser = parser.map_err(|error| LocalError::Schema { reason: format!("{error:#}") })?;
        Ok(Self { matcher: Matcher::new(Ok(parser)), digits: 0 })
    }

    /// Rules out the tokens that cannot come next by setting their scores to minus infinity.
    pub(crate) fn rule_out(
        &mut self,
        vocabulary: &Vocabulary,
        scores: &mut [f32],
    ) -> Result<(), LocalError> {
        let mut mask = self.matcher.compute_mask_or_eos().map_err(inside)?;
        if self.digits >= DIGITS_IN_A_ROW {
            let mut without = mask.clone();
            mask.iter_set_entries(|token| {
                if vocabulary.bytes(token as u32).first().is_some_and(u8::is_ascii_digit) {
                    without.disallow_token(token as u32);
                }
            });
            if !without.is_zero() {
                mask = without;
            }
        }
        for (token, score) in scores.iter_mut().enumerate() {
            if token >= mask.len() || !mask.is_allowed(token as u32) {
                *score = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes note of a picked token.
    pub(crate) fn accept(&mut self, vocabulary: &Vocabulary, token: u32) -> Result<(), LocalError> {
        self.count_digits(vocabulary.bytes(token));
        self.matcher.consume_token(token).map_err(inside)
    }

    /// The tokens that must come next whatever the model thinks, already taken note of.
    pub(crate) fn forced(&mut self, vocabulary: &Vocabulary) -> Result<Vec<u32>, LocalError> {
        let tokens = self.matcher.consume_ff_tokens();
        if let Some(error) = self.matcher.get_error() {
            return Err(LocalError::internal(error));
        }
        for token in &tokens {
            self.count_digits(vocabulary.bytes(*token));
        }
        Ok(tokens)
    }

    /// Whether nothing more can come.
    pub(crate) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    fn count_digits(&mut self, bytes: &[u8]) {
        let last = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        self.digits = if last == bytes.len() { self.digits + last } else { last };
    }
}

/// Asks the grammar compiler for JSON without white space.
pub(crate) fn compact(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(_) => schema.clone(),
        other => json!({ "allOf": [other] }),
    };
    if let Value::Object(object) = &mut schema {
        let options = json!({ "whitespace_flexible": false, "coerce_one_of": true });
        object.insert("x-guidance".into(), options);
    }
    schema
}

fn inside(error: impl std::fmt::Display) -> LocalError {
    LocalError::internal(format_args!("{error:#}"))
}
