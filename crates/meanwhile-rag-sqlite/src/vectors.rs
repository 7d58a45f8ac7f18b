//! Vectors as bytes: 32-bit numbers, the lowest byte first, on every machine.

/// Writes a vector.
pub(crate) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a vector.
pub(crate) fn from_bytes(bytes: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    let (values, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
    values.iter().map(|bytes| f32::from_le_bytes(*bytes))
}
