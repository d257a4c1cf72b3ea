"""Do Microsoft's own clients understand the fake of Azure?

Usage: check.py ADDRESSES, what bwflow-test-cloud prints when it starts. Fails with a traceback.
"""

import json
import os
import sys
import time
import urllib.request

addresses = json.loads(sys.argv[1])
SUBSCRIPTION = "5ca1ab1e-0000-4000-8000-000000000000"
SCOPE = f"subscriptions/{SUBSCRIPTION}"


def control(method, path, body=None):
    """Asks the fake's control endpoint."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(addresses["control"] + path, data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def budget(name, amount, group=None):
    """A budget as the control endpoint takes it."""
    return {
        "scope": SCOPE + (f"/resourceGroups/{group}" if group else ""),
        "name": name,
        "properties": {
            "category": "Cost",
            "amount": amount,
            "timeGrain": "Monthly",
            "timePeriod": {"startDate": "2020-01-01T00:00:00Z", "endDate": "2099-12-31T00:00:00Z"},
            "currentSpend": {"amount": 1.5, "unit": "USD"},
        },
    }


# Read by the clients when they are loaded.
os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = addresses["imds"]

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.consumption import ConsumptionManagementClient
from azure.mgmt.costmanagement import CostManagementClient

# The fake speaks no TLS, and without it the clients send no token unless they are told to.
PLAIN = {"enforce_https": False}
QUERY = {
    "type": "ActualCost",
    "timeframe": "MonthToDate",
    "dataset": {"aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}}},
}

credential = ManagedIdentityCredential()
consumption = ConsumptionManagementClient(
    credential, SUBSCRIPTION, base_url=addresses["arm"], retry_total=0
)
costs = CostManagementClient(credential, base_url=addresses["arm"], retry_total=0)

control(
    "PATCH",
    "/state",
    {
        "azure": {
            "budgets": [budget("Limit", 150.25), budget("Limit", 9, "rg"), budget("Other", 7)],
            "budgets_per_page": 2,
        }
    },
)

one = consumption.budgets.get(SCOPE, "Limit", **PLAIN)
assert (one.name, float(one.amount), one.time_grain) == ("Limit", 150.25, "Monthly"), one
assert one.time_period.start_date.year == 2020, one
assert (float(one.current_spend.amount), one.current_spend.unit) == (1.5, "USD"), one

names = [it.name for it in consumption.budgets.list(SCOPE, **PLAIN)]
assert names == ["Limit", "Limit", "Other"], f"both pages, not {names}"

try:
    consumption.budgets.get(SCOPE, "nobody", **PLAIN)
    raise SystemExit("a budget that is not there was found")
except ResourceNotFoundError as error:
    assert error.error.code == "404", error

now = int(time.time())
charge = {"at": now - 1, "amount": 45.23, "currency": "USD"}
control("PATCH", "/state", {"azure": {"costs": {"charges": [charge]}}})
usage = costs.query.usage(SCOPE, QUERY, **PLAIN)
assert [(it.name, it.type) for it in usage.columns] == [("Cost", "Number"), ("Currency", "String")]
assert usage.rows == [[45.23, "USD"]], usage.rows
assert not usage.next_link, usage.next_link

control("PATCH", "/state", {"azure": {"costs": {"charges": [], "empty": "no_content"}}})
assert costs.query.usage(SCOPE, QUERY, **PLAIN) is None, "204 is no answer"

control("PATCH", "/state", {"azure": {"readers": []}})
try:
    costs.query.usage(SCOPE, QUERY, **PLAIN)
    raise SystemExit("who has no role was answered")
except HttpResponseError as error:
    assert error.status_code == 401 and error.error.code == "RBACAccessDenied", error
try:
    consumption.budgets.get(SCOPE, "Limit", **PLAIN)
    raise SystemExit("who has no role was answered")
except HttpResponseError as error:
    assert error.status_code == 403 and error.error.code == "AuthorizationFailed", error

throttled = {
    "service": "arm",
    "does": {
        "answer": {
            "status": 429,
            "headers": [["content-type", "application/json"], ["retry-after", "1"]],
            "body": '{"error":{"code":"429","message":"Too many requests. Please retry."}}',
        }
    },
}
control("PATCH", "/state", {"faults": [throttled]})
try:
    consumption.budgets.get(SCOPE, "Limit", **PLAIN)
    raise SystemExit("429 was no error")
except HttpResponseError as error:
    assert error.status_code == 429, error

print(f"{len(control('GET', '/log')['requests'])} requests of the official clients")
