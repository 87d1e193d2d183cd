//! A client that speaks HTTP where TLS is spoken: it is told so, or sent to where it wanted to go.

use super::Service;
use super::connection::{Connection, End};
use super::head::{Room, read};
use super::transport::Plain;
use crate::core::fields::Value;
use crate::core::head::{Head, Method};
use crate::core::page;
use crate::core::respond;
use crate::core::response::{Body, Response, Status};
use crate::core::target::Target;
use crate::store::handle::Handle;

/// Whether a connection that begins with this byte is no TLS, but perhaps HTTP: a method, or the empty line that may stand before it
/// (RFC 9112 section 2.2). TLS begins with 22 (RFC 8446 section 5.1).
pub(crate) fn is_plain(first: u8) -> bool {
    first.is_ascii_alphabetic() || matches!(first, b'\r' | b'\n')
}

impl Connection<Plain> {
    /// Reads one head, in the time of a head, and answers it: 307 to the same address over TLS, or 400.
    pub(crate) async fn turn_away(mut self) -> End {
        self.watch.within(self.service.limits.head_time);
        let mut came = Vec::new();
        loop {
            let mut room = Room::new();
            let service = self.service.clone();
            match read(&came, &mut room, &service.limits.head) {
                Ok(Some(request)) => {
                    let response = service.elsewhere(&request.head);
                    self.prepare(Some(&request.head), response);
                    break;
                }
                Ok(None) => {}
                Err(_) => {
                    let response = service.misdirected();
                    self.prepare(None, response);
                    break;
                }
            }
            match self.receive(&mut came).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return End::Done,
                Some(Err(_)) => return End::Reset,
                None => return End::Late,
            }
        }
        if let Err(end) = self.push(false).await {
            return end;
        }
        self.close(true).await;
        End::Done
    }
}

impl Service {
    /// To the same host, as the client calls it, and the same port: it is this one.
    pub(super) fn elsewhere(&self, head: &Head<'_>) -> Response<Handle> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(b);
        let host = head.only("Host").filter(|host| !host.is_empty() && host.iter().all(plain));
        let is_path = head.target.starts_with(b"/")
            && head.target.iter().all(u8::is_ascii_graphic)
            && Target::read(head.target).is_ok();
        let (Some(host), true, Method::Get | Method::Head) = (host, is_path, head.method) else {
            return self.misdirected();
        };
        let mut response = respond::refuse(Status::TEMPORARY_REDIRECT, &self.site);
        response.fields.remove("Content-Type");
        response.fields.push("Location", Value::of(&[b"https://", host, head.target].concat()));
        response.fields.set("Cache-Control", "no-store");
        Response { length: Some(0), body: Body::Empty, ..response }
    }

    pub(super) fn misdirected(&self) -> Response<Handle> {
        let response = respond::refuse(Status::BAD_REQUEST, &self.site);
        let body = page::insecure();
        Response { length: Some(body.len() as u64), body: Body::Bytes(body), ..response }
    }
}
