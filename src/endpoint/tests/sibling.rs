//! Another endpoint of the gateway is one more value of `Endpoint`: same envelope, other path, other fields, other flags.

use super::*;
use crate::endpoint::Endpoint;
use crate::wire::RawRecord;
use crate::wire::field::{Field, fields, optional};

static SIBLING: Endpoint = Endpoint {
    path: "api/v1/image/status",
    id_parameter: "job",
    id_path: "data.job_id",
    read_strict: |_| None,
    read_record: read,
    #[cfg(feature = "callback")]
    read_callback: |_| Err("it sends no callbacks".to_owned()),
};

fn read(data: Field<'_>) -> Result<RawRecord<'_>, String> {
    let fields = fields!(
        data.json.as_bytes(),
        id = "job_id" at "data.job_id",
        state = "state" at "data.state",
        url = "image_url" at "data.image_url",
        reason = "fail_msg" at "data.fail_msg",
        started = "started_at" at "data.started_at",
    )
    .map_err(|_| data.type_error("an object"))?;
    let status = |state: Field<'_>| match &*state.text() {
        "PENDING" => Ok(Some(Status::Generating)),
        "SUCCESS" => Ok(Some(Status::Success)),
        "FAILED" => Ok(Some(Status::GenerateFailed)),
        _ => Ok(None),
    };
    let record = RawRecord {
        task_id: fields.id.map(Field::text),
        status: optional(fields.state, status)?,
        result_urls: fields.url.map_or(Ok(Vec::new()), Field::texts)?,
        error_message: fields.reason.map(|reason| reason.text().into_owned()),
        created_at: optional(fields.started, Field::integer)?,
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
    assert!(error.to_string().contains("data.started_at is a text, not an integer"), "{error}");
}
