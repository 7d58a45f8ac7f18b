//! Measures prompt and generation speed and peak memory against a plain candle loop over the same
//! weights in 8 bits: `cargo bench -p meanwhile-local`. It fails where a token takes more than
//! [`MOST`] times as long as with candle. The last figures are in `docs/local-model.md`.
//!
//! Where `llama-server` is, it is measured over the same weights, too: where `LLAMA_SERVER` says, or where
//! `cargo xtask live --prepare` has built it.
//!
//! Each measurement runs in a process of its own, with one thread, three times; the best counts,
//! because other work on the machine only ever slows a measurement down.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and a bench prints"
)]

use std::io::{Cursor, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use candle_core::quantized::gguf_file::{self, Content};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use futures::executor::block_on;
use meanwhile_core::{Event, Message, OutputFormat, OutputSchema, Provider, Request, Schema};
use meanwhile_local::{Local, SMOLLM2_135M};
use serde_json::{Value, json};

/// Tokens that are generated in each measurement.
const GENERATED: usize = 64;
const ROUNDS: usize = 3;
const PROMPT: &str = "Tell me a short story about a lighthouse keeper and a whale.";

/// How many times as long as with plain candle a token may take.
const MOST: f64 = 1.3;

/// One line of the result.
#[derive(Debug, Clone, Copy, Default)]
struct Speed {
    prompt: f64,
    generation: f64,
    memory: f64,
}

fn main() -> ExitCode {
    let path = Local::new().fetch().unwrap();
    if let Ok(which) = std::env::var("MEASURE") {
        let mut best = Speed::default();
        let mut plain = (which == "plain").then(|| Plain::load(&path));
        let llama = (which == "llama.cpp").then(|| Llama::start(&path));
        for _ in 0..ROUNDS {
            let speed = match (&mut plain, &llama) {
                (Some(plain), _) => plain.measure(),
                (_, Some(llama)) => llama.measure(),
                _ => measure(which == "constrained"),
            };
            best.prompt = best.prompt.max(speed.prompt);
            best.generation = best.generation.max(speed.generation);
        }
        let process =
            llama.as_ref().map_or("self".to_owned(), |llama| llama.server.id().to_string());
        println!("{} {} {}", best.prompt, best.generation, peak_memory(&process));
        return ExitCode::SUCCESS;
    }
    println!(
        "{:<22} {:>14} {:>18} {:>9}",
        "one thread", "prompt tok/s", "generation tok/s", "peak MB"
    );
    let mut speeds = Vec::new();
    let mut all = vec!["plain", "local", "constrained"];
    if llama_server().is_some() {
        all.push("llama.cpp");
    } else {
        println!("llama.cpp is left out: LLAMA_SERVER names no llama-server, and none was built");
    }
    for which in all {
        let output = Command::new(std::env::current_exe().unwrap())
            .env("MEASURE", which)
            .env("RAYON_NUM_THREADS", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<f64> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let [prompt, generation, memory] = numbers[..] else {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        };
        // With constraints, the forced beginning of the answer is there before the prompt is read.
        let shown = if which == "constrained" { "-".into() } else { format!("{prompt:.1}") };
        println!("{which:<22} {shown:>14} {generation:>18.1} {memory:>9.0}");
        speeds.push(Speed { prompt, generation, memory });
    }
    let [plain, local, _, ..] = speeds[..] else { panic!("not three lines") };
    let prompt = plain.prompt / local.prompt;
    let generation = plain.generation / local.generation;
    let memory = local.memory / plain.memory;
    if let Some(llama) = speeds.get(3) {
        println!(
            "local against llama.cpp: time per token of the prompt {:.2}x, of the answer {:.2}x; memory {:.2}x",
            llama.prompt / local.prompt,
            llama.generation / local.generation,
            local.memory / llama.memory
        );
    }
    println!(
        "local against plain candle: time per token of the prompt {prompt:.2}x, of the answer \
         {generation:.2}x (at most {MOST}x); memory {memory:.2}x"
    );
    if prompt > MOST || generation > MOST {
        eprintln!("a token takes longer than {MOST} times what candle takes");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures the provider, through its events.
fn measure(constrained: bool) -> Speed {
    block_on(async {
        // A different beginning each time, so that nothing read before is reused.
        let nonce = Instant::now().elapsed().as_nanos();
        let system = Message::system(format!("{nonce}. You are a helpful assistant."));
        let mut request = Request::new(SMOLLM2_135M, vec![system, Message::user(PROMPT)]);
        request.params.temperature = Some(0.0);
        request.params.max_tokens = Some(GENERATED as u32);
        if constrained {
            let schema = json!({ "type": "object", "required": ["story"],
                "properties": { "story": { "type": "string", "minLength": 300, "maxLength": 900 } } });
            let output = OutputSchema::new("story", Schema::from(schema));
            request.output = OutputFormat::Schema(output);
        }
        // Loads the model, outside of the measurement.
        let mut warm = Request::new(SMOLLM2_135M, vec![Message::user("Hi")]);
        warm.params.max_tokens = Some(1);
        let mut events = Local::new().send(warm).await.unwrap();
        while events.next().await.is_some() {}

        let start = Instant::now();
        let mut first = None;
        let mut counts = (0, 0);
        let mut events = Local::new().send(request).await.unwrap();
        while let Some(event) = events.next().await {
            match event.unwrap() {
                Event::TextDelta { .. } => _ = first.get_or_insert_with(Instant::now),
                Event::Usage(usage) => {
                    counts = (usage.input.uncached.unwrap(), usage.output.total.unwrap());
                }
                _ => {}
            }
        }
        let first = first.unwrap();
        Speed {
            // The first token of the answer comes with the prompt; with constraints, the forced
            // beginning is reported before anything is computed.
            prompt: counts.0 as f64 / (first - start).as_secs_f64(),
            generation: (counts.1 - 1) as f64 / first.elapsed().as_secs_f64(),
            memory: 0.0,
        }
    })
}

/// A plain candle loop over the same weights.
struct Plain(ModelWeights);

/// The weights in 8 bits, as a file.
fn eight_bits(path: &Path) -> Vec<u8> {
    let mut file = std::fs::File::open(path).unwrap();
    let content = Content::read(&mut file).unwrap();
    let mut names: Vec<_> = content.tensor_infos.keys().collect();
    names.sort();
    let tensors: Vec<(&str, QTensor)> = names
        .into_iter()
        .map(|name| {
            let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap();
            let tensor = match tensor.dtype() {
                GgmlDType::Q4_1 => {
                    let values = tensor.dequantize(&Device::Cpu).unwrap();
                    QTensor::quantize(&values, GgmlDType::Q8_0).unwrap()
                }
                _ => tensor,
            };
            (name.as_str(), tensor)
        })
        .collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let metadata: Vec<_> =
        content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let mut written = Cursor::new(Vec::new());
    gguf_file::write(&mut written, &metadata, &tensors).unwrap();
    written.into_inner()
}

impl Plain {
    fn load(path: &Path) -> Self {
        let mut weights = Cursor::new(eight_bits(path));
        let content = Content::read(&mut weights).unwrap();
        Self(ModelWeights::from_gguf(content, &mut weights, &Device::Cpu).unwrap())
    }

    fn measure(&mut self) -> Speed {
        self.0.clear_kv_cache();
        let prompt: Vec<u32> = (1000..1043).collect();
        let start = Instant::now();
        let mut next = self.next(&prompt, 0);
        let read = start.elapsed();
        let start = Instant::now();
        for index in 0..GENERATED {
            next = self.next(&[next], prompt.len() + index);
        }
        Speed {
            prompt: prompt.len() as f64 / read.as_secs_f64(),
            generation: GENERATED as f64 / start.elapsed().as_secs_f64(),
            memory: 0.0,
        }
    }

    fn next(&mut self, tokens: &[u32], position: usize) -> u32 {
        let tokens = Tensor::new(tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let scores = self.0.forward(&tokens, position).unwrap().squeeze(0).unwrap();
        let best = scores.argmax(0).unwrap().to_dtype(DType::U32).unwrap();
        best.to_scalar().unwrap()
    }
}

/// Where llama.cpp's server is, if it is anywhere.
fn llama_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LLAMA_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let cache = std::env::var_os("MEANWHILE_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache/meanwhile")))?;
    let folders = std::fs::read_dir(cache.join("live")).ok()?;
    let mut servers = folders.map_while(|folder| Some(folder.ok()?.path().join("llama-server")));
    servers.find(|server| server.is_file())
}

/// llama.cpp's server over the same weights, with one thread. It measures itself.
struct Llama {
    server: Child,
    port: u16,
    /// The weights, which live as long as the server.
    _file: tempfile::NamedTempFile,
}

impl Llama {
    fn start(path: &Path) -> Self {
        let mut file = tempfile::NamedTempFile::with_suffix(".gguf").unwrap();
        file.write_all(&eight_bits(path)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new(llama_server().unwrap())
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--ctx-size", "2048"])
            .args(["--threads", "1", "--threads-batch", "1", "--parallel", "1"])
            .args(["--override-kv", "tokenizer.ggml.pre=str:smollm", "--model"])
            .arg(file.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let llama = Self { server, port, _file: file };
        for _ in 0..600 {
            if llama.ask("GET /health", "").is_some() {
                return llama;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("llama-server does not answer");
    }

    fn measure(&self) -> Speed {
        let prompt: Vec<u32> = (1000..1043).collect();
        let body = json!({ "prompt": prompt, "n_predict": GENERATED, "temperature": 0, "ignore_eos": true,
            "cache_prompt": false });
        let answer = self.ask("POST /completion", &body.to_string()).unwrap();
        let number = |name: &str| answer["timings"][name].as_f64().unwrap();
        assert_eq!(number("prompt_n") as usize, prompt.len());
        Speed {
            prompt: number("prompt_per_second"),
            generation: number("predicted_per_second"),
            memory: 0.0,
        }
    }

    /// The answer to a request; none while the server is not ready.
    fn ask(&self, what: &str, body: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| serde_json::from_str(body).unwrap())
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The most memory a process ever held, in MB; zero where it cannot be known.
fn peak_memory(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        / 1024.0
}
