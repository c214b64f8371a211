//! Access control: the token, if one is set, and the origin of a browser's page.
//!
//! A browser lets any page open a WebSocket to any address, and only the `Origin` header names the page. A request with an
//! `Origin` must therefore come from the gateway's own address or from an allowed origin. Without a token the `Host` must
//! also be an IP address or `localhost`: otherwise a page could reach the gateway by DNS rebinding.

use std::net::IpAddr;

use subtle::ConstantTimeEq;

/// The secret that clients must send. It can only be compared; nothing prints it.
pub struct Token(String);

/// The shortest accepted token, in characters; a shorter one could be guessed.
const TOKEN_CHARS_MIN: usize = 16;

/// The rules for connecting.
#[derive(Default)]
pub struct Access {
    /// The token that clients must send; `None` admits every client that can reach the port.
    pub token: Option<Token>,
    /// Origins that may connect besides the gateway's own, such as `https://chat.example`.
    pub origins: Vec<String>,
}

/// The headers and the query of a request that access control reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestHeaders<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) query: Option<&'a str>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// The `Host` is a DNS name, and no token is set.
    ForeignHost,
    /// The `Origin` is neither the gateway's own nor an allowed one.
    ForeignOrigin,
    /// A token is required and the request has none.
    NoToken,
    /// The token of the request differs from the required one.
    WrongToken,
}

/// Why a text is not accepted as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The text is shorter than 16 characters.
    #[error("the token has fewer than {TOKEN_CHARS_MIN} characters")]
    Short,
    /// The text has characters that cannot stand in a header.
    #[error("the token has characters other than letters, digits and `-._~+/=`")]
    Strange,
}

impl Token {
    /// Parses a token; surrounding white space is ignored.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let known = |letter: char| letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter);
        match text {
            _ if !text.chars().all(known) => Err(BadToken::Strange),
            _ if text.len() < TOKEN_CHARS_MIN => Err(BadToken::Short),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Compares in constant time. The length is not secret.
    fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl Access {
    /// Admits a request, or returns the reason to refuse it.
    pub(super) fn admit(&self, headers: &RequestHeaders<'_>) -> Result<(), Denied> {
        if self.token.is_none() && !headers.host.is_some_and(is_address) {
            return Err(Denied::ForeignHost);
        }
        if headers.origin.is_some_and(|origin| !self.is_ours(origin, headers.host)) {
            return Err(Denied::ForeignOrigin);
        }
        match (&self.token, shown(headers)) {
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

    /// The body of the answer.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::ForeignHost => "without a token the gateway answers to an IP address or `localhost` only",
            Self::ForeignOrigin => "this origin may not connect; the gateway allows others with --allow-origin",
            Self::NoToken => "a token is needed: `Authorization: Bearer TOKEN`, or `?token=TOKEN`",
            Self::WrongToken => "this is not the token",
        }
    }

    /// The label in logs and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ForeignHost => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

/// Whether a `Host` is an IP address or `localhost`, which DNS rebinding cannot forge.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The token of a request; the header takes precedence over the query.
fn shown(headers: &RequestHeaders<'_>) -> Option<String> {
    if let Some((scheme, token)) = headers.authorization.and_then(|header| header.split_once(' ')) {
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    let pairs = headers.query?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == "token").map(|(_, value)| unescape(value))
}

/// Decodes percent escapes of a query value; invalid escapes are kept.
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
    const HERE: RequestHeaders<'_> =
        RequestHeaders { host: Some("127.0.0.1:8645"), origin: None, authorization: None, query: None };

    fn guarded() -> Access {
        Access { token: Some(Token::parse(TOKEN).expect("a token")), origins: vec!["https://chat.example".to_owned()] }
    }

    /// Only the whole token is accepted, in the header or the query, escaped or not.
    #[test]
    fn the_token_is_needed_whole() {
        let bearer = |text: &'static str| guarded().admit(&RequestHeaders { authorization: Some(text), ..HERE });
        let query = |text: &'static str| guarded().admit(&RequestHeaders { query: Some(text), ..HERE });
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

    /// Pages of the gateway's own origin and of allowed origins may connect; others may not, even with a token.
    #[test]
    fn foreign_origins_are_refused() {
        let open = Access { token: None, origins: vec!["https://chat.example".to_owned()] };
        let from = |origin: &'static str| open.admit(&RequestHeaders { origin: Some(origin), ..HERE });
        assert_eq!(from("http://127.0.0.1:8645"), Ok(()));
        assert_eq!(from("HTTPS://CHAT.example"), Ok(()));
        for foreign in ["http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:86450", "é"] {
            assert_eq!(from(foreign), Err(Denied::ForeignOrigin), "{foreign}");
        }
        let shown = RequestHeaders { authorization: Some("Bearer 0123456789abcdef+/"), ..HERE };
        assert_eq!(
            guarded().admit(&RequestHeaders { origin: Some("http://evil"), ..shown }),
            Err(Denied::ForeignOrigin)
        );
    }

    /// After DNS rebinding a foreign name is the page's own origin, so names are refused without a token.
    #[test]
    fn dns_names_need_a_token() {
        let to = |host: &'static str| Access::default().admit(&RequestHeaders { host: Some(host), ..HERE });
        for ours in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8645", "192.168.0.7:80"] {
            assert_eq!(to(ours), Ok(()), "{ours}");
        }
        for name in ["evil.example", "localhost.evil.example:8645", "", "[evil]:1"] {
            assert_eq!(to(name), Err(Denied::ForeignHost), "{name}");
        }
        assert_eq!(Access::default().admit(&RequestHeaders::default()), Err(Denied::ForeignHost));
        let named = RequestHeaders { host: Some("chat.example"), query: Some("token=0123456789abcdef+/"), ..HERE };
        assert_eq!(guarded().admit(&named), Ok(()));
    }

    #[test]
    fn a_bad_token_is_no_token() {
        assert_eq!(Token::parse(" 0123456789abcdef \n").map(|token| token.0), Ok("0123456789abcdef".to_owned()));
        assert_eq!(Token::parse("0123456789abcde").err(), Some(BadToken::Short));
        assert_eq!(Token::parse("0123456789 abcdef").err(), Some(BadToken::Strange));
    }
}
