//! Acts, played on a connection.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use crate::{
    fault_server::State,
    faults::{Act, DRIP, FLOOD},
};

/// Whether it is to end in a reset.
pub(crate) async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    acts: Vec<Act>,
    state: &State,
) -> bool {
    for act in acts {
        // What a client does not want to hear any more is not told on.
        let told = match act {
            Act::Read => match request(stream).await {
                Some(request) => {
                    state.sees(&request);
                    true
                }
                None => false,
            },
            Act::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
            Act::Trickle(bytes) => trickle(stream, &bytes).await,
            Act::Flood(bytes) => flood(stream, &bytes, state).await,
            Act::Hang => {
                let mut rest = [0; 1024];
                while matches!(stream.read(&mut rest).await, Ok(1..)) {}
                false
            }
            Act::Reset => {
                sleep(Duration::from_millis(20)).await;
                return true;
            }
        };
        if !told {
            return false;
        }
    }
    false
}

async fn trickle<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> bool {
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() {
            return false;
        }
        sleep(DRIP).await;
    }
    true
}

async fn flood<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], state: &State) -> bool {
    for _ in 0..FLOOD / bytes.len() {
        if stream.write_all(bytes).await.is_err() {
            return false;
        }
        state.flows(bytes.len());
    }
    true
}

/// A request, read to its end.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    let mut part = vec![0; 16 * 1024];
    let mut searched = 0;
    loop {
        let rest = &bytes[searched..];
        if let Some(head) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = searched + head;
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let mut lines = text.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= head + 4 + length {
                return String::from_utf8(bytes).ok();
            }
        }
        searched = bytes.len().saturating_sub(3);
        match stream.read(&mut part).await {
            Ok(length @ 1..) => bytes.extend_from_slice(&part[..length]),
            _ => return None,
        }
    }
}
