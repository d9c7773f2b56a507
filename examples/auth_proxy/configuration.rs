//! What is configured: where the proxy listens, who may use it, and its bounds.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clearance::Secret;
use rustls::crypto::ring;

use crate::problem::Problem;

/// A key of fewer characters could be guessed.
const SHORTEST_KEY: usize = 16;

/// All but where the requests go, which is the platform's.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) address: Address,
    /// `None` only for a Unix socket, whose file mode says who may use it.
    pub(crate) key: Option<Secret>,
    /// The key was made for this run, and has to be told.
    pub(crate) key_is_new: bool,
    pub(crate) bounds: Bounds,
}

/// Where the proxy listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Of loopback, unless `anywhere`.
    Tcp { at: SocketAddr, anywhere: bool },
    /// A socket that only its owner may use.
    Unix(PathBuf),
}

/// What keeps memory and time bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Requests at a time, those that wait included.
    pub(crate) requests: usize,
    /// From a request's head to the head of its reply, with its upload and all waits.
    pub(crate) patience: Duration,
    /// For a request's head to come in, and for a connection between two requests.
    pub(crate) head: Duration,
    /// For what is under way when the proxy is told to stop.
    pub(crate) grace: Duration,
}

impl Configuration {
    /// # Errors
    ///
    /// A sentence that names the variable and what to do about it.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let address = Address::read(&variable)?;
        let (key, key_is_new) = match (variable("AUTH_PROXY_KEY"), &address) {
            (Some(key), _) => (Some(checked(key)?), false),
            (None, Address::Unix(_)) => (None, false),
            (None, Address::Tcp { .. }) => (Some(new_key()?), true),
        };
        Ok(Self {
            address,
            key,
            key_is_new,
            bounds: Bounds::read(variable)?,
        })
    }
}

impl Address {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        const INSECURE: &str = "AUTH_PROXY_INSECURE_LISTEN_ANYWHERE";
        let listen = variable("AUTH_PROXY_LISTEN");
        if let Some(path) = variable("AUTH_PROXY_SOCKET") {
            return match listen {
                None => Ok(Self::Unix(path.into())),
                Some(_) => Err(Problem::new(
                    "AUTH_PROXY_LISTEN and AUTH_PROXY_SOCKET are both set; unset one of them",
                )),
            };
        }
        let listen = listen.unwrap_or_else(|| "127.0.0.1:0".to_owned());
        let Ok(at) = listen.parse::<SocketAddr>() else {
            return Err(Problem::new(format!(
                "AUTH_PROXY_LISTEN is `{listen}`; set it to an IP address and a port, such as 127.0.0.1:8080"
            )));
        };
        let anywhere = match variable(INSECURE).as_deref() {
            None => false,
            Some("yes") => true,
            Some(other) => {
                return Err(Problem::new(format!(
                    "{INSECURE} is `{other}`; set it to yes, or unset it"
                )));
            }
        };
        if !at.ip().is_loopback() && !anywhere {
            return Err(Problem::new(format!(
                "AUTH_PROXY_LISTEN is {at}, where other machines reach it and the network reads along; \
                 listen on 127.0.0.1, or set {INSECURE}=yes if you mean that"
            )));
        }
        Ok(Self::Tcp { at, anywhere })
    }
}

impl Bounds {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let number = |name: &str, default: u32| match variable(name) {
            None => Ok(default),
            Some(text) => match text.parse::<u32>() {
                Ok(number @ 1..=100_000) => Ok(number),
                _ => Err(Problem::new(format!(
                    "{name} is `{text}`; set it to a number from 1 to 100000, or unset it for {default}"
                ))),
            },
        };
        let seconds = |name, default| number(name, default).map(|s| Duration::from_secs(s.into()));
        Ok(Self {
            requests: number("AUTH_PROXY_MAX_REQUESTS", 256)? as usize,
            patience: seconds("AUTH_PROXY_TIMEOUT_S", 600)?,
            head: Duration::from_secs(30),
            grace: seconds("AUTH_PROXY_GRACE_S", 20)?,
        })
    }
}

fn checked(key: String) -> Result<Secret, Problem> {
    // Not shown: it is the key, or nearly.
    if key.len() < SHORTEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(format!(
            "AUTH_PROXY_KEY is too short, or has characters that a header field cannot carry; set it to {SHORTEST_KEY} or \
             more letters and digits by chance, or unset it to have one made"
        )));
    }
    Ok(Secret::from(key))
}

/// 128 bits by chance.
fn new_key() -> Result<Secret, Problem> {
    let mut bytes = [0; 16];
    let random = ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| {
        Problem::new("this machine has no random numbers to make a key of; set AUTH_PROXY_KEY")
    })?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(Secret::from(digits.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Configuration, Problem> {
        let find = |name: &str| variables.iter().find(|(other, _)| *other == name);
        Configuration::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn without_variables_it_is_loopback_with_a_new_key() {
        let (one, other) = (read(&[]).unwrap(), read(&[]).unwrap());
        assert!(
            matches!(one.address, Address::Tcp { at, anywhere: false } if at.ip().is_loopback())
        );
        assert!(one.key_is_new);
        assert_eq!(one.key.as_ref().unwrap().expose().len(), 32);
        assert_ne!(one.key, other.key);
        assert_eq!(one.bounds.requests, 256);
    }

    #[test]
    fn a_unix_socket_needs_no_key_but_keeps_a_given_one() {
        let bare = read(&[("AUTH_PROXY_SOCKET", "/run/p")]).unwrap();
        assert_eq!(
            (bare.address, bare.key),
            (Address::Unix("/run/p".into()), None)
        );
        let keyed = read(&[
            ("AUTH_PROXY_SOCKET", "/run/p"),
            ("AUTH_PROXY_KEY", "0123456789abcdef"),
        ]);
        assert_eq!(keyed.unwrap().key, Some(Secret::from("0123456789abcdef")));
    }

    #[test]
    fn other_machines_are_let_in_only_where_that_was_said() {
        let anywhere = ("AUTH_PROXY_LISTEN", "0.0.0.0:8080");
        let said = ("AUTH_PROXY_INSECURE_LISTEN_ANYWHERE", "yes");
        assert!(read(&[anywhere]).is_err());
        let address = read(&[anywhere, said]).unwrap().address;
        assert!(matches!(address, Address::Tcp { anywhere: true, .. }));
        assert!(read(&[("AUTH_PROXY_LISTEN", "[::1]:8080")]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_and_a_bad_key_is_not_shown() {
        for (name, value) in [
            ("AUTH_PROXY_LISTEN", "localhost"),
            ("AUTH_PROXY_LISTEN", "192.168.0.1:80"),
            ("AUTH_PROXY_INSECURE_LISTEN_ANYWHERE", "maybe"),
            ("AUTH_PROXY_KEY", "tooshort"),
            ("AUTH_PROXY_KEY", "long enough but with blanks"),
            ("AUTH_PROXY_MAX_REQUESTS", "0"),
            ("AUTH_PROXY_TIMEOUT_S", "soon"),
            ("AUTH_PROXY_GRACE_S", "-1"),
        ] {
            let problem = read(&[(name, value)]).unwrap_err().to_string();
            assert!(problem.contains(name), "{problem}");
            assert!(
                name != "AUTH_PROXY_KEY" || !problem.contains(value),
                "{problem}"
            );
        }
        let both = read(&[
            ("AUTH_PROXY_LISTEN", "127.0.0.1:1"),
            ("AUTH_PROXY_SOCKET", "/run/p"),
        ]);
        assert!(both.unwrap_err().to_string().contains("unset one"));
    }
}
