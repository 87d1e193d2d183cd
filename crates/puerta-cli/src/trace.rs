//! `--trace`: every socket call on stderr, as the man pages write it or as JSON.

use crate::arguments::TraceForm;
use crate::report::traced;
use puerta::errno_name;
use puerta::trace::{Event, Observer, Value, install};
use puerta_text::visible;
use serde_json::{Map, json};
use std::sync::Arc;

struct Text;
struct Json;

/// Begins the trace, if one was asked for.
pub(crate) fn start(form: Option<TraceForm>) {
    match form {
        None => {}
        Some(TraceForm::Text) => install(Some(Arc::new(Text))),
        Some(TraceForm::Json) => install(Some(Arc::new(Json))),
    }
}

impl Observer for Text {
    fn observe(&self, event: &Event) {
        traced(&visible(&event.to_string()));
    }
}

impl Observer for Json {
    fn observe(&self, event: &Event) {
        let mut args = Map::new();
        for (name, value) in &event.args {
            args.insert((*name).to_owned(), argument(value));
        }
        let errno = event.errno.map(|e| errno_name(e).map_or_else(|| e.to_string(), str::to_owned));
        let us = u64::try_from(event.took.as_micros()).unwrap_or(u64::MAX);
        traced(
            &json!({"call": event.call.name(), "args": args, "result": event.result, "errno": errno, "us": us})
                .to_string(),
        );
    }
}

fn argument(value: &Value) -> serde_json::Value {
    match value {
        Value::Int(n) => (*n).into(),
        Value::Fd(fd) => (*fd).into(),
        Value::Address(address) => address.to_string().into(),
        Value::Bytes(bytes, total) => json!({"text": bytes.escape_ascii().to_string(), "length": total}),
        other => other.to_string().into(),
    }
}
