//! The URLs of a record: of the results, and of the videos that were edited.
//!
//! `response.resultUrls` is where the vendor documents the results. Only if it holds none and the task has succeeded, other
//! places count, as sibling endpoints use them: the names in `NAMES` in this order, inside `response` first, then beside it.
//! Before that a field may be about the video that is edited. A text that is no URL of the web is left out in each place, and so is,
//! once the task has succeeded, the URL of a source (see `sources.rs`).

use std::cell::OnceCell;

use super::sources::Sources;
use crate::spelling::KnownNames;
use crate::task::{Status, UnreadableField};
use crate::wire::field::Field;
use crate::wire::{Object, RareFields, UnknownFields, UrlCheck, is_url};

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
    let is_filled = |field: &Field<'_>| field.text().is_some_and(|text| !matches!(text.trim(), "[]" | "{}"));
    let field = record.get_all("response").find(is_filled);
    let json = field.map(Field::only_object).transpose().unwrap_or_else(|error| {
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

    let sources = OnceCell::new();
    let sources = || {
        sources.get_or_init(|| {
            let mut sources = Sources::default();
            response.iter().chain([record]).for_each(|object| sources.add(object));
            sources
        })
    };
    let check = |url: &str| match is_url(url) {
        // Before the end nothing is fetched, so it does not matter.
        true if has_succeeded && sources().contain(url) => UrlCheck::Skip,
        true => UrlCheck::Take,
        false => UrlCheck::Reject,
    };
    let documented = response.iter().flat_map(|response| response.get_all("resultUrls"));
    let mut results = first_filled(documented, |field| field.checked_urls(&check, &mut unreadable));
    if has_succeeded && results.is_empty() {
        // A response that is a text or a list may be the result itself.
        let bare = field.filter(|field| response.is_none() || field.is_list());
        let within =
            response.iter().flat_map(|response| fields(response).filter(|field| !field.is_named("resultUrls")));
        let places = within.chain(bare).chain(fields(record));
        results = first_filled(places, |place| elsewhere(place, sources(), &mut unreadable));
    }
    let fatal = unreadable.first().filter(|_| has_succeeded && results.is_empty()).cloned();
    rare.list_all(unreadable);
    Urls { results, origins, fatal, all_kept }
}

/// The fields that can hold results, best first.
fn fields<'a>(object: &Object<'a>) -> impl Iterator<Item = Field<'a>> {
    NAMES.iter().filter(|name| **name != ORIGIN_URLS).flat_map(|name| object.get_all(name))
}

/// The results in the first place that has any.
fn first_filled<'a>(
    places: impl Iterator<Item = Field<'a>>,
    read: impl FnMut(Field<'a>) -> Vec<String>,
) -> Vec<String> {
    places.map(read).find(|urls| !urls.is_empty()).unwrap_or_default()
}

/// The results in one of the other places. What is no URL there says nothing.
fn elsewhere(field: Field<'_>, sources: &Sources<'_>, unreadable: &mut Vec<UnreadableField>) -> Vec<String> {
    let mut read = |field: Field<'_>, sources: &Sources<'_>| {
        let check = |url: &str| if is_url(url) && !sources.contain(url) { UrlCheck::Take } else { UrlCheck::Skip };
        field.checked_urls(&check, unreadable)
    };
    let json = Some(field).filter(|field| field.is_named("resultJson")).and_then(|field| field.object().ok());
    let Some(json) = json else { return read(field, sources) };
    let path = field.path();
    let Ok(inner) = Object::parse(json.as_bytes(), &path) else { return Vec::new() };
    let sources = Sources::within(sources, &inner);
    first_filled(fields(&inner), |field| read(field, &sources))
}
