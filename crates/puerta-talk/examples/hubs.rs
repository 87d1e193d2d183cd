//! Who is there: `hubs PORT RUNG[,RUNG…]` tells each hub that it finds; with `NAME KEY` behind, it also opens one that is
//! found (nothing can be joined), as `puerta talk` without arguments does, and says whether it gives way. A rung is machine,
//! broadcast, multicast or mdns; the key is a number from 0 to 255.

use puerta_talk::announcement::{Announcement, yields};
use puerta_talk::discovery::{Announcer, Finder, Settings, process};
use puerta_talk::room::ids::Device;
use puerta_talk::rung::Rung;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().ok_or("which port?")?.parse()?;
    let rungs = args.next().ok_or("which rungs?")?.split(',').map(rung).collect::<Result<Vec<_>, _>>()?;
    let itself = process();
    let settings = Settings { port, rungs, itself };
    let announcer = match (args.next(), args.next(), itself) {
        (Some(name), Some(key), Some(process)) => {
            let hub = Announcement {
                hub: Device([key.parse()?; 32]),
                process,
                name,
                room: "main".to_owned(),
                port: 7777,
                addresses: Vec::new(),
                age: Duration::ZERO,
                without_arguments: true,
            };
            let announcer = Announcer::with(hub, settings.clone());
            Some(announcer.map_err(|problem| problem.to_string())?)
        }
        _ => None,
    };
    println!("looking");
    let mut finder = Finder::with(settings);
    let mut told = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(500), finder.next()).await {
            Ok(found) => {
                let hub = &found.announcement;
                let (key, name) = (hub.hub.0[0], puerta_text::visible(&hub.name));
                println!("found {name} {key} at {} by {}, {} ms old", found.source, found.by, hub.age.as_millis());
                if let Some(announcer) = &announcer {
                    let verb = if yields(&announcer.announcement(), hub) { "gives way to" } else { "stays beside" };
                    println!("{verb} {name}");
                }
            }
            Err(_) => {
                let troubles = finder.troubles().into_iter().chain(announcer.iter().flat_map(Announcer::troubles));
                for trouble in troubles.map(|t| t.to_string()) {
                    if !told.contains(&trouble) {
                        println!("trouble: {trouble}");
                        told.push(trouble);
                    }
                }
            }
        }
    }
}

fn rung(word: &str) -> Result<Rung, String> {
    match word {
        "machine" => Ok(Rung::Machine),
        "broadcast" => Ok(Rung::Broadcast),
        "multicast" => Ok(Rung::Multicast),
        "mdns" => Ok(Rung::Mdns),
        other => Err(format!("{other} is no rung")),
    }
}
