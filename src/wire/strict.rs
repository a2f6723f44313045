//! The fast way to read an answer: in one pass, if each field is of its own type, as it nearly always is. Without it a poll costs
//! 19,700 instructions more. Whatever is unusual is left to the lenient reader; what both can read, both read alike.

use std::borrow::Cow;

use serde::Deserialize;

use super::envelope::{Data, Envelope};
use super::raw_record::RawRecord;
use super::unknown_fields::UnknownFields;
use crate::spelling::{is_placeholder, is_same};

/// Declares a struct that is read from a JSON object and from nothing else. Each field is an `Option`: absent and null
/// are `None`, the last of several with one name counts. `$others` takes name and JSON of any other field but the skipped one,
/// and returns false if the lenient reader makes more of it.
macro_rules! object {
    ($name:ident $(<$data:ident>)? { $($field:ident: $type:ty = $key:literal),+ $(,)? } $(skips $skipped:literal)?, $others:expr) => {
        struct $name<'a $(, $data)?> {
            $($field: Option<$type>,)+
            others: $crate::wire::UnknownFields,
            lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'a $(, $data)?> Default for $name<'a $(, $data)?> {
            fn default() -> Self {
                Self { $($field: None,)+ others: Default::default(), lifetime: std::marker::PhantomData }
            }
        }

        impl<'de: 'a, 'a $(, $data: Deserialize<'de>)?> Deserialize<'de> for $name<'a $(, $data)?> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<T>(std::marker::PhantomData<T>);
                impl<'de: 'a, 'a $(, $data: Deserialize<'de>)?> serde::de::Visitor<'de> for Fields<$name<'a $(, $data)?>> {
                    type Value = $name<'a $(, $data)?>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<&str>()? {
                            match key {
                                $($key => object.$field = map.next_value()?,)+
                                $($skipped => drop(map.next_value::<serde::de::IgnoredAny>()?),)?
                                other => {
                                    let is_unusual = {
                                        let value: &serde_json::value::RawValue = map.next_value()?;
                                        !$others(&mut object.others, other, value.get())
                                    };
                                    if is_unusual {
                                        return Err(serde::de::Error::custom("unusual"));
                                    }
                                }
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Fields(std::marker::PhantomData))
            }
        }
    };
}

pub(crate) use object;

object!(Outer<R> { code: i64 = "code", message: &'a str = "msg", data: R = "data" }, |_: &mut UnknownFields, name, _| {
    !Envelope::NAMES.iter().any(|known| is_same(name, known))
});

/// Reads an envelope around a record of the type `R`. `None` if anything about the answer is unusual.
pub(crate) fn read<'a, R: Deserialize<'a>>(
    body: &'a [u8],
    record: impl FnOnce(R) -> Option<RawRecord<'a>>,
) -> Option<Envelope<'a>> {
    let outer: Outer<'a, R> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
    let data = match outer.data {
        Some(data) => Some(Data::Record(record(data)?)),
        None => None,
    };
    let message = outer.message.filter(|text| !is_placeholder(text));
    Some(Envelope { code: outer.code, message: message.map(Cow::Borrowed), data })
}
