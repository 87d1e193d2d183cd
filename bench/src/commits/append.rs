//! A file that is appended to: all that waits in one write(2), then fdatasync(2). The least that a log can do.

use super::{Told, say, take};
use crate::Result;
use crate::chat::body;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};

pub(super) fn work(file: &Path, numbers: &Receiver<u64>, tell: &Sender<Told>) -> Result<()> {
    let mut file = File::options().append(true).create(true).open(file).map_err(|e| e.to_string())?;
    say(tell, 0)?;
    while let Some(numbers) = take(numbers) {
        let all: Vec<u8> = numbers.iter().flat_map(|number| body(*number)).collect();
        file.write_all(&all).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        say(tell, numbers.len())?;
    }
    Ok(())
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|e| e.to_string())
}
