//! Servers that keep one waiting.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bwflow_helper::http::{Http, NoAnswer, Patience};
use bwflow_tests::fake::Service;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::scene::{HOUR, Scene};

/// How a server keeps one waiting.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It takes the request and says nothing.
    Silent,
    /// It begins an answer, and goes on byte by byte.
    Dribbles,
    /// The same from the first byte of the head on.
    DribblesHead,
    /// It takes the connection and ends it.
    Closes,
}

const WAYS: [Way; 4] = [Way::Silent, Way::Dribbles, Way::DribblesHead, Way::Closes];
/// How long a byte takes.
const BYTE: Duration = Duration::from_millis(50);

async fn start(way: Way) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, way));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, way: Way) -> Option<()> {
    if matches!(way, Way::Closes) {
        return None;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
    let mut request = [0; 4096];
    if stream.read(&mut request).await.ok()? == 0 {
        return None;
    }
    let slow = match way {
        Way::Silent => return std::future::pending().await,
        Way::Dribbles => {
            stream.write_all(head.as_bytes()).await.ok()?;
            ""
        }
        _ => head,
    };
    for byte in slow.bytes().chain(std::iter::repeat(b' ')) {
        stream.write_all(&[byte]).await.ok()?;
        tokio::time::sleep(BYTE).await;
    }
    None
}

#[tokio::test]
async fn a_request_ends_in_time_whatever_trickles_in() {
    let total = Duration::from_millis(400);
    let patience = Patience {
        connect: total,
        total,
    };
    let http = Http::new(patience).unwrap();
    for way in WAYS {
        let address = start(way).await;
        let request = http.client().get(format!("http://{address}/")).build();
        let begin = Instant::now();
        let answer = http.send(request.unwrap()).await;
        let took = begin.elapsed();
        let error = answer.err().unwrap();
        assert!(took < total + Duration::from_secs(1), "{way:?}: {took:?}");
        match way {
            Way::Closes => assert!(matches!(error, NoAnswer::Broken(_)), "{error:?}"),
            _ => {
                assert_eq!(error, NoAnswer::TimedOut, "{way:?}");
                assert!(took >= total, "{way:?}: {took:?}");
            }
        }
    }
}

/// One of the services keeps waiting, while by a figure that is known or told, medium is right.
async fn play(service: Service, way: Way) -> Duration {
    let name = format!("{service:?} {way:?}");
    let patience = Duration::from_secs(1);
    let mut scene = Scene::new().await;
    scene.set(|state| state.jellyfin.set_limit(50_000_000));
    let is_media = service == Service::Jellyfin;
    scene.spend(if is_media { 30.0 } else { 90.0 });
    scene.check().await;
    scene.redirect(service, &format!("http://{}", start(way).await), patience);
    scene.spend(if is_media { 90.0 } else { 30.0 });
    scene.pass(4 * HOUR);
    scene.uncap();
    let begin = Instant::now();
    let cap = scene.cap();
    let held = async {
        while cap.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begin.elapsed()
    };
    let ((), held) = tokio::join!(scene.check(), held);
    let took = begin.elapsed();
    // What was in force before is so at once.
    assert!(held < Duration::from_millis(500), "{name}: {held:?}");
    // Budget and cost, or the media server; the rest is work on a busy machine.
    assert!(
        took < 2 * patience + Duration::from_secs(2),
        "{name}: {took:?}"
    );
    let view = scene.view();
    assert_eq!(view.tier, "medium", "{name}: {view:?}");
    assert_eq!(scene.capped(), Some(2_500_000), "{name}");
    let (cost, media) = (&view.cost_error, &view.jellyfin_error);
    assert_eq!(
        (cost.is_empty(), media.is_empty()),
        (is_media, !is_media),
        "{name}: {cost} {media}"
    );
    // The server that was there before is not ours any more, and gets back what it had.
    let limit = if is_media { 50_000_000 } else { 2_000_000 };
    assert_eq!(scene.fake.state().jellyfin.limit(), limit, "{name}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_waiting_keeps_no_cap_and_no_other_from_being_served() {
    let mut playing = tokio::task::JoinSet::new();
    for service in Service::ALL {
        for way in WAYS {
            playing.spawn(play(service, way));
        }
    }
    let took = playing.join_all().await;
    println!(
        "MEASURED checks beside servers that keep waiting, patience 1 s: at most {:?}",
        took.iter().max().unwrap()
    );
}
