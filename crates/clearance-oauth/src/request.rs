//! What is sent to a token endpoint, and in which forms its secrets could come back.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use clearance_core::{Redactor, Secret};
use http::{
    HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use zeroize::Zeroizing;

/// A request for a token (RFC 6749 §4): the fields of its body, and who sends it.
///
/// ```
/// use clearance_core::Secret;
/// use clearance_oauth::{ClientAuthentication, TokenRequest};
///
/// let request = TokenRequest::form()
///     .field("grant_type", "password")
///     .field("username", "key-1")
///     .secret("password", "s3cr3t")
///     .client(ClientAuthentication::Basic, "my-app", &Secret::from("0ther"));
/// let shown = format!("{request:?}");
/// assert!(!shown.contains("s3cr3t") && !shown.contains("0ther"));
/// ```
#[derive(Clone, Debug)]
pub struct TokenRequest {
    encoding: Encoding,
    fields: Vec<(String, Secret)>,
    authorization: Option<HeaderValue>,
    /// Every form in which a secret is sent.
    secrets: Vec<Secret>,
}

/// How a client says who it is (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// By HTTP Basic, id and secret form-encoded first. Every issuer must accept this, and most prefer it.
    #[default]
    Basic,
    /// By the fields `client_id` and `client_secret` in the body, for issuers that accept nothing else.
    Body,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Form,
    Json,
}

impl TokenRequest {
    /// A request with a form as its body, as RFC 6749 has it.
    #[must_use]
    pub fn form() -> Self {
        Self::new(Encoding::Form)
    }

    /// A request with a JSON object of texts as its body, as some issuers have it.
    #[must_use]
    pub fn json() -> Self {
        Self::new(Encoding::Json)
    }

    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            fields: Vec::new(),
            authorization: None,
            secrets: Vec::new(),
        }
    }

    /// Adds a field. It may be repeated in an error, if the issuer repeats it.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Adds words to a field that is a list of them, separated by spaces. No field may be there twice (RFC 6749 §3.2).
    pub(crate) fn words(mut self, name: &str, words: &str) -> Self {
        match self.fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, value)) => *value = format!("{} {words}", value.expose()).trim().into(),
            None => return self.field(name, words),
        }
        self
    }

    /// Adds a field that is shown nowhere.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        let value = value.into();
        self.hide(&value);
        self.field(name, value)
    }

    /// Says which client sends it.
    #[must_use]
    pub fn client(mut self, how: ClientAuthentication, id: &str, secret: &Secret) -> Self {
        match how {
            ClientAuthentication::Body => self
                .field("client_id", id)
                .secret("client_secret", secret.clone()),
            ClientAuthentication::Basic => {
                let secret_form = form_encoded(secret.expose());
                let pair = Zeroizing::new([&form_encoded(id), ":", &secret_form].concat());
                let credential = Secret::from(BASE64_STANDARD.encode(&*pair));
                self.authorization = Some(basic(&credential));
                self.hide(secret);
                self.secrets.push(credential);
                self
            }
        }
    }

    /// Takes every form of the secrets, and the query of the endpoint, out of what the issuer and the client say.
    pub(crate) fn redactor(&self, endpoint: &Uri) -> Redactor {
        Redactor::new(self.secrets.iter().cloned().chain(forms_of_query(endpoint)))
    }

    pub(crate) fn to(&self, endpoint: &Uri) -> Request<Bytes> {
        let (content_type, body) = match self.encoding {
            Encoding::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in &self.fields {
                    form.append_pair(name, value.expose());
                }
                ("application/x-www-form-urlencoded", form.finish())
            }
            Encoding::Json => {
                let pairs = self.fields.iter();
                let pairs = pairs.map(|(name, value)| (name.clone(), value.expose().into()));
                let object = serde_json::Value::Object(pairs.collect());
                ("application/json", object.to_string())
            }
        };
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn hide(&mut self, secret: &Secret) {
        let text = secret.expose();
        self.secrets.extend([
            secret.clone(),
            form_encoded(text).as_str().into(),
            in_json(text).as_str().into(),
        ]);
    }
}

/// The query of an endpoint, which may hold a key, in the two ways in which it is written: as it was configured, and as
/// the URL standard has it, by which many a client repeats the whole address in its errors.
pub(crate) fn forms_of_query(endpoint: &Uri) -> [Secret; 2] {
    let query = endpoint.query().unwrap_or_default();
    let encoded = query.bytes().map(|byte| match byte {
        b'"' | b'\'' | b'<' | b'>' | 0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    });
    [query.into(), encoded.collect::<String>().into()]
}

fn basic(credential: &Secret) -> HeaderValue {
    let text = Zeroizing::new(["Basic ", credential.expose()].concat());
    let mut value = HeaderValue::from_str(&text).expect("base64 is made of visible ASCII");
    value.set_sensitive(true);
    value
}

// A text that grows moves, and what it leaves behind is not overwritten: these get their room at once.

fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(form_urlencoded::byte_serialize(text.as_bytes()));
    encoded
}

/// As it stands between the quotes of a JSON text.
fn in_json(text: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    // It fails for a writer that does, and for keys that are no texts.
    let written = serde_json::to_writer(&mut *quoted, text);
    debug_assert!(written.is_ok());
    let quoted = std::str::from_utf8(&quoted).unwrap_or_default();
    let text = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Zeroizing::new(text.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(request: &TokenRequest) -> (http::request::Parts, String) {
        let (head, body) = request
            .to(&Uri::from_static("https://a.test/t"))
            .into_parts();
        (head, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_basic() {
        let secret = Secret::from("s:+/ %é");
        let request = TokenRequest::form()
            .field("grant_type", "client_credentials")
            .client(ClientAuthentication::Basic, "my:app", &secret);
        let (head, body) = body_of(&request);
        let pair = BASE64_STANDARD.encode("my%3Aapp:s%3A%2B%2F+%25%C3%A9");
        assert_eq!(head.headers[AUTHORIZATION], format!("Basic {pair}"));
        assert!(head.headers[AUTHORIZATION].is_sensitive());
        assert_eq!(body, "grant_type=client_credentials");
    }

    #[test]
    fn or_they_go_into_the_body() {
        let request = TokenRequest::form().field("scope", "a b").client(
            ClientAuthentication::Body,
            "my app",
            &Secret::from("a=&b"),
        );
        let (head, body) = body_of(&request);
        assert!(!head.headers.contains_key(AUTHORIZATION));
        assert_eq!(body, "scope=a+b&client_id=my+app&client_secret=a%3D%26b");
    }

    #[test]
    fn json_is_an_object_of_texts() {
        let request = TokenRequest::json().field("id", "1").secret("key", "a\"b=");
        let (head, body) = body_of(&request);
        assert_eq!(head.headers[CONTENT_TYPE], "application/json");
        assert_eq!(body, r#"{"id":"1","key":"a\"b="}"#);
    }

    #[test]
    fn every_form_that_is_sent_is_taken_out() {
        let secret = Secret::from("pa\"ss w=rd");
        let request = TokenRequest::form()
            .field("username", "shown")
            .secret("password", secret)
            .client(ClientAuthentication::Basic, "app", &Secret::from("k/y"));
        let redactor = request.redactor(&Uri::from_static("https://a.test/t"));
        let basic = BASE64_STANDARD.encode("app:k%2Fy");
        for form in [
            "pa\"ss w=rd",
            "pa%22ss+w%3Drd",
            "pa\\\"ss w=rd",
            "k/y",
            "k%2Fy",
            &basic,
        ] {
            assert_eq!(redactor.clean(&format!("<{form}>")), "<[redacted]>");
        }
        assert_eq!(redactor.clean("shown"), "shown");
    }
}
