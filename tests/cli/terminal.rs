//! A terminal of a given size, and what a person sees on it.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use tokio::time::Instant;

use crate::support::{Gateway, KEY, PROGRAM, until};

pub(crate) struct Terminal {
    parser: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    /// Runs a command line of the program on a terminal of this size.
    pub(crate) fn start(gateway: &Gateway, line: &str, rows: u16, cols: u16, more: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(line.split_whitespace());
        command.env_clear();
        command.env("TERM", "xterm-256color");
        gateway.environment().iter().for_each(|(name, value)| command.env(name, value));
        for (name, value) in more {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 1000)));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut output = pair.master.try_clone_reader().unwrap();
        let (screen, all) = (Arc::clone(&parser), Arc::clone(&bytes));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At the end of the program reading fails, or returns nothing.
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                screen.lock().unwrap().process(&buffer[..read]);
                all.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self { parser, bytes, child, keyboard, master: pair.master, reader: Some(reader) }
    }

    /// What is on the screen, row by row, without blanks at the ends of rows and empty rows at the end.
    pub(crate) fn screen(&self) -> String {
        let parser = self.parser.lock().unwrap();
        let (_, cols) = parser.screen().size();
        let rows: Vec<_> = parser.screen().rows(0, cols).map(|row| row.trim_end().to_owned()).collect();
        let screen = rows.join("\n").trim_end().to_owned();
        assert!(!screen.contains(KEY), "the key is on the screen: {screen}");
        screen
    }

    /// All bytes that came so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    /// Waits until the screen is as it should be, and returns it.
    pub(crate) async fn wait_for(&self, is_so: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it does not come; now:\n{screen}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Types something: `\x03` is Ctrl-C.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Changes its size.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        self.parser.lock().unwrap().screen_mut().set_size(rows, cols);
    }

    /// Waits for the end of the program, and returns its exit code and the last screen.
    pub(crate) async fn end(mut self) -> (u32, String) {
        let mut status = None;
        until(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        self.reader.take().unwrap().join().unwrap();
        (status.unwrap().exit_code(), self.screen())
    }
}
