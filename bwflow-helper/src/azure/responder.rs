//! A server on the loopback that says what it was told to, for tests.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Method, address and version, then the headers, in lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Heard {
    /// Method and address.
    pub(super) fn line(&self) -> &str {
        self.head
            .lines()
            .next()
            .unwrap()
            .trim_end_matches(" http/1.1")
    }
}

/// What to answer: a status, header lines, a body. A date stands for itself.
pub(super) type Reply = (u16, Vec<(String, String)>, String);

/// The server; it ends with its runtime.
#[derive(Clone)]
pub(super) struct Responder {
    pub(super) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Responder {
    /// Answers each request with what `reply` makes of it and of how many came before.
    pub(super) async fn start<F>(reply: F) -> Self
    where
        F: Fn(&Heard, usize) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = read(&mut stream).await else {
                    continue;
                };
                let before = {
                    let mut all = all.lock().unwrap();
                    all.push(request.clone());
                    all.len() - 1
                };
                let (status, headers, body) = reply(&request, before);
                let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("Connection: close\r\n\r\n");
                text.push_str(&body);
                // Who asked may have gone.
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        Self { url, heard }
    }

    /// Forgets what was asked.
    pub(super) fn forget(&self) {
        self.heard.lock().unwrap().clear();
    }

    /// All requests so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|it| it.strip_prefix("content-length: "));
            let length = length.map_or(0, |it| it.parse().unwrap());
            if body.len() >= length {
                return Some(Heard {
                    body: body.to_owned(),
                    head,
                });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
