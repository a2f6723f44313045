//! Ctrl-C and SIGTERM.

use std::io;
use std::process;
use std::time::Duration;

use crate::exit::Exit;

/// How long the command may take to end after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// What asks the command to stop.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on. A process that cannot stop by itself, because nobody reads its output, ends soon after a signal.
    ///
    /// The listener for that case needs a thread other than the blocked one: a runtime with a worker.
    pub(crate) fn new() -> io::Result<Self> {
        let mut signals = Self::listen()?;
        drop(tokio::spawn(async move {
            let exit = signals.next().await;
            tokio::time::sleep(GRACE).await;
            process::exit(exit.code().into());
        }));
        Self::listen()
    }

    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps)] // as on Unix
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Exit {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Exit::Interrupted,
            Err(_) => std::future::pending().await,
        }
    }
}
