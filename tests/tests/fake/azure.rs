//! Azure: tokens, metadata, budgets, costs.

use bwflow_tests::fake::azure::{Budget, Charge, Empty, SUBSCRIPTION};
use bwflow_tests::fake::imds::Identity;
use serde_json::json;

use super::client::{Client, NOON};

#[tokio::test]
async fn tokens_are_given_to_those_who_ask_right() {
    let client = Client::new().await;
    let answer = client.token("").await.json().unwrap();
    assert_eq!(answer["expires_in"], json!("86399"), "a text");
    let url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x",
        client.fake.imds()
    );
    for headers in [
        &[][..],
        &[("metadata", "True")],
        &[("metadata", "true"), ("x-forwarded-for", "1.2.3.4")],
    ] {
        let answer = client.send("GET", &url, headers, None).await.unwrap();
        assert_eq!(answer.status, 400, "{headers:?}");
    }
    let user = |number: u32| Identity {
        client: format!("client-{number}"),
        object: format!("object-{number}"),
        resource: format!("/subscriptions/s/identity-{number}"),
    };
    client.fake.state().imds.identities = vec![user(1), user(2)];
    let several = client.token("").await;
    assert_eq!(several.status, 400);
    assert_eq!(several.json().unwrap()["error"], json!("invalid_request"));
    for (more, status) in [
        ("&client_id=client-2", 200),
        ("&object_id=object-1", 200),
        ("&msi_res_id=%2Fsubscriptions%2Fs%2Fidentity-2", 200),
        ("&client_id=client-3", 400),
        ("&client_id=client-1&object_id=object-1", 400),
    ] {
        assert_eq!(client.token(more).await.status, status, "{more}");
    }
    client.fake.state().imds.updating_until = NOON + 70;
    assert_eq!(client.token("&client_id=client-1").await.status, 410);
    client.fake.state().advance(70);
    assert_eq!(client.token("&client_id=client-1").await.status, 200);
}

#[tokio::test]
async fn the_machine_tells_where_it_is() {
    let client = Client::new().await;
    let url = format!("{}/metadata/instance/compute", client.fake.imds());
    let header = [("metadata", "true")];
    let whole = client
        .send(
            "GET",
            &format!("{url}?api-version=2021-02-01"),
            &header,
            None,
        )
        .await
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(whole["azEnvironment"], json!("AzurePublicCloud"));
    let leaf = format!("{url}/subscriptionId?api-version=2021-02-01&format=text");
    let leaf = client.send("GET", &leaf, &header, None).await.unwrap();
    assert_eq!(
        leaf.body,
        whole["subscriptionId"].as_str().unwrap().as_bytes()
    );
}

#[tokio::test]
async fn budgets_come_by_name_and_in_pages() {
    let client = Client::new().await;
    {
        let mut state = client.fake.state();
        let azure = &mut state.azure;
        azure
            .budgets
            .push(Budget::monthly("Monthly-Bandwidth-Limit", 9.0).of_group("rg"));
        azure.budgets.push(Budget::monthly("Other", 7.0));
        azure.budgets_per_page = Some(2);
    }
    let list = "/providers/Microsoft.Consumption/budgets";
    let one = format!("{list}/monthly-bandwidth-limit?api-version=2024-08-01");
    let one = client.arm("GET", &one, None).await.json().unwrap();
    assert_eq!(one["properties"]["amount"], json!(150.0));
    assert!(one["id"].as_str().unwrap().starts_with("subscriptions/"));
    let none = format!("{list}/nobody?api-version=2024-08-01");
    assert_eq!(client.arm("GET", &none, None).await.status, 404);
    assert_eq!(
        client.arm("GET", list, None).await.status,
        400,
        "no version"
    );
    let first = format!("{list}?api-version=2024-08-01");
    let page = client.arm("GET", &first, None).await.json().unwrap();
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    let next = page["nextLink"].as_str().unwrap();
    let token = client.fake.state().imds.tokens[0].text.clone();
    let bearer = format!("Bearer {token}");
    let header = [("authorization", bearer.as_str())];
    let page = client.send("GET", next, &header, None).await.unwrap();
    let page = page.json().unwrap();
    assert_eq!(page["value"][0]["name"], json!("Other"));
    assert_eq!(page.get("nextLink"), None);
}

#[tokio::test]
async fn tokens_and_roles_are_checked() {
    let client = Client::new().await;
    let budgets = "/providers/Microsoft.Consumption/budgets?api-version=2024-08-01";
    assert_eq!(client.arm("GET", budgets, None).await.status, 200);
    let scope = SUBSCRIPTION;
    let url = format!("{}/subscriptions/{scope}{budgets}", client.fake.arm());
    let none = client.send("GET", &url, &[], None).await.unwrap();
    assert_eq!(
        none.json().unwrap()["error"]["code"],
        json!("AuthenticationFailed")
    );
    let token = client.fake.state().imds.tokens[0].text.clone();
    let bearer = format!("Bearer {token}");
    client.fake.state().advance(90_000);
    let late = client
        .send("GET", &url, &[("authorization", &bearer)], None)
        .await
        .unwrap();
    assert_eq!(late.status, 401);
    assert_eq!(
        late.json().unwrap()["error"]["code"],
        json!("ExpiredAuthenticationToken")
    );
    client.fake.state().azure.readers = Some(vec![]);
    assert_eq!(client.arm("GET", budgets, None).await.status, 403);
    let denied = client.cost().await;
    assert_eq!(denied.status, 401);
    assert_eq!(
        denied.json().unwrap()["error"]["code"],
        json!("RBACAccessDenied")
    );
}

#[tokio::test]
async fn costs_are_those_of_the_period_that_are_told_by_now() {
    let client = Client::new().await;
    let empty = client.cost().await.json().unwrap();
    assert_eq!(empty["properties"]["rows"], json!([]));
    client.fake.state().azure.costs.empty = Empty::NoContent;
    assert_eq!(client.cost().await.status, 204);
    {
        let mut state = client.fake.state();
        let costs = &mut state.azure.costs;
        costs.delay = 8 * 3600;
        costs.charges = vec![
            Charge::dollars(NOON - 40 * 86_400, 1000.0),
            Charge::dollars(NOON - 86_400, 20.0),
            Charge::dollars(NOON - 9 * 3600, 0.5),
            Charge::dollars(NOON - 3600, 100.0),
        ];
    }
    let told = client.cost().await.json().unwrap();
    assert_eq!(told["properties"]["rows"], json!([[20.5, "USD"]]));
    {
        let mut state = client.fake.state();
        let costs = &mut state.azure.costs;
        costs.columns = vec!["UsageDate".into(), "currency".into()];
        let mut foreign = Charge::dollars(NOON - 86_400, 3.0);
        foreign.currency = "EUR".into();
        costs.charges.push(foreign);
        costs.rows_per_page = Some(1);
    }
    let told = client.cost().await.json().unwrap();
    assert_eq!(
        told["properties"]["rows"],
        json!([[20_200_401, "EUR", 3.0]])
    );
    assert!(
        told["properties"]["nextLink"]
            .as_str()
            .unwrap()
            .contains("skiptoken")
    );
}
