//! Durations as they are serialized and shown: in whole milliseconds.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Without what is below a millisecond, so that it reads back as the same duration.
pub(crate) fn whole(duration: Duration) -> Duration {
    Duration::from_millis(number(duration))
}

pub(crate) fn number(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(number(*duration))
}

#[allow(clippy::ref_option)] // serde calls it so
pub(crate) fn serialize_option<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(number).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// In milliseconds since 1970.
pub(crate) fn serialize_unix<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serialize(&time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), serializer)
}
