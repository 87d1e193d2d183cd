//! A page of the browser: what a person does with it, and what can be seen of it.

use crate::chromium::Chromium;
use serde_json::{Value, json};

/// One tab.
pub(crate) struct Page<'a> {
    browser: &'a Chromium,
    session: String,
}

/// A response, as the browser saw it.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) url: String,
    pub(crate) status: u64,
    pub(crate) range: Option<String>,
}

/// Why a script has no result: the page is another by now, or it threw.
enum NoResult {
    Left,
    Threw(String),
}

impl<'a> Page<'a> {
    pub(crate) fn open(browser: &'a Chromium) -> Self {
        let command = |method, parameters| browser.command(None, method, &parameters).unwrap();
        let target = command("Target.createTarget", json!({"url": "about:blank"}))["targetId"].take();
        let attached = command("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        let page = Page { browser, session: attached["sessionId"].as_str().unwrap().to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.command(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// A command of the protocol.
    #[track_caller]
    pub(crate) fn command(&self, method: &str, parameters: Value) -> Value {
        let done = self.browser.command(Some(&self.session), method, &parameters);
        done.unwrap_or_else(|error| panic!("{method} {parameters}: {error}"))
    }

    /// Opens an address and waits until it is loaded.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) -> &Self {
        self.leads(|page| {
            let gone = page.command("Page.navigate", json!({"url": url}));
            assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        })
    }

    /// Does something that leads to another page, and waits until that is loaded.
    #[track_caller]
    pub(crate) fn leads(&self, what: impl FnOnce(&Self)) -> &Self {
        let before = self.events("Page.loadEventFired").len();
        what(self);
        self.browser.wait("page that is loaded", |said| {
            let mine = |event: &&Value| event["sessionId"] == *self.session && event["method"] == "Page.loadEventFired";
            (said.events.iter().filter(mine).count() > before).then_some(())
        });
        self
    }

    /// The result of a script, awaited if it is a promise.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        match self.evaluate(script) {
            Ok(value) => value,
            Err(NoResult::Left) => panic!("the page is gone: {script}"),
            Err(NoResult::Threw(why)) => panic!("{script}\n{why}"),
        }
    }

    /// The result of a script as text.
    #[track_caller]
    pub(crate) fn text(&self, script: &str) -> String {
        let value = self.run(script);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Waits, a frame after the other and across pages, until a script is true.
    #[track_caller]
    pub(crate) fn until(&self, condition: &str) -> &Self {
        let script = format!(
            "new Promise((done, failed) => {{
                const end = performance.now() + 30000;
                const look = () => ({condition}) ? done(true) : performance.now() > end ? failed(document.documentElement.outerHTML) : requestAnimationFrame(look);
                look();
            }})"
        );
        loop {
            match self.evaluate(&script) {
                Ok(_) => return self,
                Err(NoResult::Left) => {}
                Err(NoResult::Threw(why)) => panic!("never: {condition}\n{why}"),
            }
        }
    }

    /// Presses the mouse's button in the middle of what a selector finds.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let find = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}});
                const box = e.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            Value::from(selector)
        );
        let at = self.run(&find);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.command("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key by its name (`ArrowDown`), or types a character.
    #[track_caller]
    pub(crate) fn press(&self, key: &str) {
        let text = match key {
            "Enter" => Some("\r"),
            key if key.chars().count() == 1 => Some(key),
            _ => None,
        };
        let code = match key {
            "Enter" => 13,
            "Backspace" => 8,
            "Tab" => 9,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            _ => 0,
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.command("Input.dispatchKeyEvent", event);
        self.command("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// Types a text, a key after the other.
    #[track_caller]
    pub(crate) fn write(&self, text: &str) {
        for letter in text.chars() {
            self.press(letter.encode_utf8(&mut [0; 4]));
        }
    }

    /// Whether the scripts of pages run from the next one on.
    pub(crate) fn scripts(&self, run: bool) {
        self.command("Emulation.setScriptExecutionDisabled", json!({"value": !run}));
    }

    /// The responses that came so far.
    pub(crate) fn responses(&self) -> Vec<Response> {
        let field = |fields: &Value, name: &str| {
            let fields = fields.as_object().unwrap();
            let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let all = self.events("Network.responseReceived");
        let read = all.iter().map(|event| &event["params"]["response"]).map(|response| Response {
            url: response["url"].as_str().unwrap().to_owned(),
            status: response["status"].as_u64().unwrap(),
            range: field(&response["headers"], "Content-Range"),
        });
        read.collect()
    }

    /// Nothing was complained about: no error of a script or a request, nothing that a policy forbids, no word in the console.
    #[track_caller]
    pub(crate) fn is_content(&self) {
        let complaints = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
        let said: Vec<_> = complaints.iter().flat_map(|method| self.events(method)).collect();
        assert!(said.is_empty(), "{said:#?}");
    }

    fn events(&self, method: &str) -> Vec<Value> {
        let mine = |event: &&Value| event["sessionId"] == *self.session && event["method"] == method;
        self.browser.said(|said| said.events.iter().filter(mine).cloned().collect())
    }

    fn evaluate(&self, script: &str) -> Result<Value, NoResult> {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut done =
            self.browser.command(Some(&self.session), "Runtime.evaluate", &asked).map_err(|error| match error {
                // "Inspected target navigated or closed", "Cannot find default execution context", "Promise was collected"
                error if ["navigated", "context", "collected"].iter().any(|word| error.contains(word)) => {
                    NoResult::Left
                }
                error => NoResult::Threw(error),
            })?;
        match done.get("exceptionDetails") {
            Some(details) => Err(NoResult::Threw(details.to_string())),
            None => Ok(done["result"]["value"].take()),
        }
    }
}
