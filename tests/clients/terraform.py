"""Do the Terraform files say what they must? Usage: terraform.py FOLDER. Fails with a traceback."""

import pathlib
import re
import sys

import hcl2


def plain(value):
    """The parser leaves quotes around literals."""
    if isinstance(value, dict):
        return {plain(name): plain(it) for name, it in value.items()}
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, str) and value.startswith('"') and value.endswith('"'):
        return value[1:-1]
    return value


blocks = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.tf")):
    with path.open() as file:
        for kind, found in plain(hcl2.load(file)).items():
            blocks.setdefault(kind, []).extend(found)
resources = {kind: it for block in blocks["resource"] for kind, it in block.items()}

role = resources["azurerm_role_assignment"]["costs"]
assert role["role_definition_name"] == "Cost Management Reader", role
assert role["scope"] == "${local.scope}", "no wider than the budget"
assert role["principal_id"] == "${local.principal}", role
assert len(resources["azurerm_role_assignment"]) == 1, "no other role"

scope = next(it["scope"] for it in blocks["locals"] if "scope" in it)
for resource, argument, of in [
    ("azurerm_consumption_budget_subscription", "subscription_id", "data.azurerm_subscription.current.id"),
    ("azurerm_consumption_budget_resource_group", "resource_group_id", "data.azurerm_resource_group.vm.id"),
]:
    budget = resources[resource]["bwflow"]
    assert budget["time_grain"] == "Monthly", budget
    assert budget["name"] == "${var.budget_name}", budget
    assert budget["amount"] == "${var.amount}", budget
    assert budget[argument] == "${" + of + "}", budget
    assert of in scope, f"the role's scope follows the budget's: {scope}"

variables = {name for block in blocks["variable"] for name in block}
text = "".join(path.read_text() for path in pathlib.Path(sys.argv[1]).glob("*.tf"))
unknown = {word.split("var.")[1] for word in re.findall(r"\bvar\.\w+", text)} - variables
assert not unknown, f"variables that are not declared: {unknown}"
print(f"{len(resources)} kinds of resources")
