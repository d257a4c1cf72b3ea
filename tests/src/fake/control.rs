//! The control endpoint, for machines' scenarios and foreign clients. JSON all through.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /state` | shows the state |
//! | `PATCH /state` | changes what the body names (RFC 7396); `faults` is a list and is replaced |
//! | `GET /log` | shows requests, misdeeds, posted bitrates |
//! | `DELETE /log` | forgets the requests, not the misdeeds |
//! | `POST /advance?seconds=N` | lets time pass on the fake's clock |
//! | `POST /restart` | restarts Jellyfin |
//! | `POST /play?session=ID` | starts that session's item anew |
//! | `POST /reachable?service=arm&is=false` | refuses connections, or takes them again |
//! | `GET /misdeeds` | 200 when there are none, else 409 with them |

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{Extension, Request as Incoming};
use axum::response::Response;
use axum::{Router, serve};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Shared;
use super::request::{Reply, Request, Service};

pub(super) async fn start(wished: SocketAddr, shared: Shared) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(wished).await;
    let listener = listener.unwrap_or_else(|error| panic!("{wished}: {error}"));
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).layer(Extension(shared));
    let task = tokio::spawn(async move {
        let _ = serve(listener, router).await;
    });
    (address, task)
}

async fn handle(Extension(shared): Extension<Shared>, incoming: Incoming) -> Response {
    let (parts, body) = incoming.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20)
        .await
        .unwrap_or_default();
    let request = Request {
        service: Service::Arm,
        at: 0,
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: Vec::new(),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: 0,
    };
    let reply = answer(&shared, &request).unwrap_or_else(|why| Reply::text(400, &(why + "\n")));
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from(reply.body)).unwrap()
}

fn answer(shared: &Shared, request: &Request) -> Result<Reply, String> {
    let parameter = |name: &str| {
        let found = request.parameter(name);
        found.ok_or_else(|| format!("{} needs {name}=", request.path))
    };
    let mut state = shared.state();
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/state") => {}
        ("PATCH", "/state") => {
            let patch = serde_json::from_str(&request.body).map_err(|error| error.to_string())?;
            state.patch(&patch)?;
        }
        ("GET", "/log") => return Ok(Reply::json(200, &json!(state.log))),
        ("DELETE", "/log") => state.log.requests.clear(),
        ("GET", "/misdeeds") => {
            let misdeeds = &state.log.misdeeds;
            let status = if misdeeds.is_empty() { 200 } else { 409 };
            return Ok(Reply::json(status, &json!(misdeeds)));
        }
        ("POST", "/advance") => {
            let seconds = parameter("seconds")?;
            let seconds = seconds
                .parse()
                .map_err(|_| format!("{seconds}: seconds?"))?;
            state.advance(seconds);
        }
        ("POST", "/restart") => state.jellyfin.restart(),
        ("POST", "/play") => {
            let session = parameter("session")?;
            if !state.jellyfin.play(&session) {
                return Err(format!("{session}: no such session, or no item in it"));
            }
        }
        ("POST", "/reachable") => {
            let service = serde_json::from_value(json!(parameter("service")?));
            let service = service.map_err(|error| error.to_string())?;
            shared
                .open(service)
                .send_replace(parameter("is")? == "true");
        }
        _ => return Ok(Reply::empty(404)),
    }
    Ok(Reply::json(200, &json!(*state)))
}
