//! [`Room`]: keeps a map of names from growing without end: when many are new, those that no longer
//! matter are forgotten.

use std::collections::HashMap;

// So many names are kept before those are looked for that no longer matter.
const MANY: usize = 1024;

/// When a map is looked through the next time: at twice of what was left the last time, so that
/// looking costs no more than adding did.
#[derive(Debug)]
pub(crate) struct Room {
    look_at: usize,
}

impl Room {
    /// Makes room for a new name in `map`, of which names without use may be dropped.
    pub(crate) fn make<K, V>(
        &mut self,
        map: &mut HashMap<K, V>,
        mut is_idle: impl FnMut(&mut V) -> bool,
    ) {
        if map.len() >= self.look_at {
            map.retain(|_, value| !is_idle(value));
            self.look_at = map.len().saturating_mul(2).max(MANY);
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self { look_at: MANY }
    }
}
