//! [`record!`](macro@crate::lenient::record): objects of the wire, read leniently.

/// Defines structs that are read from JSON objects. A field that is missing keeps its default, one of an
/// unknown name is skipped, and of one that is named twice the last counts. Serde's own derived reader fails
/// over the latter.
///
/// ```
/// use meanwhile_http::lenient::{Number, Str, record};
///
/// record! {
///     /// A piece of an answer.
///     struct Piece<'a> {
///         index: Number,
///         text: Str<'a>,
///     }
/// }
///
/// let piece: Piece<'_> = serde_json::from_str(r#"{"text": "a", "index": "3", "text": "b"}"#)?;
/// assert_eq!((piece.index.0, piece.text.given()), (Some(3), Some("b")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! lenient_record {
    ($(
        $(#[$about:meta])*
        $visibility:vis struct $name:ident<$life:lifetime> {
            $( $(#[$field_about:meta])* $field_visibility:vis $field:ident: $kind:ty, )*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Default)]
        $visibility struct $name<$life> {
            $( $(#[$field_about])* $field_visibility $field: $kind, )*
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(field_identifier)]
                #[allow(non_camel_case_types, reason = "the fields have these names")]
                enum Field {
                    $($field,)*
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
