//! What the gateway writes for a Luma task, for the simulator: envelopes, records and callbacks.

use std::borrow::Cow;

use serde::Serialize;

/// The envelope's message where it carries a record.
pub(crate) const SUCCESS: &str = "success";
/// The envelope's message for a wrong key.
pub(crate) const UNAUTHORIZED: &str = "You do not have access permissions";
/// The envelope's message where no id is given.
pub(crate) const NO_ID: &str = "taskId cannot be empty";
/// The envelope's message where the gateway has no record of the task.
pub(crate) const NO_RECORD: &str = "recordInfo is null";
/// The envelope's message over the rate limit.
pub(crate) const RATE_LIMITED: &str = "Rate limit exceeded";

/// The parameters that each simulated task was created with, as a record spells them.
const PARAM_JSON: &str =
    r#"{"prompt":"A futuristic cityscape","videoUrl":"https://example.com/video.mp4","waterMark":""}"#;
/// The source video of each simulated task.
pub(crate) const ORIGIN_URL: &str = "https://example.com/video.mp4";

/// The result of a task that has no other, in this folder of URLs.
pub(crate) fn sample_result_url(folder: &str, task_id: &str) -> String {
    format!("{folder}/{task_id}.mp4")
}

/// Returns the parameters of a simulated task, as the JSON text in its record.
pub(crate) fn param_json(callback_url: Option<&str>) -> Cow<'static, str> {
    let Some(url) = callback_url else { return Cow::Borrowed(PARAM_JSON) };
    let others = PARAM_JSON.trim_start_matches('{');
    Cow::Owned(format!(r#"{{"callBackUrl":{},{others}"#, serde_json::Value::from(url)))
}

/// The envelope of a response.
#[derive(Serialize)]
struct EnvelopeJson<'a> {
    code: i64,
    msg: &'a str,
    data: Option<&'a RecordJson<'a>>,
}

/// Returns the body of a response.
pub(crate) fn envelope(code: i64, message: &str, record: Option<&RecordJson<'_>>) -> Vec<u8> {
    // Strings and numbers under fixed names: serializing them cannot fail.
    serde_json::to_vec(&EnvelopeJson { code, msg: message, data: record }).unwrap_or_default()
}

/// A task's record. Times are in Unix milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordJson<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) param_json: Cow<'static, str>,
    pub(crate) complete_time: Option<u64>,
    pub(crate) response: Option<ResultsJson<'a>>,
    pub(crate) success_flag: i64,
    pub(crate) create_time: u64,
    pub(crate) error_code: Option<i64>,
    pub(crate) error_message: Option<&'a str>,
}

/// The results in a record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultsJson<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) origin_urls: [&'static str; 1],
    pub(crate) result_urls: Cow<'a, [String]>,
}

/// The body of a callback.
#[cfg(feature = "callback")]
#[derive(Serialize)]
struct CallbackJson<'a> {
    code: i64,
    msg: &'static str,
    data: CallbackDataJson<'a>,
}

#[cfg(feature = "callback")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallbackDataJson<'a> {
    task_id: &'a str,
    prompt_json: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_urls: Option<&'a [String]>,
}

/// Returns the body of the callback of a task that has succeeded with these URLs, or that has failed.
#[cfg(feature = "callback")]
pub(crate) fn callback(task_id: &str, result_urls: Option<&[String]>) -> Vec<u8> {
    let (code, msg) = if result_urls.is_some() {
        (200, "Modify record generated successfully.")
    } else {
        (500, "Modify record generation failed.")
    };
    let data = CallbackDataJson { task_id, prompt_json: r#"{"prompt":"A futuristic cityscape"}"#, result_urls };
    // Strings and numbers under fixed names: serializing them cannot fail.
    serde_json::to_vec(&CallbackJson { code, msg, data }).unwrap_or_default()
}
