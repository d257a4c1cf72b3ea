//! A Jellyfin behind https, with certificates of the home's own authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bwflow_tests::process::{Process, run};
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::wait::wait_for;
use serde_json::json;

/// An authority, and servers with its certificates.
struct Authority {
    directory: PathBuf,
    servers: Vec<Process>,
}

impl Authority {
    fn new(directory: &Path) -> Self {
        let directory = directory.join("authority");
        fs::create_dir(&directory).unwrap();
        let config = format!(
            "[ca]\ndefault_ca = home\n[home]\ndatabase = {0}/index\nnew_certs_dir = {0}\n\
             default_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n\
             rand_serial = yes\n[any]\ncommonName = supplied\n",
            directory.display()
        );
        fs::write(directory.join("config"), config).unwrap();
        fs::write(directory.join("index"), "").unwrap();
        let this = Self {
            directory,
            servers: Vec::new(),
        };
        let (key, certificate) = (this.file("ca.key"), this.file("ca.crt"));
        this.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            "/CN=Home",
            "-days",
            "30",
        ]);
        this
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn openssl(&self, arguments: &[&str]) {
        run("openssl", arguments);
    }

    /// A server at this port of the scene's, with a certificate for this name until this year.
    fn serve(&mut self, scene: &Scene, port: u16, name: &str, until: u32) {
        let [key, request, certificate] =
            ["key", "csr", "crt"].map(|it| self.file(&format!("{port}.{it}")));
        let names = format!("subjectAltName=DNS:{name}");
        let until = format!("{until}0101000000Z");
        self.openssl(&[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            "/CN=server",
            "-addext",
            &names,
        ]);
        self.openssl(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            &self.file("config"),
            "-cert",
            &self.file("ca.crt"),
            "-keyfile",
            &self.file("ca.key"),
            "-in",
            &request,
            "-out",
            &certificate,
            "-startdate",
            "20200101000000Z",
            "-enddate",
            &until,
        ]);
        // What it serves are files with whole answers in them.
        let site = self.directory.join("System/Info");
        fs::create_dir_all(&site).unwrap();
        let body = json!({"Version": "10.11.11", "Id": "0123456789abcdef0123456789abcdef",
            "ProductName": "Jellyfin Server", "StartupWizardCompleted": true});
        let body = body.to_string();
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        fs::write(site.join("Public"), head + &body).unwrap();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", scene.rig.pair.inside.name()])
            .args(["openssl", "s_server", "-quiet", "-HTTP", "-accept"])
            .arg(port.to_string())
            .args(["-cert", &certificate, "-key", &key])
            .current_dir(&self.directory);
        self.servers.push(Process::start(&mut command));
        let listens = format!(":{port}");
        wait_for("a server with TLS", PATIENCE, || {
            let table = run(
                "ip",
                &["netns", "exec", scene.rig.pair.inside.name(), "ss", "-ltn"],
            );
            table.contains(&listens).then_some(())
        });
    }
}

/// What the guard says of the server at this port, trusting this authority besides the system's, if
/// any. The helper is another one then.
fn told(scene: &mut Scene, port: u16, authority: Option<&str>) -> String {
    let url = format!("https://localhost:{port}");
    let config = scene
        .config(true, "half")
        .replace(&scene.fake.jellyfin(), &url);
    scene.rig.configure(&config);
    let mut command = scene.rig.helper_command();
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority);
    }
    scene.rig.helper = None;
    scene.rig.helper = Some(Process::start(&mut command));
    let (_, said) = wait_for("a word of the server", PATIENCE, || {
        let output = scene.rig.ctl(&["spend", "--json"]);
        let view: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let view = &view["jellyfin"];
        let is_seen = !view["version"].is_null() && view["version"] != "";
        let error = view["error"].as_str().unwrap_or_default();
        (is_seen || !error.is_empty()).then(|| view.to_string())
    });
    said
}

#[test]
fn only_who_has_a_good_certificate_of_a_trusted_authority_is_believed() {
    let mut scene = Scene::new();
    scene.rig.start_daemon();
    let mut home = Authority::new(scene.rig.directory());
    home.serve(&scene, 8920, "localhost", 2090);
    home.serve(&scene, 8921, "jellyfin.example", 2090);
    home.serve(&scene, 8922, "localhost", 2021);
    let trusted = home.file("ca.crt");
    let said = told(&mut scene, 8920, Some(&trusted));
    assert!(said.contains("10.11.11"), "{said}");
    for (port, authority, expected) in [
        (8920, None, "update-ca-certificates"),
        (8921, Some(trusted.as_str()), "for another name"),
        (8922, Some(trusted.as_str()), "has expired"),
    ] {
        let said = told(&mut scene, port, authority);
        assert!(said.contains(expected), "{port}: {said}");
        assert!(!said.contains("10.11.11"), "{port}: {said}");
    }
}
