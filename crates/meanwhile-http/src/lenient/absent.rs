//! [`otherwise_absent!`](macro@crate::lenient::otherwise_absent): the methods of a visitor for the types that
//! its field does not expect.

/// Fills in the methods of a [`Visitor`](serde::de::Visitor) for the types that a field does not expect: it is
/// then absent, which is the default of its value. The types are `bool`, `number`, `str`, `null`, `seq` and
/// `map`; `expecting` is what every visitor must say.
///
/// ```
/// use meanwhile_http::lenient::otherwise_absent;
/// use serde::de::{Deserializer, Error, Visitor};
///
/// struct Truth;
/// impl<'de> Visitor<'de> for Truth {
///     type Value = Option<bool>;
///
///     fn visit_bool<E: Error>(self, value: bool) -> Result<Option<bool>, E> {
///         Ok(Some(value))
///     }
///
///     otherwise_absent!(expecting number str null seq map);
/// }
///
/// let mut json = serde_json::Deserializer::from_str("[3]");
/// assert_eq!(json.deserialize_any(Truth)?, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! lenient_otherwise_absent {
    ($($kind:ident)*) => {$( $crate::lenient_otherwise_absent!(@$kind); )*};
    (@bool) => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@number) => {
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@str) => {
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@null) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@seq) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@map) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@expecting) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any JSON value")
        }
    };
}
