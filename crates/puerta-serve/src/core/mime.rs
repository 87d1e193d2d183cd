//! What a file is, by its name: its MIME type, its character set, whether compressing it is worth it, its icon.
//!
//! The table is that of `mime_guess`, with our corrections. The registered type is given where a browser or a program acts on
//! it. Source code, configuration and notes that a browser would only save are `text/plain`, so that it shows them. What is
//! unknown is [`UNKNOWN`], which no browser opens by itself.

use super::fields::Value;
use std::str;

/// The type of what has no known one (RFC 9110, section 8.3).
pub const UNKNOWN: &str = "application/octet-stream";

/// The longest extension that is looked up, in bytes.
const EXTENSION: usize = 24;

/// What a listing shows a file as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// Several files in one, or one made smaller.
    Archive,
    /// Sound.
    Audio,
    /// Source code, markup, configuration.
    Code,
    /// A document with pages.
    Document,
    /// Anything else.
    File,
    /// A picture.
    Image,
    /// Plain text.
    Text,
    /// Moving pictures.
    Video,
}

/// The value of `Content-Type` for a file of this name.
///
/// `content` is the file or its beginning, where that is at hand: text then has `; charset=utf-8` only if that is valid UTF-8,
/// and a `.ts` is told to be a video or TypeScript. Without it text is taken for UTF-8, `.ts` for a video. The name alone
/// decides everything else: nothing is sniffed. Only the last extension counts, whatever its case: `page.html.gz` is
/// `application/gzip`, and its bytes are sent as they are, without a `Content-Encoding`.
pub fn content_type(name: &[u8], content: Option<&[u8]>) -> Value {
    let mime = essence(name, content);
    Value::Static(match mime {
        mime if !is_text(mime) || content.is_some_and(|c| !is_utf8(c)) => mime,
        "text/html" => "text/html; charset=utf-8",
        "text/css" => "text/css; charset=utf-8",
        "text/javascript" => "text/javascript; charset=utf-8",
        "text/plain" => "text/plain; charset=utf-8",
        "text/markdown" => "text/markdown; charset=utf-8",
        "application/json" => "application/json; charset=utf-8",
        "image/svg+xml" => "image/svg+xml; charset=utf-8",
        mime => return Value::of(format!("{mime}; charset=utf-8").as_bytes()),
    })
}

/// The type and subtype alone, as [`content_type`] finds them.
pub fn essence(name: &[u8], content: Option<&[u8]>) -> &'static str {
    let mut buffer = [0; EXTENSION];
    let Some(extension) = extension(name, &mut buffer) else { return of_whole_name(name) };
    match extension {
        "ts" if is_declaration(name) => "text/plain",
        "ts" | "mts" | "m2ts" => match content {
            Some(content) if !is_transport_stream(content) => "text/plain",
            _ => "video/mp2t",
        },
        _ => corrected(extension).unwrap_or_else(|| of_table(extension)),
    }
}

/// Whether bytes of this type usually become much smaller by compression. Parameters behind a `;` do not matter.
pub fn is_compressible(content_type: &str) -> bool {
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    is_text(mime)
        || matches!(
            mime,
            "application/wasm"
                | "application/rtf"
                | "application/x-tar"
                | "application/vnd.ms-fontobject"
                | "application/vnd.sqlite3"
                | "font/ttf"
                | "font/otf"
                | "font/collection"
                | "image/bmp"
                | "image/x-icon"
                | "image/vnd.microsoft.icon"
                | "model/gltf-binary"
                | "model/stl"
        )
}

/// What a listing shows a file of this name as.
pub fn icon(name: &[u8]) -> Icon {
    let mut buffer = [0; EXTENSION];
    let extension = extension(name, &mut buffer).unwrap_or_default();
    let mime = essence(name, None);
    let (kind, subtype) = mime.split_once('/').unwrap_or_default();
    match kind {
        "image" => Icon::Image,
        // What is called .ts in a folder that people look at is source code more often than not; without the content nobody knows.
        "video" if extension == "ts" => Icon::File,
        "video" => Icon::Video,
        "audio" => Icon::Audio,
        _ if is_archive(subtype) || matches!(extension, "br" | "lz4" | "lzma" | "img" | "iso" | "dmg") => Icon::Archive,
        _ if is_document(subtype) => Icon::Document,
        _ if matches!(mime, "text/plain" | "text/markdown" | "text/csv" | "text/calendar" | "text/vcard") => {
            if is_code(extension) { Icon::Code } else { Icon::Text }
        }
        _ if is_text(mime) => Icon::Code,
        _ => Icon::File,
    }
}

/// The last extension in lower case; none for a name that only begins with its dot.
fn extension<'a>(name: &[u8], buffer: &'a mut [u8; EXTENSION]) -> Option<&'a str> {
    let dot = name.iter().rposition(|b| *b == b'.').filter(|at| *at > 0)?;
    let found = name.get(dot + 1..)?;
    let lower = buffer.get_mut(..found.len())?;
    lower.copy_from_slice(found);
    lower.make_ascii_lowercase();
    str::from_utf8(lower).ok().filter(|e| !e.is_empty())
}

fn is_declaration(name: &[u8]) -> bool {
    name.len() > 5 && name.get(name.len() - 5..).is_some_and(|end| end.eq_ignore_ascii_case(b".d.ts"))
}

/// Files that are known by their whole name.
fn of_whole_name(name: &[u8]) -> &'static str {
    const TEXT: [&[u8]; 13] = [
        b"authors",
        b"changelog",
        b"changes",
        b"contributors",
        b"copying",
        b"dockerfile",
        b"install",
        b"license",
        b"makefile",
        b"news",
        b"notice",
        b"readme",
        b"todo",
    ];
    if TEXT.iter().any(|t| t.eq_ignore_ascii_case(name)) { "text/plain" } else { UNKNOWN }
}

/// Where the table is wrong, outdated or silent.
fn corrected(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "cjs" | "js" | "mjs" => "text/javascript",
        "map" => "application/json",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "avif" => "image/avif",
        "jxl" => "image/jxl",
        "m3u8" => "application/vnd.apple.mpegurl",
        "m4a" => "audio/mp4",
        "m4v" => "video/mp4",
        "mka" => "audio/x-matroska",
        "gz" | "svgz" | "tgz" => "application/gzip",
        "zst" | "tzst" => "application/zstd",
        "xz" | "txz" => "application/x-xz",
        "rar" => "application/vnd.rar",
        "db" | "db3" | "sqlite" | "sqlite3" => "application/vnd.sqlite3",
        "cbor" => "application/cbor",
        "deb" => "application/vnd.debian.binary-package",
        "rpm" => "application/x-rpm",
        "otf" => "font/otf",
        "woff" => "font/woff",
        "bmp" => "image/bmp",
        "stl" => "model/stl",
        "usdz" => "model/vnd.usdz+zip",
        "vcf" => "text/vcard",
        "markdown" | "md" => "text/markdown",
        // Shown, not saved: languages, configuration, notes, patches, lists of lines.
        "adoc" | "bat" | "bash" | "cfg" | "clj" | "conf" | "config" | "cpp" | "cs" | "csh" | "cts" | "dart"
        | "diff" | "env" | "erl" | "ex" | "exs" | "fish" | "go" | "gradle" | "graphql" | "hs" | "ini" | "ipynb"
        | "java" | "jl" | "jsonc" | "json5" | "jsonl" | "jsx" | "kt" | "less" | "lock" | "lua" | "mdx" | "ml"
        | "ndjson" | "nim" | "nix" | "org" | "patch" | "php" | "pl" | "pm" | "properties" | "proto" | "ps1" | "py"
        | "pyi" | "r" | "rb" | "rs" | "rst" | "sass" | "scala" | "scss" | "sh" | "sql" | "srt" | "svelte" | "swift"
        | "tcl" | "tex" | "tf" | "toml" | "tsx" | "vue" | "wat" | "yaml" | "yml" | "zig" | "zsh" => "text/plain",
        _ => return None,
    })
}

fn of_table(extension: &str) -> &'static str {
    match mime_guess::from_ext(extension).first_raw() {
        // Not registered: nothing acts on it, and a browser shows text that is plain.
        Some(mime) if mime.starts_with("text/x-") => "text/plain",
        Some(mime) => mime,
        None => UNKNOWN,
    }
}

/// What has a character set.
fn is_text(mime: &str) -> bool {
    mime.starts_with("text/")
        || mime.ends_with("+xml")
        || mime.ends_with("+json")
        || matches!(mime, "application/json" | "application/javascript" | "application/xml" | "application/xml-dtd")
}

/// Whether this is UTF-8, or the beginning of it: a character cut off at the end is none that is wrong.
fn is_utf8(content: &[u8]) -> bool {
    str::from_utf8(content).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// MPEG transport streams are packets of 188 bytes, or of 192 on disks, each with 0x47 at its start (ISO/IEC 13818-1, 2.4.3.2).
fn is_transport_stream(content: &[u8]) -> bool {
    let sync = |at: usize| content.get(at) == Some(&0x47);
    (sync(0) && sync(188)) || (sync(4) && sync(196))
}

fn is_archive(subtype: &str) -> bool {
    matches!(
        subtype,
        "zip"
            | "gzip"
            | "zstd"
            | "x-tar"
            | "x-xz"
            | "x-bzip"
            | "x-bzip2"
            | "x-7z-compressed"
            | "vnd.rar"
            | "java-archive"
            | "vnd.android.package-archive"
            | "x-cpio"
            | "vnd.debian.binary-package"
            | "x-rpm"
            | "x-compress"
            | "x-iso9660-image"
            | "x-apple-diskimage"
    )
}

fn is_document(subtype: &str) -> bool {
    matches!(subtype, "pdf" | "epub+zip" | "rtf" | "msword" | "postscript" | "x-mobipocket-ebook")
        || subtype.starts_with("vnd.openxmlformats-")
        || subtype.starts_with("vnd.oasis.")
        || subtype.starts_with("vnd.ms-")
}

/// Plain text that people read is a text, the rest of what [`corrected`] makes plain is code.
fn is_code(extension: &str) -> bool {
    !matches!(
        extension,
        "" | "txt"
            | "text"
            | "md"
            | "markdown"
            | "log"
            | "csv"
            | "ics"
            | "vcf"
            | "rst"
            | "adoc"
            | "org"
            | "srt"
            | "nfo"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &[u8], content: Option<&[u8]>) -> String {
        String::from_utf8(content_type(name, content).as_bytes().to_vec()).unwrap()
    }

    /// Name, type with nothing known of the content.
    const NAMES: &[(&str, &str)] = &[
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.cjs", "text/javascript; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.geojson", "application/geo+json; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.xml", "text/xml; charset=utf-8"),
        ("a.rss", "application/rss+xml; charset=utf-8"),
        ("a.xhtml", "application/xhtml+xml; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.vtt", "text/vtt; charset=utf-8"),
        ("a.ics", "text/calendar; charset=utf-8"),
        ("a.rs", "text/plain; charset=utf-8"),
        ("a.py", "text/plain; charset=utf-8"),
        ("Cargo.toml", "text/plain; charset=utf-8"),
        ("a.yml", "text/plain; charset=utf-8"),
        ("a.sh", "text/plain; charset=utf-8"),
        ("README", "text/plain; charset=utf-8"),
        ("Makefile", "text/plain; charset=utf-8"),
        ("lib.d.ts", "text/plain; charset=utf-8"),
        ("LIB.D.TS", "text/plain; charset=utf-8"),
        ("segment1.ts", "video/mp2t"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.wasm", "application/wasm"),
        ("a.avif", "image/avif"),
        ("a.jxl", "image/jxl"),
        ("a.webp", "image/webp"),
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.heic", "image/heic"),
        ("favicon.ico", "image/x-icon"),
        ("a.mp4", "video/mp4"),
        ("a.m4v", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.mkv", "video/x-matroska"),
        ("a.mov", "video/quicktime"),
        ("a.mp3", "audio/mpeg"),
        ("a.m4a", "audio/mp4"),
        ("a.flac", "audio/flac"),
        ("a.opus", "audio/ogg"),
        ("a.ogg", "audio/ogg"),
        ("a.wav", "audio/wav"),
        ("a.woff", "font/woff"),
        ("a.woff2", "font/woff2"),
        ("a.ttf", "font/ttf"),
        ("a.pdf", "application/pdf"),
        ("a.zip", "application/zip"),
        ("a.gz", "application/gzip"),
        ("a.tar", "application/x-tar"),
        ("a.tar.gz", "application/gzip"),
        ("page.html.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.zst", "application/zstd"),
        ("a.br", UNKNOWN),
        ("a.7z", "application/x-7z-compressed"),
        ("a.sqlite", "application/vnd.sqlite3"),
        ("a.exe", UNKNOWN),
        ("a.otf", "font/otf"),
        ("a.bin", UNKNOWN),
        ("a.unheard-of", UNKNOWN),
        ("noextension", UNKNOWN),
        ("", UNKNOWN),
        (".", UNKNOWN),
        ("a.", UNKNOWN),
        (".html", UNKNOWN),
        (".bashrc", UNKNOWN),
        ("html", UNKNOWN),
        ("a.html ", UNKNOWN),
        ("a.html/", UNKNOWN),
        ("a.htmlhtmlhtmlhtmlhtmlhtmlhtmlhtml", UNKNOWN),
    ];

    #[test]
    fn a_name_has_its_type_whatever_its_case() {
        for (name, expected) in NAMES {
            assert_eq!(of(name.as_bytes(), None), *expected, "{name}");
            if !name.starts_with('.') {
                assert_eq!(of(name.to_uppercase().as_bytes(), None), *expected, "{name} in capitals");
            }
        }
        assert_eq!(of(b"\xff\xfe.txt", None), "text/plain; charset=utf-8");
        assert_eq!(of(b"a.\xff\xfe", None), UNKNOWN);
    }

    #[test]
    fn a_charset_is_claimed_only_for_what_is_utf_8() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("a.txt", b"", "text/plain; charset=utf-8"),
            ("a.txt", "señal".as_bytes(), "text/plain; charset=utf-8"),
            ("a.txt", b"se\xf1al", "text/plain"),
            ("a.txt", b"\xff\xfeH\0o\0", "text/plain"),
            ("a.html", b"caf\xc3", "text/html; charset=utf-8"),
            ("a.html", b"caf\xc3(", "text/html"),
            ("a.json", b"\"\xe9\"", "application/json"),
            ("a.svg", b"<svg>\xe9</svg>", "image/svg+xml"),
            ("a.js", b"//\xe9\n", "text/javascript"),
            ("a.png", b"\x89PNG", "image/png"),
            ("a.unheard-of", b"text", UNKNOWN),
        ];
        for (name, content, expected) in cases {
            assert_eq!(of(name.as_bytes(), Some(content)), *expected, "{name} {content:?}");
        }
    }

    #[test]
    fn a_ts_is_a_video_only_where_it_has_packets() {
        let mut packets = vec![0; 376];
        packets[0] = 0x47;
        packets[188] = 0x47;
        let mut disk = vec![0; 400];
        disk[4] = 0x47;
        disk[196] = 0x47;
        let code: &[u8] = b"Go: import { x } from './x';";
        let cases: &[(&str, &[u8], &str)] = &[
            ("a.ts", &packets, "video/mp2t"),
            ("a.ts", code, "text/plain; charset=utf-8"),
            ("a.mts", &packets, "video/mp2t"),
            ("a.mts", code, "text/plain; charset=utf-8"),
            ("a.m2ts", &disk, "video/mp2t"),
            ("a.cts", code, "text/plain; charset=utf-8"),
        ];
        for (name, content, expected) in cases {
            assert_eq!(of(name.as_bytes(), Some(content)), *expected, "{name}");
        }
    }

    #[test]
    fn only_what_becomes_smaller_is_compressed() {
        for name in
            ["a.html", "a.txt", "a.js", "a.json", "a.svg", "a.xml", "a.wasm", "a.ttf", "a.rss", "a.ico", "a.tar"]
        {
            assert!(is_compressible(&of(name.as_bytes(), None)), "{name}");
        }
        for name in ["a.png", "a.jpg", "a.mp4", "a.gz", "a.zst", "a.zip", "a.woff2", "a.pdf", "a.bin", "a.docx", "a.ts"]
        {
            assert!(!is_compressible(&of(name.as_bytes(), None)), "{name}");
        }
    }

    #[test]
    fn an_icon_tells_what_a_file_is() {
        let cases = [
            ("a.png", Icon::Image),
            ("a.svg", Icon::Image),
            ("a.mp4", Icon::Video),
            ("a.ts", Icon::File),
            ("a.opus", Icon::Audio),
            ("a.tar.gz", Icon::Archive),
            ("a.iso", Icon::Archive),
            ("a.deb", Icon::Archive),
            ("a.pdf", Icon::Document),
            ("a.docx", Icon::Document),
            ("a.odt", Icon::Document),
            ("a.rs", Icon::Code),
            ("a.html", Icon::Code),
            ("a.json", Icon::Code),
            ("a.md", Icon::Text),
            ("README", Icon::Text),
            ("a.csv", Icon::Text),
            ("a.bin", Icon::File),
            ("a", Icon::File),
        ];
        for (name, expected) in cases {
            assert_eq!(icon(name.as_bytes()), expected, "{name}");
        }
    }
}
