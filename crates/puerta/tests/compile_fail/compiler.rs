//! Runs rustc on a generated file against the library that cargo has built for these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use std::{env, fs, process};

/// An error of the compiler: where it points to, what it says, its notes.
#[derive(Debug)]
pub(crate) struct Diagnostic {
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) notes: Vec<String>,
}

impl Diagnostic {
    /// Whether it is our message with our note.
    pub(crate) fn is(&self, message: &str, note: &str) -> bool {
        self.message == message && self.notes.iter().any(|n| n == note)
    }
}

/// Compiles a library crate, metadata only. What it found wrong is in the error.
pub(crate) fn compile(source: &str) -> Result<(), Vec<Diagnostic>> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = env::temp_dir().join(format!(
        "puerta-compile-fail-{}-{}",
        process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir_all(&folder).unwrap();
    let result = compile_in(&folder, source);
    fs::remove_dir_all(&folder).unwrap();
    result
}

fn compile_in(folder: &Path, source: &str) -> Result<(), Vec<Diagnostic>> {
    let file = folder.join("cases.rs");
    fs::write(&file, source).unwrap();
    let library = library();
    let mut extern_flag = std::ffi::OsString::from("puerta=");
    extern_flag.push(&library);
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--error-format", "json"])
        .arg("--extern")
        .arg(extern_flag)
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg("--out-dir")
        .arg(folder)
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8(output.stderr).unwrap();
    Err(text.lines().filter_map(diagnostic).collect())
}

fn diagnostic(line: &str) -> Option<Diagnostic> {
    let json: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("rustc said: {line}"));
    let counted = json["message"].as_str().unwrap().starts_with("aborting due to");
    if json["level"] != "error" || counted {
        return None;
    }
    let spans = json["spans"].as_array().unwrap();
    let at = spans.iter().find(|s| s["is_primary"] == true).and_then(|s| s["line_start"].as_u64()).unwrap_or(0);
    let children = json["children"].as_array().unwrap();
    let notes = children.iter().filter(|c| c["level"] == "note").map(|c| plain(&c["message"])).collect();
    Some(Diagnostic { line: usize::try_from(at).unwrap(), message: plain(&json["message"]), notes })
}

/// Compilers differ in whether they name a type with its path.
fn plain(text: &serde_json::Value) -> String {
    text.as_str().unwrap().replace("puerta::", "")
}

/// The newest libpuerta beside this test: cargo built it for it.
fn library() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = fs::read_dir(&deps).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name()?.to_str()?;
        let ours = name.starts_with("libpuerta-") && name.ends_with(".rlib");
        let time = fs::metadata(&path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        ours.then(|| (time, path.clone()))
    });
    built.max().expect("cargo built no libpuerta beside this test").1
}
