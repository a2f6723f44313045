//! What a callback holds, in the words of no endpoint.

/// The fields of one callback. Only the task id is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallbackBody {
    pub(crate) task_id: String,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) result_urls: Vec<String>,
    pub(crate) param_json: Option<String>,
}
