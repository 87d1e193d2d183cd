//! The whole address grammar: layers and options on the library's base addresses.
//!
//! ```text
//! endpoint = layer *("+" layer) ["-listen" on the first] ":" ["//"] target *("," key ["=" value]) | sugar *("," …)
//! ```

use puerta::opt::{self, Named, Setting, SocketKind};
use puerta::{Address, LATER_LAYERS, ParseError, ParseErrorKind as Kind, Transport, escape, nearest, unescape};
use std::fmt;
use std::str::FromStr;

/// One end of a transfer as a user writes it: layers, a base address, options. Nothing is resolved yet.
///
/// ```
/// use puerta_relay::Endpoint;
/// let endpoint: Endpoint = "tcp-listen:8080,keep-alive-idle=90s".parse()?;
/// assert!(endpoint.listen && endpoint.options.len() == 1);
/// assert_eq!(endpoint.to_string(), "tcp-listen::8080,keep-alive-idle=90s");
/// let error = "[::1]:80,no-dealy".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.to_string(), "bad address at byte 9: no-dealy is no option");
/// assert_eq!(error.hint.as_deref(), Some("did you mean no-delay?"));
/// # Ok::<(), puerta::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The outermost first. The last is always the transport of `address`.
    pub layers: Vec<Layer>,
    /// Whether the address says, by `-listen`, that it listens; a command may say so too.
    pub listen: bool,
    /// Where it goes.
    pub address: Address,
    /// The socket's options, in their order. Each applies to the transport.
    pub options: Vec<Setting>,
}

/// What bytes pass through on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// A socket, on which other layers may stand.
    Transport(Transport),
}

const LISTEN: &str = "-listen";

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl Layer {
    /// The name in the grammar: `unix-dgram`.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Transport(transport) => transport.name(),
        }
    }

    fn named(word: &str) -> Option<Layer> {
        word.parse().ok().map(Layer::Transport)
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Endpoint { layers: vec![Layer::Transport(address.transport)], listen: false, address, options: Vec::new() }
    }
}

impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(error) = ParseError::control_in(text) {
            return Err(error);
        }
        let mut pieces = text.split(',');
        let base = pieces.next().unwrap_or_default();
        let mut endpoint = parse_base(base)?;
        let mut at = base.len() + 1;
        for piece in pieces {
            let setting = option(piece, endpoint.address.transport).map_err(|e| e.shifted(at))?;
            endpoint.options.push(setting);
            at += piece.len() + 1;
        }
        Ok(endpoint)
    }
}

impl fmt::Display for Endpoint {
    /// The full form: `tcp-listen::8080,no-delay`. `{:#}` gives the short form where there is one: `:8080,no-delay`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() && !self.listen && self.layers.len() < 2 {
            write!(f, "{:#}", self.address)?;
        } else {
            for (at, layer) in self.layers.iter().enumerate() {
                let plus = if at == 0 { "" } else { "+" };
                let listen = if at == 0 && self.listen { LISTEN } else { "" };
                write!(f, "{plus}{}{listen}", layer.name())?;
            }
            let address = self.address.to_string();
            f.write_str(address.strip_prefix(self.address.transport.name()).unwrap_or(&address))?;
        }
        self.options.iter().try_for_each(|setting| write!(f, ",{}", escape(&setting.to_string())))
    }
}

/// Everything before the options.
fn parse_base(text: &str) -> Result<Endpoint> {
    let sugar = ["/", "./", "../", "@", "["].iter().any(|start| text.starts_with(start));
    let Some((word, rest)) = text.split_once(':').filter(|_| !sugar) else {
        return text.parse().map(Address::into);
    };
    let first = word.split('+').next().unwrap_or_default();
    let listen = first.len() > LISTEN.len() && first.to_ascii_lowercase().ends_with(LISTEN);
    let first = if listen { first.get(..first.len() - LISTEN.len()).unwrap_or(first) } else { first };
    let layered = word.contains('+') || listen && Layer::named(first).is_some();
    if !layered {
        return text.parse().map(Address::into);
    }
    let mut layers = Vec::new();
    let mut at = 0;
    for piece in word.split('+') {
        let name = if at == 0 { first } else { piece };
        layers.push(layer(name, rest).map_err(|e| e.shifted(at))?);
        at += piece.len() + 1;
        if let Some(Layer::Transport(transport)) = layers.last().copied().filter(|_| at <= word.len()) {
            return Err(ParseError::new(Kind::Layers, at, format!("nothing goes below {transport}"))
                .with_hint(format!("{transport} stands last, before the colon: {transport}:…")));
        }
    }
    let Some(Layer::Transport(transport)) = layers.last().copied() else {
        return Err(ParseError::new(Kind::Layers, 0, "the transport is missing").with_hint(known()));
    };
    let address = Address::with_transport(transport, rest).map_err(|e| e.shifted(word.len() + 1))?;
    Ok(Endpoint { layers, listen, address, options: Vec::new() })
}

fn layer(word: &str, rest: &str) -> Result<Layer> {
    if let Some(layer) = Layer::named(word) {
        return Ok(layer);
    }
    if word.is_empty() {
        return Err(ParseError::new(Kind::Layers, 0, "a layer is missing beside the +").with_hint(known()));
    }
    let lower = word.to_ascii_lowercase();
    if LATER_LAYERS.contains(&lower.as_str()) {
        return match format!("{lower}:{rest}").parse::<Address>() {
            Err(error) => Err(error),
            Ok(_) => {
                Err(ParseError::new(Kind::AbsentLayer, 0, format!("this build has no {lower}")).with_hint(known()))
            }
        };
    }
    let inner = lower.strip_suffix(LISTEN).filter(|inner| Layer::named(inner).is_some());
    if let Some(inner) = inner {
        return Err(ParseError::new(Kind::Listen, inner.len(), "only the outermost layer listens")
            .with_hint(format!("write {LISTEN} after the first word alone")));
    }
    let near = nearest(word, Transport::ALL.iter().map(|transport| transport.name()).chain(LATER_LAYERS));
    let error = ParseError::new(Kind::UnknownLayer, 0, format!("{} is no layer", ParseError::shown(word)));
    Err(error.with_hint(near.map_or_else(known, |near| format!("did you mean {near}?"))))
}

fn known() -> String {
    format!("known are {}", Transport::ALL.map(Transport::name).join(", "))
}

fn option(text: &str, transport: Transport) -> Result<Setting> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    let fits = |named: &&Named| SocketKind::of_name(transport.name()).is_some_and(|kind| named.applies_to(kind));
    let Some(named) = opt::named(key) else {
        let error = if key.is_empty() {
            ParseError::new(Kind::UnknownOption, 0, "an option is missing after the comma")
        } else {
            ParseError::new(Kind::UnknownOption, 0, format!("{} is no option", ParseError::shown(key)))
        };
        return Err(error.with_hint(match nearest(key, opt::NAMED.iter().map(|named| named.name)) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                let names: Vec<_> = opt::NAMED.iter().filter(fits).map(|named| named.name).collect();
                format!("{transport} has {}; a comma of a path or name is written %2C", names.join(", "))
            }
        }));
    };
    if !fits(&named) {
        let kinds = Transport::ALL.map(Transport::name);
        let has = |name: &&str| SocketKind::of_name(name).is_some_and(|kind| named.applies_to(kind));
        let kinds: Vec<_> = kinds.into_iter().filter(has).collect();
        let hint = match kinds.is_empty() {
            true => "leave it out".to_owned(),
            false => format!("leave it out; it is for {}", kinds.join(", ")),
        };
        return Err(ParseError::new(Kind::OptionUnfit, 0, format!("{transport} has no option {key}")).with_hint(hint));
    }
    let given = value.map(unescape);
    named.parse(given.as_deref()).map_err(|error| {
        let message = match &given {
            Some(value) if !value.is_empty() => format!("{} is no value of {key}", ParseError::shown(value)),
            _ => format!("{key} needs a value"),
        };
        let at = key.len() + usize::from(value.is_some());
        let refused = ParseError::new(Kind::OptionValue, at, message);
        match error.hint() {
            Some(hint) => refused.with_hint(hint.into_owned()),
            None => refused,
        }
    })
}
