//! Downloads.

use std::path::PathBuf;
use std::sync::Arc;

use super::definition::Client;
use crate::download::{Download, Fetch};
use crate::task::{Task, TaskId};

#[cfg_attr(docsrs, doc(cfg(feature = "download")))]
impl Client {
    /// Waits for a task and then downloads its result files into a folder, which is made if it is missing. Returns where they
    /// are, in the order of the record. Needs the feature `download`.
    ///
    /// ```no_run
    /// # async fn run(client: &luma_watch::Client) -> Result<(), luma_watch::Error> {
    /// for path in client.fetch("774d9a7dd608a0e49293903095e45a4c", "videos").await? {
    ///     println!("{}", path.display());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`wait_until_done`](Self::wait_until_done), then those of the [download](crate::guide::downloads#errors).
    pub fn fetch(&self, task_id: impl Into<TaskId>, folder: impl Into<PathBuf>) -> Fetch {
        Fetch::new(Arc::clone(&self.core), self.wait_until_done(task_id), folder.into())
    }

    /// Downloads the result files of a task into a folder, which is made if it is missing. Nothing happens before the stream is
    /// polled. Needs the feature `download`.
    ///
    /// A task's record from [`status`](Self::status), a wait or a watch has the URLs. They expire: download soon. The API key is
    /// not sent to the file hosts. See [`Download`](crate::Download) for an example, and [the guide](crate::guide::downloads).
    pub fn download(&self, task: &Task, folder: impl Into<PathBuf>) -> Download {
        Download::new(&self.core, task.clone(), folder.into())
    }
}
