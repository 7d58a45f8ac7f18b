//! [`Vocabulary`] turns text into tokens and tokens into bytes; [`TextDecoder`] puts bytes back
//! together into text.
//!
//! Text never becomes a control token: `<|im_end|>` typed by a user is eight ordinary tokens or
//! so. Control tokens are only ever placed by [`crate::chat`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use candle_core::quantized::gguf_file::{Content, Value};
use llguidance::ParserFactory;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use crate::LocalError;

/// The kind that GGUF gives to a token which is not text.
const CONTROL: u32 = 3;

/// The tokens of a model.
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    /// The bytes of each token; none for a control token.
    pieces: Vec<Vec<u8>>,
    control: HashMap<String, u32>,
    /// Ends a turn.
    end: u32,
    /// Built at the first constrained answer, because it takes a tenth of a second.
    grammars: OnceLock<Result<Arc<ParserFactory>, LocalError>>,
}

impl Vocabulary {
    /// Rebuilds the tokenizer from the head of a GGUF file.
    pub(crate) fn load(path: &Path, content: &Content) -> Result<Self, LocalError> {
        Self::read(content).map_err(|reason| LocalError::Weights { path: path.into(), reason })
    }

    fn read(content: &Content) -> Result<Self, String> {
        for (key, expected) in [("model", "gpt2"), ("pre", "smollm")] {
            let key = format!("tokenizer.ggml.{key}");
            let found = content.metadata.get(&key).and_then(|value| value.to_string().ok());
            if found.map(String::as_str) != Some(expected) {
                return Err(format!("{key} is {found:?}, and only {expected:?} is supported"));
            }
        }
        let list = |key: &str| -> Result<&Vec<Value>, String> {
            let value =
                content.metadata.get(key).ok_or(format!("the file does not state {key}"))?;
            value.to_vec().map_err(|error| error.to_string())
        };
        let tokens = list("tokenizer.ggml.tokens")?
            .iter()
            .map(|token| token.to_string().cloned())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let merges = list("tokenizer.ggml.merges")?
            .iter()
            .map(|merge| {
                let merge = merge.to_string().ok()?;
                merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or("a merge of the tokenizer is malformed")?;

        let mut pieces = Vec::with_capacity(tokens.len());
        let mut control = HashMap::new();
        let kinds = list("tokenizer.ggml.token_type")?;
        let letters = letters_to_bytes();
        for (id, (token, kind)) in tokens.iter().zip(kinds).enumerate() {
            if kind.to_i32().is_ok_and(|kind| kind == CONTROL as i32) {
                control.insert(token.clone(), id as u32);
                pieces.push(Vec::new());
            } else {
                let bytes = token.chars().map(|letter| letters.get(&letter).copied());
                let bytes = bytes.collect::<Option<Vec<_>>>();
                pieces.push(bytes.ok_or_else(|| format!("token {id} is malformed"))?);
            }
        }
        if pieces.len() != tokens.len() {
            return Err("not every token states its kind".into());
        }
        let end = content.metadata.get("tokenizer.ggml.eos_token_id").map(Value::to_u32);
        let end =
            end.and_then(Result::ok).ok_or("the file does not state which token ends a turn")?;

        let vocabulary = tokens.into_iter().enumerate().map(|(id, token)| (token, id as u32));
        let bpe = BPE::builder()
            .vocab_and_merges(vocabulary.collect::<tokenizers::models::bpe::Vocab>(), merges)
            .build()
            .map_err(|error| error.to_string())?;
        let mut tokenizer = Tokenizer::new(bpe);
        // Every digit is a token of its own, and no space is put in front of the text.
        let digits = Digits::new(true).into();
        let bytes = ByteLevel::new(false, true, true).into();
        tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![digits, bytes])));
        Ok(Self { tokenizer, pieces, control, end, grammars: OnceLock::new() })
    }

    /// Adds the tokens of `text` to `out`; nothing in the text can become a control token.
    pub(crate) fn encode(&self, text: &str, out: &mut Vec<u32>) -> Result<(), LocalError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(LocalError::internal)?;
        out.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// The control token of this name.
    pub(crate) fn control(&self, name: &str) -> Result<u32, LocalError> {
        let id = self.control.get(name).copied();
        id.ok_or_else(|| LocalError::internal(format_args!("the model has no {name} token")))
    }

    /// The bytes of a token; none for a control token.
    pub(crate) fn bytes(&self, token: u32) -> &[u8] {
        self.pieces.get(token as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a token is not text.
    pub(crate) fn is_control(&self, token: u32) -> bool {
        self.bytes(token).is_empty()
    }

    /// The token that ends a turn.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Every control token.
    pub(crate) fn controls(&self) -> impl Iterator<Item = u32> {
        self.control.values().copied()
    }

    /// What compiles grammars for this vocabulary.
    pub(crate) fn grammars(&self) -> Result<Arc<ParserFactory>, LocalError> {
        self.grammars.get_or_init(|| self.build_grammars()).clone()
    }

    fn build_grammars(&self) -> Result<Arc<ParserFactory>, LocalError> {
        let mut words = self.pieces.clone();
        for (name, id) in &self.control {
            if let Some(word) = words.get_mut(*id as usize) {
                *word = [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat();
            }
        }
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, self.end), &words);
        let environment: TokEnv = Arc::new(Environment { trie, tokenizer: self.tokenizer.clone() });
        let abilities = InferenceCapabilities { ff_tokens: true, ..Default::default() };
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&environment, abilities, &slices)
            .map_err(|error| LocalError::internal(format_args!("{error:#}")))?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Arc::new(factory))
    }
}

/// The vocabulary as the grammar compiler sees it.
struct Environment {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            match self.tokenizer.encode_fast(text, false) {
                Ok(encoding) => encoding.get_ids().to_vec(),
                Err(_) => self.trie.greedy_tokenize(text.as_bytes()),
            }
        })
    }
}

/// The letters that byte-level tokenizers write bytes with: printable bytes stand for themselves,
/// the others are moved behind the first 256 characters.
fn letters_to_bytes() -> HashMap<char, u8> {
    let mut moved = 0..;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let itself = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
            let letter = if itself { u32::from(byte) } else { 256 + moved.next()? };
            Some((char::from_u32(letter)?, byte))
        })
        .collect()
}

/// Puts the bytes of tokens together into text, and never hands out half a character.
#[derive(Debug, Default)]
pub(crate) struct TextDecoder {
    held: Vec<u8>,
}

impl TextDecoder {
    /// Adds bytes, and returns the text that is complete. Bytes that cannot be text become `�`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut incomplete = 0;
        let mut chunks = self.held.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let last = chunks.peek().is_none();
            if last && could_continue(chunk.invalid()) {
                incomplete = chunk.invalid().len();
            } else if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let done = self.held.len() - incomplete;
        self.held.drain(..done);
        text
    }

    /// Returns what is left at the end: `�` if a character was never completed.
    pub(crate) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// Whether more bytes could make a character of these.
fn could_continue(bytes: &[u8]) -> bool {
    let wanted = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return false,
    };
    bytes.len() < wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_any_cut() {
        let text = "naïve 日本 🦀\u{200d}é";
        for size in 1..7 {
            let mut decoder = TextDecoder::default();
            let mut out: String =
                text.as_bytes().chunks(size).map(|bytes| decoder.push(bytes)).collect();
            out.push_str(&decoder.finish());
            assert_eq!(out, text);
        }
    }

    #[test]
    fn broken_bytes_become_a_replacement() {
        let mut decoder = TextDecoder::default();
        assert_eq!(decoder.push(b"a\xffb\xe2\x82"), "a\u{fffd}b");
        assert_eq!(decoder.push(b"\xac!"), "€!");
        assert_eq!(decoder.push(b"\xf0\x9f"), "");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }

    #[test]
    fn letters_cover_every_byte() {
        let letters = letters_to_bytes();
        assert_eq!(letters.len(), 256);
        assert_eq!(letters.get(&'Ġ'), Some(&b' '));
        assert_eq!(letters.get(&'Ċ'), Some(&b'\n'));
    }
}
