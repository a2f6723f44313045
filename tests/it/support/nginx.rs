//! An nginx from PATH with a configuration of its own, without root and on a free port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::downloads::until;

/// Set to `required` where nginx must be there.
const NGINX: &str = "LUMA_WATCH_NGINX";

pub(crate) struct Nginx {
    process: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// With these `location` blocks. `None`: there is no nginx here, and none is required.
    pub(crate) async fn start(locations: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        let address = free_address();
        let path = folder.path().display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/pid; error_log {path}/error.log;
            events {{ worker_connections 64; }}
            http {{
                access_log {path}/access.log; sendfile off;
                client_body_temp_path {path}/t1; proxy_temp_path {path}/t2; fastcgi_temp_path {path}/t3;
                uwsgi_temp_path {path}/t4; scgi_temp_path {path}/t5;
                types {{ video/mp4 mp4; text/html html; }}
                default_type application/octet-stream;
                server {{ listen {address}; root {path}/files; {locations} }}
            }}"
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-e").arg(folder.path().join("error.log")).arg("-p").arg(folder.path());
        command.arg("-c").arg(folder.path().join("nginx.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) if env::var_os(NGINX).is_some_and(|value| value == "required") => {
                panic!("nginx is required, and does not start: {error}")
            }
            Err(error) => {
                eprintln!("skipped: nginx does not start ({error})");
                return None;
            }
        };
        let mut nginx = Self { process, folder, address };
        nginx.wait_until_it_answers().await;
        Some(nginx)
    }

    async fn wait_until_it_answers(&mut self) {
        for _ in 0..400 {
            if TcpStream::connect(self.address).await.is_ok() {
                return;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("nginx ended with {status}: {}", self.log("error.log"));
            }
            tokio::time::sleep(super::in_memory::ms(20)).await;
        }
        panic!("nginx does not answer: {}", self.log("error.log"));
    }

    /// Stores a file. It appears at once and whole.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let unfinished = self.folder.path().join("unfinished");
        fs::write(&unfinished, content).unwrap();
        fs::rename(unfinished, self.folder.path().join("files").join(name)).unwrap();
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The HTTP status of each request so far, once there are this many.
    pub(crate) async fn statuses(&self, count: usize) -> Vec<u16> {
        let statuses = || -> Vec<u16> {
            let log = self.log("access.log");
            log.lines()
                .map(|line| line.split('"').nth(2).unwrap().split(' ').nth(1).unwrap().parse().unwrap())
                .collect()
        };
        until(|| statuses().len() >= count).await;
        statuses()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// An address that nothing listens on. Another process may take it before nginx does; nginx then ends, and says so.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
