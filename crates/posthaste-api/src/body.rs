//! Request bodies: bounded in size and time, of the one type that is spoken here, and valid JSON
//! with one meaning before anything looks inside.
//!
//! Nothing is decompressed and nothing is read past the limit: a body that is too large ends its
//! connection.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use posthaste::json::{self, DEPTH_MAX, FaultKind, JsonFault};

use crate::{
    Api,
    fields::Fields,
    problem::{FieldError, Kind, Problem},
};

/// Text that is one JSON value: an envelope around data of the deepest kind.
pub(crate) struct JsonText(Bytes);

impl JsonText {
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when it was read")
    }

    /// The members of the object that it is.
    pub(crate) fn fields(&self, known: &'static [&'static str]) -> Result<Fields<'_>, Problem> {
        Fields::of_body(self.as_str(), known)
    }
}

impl FromRequest<Api> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        Form::of(request.headers())?.expect_json()?;
        let body = read(request, api, api.engine.limits().event_bytes).await?;
        checked(&body, DEPTH_MAX + 1, "")?;
        Ok(Self(body))
    }
}

/// As [`JsonText`], where no body at all means an empty object.
pub(crate) struct OptionalJson(JsonText);

impl OptionalJson {
    pub(crate) fn fields(&self, known: &'static [&'static str]) -> Result<Fields<'_>, Problem> {
        self.0.fields(known)
    }

    /// Nothing is asked for in the body.
    pub(crate) fn nothing(&self) -> Result<(), Problem> {
        self.fields(&[])?.finish()
    }
}

impl FromRequest<Api> for OptionalJson {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let form = Form::of(request.headers())?;
        let body = read(request, api, api.engine.limits().event_bytes).await?;
        if body.is_empty() {
            return Ok(Self(JsonText(Bytes::from_static(b"{}"))));
        }
        form.expect_json()?;
        checked(&body, DEPTH_MAX + 1, "")?;
        Ok(Self(JsonText(body)))
    }
}

/// What a body says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// One JSON value a line.
    Lines,
}

impl Form {
    /// Refuses what is neither, in another charset than UTF-8, or encoded.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !encodings.into_iter().all(plain) {
            return Err(unsupported(
                "bodies are taken as they are, without an encoding",
            ));
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let form = match (types.next(), types.next()) {
            (None, _) => Some(Self::Json),
            (Some(only), None) => only.to_str().ok().and_then(Self::named),
            (Some(_), Some(_)) => None,
        };
        form.ok_or_else(|| unsupported("expected application/json in UTF-8"))
    }

    fn named(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let name = parts.next()?;
        let utf8 = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let value = value.trim_matches('"');
            let known = name.eq_ignore_ascii_case("charset");
            (known && value.eq_ignore_ascii_case("utf-8")).then_some(())
        };
        let charset = parts.next();
        if parts.next().is_some() || charset.is_some_and(|part| utf8(part).is_none()) {
            return None;
        }
        [
            (Self::Json, "application/json"),
            (Self::Lines, "application/x-ndjson"),
        ]
        .into_iter()
        .find_map(|(form, known)| name.eq_ignore_ascii_case(known).then_some(form))
    }

    fn expect_json(self) -> Result<(), Problem> {
        match self {
            Self::Json => Ok(()),
            Self::Lines => Err(unsupported("expected application/json in UTF-8")),
        }
    }
}

fn unsupported(detail: &'static str) -> Problem {
    Problem::new(Kind::UnsupportedMediaType, detail)
}

/// The whole body, within a size and the deadline.
pub(crate) async fn read(request: Request, api: &Api, bytes_max: usize) -> Result<Bytes, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let whole = collect(request.into_body(), bytes_max);
    match tokio::time::timeout(api.options.body_deadline, whole).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(Kind::RequestTimeout, "the body took too long").closing()),
    }
}

/// One frame is taken as it is; only several are copied together.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let Some(first) = frame(&mut body).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = frame(&mut body).await? else {
        return within(first, bytes_max);
    };
    let mut whole = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(part) = next {
        if whole.len() + part.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        whole.extend_from_slice(&part);
        next = frame(&mut body).await?;
    }
    Ok(whole.freeze())
}

fn within(body: Bytes, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.len() > bytes_max {
        Err(too_large(bytes_max))
    } else {
        Ok(body)
    }
}

/// The next bytes of a body; none at its end, trailers ignored.
async fn frame(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(Kind::MalformedJson, "the body broke off").closing();
        if let Ok(data) = frame.map_err(broken)?.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

pub(crate) fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("at most {bytes_max} bytes are taken");
    Problem::new(Kind::PayloadTooLarge, detail).closing()
}

/// Refuses what is not one JSON value with one meaning; `pointer` says where the text stands.
pub(crate) fn checked(body: &[u8], depth_max: usize, pointer: &str) -> Result<(), Problem> {
    let fault = malformed(body, depth_max, pointer);
    fault.map_or(Ok(()), |fault| Err(Problem::fields(vec![fault])))
}

/// As [`checked`], where other texts may be at fault too.
pub(crate) fn malformed(body: &[u8], depth_max: usize, pointer: &str) -> Option<FieldError> {
    let fault = json::check(body, depth_max).err()?;
    Some(named(&fault, pointer))
}

fn named(fault: &JsonFault, pointer: &str) -> FieldError {
    let kind = match fault.kind {
        FaultKind::Utf8 => Kind::InvalidUtf8,
        FaultKind::Syntax
        | FaultKind::End
        | FaultKind::Trailing
        | FaultKind::Depth
        | FaultKind::DuplicateKey
        | FaultKind::Surrogate => Kind::MalformedJson,
    };
    FieldError {
        kind,
        pointer: pointer.to_owned(),
        code: fault.kind.code().into(),
        detail: fault.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Option<Form>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        assert_eq!(Form::of(&map).ok(), expected, "{headers:?}");
    }

    #[test]
    fn bodies_are_plain_json_in_utf8() {
        let of_type = |value, expected| check(&[("content-type", value)], expected);
        check(&[], Some(Form::Json));
        of_type("application/json", Some(Form::Json));
        of_type("Application/JSON; Charset=\"UTF-8\"", Some(Form::Json));
        of_type("application/x-ndjson", Some(Form::Lines));
        for bad in [
            "application/json; charset=utf-16",
            "application/json;;",
            "application/json;",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json; profile=x",
            "text/plain",
            "application/problem+json",
            "",
        ] {
            of_type(bad, None);
        }
        check(&[("content-encoding", "identity")], Some(Form::Json));
        check(&[("content-encoding", "gzip")], None);
        let twice = [
            ("content-type", "application/json"),
            ("content-type", "application/json"),
        ];
        check(&twice, None);
    }
}
