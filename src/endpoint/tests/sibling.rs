//! Another endpoint of the gateway is one more value of `Endpoint`: same envelope, other path, other fields, other flags.

use super::*;
use crate::endpoint::Endpoint;
use crate::task::UnreadableField;
use crate::wire::field::{Field, optional};
use crate::wire::{Object, RawRecord};

static SIBLING: Endpoint = Endpoint {
    path: "api/v1/image/status",
    id_parameter: "job",
    id_path: "data.job_id",
    read_strict: |_| None,
    read_record: read,
    #[cfg(feature = "callback")]
    read_callback: |_| Err("it sends no callbacks".to_owned()),
};

fn read(data: Field<'_>) -> Result<RawRecord<'_>, UnreadableField> {
    let json = data.object()?;
    let fields = Object::parse(json.as_bytes(), "data").map_err(|_| data.type_error("an object"))?;
    let text = |name| Some(fields.get(name)?.text()?.into_owned());
    let status = match text("state").as_deref() {
        Some("PENDING") => Some(Status::Generating),
        Some("SUCCESS") => Some(Status::Success),
        Some("FAILED") => Some(Status::GenerateFailed),
        _ => None,
    };
    let record = RawRecord {
        task_id: text("job_id").map(Into::into),
        status,
        result_urls: fields.get("image_url").map_or_else(Vec::new, |field| field.urls(&mut Vec::new())),
        error_message: text("fail_msg"),
        created_at: optional(fields.get("started_at"), Field::time)?,
        ..RawRecord::default()
    };
    Ok(record.without_placeholders())
}

fn ask(status: u16, body: &str) -> Result<Task, Error> {
    SIBLING.read(&"x".into(), reply(status, body.as_bytes(), &[("retry-after", b"7")]), now, "")
}

#[test]
fn a_sibling_endpoint_reads_its_own_fields() {
    let cases = [
        (r#"{"job_id":"x","state":"PENDING"}"#, "GENERATING []"),
        (r#"{"job_id":"x","state":"SUCCESS","image_url":"https://a/i.png"}"#, "SUCCESS ['https://a/i.png']"),
        (r#"{"state":"FAILED","fail_msg":"too dark","image_url":""}"#, "GENERATE_FAILED [] 'too dark'"),
        (r#"{"state":"NEW","successFlag":1,"taskId":"another"}"#, "UNKNOWN(-1) []"),
    ];
    for (data, expected) in cases {
        let task = ask(200, &format!(r#"{{"code":200,"msg":"success","data":{data}}}"#)).unwrap();
        assert_eq!(summary(&task), expected, "{data}");
    }
    let task =
        ask(200, r#"{"code":200,"data":{"job_id":"x","state":"PENDING","started_at":"1752825253000"}}"#).unwrap();
    assert_eq!(task.created_at(), Some(now()));
}

#[test]
fn a_sibling_endpoint_shares_the_envelope() {
    assert_eq!(summary(&ask(200, r#"{"code":501,"msg":"no"}"#).unwrap()), "GENERATE_FAILED [] code 501 'no'");
    let error = ask(200, r#"{"code":429,"msg":"slow down"}"#).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
    let error = ask(200, r#"{"code":200,"data":{"job_id":"y"}}"#).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Decode && error.to_string().contains("data.job_id is another task's"),
        "{error}"
    );
    let error = ask(200, r#"{"code":200,"data":{"started_at":"soon"}}"#).unwrap_err();
    assert!(error.to_string().contains("data.started_at is a text, not a time"), "{error}");
}
