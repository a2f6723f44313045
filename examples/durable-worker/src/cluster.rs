//! A PostgreSQL cluster of its own, on a Unix socket in a folder: for trying out, for tests and for the drill.

use std::fs::{self, Permissions};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::BoxError;

pub struct Cluster {
    folder: PathBuf,
    /// The folder of `initdb` and `pg_ctl`.
    programs: PathBuf,
}

impl Cluster {
    /// The cluster in this folder, created and started where needed.
    pub fn start(folder: &Path) -> Result<Self, BoxError> {
        let programs = find_programs().ok_or("PostgreSQL is not installed: on Debian, `apt-get install postgresql`")?;
        fs::create_dir_all(folder)?;
        // Whoever reaches its socket is let in. This fails where the folder is another user's.
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let cluster = Self { folder: folder.to_owned(), programs };
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(folder))?;
        }
        if !cluster.data().join("PG_VERSION").exists() {
            let options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--pgdata"];
            run(cluster.command("initdb").args(options).arg(cluster.data()))?;
        }
        if run(cluster.command("pg_ctl").arg("status").arg("--pgdata").arg(cluster.data())).is_err() {
            cluster.resume()?;
        }
        Ok(cluster)
    }

    /// Starts it again after [`stop`](Self::stop).
    pub fn resume(&self) -> Result<(), BoxError> {
        let server = format!("-c listen_addresses='' -c unix_socket_directories='{}'", self.folder.display());
        let log = self.folder.join("log");
        run(self
            .command("pg_ctl")
            .args(["start", "--wait", "--options", &server, "--log"])
            .arg(log)
            .arg("--pgdata")
            .arg(self.data()))
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&self) -> Result<(), BoxError> {
        run(self.command("pg_ctl").args(["stop", "--mode=immediate", "--pgdata"]).arg(self.data()))
    }

    pub fn url(&self) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres:///postgres?user=postgres&host={socket}")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }
}

/// A cluster in a folder that is deleted at the end.
pub struct Temporary {
    cluster: Cluster,
    _folder: TempDir,
}

impl Temporary {
    pub fn start() -> Result<Self, BoxError> {
        let folder = tempfile::tempdir()?;
        Ok(Self { cluster: Cluster::start(folder.path())?, _folder: folder })
    }

    /// For tests: `None`, and a line that says so, where PostgreSQL is not installed.
    #[cfg(test)]
    pub fn start_or_skip() -> Option<Self> {
        if find_programs().is_none() {
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        }
        Some(Self::start().unwrap())
    }
}

impl Deref for Temporary {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = self.cluster.stop();
    }
}

/// The newest version in Debian's folder, or the one in `PATH`.
fn find_programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian.max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest
        .map(|entry| entry.path().join("bin"))
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"))
}

fn run(command: &mut Command) -> Result<(), BoxError> {
    // Not piped: the server would keep the pipes open.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
}
