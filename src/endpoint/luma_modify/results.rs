//! The URLs of a record: of the results, and of the videos that were edited.
//!
//! `response.resultUrls` is where the vendor documents the results. Only if it holds none and the task has succeeded, other
//! places count, as sibling endpoints use them: the names in `NAMES` in this order, inside `response` first, then beside it.
//! Before that a field may be about the video that is edited. A URL that is an origin's, or stands in `paramJson`, is never a
//! result.

use super::sources::Sources;
use crate::spelling::KnownNames;
use crate::task::{Status, UnreadableField};
use crate::wire::field::Field;
use crate::wire::{Object, RareFields, UnknownFields};

/// The fields of a response that the vendor documents.
const RESPONSE_NAMES: [&str; 3] = ["taskId", "resultUrls", "originUrls"];

/// The names under which a record or a response can hold URLs, the best name for a result first. `originUrls` holds none.
pub(super) const NAMES: [&str; 8] =
    ["resultUrls", "resultUrl", "resultVideoUrl", "videoUrl", "videoInfo", "resultJson", "resultImageUrl", ORIGIN_URLS];
pub(super) const ORIGIN_URLS: &str = "originUrls";

/// Whether `results.rs` makes something of a field of a response with this name.
pub(super) fn is_known(name: &str) -> bool {
    static OF_RESULTS: KnownNames<8> = KnownNames::new(NAMES);
    static OF_RESPONSE: KnownNames<3> = KnownNames::new(RESPONSE_NAMES);
    OF_RESULTS.has(name) || OF_RESPONSE.has(name)
}

/// Before the names of unknown fields of a response, among those of its record.
pub(super) const PREFIX: &str = "response.";

pub(super) struct Urls {
    pub(super) results: Vec<String>,
    pub(super) origins: Vec<String>,
    /// Why a task that has succeeded has no result, if one is there that cannot be read.
    pub(super) fatal: Option<UnreadableField>,
    /// Whether all unknown fields of the response were kept.
    pub(super) all_kept: bool,
}

/// Reads the URLs of a record with this status.
pub(super) fn read(
    record: &Object<'_>,
    status: Option<Status>,
    unknown: &mut UnknownFields,
    rare: &mut RareFields,
) -> Urls {
    let has_succeeded = status.is_some_and(Status::is_success);
    let mut unreadable = Vec::new();
    let field = record.get("response").filter(|field| field.text().is_some_and(|text| text.trim() != "[]"));
    let json = field.map(Field::object).transpose().unwrap_or_else(|error| {
        unreadable.push(error);
        None
    });
    let response = json.as_deref().and_then(|json| Object::parse(json.as_bytes(), "data.response").ok());
    let mut all_kept = true;
    for (name, json) in response.iter().flat_map(|response| response.others(&RESPONSE_NAMES)) {
        all_kept &= unknown.add(PREFIX, name, json);
    }

    let mut origins = Vec::new();
    for field in response.iter().chain([record]).filter_map(|object| object.get(ORIGIN_URLS)) {
        if origins.is_empty() {
            let mut unreadable = Vec::new();
            origins = field.urls(&mut unreadable);
            rare.list_all(unreadable);
        }
    }

    let documented = response.as_ref().and_then(|response| response.get("resultUrls"));
    let mut results = documented.map_or_else(Vec::new, |field| field.urls(&mut unreadable));
    if has_succeeded && results.is_empty() {
        let mut sources = Sources::default();
        response.iter().chain([record]).for_each(|object| sources.add(object));
        // A response that is no object may be the result itself.
        let bare = field.filter(|_| response.is_none());
        let within = response.iter().flat_map(|response| NAMES.iter().skip(1).filter_map(|name| response.get(name)));
        let beside = NAMES.iter().filter_map(|name| record.get(name));
        let places = bare.into_iter().chain(within).chain(beside).filter(|field| !field.is_named(ORIGIN_URLS));
        for place in places {
            results = elsewhere(place, &sources, &mut unreadable);
            if !results.is_empty() {
                break;
            }
        }
    }
    let fatal = unreadable.first().filter(|_| has_succeeded && results.is_empty()).cloned();
    rare.list_all(unreadable);
    Urls { results, origins, fatal, all_kept }
}

/// The results in one of the other places.
fn elsewhere(field: Field<'_>, sources: &Sources<'_>, unreadable: &mut Vec<UnreadableField>) -> Vec<String> {
    let json = Some(field).filter(|field| field.is_named("resultJson")).and_then(|field| field.object().ok());
    let Some(json) = json else { return field.urls_that(&|url| is_result(url, sources), unreadable) };
    let path = field.path();
    let Ok(inner) = Object::parse(json.as_bytes(), &path) else { return Vec::new() };
    let sources = Sources::within(sources, &inner);
    let fields = NAMES.iter().filter(|name| **name != ORIGIN_URLS).filter_map(|name| inner.get(name));
    let mut urls = fields.map(|field| field.urls_that(&|url| is_result(url, &sources), unreadable));
    urls.find(|urls| !urls.is_empty()).unwrap_or_default()
}

/// Whether a text is a URL, and not that of a video that was edited.
fn is_result(url: &str, sources: &Sources<'_>) -> bool {
    url.contains("://") && !sources.contain(url.trim())
}
