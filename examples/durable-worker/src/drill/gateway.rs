//! The simulated gateway: tasks that take 2 to 20 s, with faults and callbacks.

use std::time::{Duration, SystemTime};

use luma_watch::simulator::{Delivery, Fault, Server, SimulatedTask, Simulator};
use luma_watch::{Client, Error, Status};

pub const API_KEY: &str = "test-key";
pub const CALLBACK_KEY: &str = "signing-key";
pub const LATENCY: Duration = Duration::from_millis(300);
const SPEED: u32 = 30;

pub struct Gateway {
    simulator: Simulator,
    server: Server,
}

/// A task that the workers wait for.
pub struct CreatedTask {
    pub id: String,
    pub ends_at: SystemTime,
}

impl Gateway {
    pub async fn start() -> std::io::Result<Self> {
        let simulator = Simulator::new();
        simulator.speed(SPEED).latency(LATENCY).callback_key(CALLBACK_KEY).seed(fastrand::u64(..));
        simulator.inject(Fault::status(502).probability(0.04).always());
        simulator.inject(Fault::truncated().probability(0.02).always());
        simulator.inject(Fault::code(429, "too many requests").retry_after("1").probability(0.005).always());
        let server = simulator.serve().await?;
        Ok(Self { simulator, server })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn set_latency(&self, latency: Duration) {
        self.simulator.latency(latency);
    }

    /// Creates a task that takes 2 to 20 s.
    pub fn create(&self, number: u32, ports: &[u16]) -> CreatedTask {
        let generation_time = Duration::from_secs(fastrand::u64(60..600));
        let mut task = SimulatedTask::new()
            .generates_for(generation_time)
            .result_urls([format!("https://files.example.com/{number}.mp4")]);
        if number % 6 == 5 {
            task = task.ends_with(Status::GenerateFailed).error(400, format!("video {number} is too dark"));
        }
        if number % 10 == 9 {
            task = task.unknown_for(Duration::from_secs(30));
        }
        if let Some(port) = fastrand::choice(ports).filter(|_| number % 5 < 3) {
            let to_worker = Delivery::to(format!("http://127.0.0.1:{port}/callbacks"));
            task = task.callback(if number.is_multiple_of(7) { to_worker.times(3) } else { to_worker });
        }
        let id = self.simulator.add(task);
        CreatedTask { id: id.as_str().to_owned(), ends_at: SystemTime::now() + generation_time / SPEED }
    }

    /// When each request came, on the clock, since the start.
    pub fn request_times(&self) -> Vec<Duration> {
        self.simulator.requests().iter().map(|request| request.at / SPEED).collect()
    }

    /// A client that gets correct answers at once. The faults end.
    pub fn client_without_faults(&self) -> Result<Client, Error> {
        self.simulator.clear_faults();
        self.set_latency(Duration::ZERO);
        Client::builder(API_KEY).simulator(&self.simulator).build()
    }
}
