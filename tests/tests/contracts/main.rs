//! Every request to Azure and Jellyfin is held against their published API documents by a
//! third party's validator (Prism), which stands before the fake; so are the fake's answers.
//!
//! Needs the API documents; see `bwflow_tests::documents`.

#![allow(clippy::unwrap_used)]

mod azure;
mod jellyfin;

use bwflow_tests::documents;
use bwflow_tests::fake::Fake;
use bwflow_tests::prism::Prism;

/// Ids are 32 hexadecimal digits in what Jellyfin writes, but dashed in its document.
const DASHES: &str = "must match format \"uuid\"";

/// One test for all: the validators take seconds to start, and do so side by side.
#[tokio::test]
async fn every_request_passes_the_published_documents() {
    let Some(directory) = documents::directory() else {
        return;
    };
    let fake = Fake::start().await;
    let cloud = azure::Validators::start(&directory, &fake);
    let servers = jellyfin::start(&directory).await;
    azure::all_requests_pass(&cloud, &fake).await;
    for server in servers {
        jellyfin::all_requests_pass(server).await;
    }
}

/// What is wrong beyond what is known to be wrong in the documents.
fn violations(prism: &Prism) -> Vec<String> {
    let mut found = prism.violations();
    found.retain(|it| !(it.starts_with("response") && it.contains(DASHES)));
    found
}
