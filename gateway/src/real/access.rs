//! Who may connect: whoever has the token, if there is one, and no page of another site.
//!
//! A browser lets any page open a WebSocket to any address, and tells only by `Origin` which page it is. So a request
//! with an `Origin` must come from the address that it goes to, or from one that was allowed. Without a token the
//! `Host` must be an address or `localhost` as well: a page whose own name was made to lead here would pass otherwise.

use std::net::IpAddr;

use subtle::ConstantTimeEq;

/// What a client needs to connect. It can be compared with; nothing prints it.
pub struct Token(String);

/// A token of fewer characters can be guessed.
const TOKEN_CHARS_MIN: usize = 16;

/// The rules for connecting.
#[derive(Default)]
pub struct Access {
    /// What a client must show; without one anybody may connect who can reach the port.
    pub token: Option<Token>,
    /// Origins that may connect besides the gateway's own, such as `https://chat.example`.
    pub origins: Vec<String>,
}

/// What a request says of who makes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) query: Option<&'a str>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It goes to a name that may be anybody's.
    ForeignHost,
    /// It comes from a page of another site.
    ForeignOrigin,
    /// It shows no token.
    NoToken,
    /// It shows another token.
    WrongToken,
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Too short.
    #[error("the token has fewer than {TOKEN_CHARS_MIN} characters")]
    Short,
    /// It cannot stand in a header.
    #[error("the token has characters other than letters, digits and `-._~+/=`")]
    Strange,
}

impl Token {
    /// The token that a text holds, white space around it aside.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let known = |letter: char| letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter);
        match text {
            _ if !text.chars().all(known) => Err(BadToken::Strange),
            _ if text.len() < TOKEN_CHARS_MIN => Err(BadToken::Short),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Compares in a time that says nothing of how much is right; the length is no secret.
    fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl Access {
    /// Lets a request in or says why not.
    pub(super) fn admit(&self, asking: &Asking<'_>) -> Result<(), Denied> {
        if self.token.is_none() && !asking.host.is_some_and(is_address) {
            return Err(Denied::ForeignHost);
        }
        if asking.origin.is_some_and(|origin| !self.is_ours(origin, asking.host)) {
            return Err(Denied::ForeignOrigin);
        }
        match (&self.token, shown(asking)) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Denied::NoToken),
            (Some(token), Some(shown)) if token.is(&shown) => Ok(()),
            (Some(_), Some(_)) => Err(Denied::WrongToken),
        }
    }

    fn is_ours(&self, origin: &str, host: Option<&str>) -> bool {
        let own = |scheme: &str| {
            let rest = origin.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
            rest.is_some() && host.is_some_and(|host| origin[scheme.len()..].eq_ignore_ascii_case(host))
        };
        own("http://") || own("https://") || self.origins.iter().any(|allowed| origin.eq_ignore_ascii_case(allowed))
    }
}

impl Denied {
    /// The status line of the answer.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::ForeignHost | Self::ForeignOrigin => "403 Forbidden",
            Self::NoToken | Self::WrongToken => "401 Unauthorized",
        }
    }

    /// What the client is told.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::ForeignHost => "without a token the gateway answers to an IP address or `localhost` only",
            Self::ForeignOrigin => "this origin may not connect; the gateway allows others with --allow-origin",
            Self::NoToken => "a token is needed: `Authorization: Bearer TOKEN`, or `?token=TOKEN`",
            Self::WrongToken => "this is not the token",
        }
    }

    /// What it is called in logs and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ForeignHost => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

/// Whether a `Host` is an address or `localhost`, which nobody else can make lead here.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The token that a request shows; the header counts before the query.
fn shown(asking: &Asking<'_>) -> Option<String> {
    if let Some((scheme, token)) = asking.authorization.and_then(|header| header.split_once(' ')) {
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    let pairs = asking.query?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == "token").map(|(_, value)| unescape(value))
}

/// Takes percent signs out of a query's value; what is no escape stays as it is.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef+/";
    const HERE: Asking<'_> = Asking { host: Some("127.0.0.1:8645"), origin: None, authorization: None, query: None };

    fn guarded() -> Access {
        Access { token: Some(Token::parse(TOKEN).expect("a token")), origins: vec!["https://chat.example".to_owned()] }
    }

    /// No token is right but the whole one, in either place, escaped or not.
    #[test]
    fn the_token_is_needed_whole() {
        let bearer = |text: &'static str| guarded().admit(&Asking { authorization: Some(text), ..HERE });
        let query = |text: &'static str| guarded().admit(&Asking { query: Some(text), ..HERE });
        assert_eq!(guarded().admit(&HERE), Err(Denied::NoToken));
        assert_eq!(bearer("Bearer 0123456789abcdef+/"), Ok(()));
        assert_eq!(bearer("bearer 0123456789abcdef+/"), Ok(()));
        assert_eq!(query("token=0123456789abcdef+/"), Ok(()));
        assert_eq!(query("a=b&token=0123456789abcdef%2B%2f"), Ok(()));
        for wrong in ["Bearer 0123456789abcdef+", "Bearer 0123456789abcdef+//", "Bearer x"] {
            assert_eq!(bearer(wrong), Err(Denied::WrongToken), "{wrong}");
        }
        assert_eq!(bearer("Basic 0123456789abcdef+/"), Err(Denied::NoToken));
        for wrong in ["token=", "token=%", "token=0123456789abcdef%2", "token=x&token=0123456789abcdef+/"] {
            assert_eq!(query(wrong), Err(Denied::WrongToken), "{wrong}");
        }
        assert_eq!(query("tokens=0123456789abcdef+/"), Err(Denied::NoToken));
    }

    /// A page may connect to where it comes from, and from where it is allowed to; no other page may, token or not.
    #[test]
    fn pages_of_other_sites_stay_out() {
        let open = Access { token: None, origins: vec!["https://chat.example".to_owned()] };
        let from = |origin: &'static str| open.admit(&Asking { origin: Some(origin), ..HERE });
        assert_eq!(from("http://127.0.0.1:8645"), Ok(()));
        assert_eq!(from("HTTPS://CHAT.example"), Ok(()));
        for foreign in ["http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:86450", "é"] {
            assert_eq!(from(foreign), Err(Denied::ForeignOrigin), "{foreign}");
        }
        let shown = Asking { authorization: Some("Bearer 0123456789abcdef+/"), ..HERE };
        assert_eq!(guarded().admit(&Asking { origin: Some("http://evil"), ..shown }), Err(Denied::ForeignOrigin));
    }

    /// A name that was made to lead here is a page's own origin as well; without a token it is no way in.
    #[test]
    fn names_need_a_token() {
        let to = |host: &'static str| Access::default().admit(&Asking { host: Some(host), ..HERE });
        for ours in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8645", "192.168.0.7:80"] {
            assert_eq!(to(ours), Ok(()), "{ours}");
        }
        for name in ["evil.example", "localhost.evil.example:8645", "", "[evil]:1"] {
            assert_eq!(to(name), Err(Denied::ForeignHost), "{name}");
        }
        assert_eq!(Access::default().admit(&Asking::default()), Err(Denied::ForeignHost));
        let named = Asking { host: Some("chat.example"), query: Some("token=0123456789abcdef+/"), ..HERE };
        assert_eq!(guarded().admit(&named), Ok(()));
    }

    #[test]
    fn a_bad_token_is_no_token() {
        assert_eq!(Token::parse(" 0123456789abcdef \n").map(|token| token.0), Ok("0123456789abcdef".to_owned()));
        assert_eq!(Token::parse("0123456789abcde").err(), Some(BadToken::Short));
        assert_eq!(Token::parse("0123456789 abcdef").err(), Some(BadToken::Strange));
    }
}
