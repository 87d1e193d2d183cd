//! A program on a pseudo-terminal: what is typed, and every byte that it writes.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

/// Dropped, the program is killed.
pub struct Pty {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    /// What was written. It ends when nobody has the program's side any more.
    pub written: Receiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
}

impl Pty {
    /// The program on a terminal of so many rows and columns; and its side of it, for who looks at the settings behind its end.
    pub fn start((rows, cols): (u16, u16), command: CommandBuilder) -> (Self, Box<dyn SlavePty + Send>) {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap_or_else(|error| panic!("{error}"));
        let (tell, written) = channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if tell.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        (Pty { child, master: pair.master, written, keys }, pair.slave)
    }

    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Sends a signal by name (`INT`).
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.process_id().unwrap());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
