//! The folder that is served in every case.

/// When each file was changed: Mon, 06 May 2024 07:08:09 GMT, in seconds since 1970.
pub(crate) const MODIFIED: u64 = 1_714_979_289;

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Below the folder.
    pub(crate) path: &'static str,
    pub(crate) content: Vec<u8>,
}

/// All files; folders are those that they lie in.
pub(crate) fn world() -> Vec<Entry> {
    let text = |path, content: &str| Entry { path, content: content.into() };
    let bytes = |path, len: usize| Entry { path, content: (0..len).map(|i| (i * 7 % 251) as u8).collect() };
    vec![
        text("index.html", "<!doctype html><title>home</title>\n"),
        text("ten", "0123456789"),
        text("one.txt", "1"),
        text("empty.txt", ""),
        text("alpha.txt", "abcdefghijklmnopqrstuvwxyz"),
        text("about.html", "<!doctype html><title>about</title>\n"),
        text("style.css", "body { color: black }\n"),
        text("data.json", "{}\n"),
        text("app.js", "export default 1;\n"),
        bytes("video.mp4", 10_000),
        bytes("photo.png", 64),
        bytes("large.bin", 300_000),
        // Precompressed by hand: what is in the neighbours is told apart by its text.
        text("page.html", "<!doctype html><title>page</title>\n"),
        text("page.html.br", "page in brotli"),
        text("page.html.zst", "page in zstd"),
        text("page.html.gz", "page in gzip"),
        text("only.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>\n"),
        text("only.svg.gz", "svg in gzip"),
        // Long enough to be worth compressing on the fly.
        text("long.txt", &"All work and no play makes Jack a dull boy.\n".repeat(200)),
        text("docs/readme.txt", "read me\n"),
        text("docs/deep/note.txt", "note\n"),
        text("guide/index.html", "<!doctype html><title>guide</title>\n"),
        text("old/index.htm", "<!doctype html><title>old</title>\n"),
        text("both.html", "<!doctype html><title>both, the file</title>\n"),
        text("both/index.html", "<!doctype html><title>both, the folder</title>\n"),
        text("evil.example/index.html", "<!doctype html><title>ours</title>\n"),
        text("evil.example/list/x.txt", "x"),
        text("errors/404.html", "<!doctype html><title>not here</title>\n"),
        text("a b.txt", "space"),
        text("\u{f1}.txt", "enye"),
        text("50%.txt", "percent"),
        text("q?.txt", "question"),
        text("hash#.txt", "hash"),
        text("plus+.txt", "plus"),
        text("semi;v=1.txt", "semicolon"),
        text("amp&.txt", "ampersand"),
        text("quote\".txt", "quote"),
        text("col:on.txt", "colon"),
        text("%2e%2e", "a literal name"),
        text("..dots", "dots"),
        text("dots..", "dots behind"),
        text(".secret", "secret"),
        text(".git/config", "[core]"),
        text("docs/.hidden/x.txt", "hidden"),
        text("we ird/in side.txt", "in side"),
    ]
}
