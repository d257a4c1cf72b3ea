//! Who listens hears of every change, and of nothing else; who comes second does not get in.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use bwflow_proto::bus;
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::wait::wait_for;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::fdo::PropertiesProxy;

/// What is told of the property, as text; from now on.
fn listen(scene: &Scene) -> mpsc::UnboundedReceiver<String> {
    let (tell, told) = mpsc::unbounded_channel();
    let (ready, listening) = std::sync::mpsc::channel();
    let address = scene.rig.bus.address();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = zbus::connection::Builder::address(address.as_str());
            let connection = connection.build().await.unwrap();
            let properties = PropertiesProxy::builder(&connection)
                .destination(bus::HELPER_NAME)
                .path(bus::HELPER_PATH)
                .build()
                .await
                .unwrap();
            let mut signals = properties.receive_properties_changed().await.unwrap();
            ready.send(()).unwrap();
            while let Some(signal) = signals.next().await {
                let arguments = signal.args().unwrap();
                assert_eq!(arguments.interface_name, bus::HELPER_NAME);
                let Some(spend) = arguments.changed_properties.get("Spend") else {
                    panic!("{arguments:?} without the property");
                };
                if tell.send(format!("{spend:?}")).is_err() {
                    return;
                }
            }
        });
    });
    listening.recv().unwrap();
    told
}

#[test]
fn whoever_listens_hears_each_change_once_and_nothing_else() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    let mut told = listen(&scene);
    scene.rig.start(&config);
    scene.wait_for_tier(2_000_000, "20Mbit");
    // What was known before the first check, if the bus was there by then; and what that has found.
    let (_, first) = wait_for("the first check", PATIENCE, || {
        told.try_recv().ok().filter(|it| it.contains("\"held\""))
    });
    assert!(first.contains("\"medium\""), "{first}");
    // Looks at the counters change nothing.
    for _ in 0..2 {
        scene.rig.look();
        std::thread::sleep(Duration::from_millis(1_050));
    }
    assert_eq!(told.try_recv().ok(), None);
    scene.fake.state().jellyfin.configuration["RemoteClientBitrateLimit"] = 1_000_000.into();
    assert!(
        scene
            .call(&["org.bwflow1.Helper.CheckSpend"])
            .status
            .success()
    );
    let (_, second) = wait_for("the second change", PATIENCE, || told.try_recv().ok());
    assert!(second.contains("\"foreign\""), "{second}");
    scene.reload(&scene.config(false, "half"));
    let (_, last) = wait_for("the last change", PATIENCE, || told.try_recv().ok());
    assert!(!last.contains("medium"), "{last}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(told.try_recv().ok(), None);
}

#[test]
fn a_second_helper_does_not_touch_what_the_first_remembers() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    scene.wait_for_tier(2_000_000, "20Mbit");
    wait_for("the end of the check", PATIENCE, || {
        scene.shown().contains("\"held\"").then_some(())
    });
    let file = scene.rig.state().join("spend.json");
    let before = fs::read_to_string(&file).unwrap();
    let asked = scene.fake.state().log.requests.len();
    let mut second = scene.rig.helper_command();
    let second = second.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success());
    assert!(
        text.contains("another") || text.contains("already"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(scene.fake.state().log.requests.len(), asked);
    assert!(scene.rig.helper.as_mut().unwrap().runs());
}
