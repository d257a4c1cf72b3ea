//! The edge: takes requests in, lets the service answer, and breaks the answer if a fault says so.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Extension};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use super::door::{Door, Peer};
use super::fault::Does;
use super::request::{Reply, Request, Service};
use super::state::State;
use super::{Shared, azure, imds, jellyfin};

/// The longest body that is read, bytes.
const LONGEST: usize = 16 << 20;

/// How an answer ends.
enum End {
    Whole,
    InTheMiddle,
    Never,
    BeforeItsBeginning,
}

pub(super) async fn serve(door: Door, shared: Shared, service: Service) {
    let router = Router::new()
        .fallback(handle)
        .layer(Extension((shared, service)));
    let router = router.into_make_service_with_connect_info::<Peer>();
    let _ = axum::serve(door, router).await;
}

async fn handle(
    Extension((shared, service)): Extension<(Shared, Service)>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST).await;
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let request = Request {
        service,
        at: shared.state().clock(),
        peer: peer.ip().to_canonical(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
        status: 0,
    };
    let (place, does) = {
        let mut state = shared.state();
        state.log.requests.push(request.clone());
        (state.log.requests.len() - 1, state.fault(&request))
    };
    if let Some(Does::Slow(milliseconds)) = does {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    if does == Some(Does::Hang) {
        std::future::pending::<()>().await;
    }
    let mut state = shared.state();
    let (reply, end) = carry_out(&mut state, &request, does);
    if matches!(end, End::Whole)
        && let Some(seen) = state.log.requests.get_mut(place)
    {
        seen.status = reply.status;
    }
    respond(reply, &end, state.date_header())
}

/// Lets the service answer, and does what goes wrong.
fn carry_out(state: &mut State, request: &Request, does: Option<Does>) -> (Reply, End) {
    let answer = |state: &mut State| match request.service {
        Service::Arm => azure::answer(state, request),
        Service::Imds => imds::answer(state, request),
        Service::Jellyfin => jellyfin::answer(state, request),
    };
    match does {
        None | Some(Does::Slow(_) | Does::Hang) => (answer(state), End::Whole),
        Some(Does::Answer {
            status,
            headers,
            body,
        }) => {
            let body = body.into_bytes();
            let reply = Reply {
                status,
                headers,
                body,
            };
            (reply, End::Whole)
        }
        Some(Does::Close) => (Reply::empty(200), End::BeforeItsBeginning),
        Some(Does::Endless) => (
            Reply::typed(200, "application/json; charset=utf-8", ""),
            End::Never,
        ),
        Some(Does::Lose) => (answer(state), End::BeforeItsBeginning),
        Some(Does::Truncate) => (answer(state), End::InTheMiddle),
        Some(Does::Headers(headers)) => {
            let mut reply = answer(state);
            reply.headers.extend(headers);
            (reply, End::Whole)
        }
        Some(Does::Then(patch)) => {
            let reply = answer(state);
            if let Err(error) = state.patch(&patch) {
                panic!("the change after a request cannot be made: {error}");
            }
            (reply, End::Whole)
        }
    }
}

fn respond(reply: Reply, end: &End, date: Option<String>) -> Response {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    if let Some(date) = date {
        builder = builder.header("date", date);
    }
    let broken = || Err(io::Error::other("the connection breaks here"));
    let body = match end {
        End::Whole => Body::from(reply.body),
        End::BeforeItsBeginning => {
            Body::from_stream(stream::once(async move { broken() as io::Result<Bytes> }))
        }
        End::InTheMiddle => {
            builder = builder.header("content-length", reply.body.len().max(2));
            let half = reply.body[..reply.body.len() / 2].to_vec();
            let half = stream::once(async move { Ok(Bytes::from(half)) });
            // What is before the break must be on its way before it.
            let end = stream::once(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                broken()
            });
            Body::from_stream(half.chain(end))
        }
        End::Never => {
            let block = Bytes::from_static(&[b' '; 64 << 10]);
            Body::from_stream(stream::repeat(block).map(Ok::<_, Infallible>))
        }
    };
    builder.body(body).unwrap()
}
