//! Why a task failed, where `errorMessage` does not say it.

use std::borrow::Cow;

use crate::spelling::is_reason;
use crate::wire::Object;

/// Where sibling endpoints write the reason, best first.
pub(super) const NAMES: [&str; 4] = ["errorMsg", "failMsg", "message", "msg"];

/// The first text under these names that says more than "success".
pub(super) fn elsewhere(record: &Object<'_>) -> Option<String> {
    let texts = NAMES.iter().filter_map(|name| record.get(name)?.text());
    texts.map(Cow::into_owned).find(|text| is_reason(text))
}
