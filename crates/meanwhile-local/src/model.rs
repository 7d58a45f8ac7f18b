//! [`Model`] holds the weights of a small Llama and computes what follows a text.
//!
//! One model serves any number of sequences: what a sequence has read so far lives in its own
//! [`Memory`]. A sequence's numbers do not depend on which others are computed in the same step.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, Value};

use crate::LocalError;
use crate::kernels::{self, Matrix, Threads};

/// The sizes of a model.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) shared_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) inner: usize,
    pub(crate) context: usize,
    epsilon: f32,
    rotation_base: f64,
}

/// The weights of one layer.
struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys and values, one below the other.
    attention_in: Matrix,
    attention_out: Matrix,
    forward_norm: Vec<f32>,
    /// Gates and values, one below the other.
    forward_in: Matrix,
    forward_out: Matrix,
}

/// The weights of a model, read-only once loaded.
pub(crate) struct Model {
    shape: Shape,
    tokens: Matrix,
    /// The output layer, where it differs from `tokens`.
    output: Option<Matrix>,
    norm: Vec<f32>,
    layers: Vec<Layer>,
    threads: Threads,
}

/// What one sequence has read so far: the keys and values of each layer and head.
pub(crate) struct Memory {
    length: usize,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    head_width: usize,
}

impl Memory {
    /// How many tokens are in it.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Forgets all but the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for column in self.keys.iter_mut().chain(&mut self.values) {
            column.truncate(self.length * self.head_width);
        }
    }
}

/// A piece of one sequence to be read in the next step.
pub(crate) struct Piece<'a> {
    pub(crate) memory: &'a mut Memory,
    pub(crate) tokens: &'a [u32],
    /// Whether the scores of the token after the piece are wanted.
    pub(crate) scores: bool,
}

impl Model {
    /// Reads the weights of a GGUF file of the `llama` family, converting them to 8 bits.
    ///
    /// `threads` is how many threads compute; one is the thread that calls. Loading itself uses a
    /// few threads for a moment, because converting is most of the work.
    pub(crate) fn load(path: &Path, content: &Content, threads: usize) -> Result<Self, LocalError> {
        let wrong = |reason: String| LocalError::Weights { path: path.to_path_buf(), reason };
        let shape = Shape::read(content).map_err(|error| wrong(error.to_string()))?;
        let source = || Source::open(path, content);
        let loaders = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
        let per_loader = shape.layers.div_ceil(loaders).max(1);
        std::thread::scope(|scope| {
            let loading: Vec<_> = (0..shape.layers)
                .step_by(per_loader)
                .map(|first| {
                    let last = shape.layers.min(first + per_loader);
                    scope.spawn(move || {
                        let mut source = source()?;
                        (first..last).map(|index| Layer::load(&mut source, index)).collect()
                    })
                })
                .collect();
            let mut source = source()?;
            let norm = source.vector("output_norm.weight")?;
            let tokens = source.matrix(&["token_embd.weight"])?;
            let output = match content.tensor_infos.contains_key("output.weight") {
                true => Some(source.matrix(&["output.weight"])?),
                false => None,
            };
            let mut layers = Vec::with_capacity(shape.layers);
            for part in loading {
                let part: candle_core::Result<Vec<Layer>> =
                    part.join().map_err(|_| candle_core::Error::msg("a loading thread failed"))?;
                layers.extend(part?);
            }
            let threads = kernels::threads(threads)?;
            Ok(Self { norm, shape, tokens, output, layers, threads })
        })
        .map_err(|error: candle_core::Error| wrong(error.to_string()))
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Starts the memory of a new sequence.
    pub(crate) fn memory(&self) -> Memory {
        let columns = self.shape.layers * self.shape.shared_heads;
        Memory {
            length: 0,
            keys: vec![Vec::new(); columns],
            values: vec![Vec::new(); columns],
            head_width: self.shape.head_width,
        }
    }

    /// Reads one piece of each sequence, and returns for each the scores of every possible next
    /// token (empty where they were not asked for).
    pub(crate) fn forward(&self, pieces: &mut [Piece<'_>]) -> Result<Vec<Vec<f32>>, LocalError> {
        let Shape { width, inner, epsilon, .. } = self.shape;
        let mut stream = Vec::new();
        let mut turns = Vec::new();
        for piece in pieces.iter() {
            for (offset, token) in piece.tokens.iter().enumerate() {
                if !self.tokens.push_row(*token as usize, &mut stream) {
                    return Err(LocalError::internal(format_args!("there is no token {token}")));
                }
                turns.push(self.shape.turns(piece.memory.length + offset));
            }
        }

        let (mut normal, mut wide, mut narrow) = (Vec::new(), Vec::new(), Vec::new());
        for (index, layer) in self.layers.iter().enumerate() {
            kernels::normalise(&stream, &layer.attention_norm, epsilon, &mut normal);
            layer.attention_in.multiply(&normal, &mut wide, &self.threads);
            self.attend(index, pieces, &mut wide, &turns, &mut normal);
            layer.attention_out.multiply(&normal, &mut narrow, &self.threads);
            kernels::add(&mut stream, &narrow);

            kernels::normalise(&stream, &layer.forward_norm, epsilon, &mut normal);
            layer.forward_in.multiply(&normal, &mut wide, &self.threads);
            kernels::gate(&wide, inner, &mut normal);
            layer.forward_out.multiply(&normal, &mut narrow, &self.threads);
            kernels::add(&mut stream, &narrow);
        }

        let mut rows = stream.chunks_exact(width);
        let mut last_rows = Vec::new();
        for piece in pieces.iter_mut() {
            let last = rows.by_ref().take(piece.tokens.len()).last();
            piece.memory.length += piece.tokens.len();
            last_rows.extend_from_slice(last.filter(|_| piece.scores).unwrap_or_default());
        }
        kernels::normalise(&last_rows, &self.norm, epsilon, &mut normal);
        let output = self.output.as_ref().unwrap_or(&self.tokens);
        output.multiply(&normal, &mut wide, &self.threads);
        let mut scores = wide.chunks_exact(output.rows()).map(<[f32]>::to_vec);
        Ok(pieces
            .iter()
            .map(|piece| match piece.scores && !piece.tokens.is_empty() {
                true => scores.next().unwrap_or_default(),
                false => Vec::new(),
            })
            .collect())
    }

    /// Lets every token look back at those before it: `wide` holds queries, keys and values.
    fn attend(
        &self,
        layer: usize,
        pieces: &mut [Piece<'_>],
        wide: &mut [f32],
        turns: &[Vec<(f32, f32)>],
        out: &mut Vec<f32>,
    ) {
        let Shape { heads, shared_heads, head_width, .. } = self.shape;
        let group = (heads / shared_heads) * head_width;
        let scale = 1.0 / (head_width as f32).sqrt();
        let mut rows = wide.chunks_exact_mut((heads + 2 * shared_heads) * head_width).zip(turns);
        let mut weights = Vec::new();
        out.clear();
        for piece in pieces {
            let columns = layer * shared_heads..(layer + 1) * shared_heads;
            let Memory { keys, values, length, .. } = &mut *piece.memory;
            let (Some(keys), Some(values)) =
                (keys.get_mut(columns.clone()), values.get_mut(columns))
            else {
                continue;
            };
            for (offset, (row, turns)) in rows.by_ref().take(piece.tokens.len()).enumerate() {
                let seen = *length + offset + 1;
                let (turned, fresh_values) = row.split_at_mut((heads + shared_heads) * head_width);
                kernels::rotate(turned, turns);
                let (queries, fresh_keys) = turned.split_at(heads * head_width);
                let fresh =
                    fresh_keys.chunks_exact(head_width).zip(fresh_values.chunks_exact(head_width));
                let columns = keys.iter_mut().zip(values.iter_mut());
                for ((queries, (key, value)), (keys, values)) in
                    queries.chunks_exact(group).zip(fresh).zip(columns)
                {
                    keys.extend_from_slice(key);
                    values.extend_from_slice(value);
                    for query in queries.chunks_exact(head_width) {
                        weights.clear();
                        let keys = keys.chunks_exact(head_width).take(seen);
                        weights.extend(keys.map(|key| kernels::dot(query, key) * scale));
                        kernels::softmax(&mut weights);
                        let start = out.len();
                        out.resize(start + head_width, 0.0);
                        let Some(sum) = out.get_mut(start..) else { continue };
                        for (value, weight) in values.chunks_exact(head_width).zip(&weights) {
                            kernels::add_scaled(sum, value, *weight);
                        }
                    }
                }
            }
        }
    }
}

impl Shape {
    fn read(content: &Content) -> candle_core::Result<Self> {
        let text = |key: &str| content.metadata.get(key).and_then(|v| v.to_string().ok());
        match text("general.architecture").map(String::as_str) {
            Some("llama") => {}
            other => candle_core::bail!(
                "the architecture is {other:?}, and only the llama family is supported"
            ),
        }
        let get = |key: &str| match content.metadata.get(key) {
            Some(value) => Ok(value),
            None => candle_core::bail!("the file does not state {key}"),
        };
        let number = |key: &str| get(key).and_then(Value::to_u32).map(|n| n as usize);
        let width = number("llama.embedding_length")?;
        let heads = number("llama.attention.head_count")?;
        let shared_heads = number("llama.attention.head_count_kv")?;
        if heads == 0
            || shared_heads == 0
            || !heads.is_multiple_of(shared_heads)
            || !width.is_multiple_of(2 * heads)
        {
            candle_core::bail!(
                "{heads} heads over {shared_heads} and a width of {width} do not fit"
            );
        }
        let rotation_base = match content.metadata.get("llama.rope.freq_base") {
            Some(value) => f64::from(value.to_f32()?),
            None => 10_000.0,
        };
        if number("llama.rope.dimension_count")? != width / heads {
            candle_core::bail!("heads that are turned in part are not supported");
        }
        Ok(Self {
            layers: number("llama.block_count")?,
            width,
            heads,
            shared_heads,
            head_width: width / heads,
            inner: number("llama.feed_forward_length")?,
            context: number("llama.context_length")?,
            epsilon: get("llama.attention.layer_norm_rms_epsilon")?.to_f32()?,
            rotation_base,
        })
    }

    /// Sine and cosine of each pair of a head at `position`.
    fn turns(&self, position: usize) -> Vec<(f32, f32)> {
        let pairs = self.head_width / 2;
        (0..pairs)
            .map(|pair| {
                let speed = self.rotation_base.powf(-(pair as f64) / pairs as f64);
                let (sin, cos) = (position as f64 * speed).sin_cos();
                (sin as f32, cos as f32)
            })
            .collect()
    }
}

/// One reader of the tensors in a file.
struct Source<'a> {
    content: &'a Content,
    file: BufReader<File>,
}

impl<'a> Source<'a> {
    fn open(path: &Path, content: &'a Content) -> candle_core::Result<Self> {
        Ok(Self { content, file: BufReader::with_capacity(1 << 20, File::open(path)?) })
    }

    fn tensor(&mut self, name: &str) -> candle_core::Result<QTensor> {
        self.content.tensor(&mut self.file, name, &Device::Cpu)
    }

    fn vector(&mut self, name: &str) -> candle_core::Result<Vec<f32>> {
        self.tensor(name)?.dequantize(&Device::Cpu)?.to_vec1()
    }

    fn matrix(&mut self, names: &[&str]) -> candle_core::Result<Matrix> {
        let tensors: candle_core::Result<Vec<_>> =
            names.iter().map(|name| self.tensor(name)).collect();
        Matrix::stack(&tensors?)
    }
}

impl Layer {
    fn load(source: &mut Source<'_>, index: usize) -> candle_core::Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let [q, k, v] = ["attn_q", "attn_k", "attn_v"].map(name);
        Ok(Self {
            attention_norm: source.vector(&name("attn_norm"))?,
            attention_in: source.matrix(&[&q, &k, &v])?,
            attention_out: source.matrix(&[&name("attn_output")])?,
            forward_norm: source.vector(&name("ffn_norm"))?,
            forward_in: source.matrix(&[&name("ffn_gate"), &name("ffn_up")])?,
            forward_out: source.matrix(&[&name("ffn_down")])?,
        })
    }
}

/// Reads the head of a GGUF file: what it says about the model, and the vocabulary.
pub(crate) fn read_head(path: &Path) -> Result<Content, LocalError> {
    let wrong = |reason: String| LocalError::Weights { path: path.into(), reason };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    Content::read(&mut BufReader::new(file)).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use candle_core::Tensor;
    use candle_core::quantized::{GgmlDType, gguf_file};
    use candle_transformers::models::quantized_llama::ModelWeights;

    use super::*;
    use crate::chat::{self, Speaker, Turn};
    use crate::tokenizer::Vocabulary;

    /// The same weights in candle's own Llama, in 8 bits as ours.
    fn reference(path: &Path, content: &Content) -> ModelWeights {
        let mut file = File::open(path).unwrap();
        let mut tensors = Vec::new();
        for name in content.tensor_infos.keys() {
            let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap();
            let tensor = match tensor.dtype() {
                GgmlDType::Q4_1 => {
                    let values = tensor.dequantize(&Device::Cpu).unwrap();
                    QTensor::quantize(&values, GgmlDType::Q8_0).unwrap()
                }
                _ => tensor,
            };
            tensors.push((name.as_str(), tensor));
        }
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let metadata: Vec<_> =
            content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut written = Cursor::new(Vec::new());
        gguf_file::write(&mut written, &metadata, &tensors).unwrap();
        written.set_position(0);
        let content = Content::read(&mut written).unwrap();
        ModelWeights::from_gguf(content, &mut written, &Device::Cpu).unwrap()
    }

    fn probabilities(mut scores: Vec<f32>) -> Vec<f32> {
        kernels::softmax(&mut scores);
        scores
    }

    #[test]
    fn the_scores_are_those_of_candle() {
        let path = crate::Local::new().fetch().unwrap();
        let content = read_head(&path).unwrap();
        let vocabulary = Vocabulary::load(&path, &content).unwrap();
        let model = Model::load(&path, &content, 1).unwrap();
        let mut reference = reference(&path, &content);
        let turns = [Turn::new(Speaker::User, "Recommend a fantasy book in one sentence.")];
        let mut tokens = chat::encode(&vocabulary, &turns).unwrap();
        let mut memory = model.memory();
        let mut read = 0;
        for _ in 0..12 {
            let fresh = tokens.get(read..).unwrap();
            let piece = Piece { memory: &mut memory, tokens: fresh, scores: true };
            let ours = model.forward(&mut [piece]).unwrap().pop().unwrap();
            let input = Tensor::new(fresh, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
            let theirs = reference.forward(&input, read).unwrap();
            let theirs = theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let best = |scores: &[f32]| {
                let ranked = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                ranked.unwrap().0
            };
            // Sums are taken in another order, and rounding to 8 bits makes that visible.
            let pairs = probabilities(ours.clone()).into_iter().zip(probabilities(theirs.clone()));
            let apart = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / 2.0;
            assert!(apart < 0.2, "the probabilities are {apart} apart");
            assert_eq!(best(&ours), best(&theirs));
            read = tokens.len();
            tokens.push(best(&theirs) as u32);
        }
    }
}
