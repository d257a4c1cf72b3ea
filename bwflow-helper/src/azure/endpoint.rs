//! Where to ask: the cloud's address, and whose cost.

use std::fmt;
use std::net::IpAddr;

use bwflow_proto::config::Cloud;
use reqwest::Url;

/// The whole of what a budget and its cost are of, as it stands in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    subscription: String,
    group: Option<String>,
}

impl Scope {
    /// A subscription, or a resource group of it.
    ///
    /// # Errors
    /// Which of them cannot be the name of one.
    pub(super) fn new(subscription: &str, group: Option<&str>) -> Result<Self, String> {
        let lengths: Vec<_> = subscription.split('-').map(str::len).collect();
        let is_hex = |it: u8| it.is_ascii_hexdigit() || it == b'-';
        if lengths != [8, 4, 4, 4, 12] || !subscription.bytes().all(is_hex) {
            return Err(format!(
                "{subscription:?} is no subscription id, which looks like \
                 00000000-0000-0000-0000-000000000000"
            ));
        }
        let fits = |it: char| it.is_alphanumeric() || "-_().".contains(it);
        if let Some(group) = group.filter(|it| {
            !it.chars().all(fits) || it.is_empty() || it.ends_with('.') || it.chars().count() > 90
        }) {
            return Err(format!(
                "{group:?} cannot be a resource group: up to 90 letters, digits and -_(). without a \
                 full stop at the end"
            ));
        }
        Ok(Self {
            subscription: subscription.to_owned(),
            group: group.map(str::to_owned),
        })
    }

    /// Reads what [`Scope`] displays.
    ///
    /// # Errors
    /// When it is anything else.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        match parts[..] {
            ["subscriptions", id] => Self::new(id, None),
            ["subscriptions", id, "resourceGroups", group] => Self::new(id, Some(group)),
            _ => Err(format!("{text:?} is no scope")),
        }
    }

    /// Whether the id of something says that it is directly of this scope; Azure is not particular about case, nor about
    /// the slash at the beginning.
    pub(super) fn is_of(&self, id: &str, kind: &str, name: &str) -> bool {
        let id = id.trim_start_matches('/').to_lowercase();
        id == format!("{self}/providers/{kind}/{name}").to_lowercase()
    }

    fn segments(&self) -> Vec<&str> {
        let mut segments = vec!["subscriptions", self.subscription.as_str()];
        if let Some(group) = &self.group {
            segments.extend(["resourceGroups", group.as_str()]);
        }
        segments
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments().join("/"))
    }
}

/// The management API's address, and what a token for it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    base: Url,
    /// The resource to ask a token for.
    pub(super) resource: String,
}

impl Endpoint {
    /// That of a cloud, or the given address of it.
    pub(super) fn new(cloud: Cloud, base: Option<&Url>) -> Result<Self, String> {
        let own = address(base_of(cloud))?;
        Ok(Self {
            resource: own.to_string(),
            base: base.map_or(own, Url::clone),
        })
    }

    /// The address of something of a scope.
    pub(super) fn at(&self, scope: &Scope, rest: &[&str], version: &str) -> Result<Url, String> {
        let mut url = extended(
            &self.base,
            scope.segments().into_iter().chain(rest.iter().copied()),
        )?;
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    /// The address of a further page, which must be at the same place: the token goes there, too.
    pub(super) fn further(&self, link: &str) -> Result<Url, String> {
        let url = Url::parse(link).map_err(|_| "an address of a further page that is none")?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if url.origin() != self.base.origin() || !is_plain {
            let origin = url.origin().ascii_serialization();
            let origin = super::said::said(&origin, None);
            return Err(format!("a further page at another place ({origin})"));
        }
        Ok(url)
    }
}

/// An address and segments after it, each as one whatever is in it.
pub(super) fn extended<'a>(
    base: &Url,
    segments: impl Iterator<Item = &'a str>,
) -> Result<Url, String> {
    let mut url = base.clone();
    let path = url.path_segments_mut();
    let mut path = path.map_err(|()| format!("{base} has no path"))?;
    path.pop_if_empty().extend(segments);
    drop(path);
    Ok(url)
}

/// Reads a configured base address: `https`, or plain `http` on this machine or to the link's own addresses.
///
/// # Errors
/// What is wrong with it.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    let host = url.host_str().unwrap_or("");
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let is_near = host == "localhost"
        || ip.is_some_and(|it| {
            it.is_loopback() || matches!(it, IpAddr::V4(it) if it.is_link_local())
        });
    if url.scheme() != "https" && !(url.scheme() == "http" && is_near) {
        return Err(format!(
            "{text:?} is not `https`, without which the identity's token could be read on the way"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not hold a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} must end with its path"));
    }
    Ok(url)
}

/// The management API's address in a cloud; with a slash it is the name of the token's resource.
const fn base_of(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "https://management.azure.com",
        Cloud::UsGovernment => "https://management.usgovcloudapi.net",
        Cloud::China => "https://management.chinacloudapi.cn",
    }
}

/// The cloud of which this is the address.
pub(super) fn cloud_at(base: &Url) -> Option<Cloud> {
    let all = [Cloud::Public, Cloud::UsGovernment, Cloud::China];
    all.into_iter()
        .find(|it| address(base_of(*it)).is_ok_and(|it| it.origin() == base.origin()))
}

/// The cloud that a machine's metadata name. An empty name is that of machines older than it.
pub(super) fn cloud_named(environment: &str) -> Option<Cloud> {
    match environment.to_ascii_lowercase().as_str() {
        "" | "azurepubliccloud" => Some(Cloud::Public),
        "azureusgovernmentcloud" => Some(Cloud::UsGovernment),
        "azurechinacloud" => Some(Cloud::China),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ID: &str = "8D10DA13-8125-4ba9-a717-bf7490507b3d";

    #[test]
    fn only_names_of_the_right_form_get_into_a_path() {
        assert!(Scope::new(ID, None).is_ok());
        assert!(Scope::new(ID, Some("rg-secure_tunnel.(1)")).is_ok());
        assert!(Scope::new(ID, Some("größe")).is_ok());
        let short = &ID[1..];
        for id in [
            "",
            short,
            "../../x",
            "8d10da13-8125-4ba9-a717-bf7490507b3g",
            &ID.replace('-', "/"),
        ] {
            assert!(Scope::new(id, None).is_err(), "{id}");
        }
        let long = "a".repeat(91);
        for group in ["", "..", ".", "a/b", "a b", "a%2fb", "a.", "a?b", &long] {
            assert!(Scope::new(ID, Some(group)).is_err(), "{group}");
        }
    }

    #[test]
    fn a_scope_is_read_back() {
        for scope in [Scope::new(ID, None), Scope::new(ID, Some("rg"))] {
            let scope = scope.unwrap();
            assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
        }
        for text in [
            "",
            "subscriptions",
            "subscriptions/x",
            "/subscriptions/../x",
            "a/b/c/d",
        ] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_is_directly_of_the_scope_is_its_own() {
        let all = Scope::new(ID, None).unwrap();
        let group = Scope::new(ID, Some("RG")).unwrap();
        let of = |scope: &Scope, id: &str| scope.is_of(id, "Microsoft.Consumption/budgets", "Cap");
        let own = format!("subscriptions/{ID}/providers/microsoft.consumption/budgets/cap");
        let groups = format!(
            "/subscriptions/{ID}/resourcegroups/rg/providers/Microsoft.Consumption/budgets/Cap"
        );
        assert_eq!((of(&all, &own), of(&all, &groups)), (true, false));
        assert_eq!((of(&group, &own), of(&group, &groups)), (false, true));
        assert!(!of(&all, &own.replace("cap", "cap2")));
    }

    #[test]
    fn each_cloud_has_its_address_and_its_resource() {
        for (name, base, resource) in [
            (
                "AZUREPUBLICCLOUD",
                "https://management.azure.com/",
                "https://management.azure.com/",
            ),
            (
                "AzureUSGovernmentCloud",
                "https://management.usgovcloudapi.net/",
                "https://management.usgovcloudapi.net/",
            ),
            (
                "azurechinacloud",
                "https://management.chinacloudapi.cn/",
                "https://management.chinacloudapi.cn/",
            ),
        ] {
            let cloud = cloud_named(name).unwrap();
            let endpoint = Endpoint::new(cloud, None).unwrap();
            assert_eq!(
                (endpoint.base.as_str(), endpoint.resource.as_str()),
                (base, resource)
            );
            assert_eq!(cloud_at(&endpoint.base), Some(cloud));
        }
        assert_eq!(cloud_named("AzureStackCloud"), None);
        assert_eq!(
            cloud_at(&address("https://management.azure.com.example").unwrap()),
            None
        );
    }

    #[test]
    fn addresses_are_put_together_segment_by_segment() {
        let base = address("http://127.0.0.1:4010/arm/").unwrap();
        let endpoint = Endpoint::new(Cloud::Public, Some(&base)).unwrap();
        let scope = Scope::new(ID, Some("größe")).unwrap();
        let url = endpoint
            .at(&scope, &["budgets", "a/../b?c d"], "2024-08-01")
            .unwrap();
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:4010/arm/subscriptions/8D10DA13-8125-4ba9-a717-bf7490507b3d/\
             resourceGroups/gr%C3%B6%C3%9Fe/budgets/a%2F..%2Fb%3Fc%20d?api-version=2024-08-01"
        );
        assert_eq!(endpoint.resource, "https://management.azure.com/");
    }

    #[test]
    fn further_pages_are_only_fetched_from_the_same_place() {
        let endpoint = Endpoint::new(Cloud::Public, None).unwrap();
        for link in [
            "https://management.azure.com/subscriptions/x?$skiptoken=1",
            "https://MANAGEMENT.azure.com:443/x",
        ] {
            assert!(endpoint.further(link).is_ok(), "{link}");
        }
        for link in [
            "http://management.azure.com/x",
            "https://management.azure.com:444/x",
            "https://management.azure.com.evil.example/x",
            "https://a@management.azure.com/x",
            "https://management.azure.com@evil.example/x",
            "//evil.example/x",
            "/x",
            "",
            "file:///etc/passwd",
        ] {
            assert!(endpoint.further(link).is_err(), "{link}");
        }
        let base = address("http://127.0.0.1:4010").unwrap();
        let near = Endpoint::new(Cloud::Public, Some(&base)).unwrap();
        assert!(near.further("http://127.0.0.1:4010/x").is_ok());
        assert!(near.further("http://127.0.0.1:4011/x").is_err());
    }

    #[test]
    fn a_token_never_goes_out_in_clear() {
        for text in [
            "https://a.example/x",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://169.254.169.254",
            "http://localhost:8",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "http://a.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "a",
            "https://u:p@a.example",
            "https://a.example?x=1",
            "https://a.example#x",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
