//! Video and sound that seek, and a page with its parts.

use crate::chromium::Chromium;
use crate::page::Page;
use crate::served::{Served, WAYS};

/// A picture of 16 × 16, red and green: each is a key frame of VP8 (RFC 6386).
const RED: &str = "9001009d012a1000100004006825a00274ba00039800feee767f5de2d28d7ff2cffbcaf443bc0000";
const GREEN: &str = "9001009d012a1000100004006825a00274ba00039800fed0caff80dd7c5ae5fff16875a1d686c6800000";

/// Seconds of the video, and of the sound.
const LENGTH: u32 = 120;

/// The bytes that stand between one picture and the next, so that no browser has read all when it seeks.
const FILLING: usize = 256 << 10;

/// A WebM file (RFC 8794, RFC 9559) of a picture a second: red at first, green from the middle on.
fn video() -> Vec<u8> {
    let (red, green) = (hex(RED), hex(GREEN));
    let header = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm"));
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            element(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes()),
            element(&[0x44, 0x89], &(f64::from(LENGTH) * 1000.0).to_be_bytes()),
        ]
        .concat(),
    );
    let size = element(&[0xe0], &[element(&[0xb0], &[16]), element(&[0xba], &[16])].concat());
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        element(&[0x86], b"V_VP8"),
        size,
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    let filling = element(&[0xec], &vec![0; FILLING]);
    let clusters: Vec<_> = (0..LENGTH)
        .map(|second| {
            let picture = if second < LENGTH / 2 { &red } else { &green };
            // Track 1, at the cluster's own time, a key frame.
            let block = [&[0x81, 0, 0, 0x80], picture.as_slice()].concat();
            let content = [element(&[0xe7], &(second * 1000).to_be_bytes()), element(&[0xa3], &block), filling.clone()];
            element(&[0x1f, 0x43, 0xb6, 0x75], &content.concat())
        })
        .collect();
    // Each of its numbers has the same width, so that its length is known before them.
    let index = |first: usize| {
        let mut at = first;
        let points = (0..LENGTH).zip(&clusters).map(|(second, cluster)| {
            let place = [element(&[0xf7], &[1]), element(&[0xf1], &(at as u32).to_be_bytes())].concat();
            at += cluster.len();
            element(&[0xbb], &[element(&[0xb3], &(second * 1000).to_be_bytes()), element(&[0xb7], &place)].concat())
        });
        element(&[0x1c, 0x53, 0xbb, 0x6b], &points.collect::<Vec<_>>().concat())
    };
    let before = info.len() + tracks.len();
    let index = index(before + index(0).len());
    let segment = element(&[0x18, 0x53, 0x80, 0x67], &[info, tracks, index, clusters.concat()].concat());
    [header, segment].concat()
}

/// Its name, its length in eight bytes, its content.
fn element(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut length = (content.len() as u64).to_be_bytes();
    length[0] = 1;
    [name, &length, content].concat()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A WAV file of a tone of two channels.
fn sound() -> Vec<u8> {
    const RATE: u32 = 44_100;
    let samples = (0..LENGTH * RATE).flat_map(|at| {
        let level = if at % 100 < 50 { 1000_i16 } else { -1000 };
        [level.to_le_bytes(), level.to_le_bytes()].concat()
    });
    let data: Vec<u8> = samples.collect();
    let length = data.len() as u32;
    let (bytes, frame, bits) = (RATE * 4, 4_u16, 16_u16);
    let mut file = [b"RIFF".as_slice(), &(length + 36).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    file.extend([1_u16.to_le_bytes(), 2_u16.to_le_bytes()].concat());
    file.extend([RATE.to_le_bytes(), bytes.to_le_bytes()].concat());
    file.extend([frame.to_le_bytes(), bits.to_le_bytes()].concat());
    file.extend([b"data".as_slice(), &length.to_le_bytes(), &data].concat());
    file
}

/// Seeks to a second, and plays on from there.
fn seek(page: &Page<'_>, second: u32) {
    page.run(&format!("new Promise((done, failed) => {{ media.onseeked = done; media.onerror = failed; media.currentTime = {second}; }}).then(() => 0)"));
    page.run("media.play()");
    page.until(&format!("media.currentTime > {second} && media.currentTime < {second} + 10"));
    page.run("media.pause()");
}

/// The parts that the browser got of a file: where each begins.
fn parts(page: &Page<'_>, name: &str) -> Vec<u64> {
    let responses = page.responses();
    let ours = responses.iter().filter(|response| response.url.ends_with(name));
    let ranges = ours.map(|response| {
        assert_eq!(response.status, 206, "{response:?}");
        response
            .range
            .as_deref()
            .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
            .unwrap()
    });
    ranges.collect()
}

#[test]
fn a_video_seeks_by_ranges_and_shows_what_is_there() {
    let browser = Chromium::start();
    for over in WAYS {
        let video = video();
        let served = Served::start(over, |site| {
            site.file("video.webm", &video).file("index.html", "<!DOCTYPE html><title>v</title><link rel=icon href='data:,'><video id=media src=video.webm muted preload=metadata></video>");
        });
        let page = browser.page();
        page.go(&served.url);
        page.until("media.readyState >= 1");
        assert_eq!(page.run("media.duration"), f64::from(LENGTH));
        let colour = "(() => { const c = document.createElement('canvas').getContext('2d'); c.drawImage(media, 0, 0); const [r, g] = c.getImageData(8, 8, 1, 1).data; return r > g ? 'red' : 'green'; })()";
        seek(&page, 100);
        assert_eq!(page.text(colour), "green");
        seek(&page, 20);
        assert_eq!(page.text(colour), "red");
        let parts = parts(&page, "video.webm");
        let middle = video.len() as u64 / 2;
        assert!(parts.first() == Some(&0) && parts.iter().any(|&at| at > middle), "{parts:?}");
        page.is_content();
        page.go("about:blank");
        assert!(served.logged("/video.webm", 206) < video.len() as u64);
        served.stop();
    }
}

#[test]
fn a_sound_that_the_browser_opens_by_itself_seeks_by_ranges() {
    let browser = Chromium::start();
    for over in WAYS {
        let sound = sound();
        let served = Served::start(over, |site| {
            site.file("tone.wav", &sound);
        });
        let page = browser.page();
        page.go(&served.at("tone.wav"));
        page.run("window.media = document.querySelector('video,audio'), 0");
        page.until("media.readyState >= 1");
        assert_eq!(page.run("media.duration"), f64::from(LENGTH));
        seek(&page, 100);
        let responses = page.responses();
        assert!(responses.iter().any(|response| response.status == 206), "{responses:?}");
        page.go("about:blank");
        served.stop();
    }
}

#[test]
fn a_page_loads_with_style_script_picture_and_font_types_as_they_are() {
    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='7' height='5'><path d='M0 0h7v5H0z'/></svg>";
    const PAGE: &str = "<!DOCTYPE html><html><head><meta charset=utf-8><title>Página</title><link rel=icon href=img/icon.svg><link rel=stylesheet href=css/style.css>\
        <script type=module src=js/main.mjs></script><script defer src='js/classic.js'></script></head><body><h1>Hola</h1><img id=svg src=img/icon.svg><img id=webp src='img/a%20picture.webp'>\
        <iframe src=pages/></iframe></body></html>";
    let browser = Chromium::start();
    for over in WAYS {
        let served = Served::start(over, |site| {
            let vp8 = hex(RED);
            let webp = [
                b"RIFF".as_slice(),
                &(vp8.len() as u32 + 12).to_le_bytes(),
                b"WEBPVP8 ",
                &(vp8.len() as u32).to_le_bytes(),
                &vp8,
            ]
            .concat();
            site.file("index.html", PAGE)
                .file("css/style.css", "@import 'more.css';")
                .file("css/more.css", "h1 { color: rgb(1, 2, 3) }");
            site.file("js/main.mjs", "import { word } from './word.js'; const data = await (await fetch('data.json')).json(); document.title += ' ' + word + data.n;");
            site.file("js/word.js", "export const word = 'módulo';")
                .file("data.json", "{\"n\": 7}")
                .file("js/classic.js", "window.classic = true;");
            site.file("img/icon.svg", SVG)
                .file("img/a picture.webp", webp)
                .file("pages/index.html", "<!DOCTYPE html><p>frame");
        });
        let page = browser.page();
        page.go(&served.url);
        page.until("document.title == 'Página módulo7'");
        assert_eq!(page.text("getComputedStyle(document.querySelector('h1')).color"), "rgb(1, 2, 3)");
        assert_eq!(page.run("window.classic"), true);
        assert_eq!(page.text("[svg, webp].map(i => i.complete + ' ' + i.naturalWidth).join()"), "true 7,true 16");
        assert_eq!(page.text("document.querySelector('iframe').contentDocument.body.innerText.trim()"), "frame");
        let responses = page.responses();
        assert!(responses.len() >= 9 && responses.iter().all(|response| response.status == 200), "{responses:?}");
        // Once more: everything is asked for again, and nothing is sent again.
        page.leads(|page| {
            page.command("Page.reload", serde_json::json!({}));
        });
        page.until("document.title == 'Página módulo7'");
        served.logged("/css/style.css", 304);
        page.is_content();
        served.stop();
    }
}
