//! Bodies that are not in memory: files, ranges of them, and listings.

use super::connection::{Connection, End};
use super::transport::{Transport, poll_write};
use super::write::{self, Delimited};
use crate::core::access::failures::network;
use crate::core::listing::{self, Writer};
use crate::core::response::{Body, Listing};
use crate::event::Event;
use crate::problem::Refusal;
use crate::store::folder::{Fault, Wait};
use crate::store::handle::{FETCH, Handle};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use puerta::io::sendfile;
use puerta::{Endpoint, opt};
use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::task::{Poll, ready};
use std::time::Instant;

/// How much is read at once where bytes have to go through our memory.
const PORTION: usize = 64 * 1024;

/// How many listings each thread sends at once; more are answered with 503. Each may hold 10,000 names until they are sent.
const LISTINGS: usize = 64;
/// Of these so many to whoever asks; the others only to addresses that have few.
const FREE: usize = LISTINGS / 2;
/// How many that is.
const FEW: usize = LISTINGS / 8;
/// Gzip's level for them, of 9: some 100 MB/s, and 256 KiB of memory for each.
const GZIP: u32 = 3;
/// From so many entries on, they are sorted in a thread of their own.
const MANY: usize = 512;

thread_local! {
    /// For whom each is; `None`: over a Unix socket.
    static LISTED: RefCell<Vec<Option<IpAddr>>> = const { RefCell::new(Vec::new()) };
}

/// A listing that is being sent. A connection stays in its thread, which counts them.
#[derive(Debug)]
pub(super) struct Listed(Option<IpAddr>);

impl Listed {
    /// Whether there may be one more.
    pub(super) fn has_room(peer: Option<&Endpoint>) -> bool {
        let address = address(peer);
        LISTED.with_borrow(|listed| {
            let few = || address.is_none() || listed.iter().filter(|other| **other == address).count() < FEW;
            listed.len() < FREE || (listed.len() < LISTINGS && few())
        })
    }

    /// One more, where there was room.
    pub(super) fn new(peer: Option<&Endpoint>) -> Self {
        let address = address(peer);
        LISTED.with_borrow_mut(|listed| listed.push(address));
        Listed(address)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        LISTED.with_borrow_mut(|listed| {
            let own = listed.iter().position(|other| *other == self.0);
            own.map(|own| listed.swap_remove(own));
        });
    }
}

fn address(peer: Option<&Endpoint>) -> Option<IpAddr> {
    peer.and_then(Endpoint::inet).map(|peer| network(peer.ip()))
}

/// How much of a file is sent with one call, at most: 8 MiB, less than a millisecond's work.
const AT_ONCE: u64 = 8 << 20;

/// From this length on, a file goes out in full packets alone until its end (TCP_CORK): two calls more.
const CORKED: u64 = 256 << 10;

/// A response whose head is written.
#[derive(Debug)]
pub(super) struct Long {
    pub(super) body: Body<Handle>,
    pub(super) delimited: Delimited,
    /// The connection ends with it.
    pub(super) closes: bool,
    /// It is a listing, and counted.
    pub(super) _listed: Option<Listed>,
}

impl<T: Transport> Connection<T> {
    /// Sends the body.
    pub(super) async fn send(&mut self, long: Long) -> Result<(), End> {
        self.start_pace();
        match long.body {
            Body::Empty | Body::Bytes(_) => Ok(()),
            Body::File { file, from, length } => self.send_file(&file, from, length).await,
            Body::Parts(parts) => {
                for part in parts.parts {
                    self.push_bytes(part.head, true).await?;
                    self.send_file(&parts.file, part.from, part.length).await?;
                }
                self.push_bytes(parts.end, false).await
            }
            Body::Listing(listing) => self.send_listing(*listing, long.delimited == Delimited::Chunked).await,
        }
    }

    /// Sends a part of a file. One that ends before is never padded: the connection ends.
    async fn send_file(&mut self, file: &Handle, from: u64, length: u64) -> Result<(), End> {
        // Where the calls that send it end, no packet has to.
        let corks = !T::BUFFERS
            && self.turn.is_none()
            && length >= CORKED
            && self.io.socket().get_ref().set(opt::Cork, true).is_ok();
        let sent = self.send_range(file, from, length).await;
        if corks {
            // Of a connection that is gone nothing is held back.
            let _ = self.io.socket().get_ref().set(opt::Cork, false);
        }
        sent
    }

    async fn send_range(&mut self, file: &Handle, from: u64, length: u64) -> Result<(), End> {
        let end = from.saturating_add(length);
        let start = Instant::now();
        let hot = file.was_warm(start);
        let (mut at, mut warm, mut all_warm) = (from, if hot { end } else { from }, true);
        let mut room = if T::BUFFERS { vec![0; PORTION] } else { Vec::new() };
        while at < end {
            if at >= warm {
                // What is not in the system's memory is brought there by a thread that may wait for the disk.
                let ahead = (end - at).min(FETCH);
                if !file.is_warm(at, ahead) {
                    all_warm = false;
                    self.fetch(file, at, ahead).await?;
                }
                warm = at.saturating_add(ahead);
            }
            let want = usize::try_from((warm.min(end) - at).min(AT_ONCE)).unwrap_or(PORTION);
            let sent = match T::BUFFERS {
                false => self.splice(file, at, want).await?,
                true => self.copy(file, at, want, &mut room).await?,
            };
            at += sent as u64;
            if at < end {
                // A client that takes everything at once has no more than its turn.
                tokio::task::yield_now().await;
            }
        }
        if !hot && all_warm && from == 0 && end == file.identity().size {
            file.keep_warm(start);
        }
        Ok(())
    }

    /// Sends a listing while the folder is read. `chunked`: each portion as a chunk.
    async fn send_listing(&mut self, listing: Listing<Handle>, chunked: bool) -> Result<(), End> {
        let Listing { folder, mut writer, gzip } = listing;
        let mut squeezed = gzip.then(|| GzEncoder::new(Vec::new(), Compression::new(GZIP)));
        let (mut reading, mut held, mut sorts) = (None, 0, false);
        loop {
            loop {
                let mut portion = Vec::new();
                let more;
                (writer, portion, more) = match std::mem::take(&mut sorts) {
                    false => {
                        let more = writer.write(&mut portion);
                        (writer, portion, more)
                    }
                    true => sorted(writer).await?,
                };
                let portion = match &mut squeezed {
                    None => portion,
                    Some(encoder) => squeeze(encoder, &portion)?,
                };
                self.send_portion(portion, chunked).await?;
                if !more {
                    break;
                }
            }
            if writer.is_done() {
                break;
            }
            self.watch.forever();
            let store = &self.service.store;
            let read = match reading.take() {
                Some(reading) => store.portion(reading).await,
                None => match store.entries(&folder, self.service.site.hidden).await {
                    Ok(reading) => store.portion(reading).await,
                    Err(refusal) => Err(refusal),
                },
            };
            match read {
                Ok(Some((entries, next))) => {
                    held += entries.len();
                    writer.take(entries.into_iter().map(Into::into));
                    reading = Some(next);
                }
                Ok(None) => {
                    writer.end(listing::End::Whole);
                    sorts = held >= MANY;
                }
                Err(refusal) => {
                    self.service.report.event(&Event::NotServed { path: folder.path(), refusal });
                    writer.end(listing::End::Broken);
                }
            }
        }
        if let Some(encoder) = squeezed {
            self.send_portion(encoder.finish().map_err(|_| End::Broken)?, chunked).await?;
        }
        if chunked { self.push_bytes(Bytes::from_static(b"0\r\n\r\n"), false).await } else { Ok(()) }
    }

    async fn send_portion(&mut self, portion: Vec<u8>, chunked: bool) -> Result<(), End> {
        match (portion.is_empty(), chunked) {
            (true, _) => Ok(()),
            (false, false) => self.push_bytes(portion.into(), false).await,
            (false, true) => {
                let mut framed = Vec::with_capacity(portion.len() + 16);
                write::chunk(&mut framed, &portion);
                self.push_bytes(framed.into(), false).await
            }
        }
    }

    /// The client is not slow while the disk is.
    async fn fetch(&mut self, file: &Handle, at: u64, length: u64) -> Result<(), End> {
        self.watch.forever();
        let service = self.service.clone();
        service.store.fetch(file, at, length).await.map_err(|refusal| self.broken(file, refusal))?;
        self.start_pace();
        Ok(())
    }

    /// sendfile(2): the bytes never come to us.
    async fn splice(&mut self, file: &Handle, at: u64, want: usize) -> Result<usize, End> {
        let sent = self.paced(|this, cx| {
            let room = ready!(this.poll_room(cx, want));
            let mut offset = at;
            let sent = poll_write(this.io.socket(), cx, |socket| sendfile(socket, file, Some(&mut offset), room));
            let used = if let Poll::Ready(Ok(used)) = &sent { *used } else { 0 };
            this.put_back(room.saturating_sub(used));
            sent
        });
        let sent = sent.await?;
        self.count(sent);
        if sent == 0 { Err(self.broken(file, Refusal::Truncated)) } else { Ok(sent) }
    }

    async fn copy(&mut self, file: &Handle, at: u64, want: usize, room: &mut [u8]) -> Result<usize, End> {
        let room = room.get_mut(..want.min(PORTION)).unwrap_or_default();
        let bytes = match file.read_at(at, room, Wait::Never) {
            Ok(read) => Bytes::copy_from_slice(room.get(..read).unwrap_or_default()),
            // On a file system that cannot tell what is in memory, asking again would never end.
            Err(Fault::Blocks) => {
                let service = self.service.clone();
                let read = service.store.read(file, at, vec![0; room.len()]).await;
                read.map_err(|refusal| self.broken(file, refusal))?.into()
            }
            Err(Fault::Refused(refusal)) => return Err(self.broken(file, refusal)),
        };
        let read = bytes.len();
        self.push_bytes(bytes, false).await?;
        Ok(read)
    }

    /// A file that could not be sent to its end: the log names it.
    fn broken(&self, file: &Handle, refusal: Refusal) -> End {
        self.service.report.event(&Event::Cut { path: file.path(), refusal });
        End::Broken
    }
}

/// What a client can unpack at once of what was written so far; nothing where nothing was.
fn squeeze(encoder: &mut GzEncoder<Vec<u8>>, portion: &[u8]) -> Result<Vec<u8>, End> {
    if portion.is_empty() {
        return Ok(Vec::new());
    }
    // Nothing fails that is written to memory.
    encoder.write_all(portion).and_then(|()| encoder.flush()).map_err(|_| End::Broken)?;
    Ok(std::mem::take(encoder.get_mut()))
}

/// Sorts, in a thread that keeps no other connection waiting, and writes the first portion.
async fn sorted(mut writer: Writer) -> Result<(Writer, Vec<u8>, bool), End> {
    let sorting = tokio::task::spawn_blocking(move || {
        let mut portion = Vec::new();
        let more = writer.write(&mut portion);
        (writer, portion, more)
    });
    sorting.await.map_err(|_| End::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(last: u8) -> Option<Listed> {
        take_for(Some(&Endpoint::Inet(([10, 0, 0, last], 80).into())))
    }

    fn take_for(peer: Option<&Endpoint>) -> Option<Listed> {
        Listed::has_room(peer).then(|| Listed::new(peer))
    }

    #[test]
    fn a_thread_has_so_many_listings_at_once_and_more_when_some_have_ended() {
        let mut taken: Vec<_> = (0..LISTINGS).map(|_| take_for(None).unwrap()).collect();
        assert!(take_for(None).is_none());
        taken.pop();
        taken.push(take(1).unwrap());
        assert!(take_for(None).is_none());
    }

    #[test]
    fn one_address_takes_no_more_listings_than_leave_some_to_others() {
        let mut first: Vec<_> = std::iter::from_fn(|| take(1)).collect();
        assert_eq!(first.len(), FREE);
        let others: Vec<_> = (2..).map_while(take).collect();
        assert_eq!(others.len(), LISTINGS - FREE);
        drop(others);
        // It gets more only where it has few, or little is taken.
        let second: Vec<_> = std::iter::from_fn(|| take(2)).collect();
        assert_eq!(second.len(), FEW);
        first.truncate(FEW);
        assert!(take(1).is_some());
        drop(second);
        assert_eq!(std::iter::from_fn(|| take(1)).take(LISTINGS).collect::<Vec<_>>().len(), FREE - FEW);
    }
}
