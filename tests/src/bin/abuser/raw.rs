//! Bytes that are not, or not quite, messages of D-Bus.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use zbus::message::Message;

use super::calls;
use super::random::Random;

/// Says who we are and gets a name, as every client does.
fn introduce(address: &str) -> UnixStream {
    let path = address.strip_prefix("unix:path=").unwrap();
    let mut stream = UnixStream::connect(path).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\n").unwrap();
    let mut answer = [0; 512];
    let mut text = String::new();
    while !text.contains("OK ") {
        let count = stream.read(&mut answer).unwrap();
        text.push_str(&String::from_utf8_lossy(&answer[..count]));
    }
    stream.write_all(b"BEGIN\r\n").unwrap();
    stream.write_all(hello().data()).unwrap();
    // The reply and the signal that we have a name.
    let _ = stream.read(&mut answer);
    stream
}

fn hello() -> Message {
    Message::method_call("/org/freedesktop/DBus", "Hello")
        .destination("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .build(&())
        .unwrap()
}

/// Whether the bus has hung up.
fn hung_up(stream: &mut UnixStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
            }
        }
    }
}

/// A call for each connection, broken in one way; returns how many connections the bus dropped.
pub(crate) fn send_garbage(address: &str, random: &mut Random, connections: usize) -> usize {
    let mut dropped = 0;
    for _ in 0..connections {
        let mut stream = introduce(address);
        let mut bytes = calls::interactive().data().to_vec();
        match random.below(5) {
            // A NUL inside a name.
            0 => {
                let at = bytes.windows(4).position(|part| part == b"wan0").unwrap();
                bytes[at + 1] = 0;
            }
            // Some other bytes.
            1 => {
                for _ in 0..=random.below(8) {
                    let at = random.below(bytes.len());
                    bytes[at] = u8::try_from(random.next() & 0xff).unwrap();
                }
            }
            // A body of 4 GB, and fields of as much.
            2 => bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes()),
            3 => bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes()),
            // No message at all.
            _ => {
                for byte in &mut bytes {
                    *byte = u8::try_from(random.next() & 0xff).unwrap();
                }
            }
        }
        let _ = stream.write_all(&bytes);
        dropped += usize::from(hung_up(&mut stream));
    }
    dropped
}

/// Answers by the name of the error; "done" when there was none.
pub(crate) type Tally = BTreeMap<String, u64>;

/// Calls of one connection that may be unanswered; the bus permits 128.
const WINDOW: i64 = 100;
/// How long to wait for an answer that may never come: some calls wait for a password.
const QUIET: Duration = Duration::from_secs(2);

/// Sends `calls` of these messages on one connection.
pub(crate) fn send_calls(
    address: &str,
    messages: &[Message],
    random: &mut Random,
    calls: u64,
) -> Tally {
    let mut stream = introduce(address);
    let screen = stream.try_clone().unwrap();
    let (free, came) = (Mutex::new(WINDOW), Condvar::new());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            count_answers(screen, &done, || {
                *free.lock().unwrap() += 1;
                came.notify_one();
            })
        });
        for serial in 0..calls {
            let message = random.pick(messages);
            let mut free = free.lock().unwrap();
            while *free <= 0 {
                let late;
                (free, late) = came.wait_timeout(free, QUIET).unwrap();
                if late.timed_out() {
                    // Those are not answered any more: they were too long, or wait.
                    *free = WINDOW / 2;
                }
            }
            *free -= 1;
            drop(free);
            // Two calls of one number would be an error of ours.
            let serial = u32::try_from(serial + 2).unwrap().to_le_bytes();
            let bytes = message.data();
            stream.write_all(&bytes[..8]).unwrap();
            stream.write_all(&serial).unwrap();
            stream.write_all(&bytes[12..]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    })
}

/// Unanswered calls of a flood for each that is answered.
const UNANSWERED: usize = 50;

/// Calls a verb on so many connections until the standard input ends. Each waits for the answer to
/// some of its calls, so that what waits does so in the daemon and not in the bus.
pub(crate) fn flood(address: &str, connections: usize) {
    let mut burst: Vec<_> = calls::unanswered().data().repeat(UNANSWERED);
    burst.extend_from_slice(calls::interactive().data());
    let sent = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = introduce(address);
                let mut buffer = [0; 4096];
                // Nothing but the answers may come from now on.
                while stream.read(&mut buffer).is_ok() {}
                while !done.load(Ordering::Relaxed) {
                    stream.write_all(&burst).unwrap();
                    sent.fetch_add(UNANSWERED as u64 + 1, Ordering::Relaxed);
                    // It comes late when the daemon is busy.
                    while !done.load(Ordering::Relaxed) {
                        if stream.read(&mut buffer).is_ok() {
                            break;
                        }
                    }
                }
            });
        }
        println!("flooding");
        let _ = std::io::stdin().read(&mut [0]);
        done.store(true, Ordering::Relaxed);
    });
    println!("{} calls", sent.load(Ordering::Relaxed));
}

/// Reads until nothing has come for a while after the last call.
fn count_answers(mut stream: UnixStream, done: &AtomicBool, answered: impl Fn()) -> Tally {
    let mut tally = Tally::new();
    let mut received = Vec::new();
    let mut buffer = vec![0; 65_536];
    let mut last = Instant::now();
    while !(done.load(Ordering::Relaxed) && last.elapsed() > QUIET) {
        let Ok(count) = stream.read(&mut buffer) else {
            continue;
        };
        assert!(
            count > 0,
            "the bus has dropped a connection that did nothing wrong"
        );
        last = Instant::now();
        received.extend_from_slice(&buffer[..count]);
        let mut begin = 0;
        while let Some(length) = message_length(&received[begin..]) {
            let message = &received[begin..begin + length];
            begin += length;
            // 2 is a return, 3 an error (D-Bus specification, "Message Format").
            if message[1] == 2 || message[1] == 3 {
                *tally.entry(error_name(message)).or_default() += 1;
                answered();
            }
        }
        received.drain(..begin);
    }
    tally
}

/// The length of the message at the beginning of `bytes`, if all of it is there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at + 4)?.try_into().unwrap();
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let length = (16 + number(12)?).next_multiple_of(8) + number(4)?;
    (bytes.len() >= length).then_some(length)
}

fn error_name(message: &[u8]) -> String {
    if message[1] == 2 {
        return "done".to_owned();
    }
    let text = String::from_utf8_lossy(&message[16..message.len().min(200)]);
    let name = text.find("org.").map(|at| &text[at..]);
    let name = name.and_then(|name| name.split('\0').next());
    name.unwrap_or("an error without a name").to_owned()
}
