//! [`Bert`] holds the weights of a small BERT and computes what a text means.
//!
//! The tokens of many texts go through the matrices together, one below the other and without
//! padding: a text costs what its own tokens cost, and sees nothing of the others.

use std::path::Path;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::Deserialize;

use super::source::Source;
use crate::LocalError;
use crate::kernels;

/// What `config.json` says about a model.
#[derive(Debug, Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    #[serde(default)]
    position_embedding_type: Option<String>,
    type_vocab_size: usize,
    vocab_size: usize,
}

/// What `1_Pooling/config.json` says about how vectors are made, where that file is.
#[derive(Debug, Deserialize)]
struct Pooling {
    pooling_mode_mean_tokens: bool,
}

/// A matrix with what is added to its products.
struct Linear {
    /// Transposed: one column for each output.
    weight: Tensor,
    bias: Vec<f32>,
}

/// Brings rows to a mean of zero and a variance of one, and then scales and shifts them.
struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

struct Layer {
    /// Queries, keys and values, one beside the other.
    attention_in: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    forward_in: Linear,
    forward_out: Linear,
    forward_norm: Norm,
}

/// The weights of a model, read-only once loaded.
pub(super) struct Bert {
    config: Config,
    words: Vec<f32>,
    /// The embeddings of positions, with that of the first kind of text added.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    threads: rayon::ThreadPool,
}

impl Bert {
    /// Reads the model in a folder. `threads` is how many threads compute.
    pub(super) fn load(folder: &Path, threads: usize) -> Result<Self, LocalError> {
        let wrong =
            |name: &str, reason: String| LocalError::Weights { path: folder.join(name), reason };
        let config = Config::read(folder).map_err(|reason| wrong("config.json", reason))?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("meanwhile-embed-{index}"))
            .build()
            .map_err(LocalError::internal)?;
        let name = "model.safetensors";
        Self::read(&folder.join(name), config, pool).map_err(|reason| wrong(name, reason))
    }

    fn read(path: &Path, config: Config, threads: rayon::ThreadPool) -> Result<Self, String> {
        let width = config.hidden_size;
        let mut source = Source::open(path)?;
        let mut part = |name: &str, rows: usize| {
            source.tensor(&format!("embeddings.{name}_embeddings.weight"), &[rows, width])
        };
        let words = part("word", config.vocab_size)?;
        let mut positions = part("position", config.max_position_embeddings)?;
        let kinds = part("token_type", config.type_vocab_size)?;
        for row in positions.chunks_exact_mut(width) {
            kernels::add(row, &kinds);
        }
        let norm = Norm::read(&mut source, "embeddings", &config)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::read(&mut source, index, &config))
            .collect::<Result<_, _>>()?;
        Ok(Self { config, words, positions, norm, layers, threads })
    }

    /// The most tokens that a text may have.
    pub(super) fn positions(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Computes a vector of length one for each text: the mean over its tokens.
    pub(super) fn embed(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, LocalError> {
        // Everything below, the matrix products of candle included, uses the threads of the pool
        // it runs in, and no others.
        self.threads.install(|| self.forward(texts)).map_err(LocalError::internal)
    }

    fn forward(&self, texts: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let width = self.config.hidden_size;
        let mut stream = Vec::with_capacity(texts.iter().map(Vec::len).sum::<usize>() * width);
        for text in texts {
            let positions = self.positions.chunks_exact(width);
            if text.len() > positions.len() {
                candle_core::bail!("a text of {} tokens is too long", text.len());
            }
            for (token, position) in text.iter().zip(positions) {
                let start = *token as usize * width;
                let Some(word) = self.words.get(start..start + width) else {
                    candle_core::bail!("there is no token {token}");
                };
                stream.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        self.norm.apply(&mut stream);
        for layer in &self.layers {
            let wide = layer.attention_in.apply(&stream)?;
            let seen = self.attend(texts, &wide);
            kernels::add(&mut stream, &layer.attention_out.apply(&seen)?);
            layer.attention_norm.apply(&mut stream);

            let mut inner = layer.forward_in.apply(&stream)?;
            inner.par_chunks_mut(self.config.intermediate_size).for_each(gelu);
            kernels::add(&mut stream, &layer.forward_out.apply(&inner)?);
            layer.forward_norm.apply(&mut stream);
        }
        let mut rows = stream.chunks_exact(width);
        let vectors = texts.iter().map(|text| {
            let mut vector = vec![0.0; width];
            for row in rows.by_ref().take(text.len()) {
                kernels::add(&mut vector, row);
            }
            // The mean and the sum point the same way, and only the direction is left.
            let length = kernels::dot(&vector, &vector).sqrt().max(f32::MIN_POSITIVE);
            vector.iter_mut().for_each(|value| *value /= length);
            vector
        });
        Ok(vectors.collect())
    }

    /// Lets every token look at all of its own text: `wide` holds queries, keys and values.
    fn attend(&self, texts: &[Vec<u32>], wide: &[f32]) -> Vec<f32> {
        let width = self.config.hidden_size;
        let mut out = vec![0.0; wide.len() / 3];
        let mut rest = (wide, out.as_mut_slice());
        let pairs: Vec<_> = texts
            .iter()
            .map_while(|text| {
                let (wide, out) = std::mem::take(&mut rest);
                let (wide, wide_rest) = wide.split_at_checked(text.len() * width * 3)?;
                let (out, out_rest) = out.split_at_mut_checked(text.len() * width)?;
                rest = (wide_rest, out_rest);
                Some((wide, out))
            })
            .collect();
        let heads = self.config.num_attention_heads;
        pairs.into_par_iter().for_each(|(wide, out)| attend_to_text(wide, out, width, heads));
        out
    }
}

/// Lets every token of one text look at all of them.
fn attend_to_text(wide: &[f32], out: &mut [f32], width: usize, heads: usize) {
    let head_width = width / heads;
    let scale = 1.0 / (head_width as f32).sqrt();
    let count = out.len() / width;
    // The keys and values of a head, one token after the other.
    let mut keys = Vec::with_capacity(count * head_width);
    let mut values = Vec::with_capacity(count * head_width);
    let mut weights = Vec::with_capacity(count);
    for head in (0..width).step_by(head_width) {
        let part = |row: usize| head + row * width..head + row * width + head_width;
        keys.clear();
        values.clear();
        for row in wide.chunks_exact(3 * width) {
            keys.extend_from_slice(row.get(part(1)).unwrap_or_default());
            values.extend_from_slice(row.get(part(2)).unwrap_or_default());
        }
        for (row, out) in wide.chunks_exact(3 * width).zip(out.chunks_exact_mut(width)) {
            let (Some(query), Some(sum)) = (row.get(part(0)), out.get_mut(part(0))) else {
                continue;
            };
            weights.clear();
            weights
                .extend(keys.chunks_exact(head_width).map(|key| kernels::dot(query, key) * scale));
            kernels::softmax(&mut weights);
            for (value, weight) in values.chunks_exact(head_width).zip(&weights) {
                kernels::add_scaled(sum, value, *weight);
            }
        }
    }
}

/// Applies the Gaussian error linear unit to each number: `x` times the share of a normal
/// distribution that lies below `x`.
fn gelu(values: &mut [f32]) {
    for value in values {
        *value *= 0.5 * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// The error function, to within four in ten million.
///
/// This is the quotient of polynomials that Eigen and XLA use. Without branches and calls, unlike
/// the exact function, so that the compiler computes several at once.
pub(super) fn erf(x: f32) -> f32 {
    const ABOVE: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const BELOW: [f32; 5] =
        [-1.456_607_2e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let polynomial =
        |factors: &[f32]| factors.iter().fold(0.0, |sum, factor| sum * square + factor);
    x * polynomial(&ABOVE) / polynomial(&BELOW)
}

impl Config {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
        let config: Self =
            serde_json::from_slice(&read("config.json")?).map_err(|error| error.to_string())?;
        let expect = |what: &str, found: &str, expected: &str| match found == expected {
            true => Ok(()),
            false => Err(format!("{what} is {found:?}, and only {expected:?} is supported")),
        };
        expect("model_type", &config.model_type, "bert")?;
        expect("hidden_act", &config.hidden_act, "gelu")?;
        let positions = config.position_embedding_type.as_deref().unwrap_or("absolute");
        expect("position_embedding_type", positions, "absolute")?;
        if config.num_attention_heads == 0
            || config.hidden_size == 0
            || !config.hidden_size.is_multiple_of(config.num_attention_heads)
        {
            return Err(format!(
                "{} heads over a width of {} do not fit",
                config.num_attention_heads, config.hidden_size
            ));
        }
        for (name, size) in [
            ("intermediate_size", config.intermediate_size),
            ("max_position_embeddings", config.max_position_embeddings),
            ("num_hidden_layers", config.num_hidden_layers),
            ("type_vocab_size", config.type_vocab_size),
            ("vocab_size", config.vocab_size),
        ] {
            if size == 0 {
                return Err(format!("{name} is 0"));
            }
        }
        // A copy of a whole repository says this too; other ways give other vectors.
        if let Ok(text) = read("1_Pooling/config.json") {
            let pooling: Pooling = serde_json::from_slice(&text)
                .map_err(|error| format!("1_Pooling/config.json is malformed: {error}"))?;
            if !pooling.pooling_mode_mean_tokens {
                return Err("its vectors are not the mean over its tokens, and only that is \
                            supported"
                    .to_owned());
            }
        }
        Ok(config)
    }
}

impl Linear {
    /// Reads layers of equal width, to be computed at once.
    fn read(
        source: &mut Source,
        names: &[String],
        columns: usize,
        rows: usize,
    ) -> Result<Self, String> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(source.tensor(&format!("{name}.weight"), &[rows, columns])?);
            bias.extend(source.tensor(&format!("{name}.bias"), &[rows])?);
        }
        let weight = Tensor::from_vec(weight, (rows * names.len(), columns), &Device::Cpu)
            .and_then(|weight| weight.t()?.contiguous())
            .map_err(|error| error.to_string())?;
        Ok(Self { weight, bias })
    }

    /// Multiplies each row of `input`.
    fn apply(&self, input: &[f32]) -> candle_core::Result<Vec<f32>> {
        let (columns, rows) = self.weight.dims2()?;
        let input = Tensor::from_slice(input, (input.len() / columns, columns), &Device::Cpu)?;
        let mut out = input.matmul(&self.weight)?.flatten_all()?.to_vec1::<f32>()?;
        out.chunks_exact_mut(rows).for_each(|row| kernels::add(row, &self.bias));
        Ok(out)
    }
}

impl Norm {
    fn read(source: &mut Source, name: &str, config: &Config) -> Result<Self, String> {
        let mut part =
            |part: &str| source.tensor(&format!("{name}.LayerNorm.{part}"), &[config.hidden_size]);
        Ok(Self { scale: part("weight")?, shift: part("bias")?, epsilon: config.layer_norm_eps })
    }

    fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.scale.len().max(1)) {
            let count = row.len() as f32;
            let mean = row.iter().sum::<f32>() / count;
            row.iter_mut().for_each(|value| *value -= mean);
            let factor = 1.0 / (kernels::dot(row, row) / count + self.epsilon).sqrt();
            for ((value, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *value = *value * factor * scale + shift;
            }
        }
    }
}

impl Layer {
    fn read(source: &mut Source, index: usize, config: &Config) -> Result<Self, String> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let dense = |part: &str| [name(&format!("{part}.dense"))];
        let together =
            ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Self {
            attention_in: Linear::read(source, &together, width, width)?,
            attention_out: Linear::read(source, &dense("attention.output"), width, width)?,
            attention_norm: Norm::read(source, &name("attention.output"), config)?,
            forward_in: Linear::read(source, &dense("intermediate"), width, inner)?,
            forward_out: Linear::read(source, &dense("output"), inner, width)?,
            forward_norm: Norm::read(source, &name("output"), config)?,
        })
    }
}
