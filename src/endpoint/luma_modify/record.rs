//! A record as the gateway really writes it: any field may be absent, null, of a neighbouring type, spelled otherwise, given twice,
//! or new. A field that decides nothing never makes the others unreadable.

use std::borrow::Cow;

use super::{reason, results};
use crate::spelling::KnownNames;
use crate::task::{Status, UnreadableField};
use crate::wire::field::{Field, optional};
use crate::wire::{Object, RareFields, RawRecord, UnknownFields};

/// The fields of a record that the vendor documents.
const NAMES: [&str; 8] =
    ["taskId", "successFlag", "createTime", "completeTime", "errorCode", "errorMessage", "paramJson", "response"];

/// Whether `record.rs` makes something of a field of a record with this name.
pub(super) fn is_known(name: &str) -> bool {
    static OF_RECORD: KnownNames<8> = KnownNames::new(NAMES);
    static OF_RESULTS: KnownNames<8> = KnownNames::new(results::NAMES);
    static OF_REASON: KnownNames<4> = KnownNames::new(reason::NAMES);
    OF_RECORD.has(name) || OF_RESULTS.has(name) || OF_REASON.has(name)
}

/// Reads a record. The error is that it is no object.
pub(super) fn read(data: Field<'_>) -> Result<RawRecord<'_>, UnreadableField> {
    let json = data.only_object()?;
    let record = Object::parse(json.as_bytes(), "data").map_err(|_| data.type_error("an object"))?;
    let mut rare = RareFields::default();
    let mut unknown = UnknownFields::default();
    let kept = record.others(&NAMES).fold(true, |kept, (name, json)| unknown.add("", name, json) && kept);

    let mut fatal = None;
    let status = record.get("successFlag").and_then(|flag| {
        status(flag, &mut rare).unwrap_or_else(|unreadable| {
            fatal = Some(unreadable);
            None
        })
    });
    let (error_code, error_message) = error(&record, &mut rare);
    let text = |name| record.get(name).and_then(Field::text).map(Cow::into_owned);
    let param_json = text("paramJson");
    let urls = results::read(&record, status, &mut unknown, &mut rare);
    if !(kept && urls.all_kept) {
        rare.list_dropped();
    }
    rare.fatal = fatal.or(urls.fatal);
    rare.reason = if error_message.is_none() { reason::elsewhere(&record) } else { None };
    let mut record = RawRecord {
        task_id: text("taskId").map(Cow::Owned),
        status,
        result_urls: urls.results,
        origin_urls: urls.origins,
        created_at: rare.or_list(optional(record.get("createTime"), Field::time)),
        completed_at: rare.or_list(optional(record.get("completeTime"), Field::time)),
        error_code,
        error_message,
        param_json,
        extra: unknown.finish(),
        rare: None,
    };
    record.rare = Some(rare).filter(|rare| *rare != RareFields::default()).map(Box::new);
    Ok(record.without_placeholders())
}

/// The status of a flag that is a number, or the vendor's name of a status. Any other word gives `Unknown(-1)` and is listed. The
/// error is that the flag is neither a whole number nor a word.
fn status(flag: Field<'_>, rare: &mut RareFields) -> Result<Option<Status>, UnreadableField> {
    let unreadable = match flag.integer() {
        Ok(number) => return Ok(number.map(Status::from_flag)),
        Err(unreadable) => unreadable,
    };
    let word = flag.unwrapped();
    if !flag.is_text() || word.trim().parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(unreadable);
    }
    let known = Status::from_name(word.trim());
    if known.is_none() {
        rare.list(flag.type_error("a known status"));
    }
    Ok(Some(known.unwrap_or(Status::Unknown(-1))))
}

/// The error's code and message. Some codes are words. A word is no number, so it becomes part of the message.
fn error(record: &Object<'_>, rare: &mut RareFields) -> (Option<i64>, Option<String>) {
    let message = record.get("errorMessage").and_then(Field::text).map(Cow::into_owned);
    match record.get("errorCode") {
        Some(code) if code.is_word() => {
            let code = code.unwrapped().into_owned();
            let message = message.filter(|message| *message != code);
            (None, Some(message.map_or_else(|| code.clone(), |message| format!("{code}: {message}"))))
        }
        code => (rare.or_list(optional(code, Field::integer)), message),
    }
}
