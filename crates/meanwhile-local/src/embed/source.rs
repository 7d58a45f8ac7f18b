//! [`Source`] reads tensors out of a safetensors file, one at a time.
//!
//! Only one tensor is in memory beside those that are kept, instead of the whole file.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

/// Longer heads belong to no file of weights.
const LONGEST_HEAD: u64 = 100_000_000;

/// An open file of tensors.
pub(super) struct Source {
    file: BufReader<File>,
    head: Metadata,
    /// Where the first tensor begins.
    start: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(text)?);
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(text)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEAD {
            return Err("this is no safetensors file".to_owned());
        }
        let mut head = Vec::new();
        file.by_ref().take(length).read_to_end(&mut head).map_err(text)?;
        let head = serde_json::from_slice(&head)
            .map_err(|error| format!("the head of the safetensors file is malformed: {error}"))?;
        Ok(Self { file, head, start: 8 + length })
    }

    /// Reads a tensor, which must have this shape.
    pub(super) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.head.info(name).ok_or_else(|| format!("there is no tensor {name}"))?;
        if tensor.shape != shape {
            return Err(format!("{name} has the shape {:?} instead of {shape:?}", tensor.shape));
        }
        if tensor.dtype != Dtype::F32 {
            return Err(format!(
                "{name} holds {:?} numbers, and only F32 is supported",
                tensor.dtype
            ));
        }
        let (first, end) = tensor.data_offsets;
        let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
        let bytes = count.and_then(|count| count.checked_mul(4));
        let Some(count) = count.filter(|_| bytes.is_some() && end.checked_sub(first) == bytes)
        else {
            return Err(format!("{name} has another size than its shape says"));
        };
        let text = |error: std::io::Error| format!("{name} cannot be read: {error}");
        self.file.seek(SeekFrom::Start(self.start.saturating_add(first as u64))).map_err(text)?;
        let size = self.file.get_ref().metadata().map_err(text)?.len();
        if bytes.is_none_or(|bytes| bytes as u64 > size) {
            return Err(format!("{name} cannot be read: the file ends before it"));
        }
        let mut values = Vec::with_capacity(count);
        let mut buffer = [0; 1 << 14];
        while values.len() < count {
            let wanted = (4 * (count - values.len())).min(buffer.len());
            let Some(bytes) = buffer.get_mut(..wanted) else { break };
            self.file.read_exact(bytes).map_err(text)?;
            let (numbers, _) = bytes.as_chunks::<4>();
            values.extend(numbers.iter().map(|number| f32::from_le_bytes(*number)));
        }
        Ok(values)
    }
}
