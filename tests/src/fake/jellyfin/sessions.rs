//! Who watches what, from where, and at which bitrate.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Jellyfin;
use crate::fake::request::{Reply, Request};

/// What a file of unknown bitrate counts as, bits per second.
const UNKNOWN: i64 = 40_000_000;

/// The lowest that video is transcoded to, bits per second.
const LOWEST: i64 = 64_000;

/// A client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The user's name.
    pub user: String,
    /// Where it is.
    pub address: IpAddr,
    /// The proxies that it comes through, the last one next to the server.
    pub via: Vec<IpAddr>,
    /// What it plays; nothing when it is idle.
    pub item: Option<Item>,
    /// Whether it can be told anything at all.
    pub takes_commands: bool,
    /// Whether it obeys.
    pub obeys: bool,
    /// How many looks at the sessions it takes until it has stopped.
    pub slow_stop: u32,
    /// Whether its user starts again at once.
    pub insists: bool,
    /// Whether it plays files as they are, whatever the limit.
    pub plays_directly: bool,
    /// What it asks for, bits per second.
    pub asks_for: Option<i64>,
    /// The present stream's bitrate, bits per second; 0 when none plays.
    pub bitrate: i64,
    /// Whether the present stream is transcoded.
    pub is_transcoded: bool,
    /// Looks left until it has stopped.
    pub stopping: Option<u32>,
}

/// A film.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its title.
    pub name: String,
    /// The file's bitrate, bits per second; nothing when unknown.
    pub bitrate: Option<i64>,
    /// Whether it comes from elsewhere (live television over the network): no limit holds.
    #[serde(default)]
    pub is_remote: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            id: "00000000000000000000000000000001".into(),
            user: "viewer".into(),
            address: [203, 0, 113, 7].into(),
            via: Vec::new(),
            item: None,
            takes_commands: true,
            obeys: true,
            slow_stop: 0,
            insists: false,
            plays_directly: false,
            asks_for: None,
            bitrate: 0,
            is_transcoded: false,
            stopping: None,
        }
    }
}

impl Session {
    /// A client there, with a film of that bitrate chosen; not playing yet.
    pub fn new(number: u32, address: &str, bitrate: i64) -> Self {
        Self {
            id: format!("{number:032x}"),
            address: address.parse().unwrap(),
            item: Some(Item {
                name: format!("Film {number}"),
                bitrate: Some(bitrate),
                is_remote: false,
            }),
            ..Self::default()
        }
    }

    /// Whether something plays.
    pub const fn plays(&self) -> bool {
        self.bitrate > 0
    }

    pub(super) fn end(&mut self) {
        self.bitrate = 0;
        self.stopping = None;
    }
}

impl Jellyfin {
    /// Adds a client and starts its film.
    pub fn watch(&mut self, session: Session) {
        let id = session.id.clone();
        self.sessions.push(session);
        self.play(&id);
    }

    /// The client's address as the server sees it.
    pub fn end_point(&self, session: &Session) -> IpAddr {
        self.seen(session.address, Vec::new(), &session.via)
    }

    /// A session starts its film anew, at the bitrate that holds now; whether it could.
    pub fn play(&mut self, id: &str) -> bool {
        let Some(place) = self.sessions.iter().position(|it| it.id == id) else {
            return false;
        };
        let session = &self.sessions[place];
        let Some(item) = session.item.clone() else {
            return false;
        };
        let caller = self.end_point(session);
        let user = self.users.iter().find(|it| it.name == session.user);
        if !self.is_admitted(caller)
            || user.is_some_and(|it| it.flag("EnableRemoteAccess") == Some(false))
                && !self.is_in_network(caller)
        {
            self.sessions[place].end();
            return false;
        }
        // A user's own limit wins, also when it is the higher one.
        let own = user.map_or(0, super::User::limit);
        let limit = if own > 0 { own } else { self.limit() };
        let mut most = session.asks_for;
        if limit > 0 && !self.is_in_network(caller) {
            most = Some(most.map_or(limit, |most| most.min(limit)));
        }
        let has = item.bitrate.unwrap_or(UNKNOWN);
        let may = user.and_then(|it| it.flag("EnableVideoPlaybackTranscoding")) != Some(false);
        let target =
            most.filter(|most| has > *most && !item.is_remote && !session.plays_directly && may);
        let session = &mut self.sessions[place];
        session.is_transcoded = target.is_some();
        session.bitrate = target.map_or(has, |target| target.max(LOWEST));
        session.stopping = None;
        true
    }

    pub(super) fn list_sessions(&mut self, request: &Request, now: Option<i64>) -> Reply {
        if let Some(within) = request.parameter("activeWithinSeconds")
            && within.parse::<u32>().is_err()
        {
            return Reply::text(400, "The value is not valid.");
        }
        let mut again = Vec::new();
        for session in &mut self.sessions {
            match &mut session.stopping {
                Some(0) => {
                    session.end();
                    if session.insists {
                        again.push(session.id.clone());
                    }
                }
                Some(left) => *left -= 1,
                None => {}
            }
        }
        for id in again {
            self.play(&id);
        }
        let now = now.and_then(|now| jiff::Timestamp::from_second(now).ok());
        let now = now.unwrap_or_else(jiff::Timestamp::now).to_string();
        let shown = self.sessions.iter().map(|it| self.document(it, &now));
        Reply::json(200, &Value::Array(shown.collect()))
    }

    pub(super) fn stop(&mut self, id: &str) -> Reply {
        let Some(session) = self.sessions.iter_mut().find(|it| it.id == id) else {
            return Reply::text(404, "Session not found.");
        };
        // Sent, not obeyed.
        if session.plays() && session.takes_commands && session.obeys {
            session.stopping = Some(session.slow_stop);
        }
        Reply::empty(204)
    }

    pub(super) fn message(&mut self, id: &str, request: &Request) -> Reply {
        let body = match request.json() {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let Some(text) = body
            .get("Text")
            .and_then(Value::as_str)
            .filter(|it| !it.is_empty())
        else {
            return Reply::text(400, "The Text field is required.");
        };
        let Some(session) = self.sessions.iter().find(|it| it.id == id) else {
            return Reply::text(404, "Session not found.");
        };
        if session.takes_commands {
            self.messages.push((id.to_owned(), text.to_owned()));
        }
        Reply::empty(204)
    }

    fn document(&self, session: &Session, now: &str) -> Value {
        let user = self.users.iter().find(|it| it.name == session.user);
        let method = if session.is_transcoded {
            "Transcode"
        } else {
            "DirectPlay"
        };
        let commands: &[&str] = if session.takes_commands {
            &["DisplayMessage"]
        } else {
            &[]
        };
        let mut document = json!({
            "PlayState": {
                "CanSeek": session.plays(), "IsPaused": false, "IsMuted": false,
                "RepeatMode": "RepeatNone", "PlaybackOrder": "Default",
            },
            "AdditionalUsers": [],
            "Capabilities": {
                "PlayableMediaTypes": ["Audio", "Video"],
                "SupportedCommands": commands,
                "SupportsMediaControl": session.takes_commands,
                "SupportsPersistentIdentifier": true,
            },
            "RemoteEndPoint": self.end_point(session).to_string(),
            "PlayableMediaTypes": ["Audio", "Video"],
            "Id": session.id,
            "UserId": user.map_or("", |it| it.id.as_str()),
            "UserName": session.user,
            "Client": "Jellyfin Web",
            "LastActivityDate": now,
            "LastPlaybackCheckIn": now,
            "DeviceName": "Firefox",
            "DeviceId": format!("device-{}", session.id),
            "ApplicationVersion": self.version,
            "IsActive": true,
            "SupportsMediaControl": session.takes_commands,
            "SupportsRemoteControl": session.takes_commands,
            "NowPlayingQueue": [],
            "NowPlayingQueueFullItems": [],
            "HasCustomDeviceName": false,
            "ServerId": self.id,
            "SupportedCommands": commands,
        });
        if self.numbers() >= (12, 0, 0) {
            document
                .as_object_mut()
                .unwrap()
                .remove("NowPlayingQueueFullItems");
        }
        if let Some(item) = session.item.as_ref().filter(|_| session.plays()) {
            document["NowPlayingItem"] = json!({
                "Id": "22222222222222222222222222222222",
                "Name": item.name,
                "Type": "Movie",
                "MediaType": "Video",
                "RunTimeTicks": 72_000_000_000_i64,
            });
            document["PlayState"]["PlayMethod"] = json!(method);
            document["PlayState"]["PositionTicks"] = json!(6_000_000_000_i64);
            document["PlayState"]["MediaSourceId"] = json!("22222222222222222222222222222222");
            if session.is_transcoded {
                document["TranscodingInfo"] = json!({
                    "AudioCodec": "aac", "VideoCodec": "h264", "Container": "ts",
                    "IsVideoDirect": false, "IsAudioDirect": false,
                    "Bitrate": session.bitrate,
                    "TranscodeReasons": ["ContainerBitrateExceedsLimit"],
                });
            }
        }
        document
    }
}
