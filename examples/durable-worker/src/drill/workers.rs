//! Three processes of this program, and what is done to them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::gateway;
use crate::BoxError;

const WORKERS: usize = 3;
/// The drill waits no longer for what should take seconds.
const ENOUGH: Duration = Duration::from_secs(30);

pub struct Workers {
    running: Vec<(Child, u16)>,
    database: String,
    gateway: String,
    log: PathBuf,
}

impl Workers {
    pub fn start(database: &str, gateway: &str, folder: &Path) -> Result<Self, BoxError> {
        let log = folder.join("workers.log");
        let mut workers = Self { running: Vec::new(), database: database.to_owned(), gateway: gateway.to_owned(), log };
        // All at once, so that the ports differ.
        let ports: Vec<TcpListener> =
            (0..WORKERS).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let ports: Vec<u16> =
            ports.iter().map(|port| Ok(port.local_addr()?.port())).collect::<Result<_, BoxError>>()?;
        for port in ports {
            let worker = workers.spawn(port)?;
            workers.running.push((worker, port));
        }
        Ok(workers)
    }

    pub fn ports(&self) -> Vec<u16> {
        self.running.iter().map(|(_, port)| *port).collect()
    }

    fn spawn(&self, port: u16) -> Result<Child, BoxError> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let worker = Command::new(std::env::current_exe()?)
            .arg("work")
            .env("DATABASE_URL", &self.database)
            .env("APIKLEY_BASE_URL", &self.gateway)
            .env("APIKLEY_API_KEY", gateway::API_KEY)
            .env("CALLBACK_ADDRESS", format!("127.0.0.1:{port}"))
            .env("CALLBACK_KEY", gateway::CALLBACK_KEY)
            // Few, so that jobs wait for a free place.
            .env("CONCURRENCY", "4")
            .env("POLL_EVERY", "1")
            .env("MAX_WAIT", "300")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(worker)
    }

    /// SIGKILL, and a new process in its place. Returns after what time its jobs were free again.
    pub async fn kill_one(&mut self, pool: &PgPool) -> Result<Duration, BoxError> {
        let number = fastrand::usize(..WORKERS);
        println!("worker {number} is killed");
        let (worker, port) = &mut self.running[number];
        let (process, port) = (worker.id().ok_or("a worker has ended")?, *port);
        worker.kill().await?;
        let killed = Instant::now();
        sleep(Duration::from_millis(500)).await;
        self.running[number].0 = self.spawn(port)?;
        while killed.elapsed() < ENOUGH && locked_jobs(pool, process).await? > 0 {
            sleep(Duration::from_millis(100)).await;
        }
        Ok(killed.elapsed())
    }

    /// SIGSTOP, and SIGCONT after this duration.
    pub async fn suspend_one(&mut self, duration: Duration) -> Result<(), BoxError> {
        let number = fastrand::usize(..WORKERS);
        println!("worker {number} is suspended for {duration:?}");
        self.signal(number, "STOP").await?;
        sleep(duration).await;
        self.signal(number, "CONT").await
    }

    async fn signal(&self, number: usize, signal: &str) -> Result<(), BoxError> {
        let id = self.running[number].0.id().ok_or("a worker has ended")?;
        // The shell's own `kill`.
        let status = Command::new("sh").arg("-c").arg(format!("kill -{signal} {id}")).status().await?;
        if status.success() { Ok(()) } else { Err(format!("SIG{signal} was not sent: {status}").into()) }
    }

    /// SIGTERM, and the end of each. Returns how many jobs were given to another worker while they ran.
    pub async fn stop(&mut self) -> Result<usize, BoxError> {
        for number in 0..WORKERS {
            self.signal(number, "TERM").await?;
        }
        for (worker, _) in &mut self.running {
            let status = timeout(ENOUGH, worker.wait()).await.map_err(|_| "a worker does not end after SIGTERM")??;
            if !status.success() {
                return Err(format!("a worker ended with {status} after SIGTERM").into());
            }
        }
        let log = fs::read_to_string(&self.log)?;
        Ok(log.lines().filter(|line| line.contains(crate::job::LOST)).count())
    }
}

/// The jobs that are locked by the workers of a process.
async fn locked_jobs(pool: &PgPool, process: u32) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM graphile_worker._private_jobs AS jobs
         JOIN graphile_worker._private_workers AS workers ON jobs.locked_by = workers.id
         WHERE workers.metadata->>'pid' = $1",
    )
    .bind(process.to_string())
    .fetch_one(pool)
    .await
}
