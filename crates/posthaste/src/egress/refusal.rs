//! Why a URL or an address is refused, with a code that a program can rely on.

/// Why a URL is refused at registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the texts say it
pub enum UrlRefusal {
    #[error("the URL is longer than 2,048 bytes")]
    TooLong,
    #[error("the URL has white space, a control or an invisible character: percent-encode it")]
    ControlCharacter,
    #[error("the URL has a backslash")]
    Backslash,
    #[error("the URL has an @: no user or password goes in it; in a path or query write %40")]
    Userinfo,
    #[error("the URL has a # fragment, which is never sent")]
    Fragment,
    #[error("the URL has an IPv6 zone id")]
    ZoneId,
    #[error("the URL has to begin with https:// or http://")]
    Scheme,
    #[error("the URL cannot be parsed: {0}")]
    Malformed(url::ParseError),
    #[error("the URL's host is no valid host name")]
    Host,
    #[error("the URL's IPv4 address has to be four plain decimal numbers")]
    Ipv4Spelling,
    #[error("plain http is not allowed here: use https")]
    HttpsOnly,
    #[error("port {0} belongs to another protocol")]
    BadPort(u16),
    #[error("the host name is private or local to a machine or network")]
    ForbiddenName,
    #[error("the host is denied by this server's egress rules")]
    DeniedName,
    #[error("the URL's address is refused: {0}")]
    Address(AddressRefusal),
}

impl UrlRefusal {
    /// A stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::Backslash => "backslash",
            Self::Userinfo => "userinfo",
            Self::Fragment => "fragment",
            Self::ZoneId => "zone_id",
            Self::Scheme => "scheme",
            Self::Malformed(_) => "malformed",
            Self::Host => "invalid_host",
            Self::Ipv4Spelling => "ipv4_spelling",
            Self::HttpsOnly => "https_only",
            Self::BadPort(_) => "bad_port",
            Self::ForbiddenName => "forbidden_name",
            Self::DeniedName => "denied",
            Self::Address(refusal) => refusal.code(),
        }
    }
}

impl From<AddressRefusal> for UrlRefusal {
    fn from(refusal: AddressRefusal) -> Self {
        match refusal {
            AddressRefusal::BadPort(port) => Self::BadPort(port),
            other => Self::Address(other),
        }
    }
}

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the texts say it
pub enum AddressRefusal {
    /// In a special-use range, by its name.
    #[error("it is a special-use address ({0})")]
    Special(&'static str),
    #[error("it is denied by this server's egress rules")]
    Denied,
    #[error("port {0} belongs to another protocol")]
    BadPort(u16),
}

impl AddressRefusal {
    /// A stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Special(_) => "private_address",
            Self::Denied => "denied",
            Self::BadPort(_) => "bad_port",
        }
    }
}
