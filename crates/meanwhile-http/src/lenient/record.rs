//! [`record!`](macro@crate::lenient::record): objects of the wire, read leniently.

/// Defines structs that are read from JSON objects. A field that is missing keeps its default, one of an
/// unknown name is skipped, and of one that is named twice the last counts. Serde's own derived reader fails
/// over the latter. A field that has another name on the wire says so: `finish as "finishReason": Str<'a>`.
///
/// After a struct, `=> extras [a b]` names fields that few objects have: those that are there and not `null`
/// are kept raw in the field `extras`, so that the others cost nothing.
///
/// ```
/// use meanwhile_http::lenient::{Number, Str, record};
///
/// record! {
///     /// A piece of an answer.
///     struct Piece<'a> {
///         index: Number,
///         text: Str<'a>,
///         finish as "finishReason": Str<'a>,
///     } => extras [sources]
/// }
///
/// let piece: Piece<'_> = serde_json::from_str(
///     r#"{"text": "a", "index": "3", "text": "b", "finishReason": "STOP", "sources": [1]}"#,
/// )?;
/// assert_eq!((piece.index.0, piece.text.given()), (Some(3), Some("b")));
/// assert_eq!((piece.finish.text(), piece.extras.len()), ("STOP", 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! lenient_record {
    ($(
        $(#[$about:meta])*
        $visibility:vis struct $name:ident<$life:lifetime> {
            $( $(#[$field_about:meta])* $field_visibility:vis $field:ident $(as $wire:literal)?: $kind:ty, )*
        } $(=> $extras:ident [$($extra:ident)*])?
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Default)]
        $visibility struct $name<$life> {
            $( $(#[$field_about])* $field_visibility $field: $kind, )*
            $(
                /// The fields that few have, by their names.
                $visibility $extras: Vec<(&'static str, &$life serde_json::value::RawValue)>,
            )?
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(field_identifier)]
                #[allow(non_camel_case_types, reason = "the fields have these names")]
                enum Field {
                    $( $(#[serde(rename = $wire)])? $field, )*
                    $($($extra,)*)?
                    #[serde(other)]
                    Other,
                }

                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> std::result::Result<Self::Value, A::Error> {
                        let mut found = $name::default();
                        while let Some(field) = map.next_key::<Field>()? {
                            match field {
                                $(Field::$field => found.$field = map.next_value()?,)*
                                $($(Field::$extra => {
                                    let raw = map.next_value::<Option<&'de serde_json::value::RawValue>>()?;
                                    found.$extras.retain(|(known, _)| *known != stringify!($extra));
                                    found.$extras.extend(raw.map(|raw| (stringify!($extra), raw)));
                                })*)?
                                Field::Other => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(found)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    )*};
}
