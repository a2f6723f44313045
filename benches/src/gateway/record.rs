//! The record that each gateway of the benchmarks returns.

/// The record of a running task, about 900 bytes: as long as the gateway's records become.
const RECORD: &str = r#"{"code":200,"msg":"success","data":{"taskId":"{id}","paramJson":"{\"callBackUrl\":\"https://example.com/callback\",\"prompt\":\"A futuristic cityscape at night, neon signs reflected in the wet asphalt, slow dolly shot between the towers, cinematic light, light rain, a tram that crosses the frame from left to right, shallow depth of field, volumetric fog far away\",\"videoUrl\":\"https://example.com/video.mp4\",\"waterMark\":\"\"}","completeTime":null,"response":{"taskId":"{id}","originUrls":["https://tempfile.aiquickdraw.com/kieai/file/veo3-video/1755074605154fqb0m8ge.mp4"],"resultUrls":["https://tempfile.aiquickdraw.com/l/f782018c-6be4-4990-96ba-7231cd5a39e7.mp4"]},"successFlag":0,"createTime":1755078171000,"errorCode":null,"errorMessage":null,"fallbackFlag":false,"resolution":"1080p","model":"luma-modify","progress":"0.00"}}"#;

pub(super) fn of(id: &str) -> String {
    RECORD.replace("{id}", id)
}
