#!/usr/bin/env bash
# Gives a virtual machine of Azure what bwflow's spend guard needs: a budget, an identity, and the role
# to read costs, no wider than the budget. May be run again: what is there is left as it is.
set -euo pipefail

readonly ROLE="Cost Management Reader" VERSION=2024-08-01

usage() {
    cat <<'USAGE'
usage: setup.sh --resource-group GROUP --vm NAME [options]

  --resource-group GROUP  the machine's resource group
  --vm NAME               the machine
  --budget NAME           the budget (Monthly-Bandwidth-Limit)
  --amount NUMBER         what it allows a month, in the billing currency; needed if it is not there
  --scope SCOPE           what the budget is of: subscription or resource-group (subscription)
  --subscription ID       the subscription (the one that az is set to)
  --identity ID           resource id of a user-assigned identity; else the machine's own
  --email ADDRESS         who is told by Azure at 80 % of a new budget
  --dry-run               print the az commands that would change something, and change nothing
  -h, --help              this text

Needs az, logged in as somebody who may create budgets and assign roles (Owner, or
Contributor with User Access Administrator).
USAGE
}

say() { printf '%s\n' "$*" >&2; }
die() {
    printf 'setup.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

resource_group='' vm='' budget=Monthly-Bandwidth-Limit amount='' scope=subscription subscription='' identity=''
email='' dry_run=''
while (($#)); do
    case $1 in
        --resource-group | --vm | --budget | --amount | --scope | --subscription | --identity | --email)
            [[ -n ${2:-} && $2 != -* ]] || die "$1 needs a value" 2
            name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift
            ;;
        --dry-run) dry_run=1 ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die "$1: no such argument; --help shows those there are" 2 ;;
    esac
    shift
done
[[ -n $resource_group && -n $vm ]] || die "--resource-group and --vm are needed" 2
[[ $budget =~ ^[A-Za-z0-9_-]{1,63}$ ]] || die "--budget $budget: 1 to 63 letters, digits, - and _" 2
[[ -z $amount || $amount =~ ^[0-9]{1,12}(\.[0-9]{1,2})?$ && ! $amount =~ ^[0.]*$ ]] ||
    die "--amount $amount: a number more than zero, like 150 or 150.00" 2
[[ $scope == subscription || $scope == resource-group ]] || die "--scope $scope: subscription or resource-group" 2
[[ -z $email || $email =~ ^[^[:space:]\"\\]+@[^[:space:]\"\\]+$ ]] || die "--email $email: no address" 2
command -v az >/dev/null || die "az is missing: https://learn.microsoft.com/cli/azure/install-azure-cli"

# change COMMAND...: runs what changes something, or says that it would.
change() {
    if [[ -n $dry_run ]]; then
        printf '%q ' "$@"
        echo
    else
        "$@" >/dev/null
    fi
}

[[ -n $subscription ]] || subscription=$(az account show --query id --output tsv)
[[ -n $subscription ]] || die "az knows no subscription: az login"
of=/subscriptions/$subscription
[[ $scope == subscription ]] || of+=/resourceGroups/$resource_group

# doing WHAT IS WOULD: says what is being done, or would be.
doing() {
    if [[ -n $dry_run ]]; then say "$1: would $3"; else say "$1: $2"; fi
}

# The budget is looked at first: nothing is changed if it cannot be settled. az rest takes any scope, and
# the address of the cloud that az is set to.
url="$of/providers/Microsoft.Consumption/budgets/$budget?api-version=$VERSION" missing=''
if ! found=$(az rest --method get --url "$url" --query properties.amount --output tsv 2>&1); then
    [[ $found == *"Not Found"* ]] || die "the budget cannot be read: $found"
    [[ -n $amount ]] || die "there is no budget $budget at $of: --amount says what it is to allow" 2
    missing=1
fi

# Prints the identity's principal; nothing if the machine has none.
principal() {
    if [[ -n $identity ]]; then
        az identity show --ids "$identity" --query principalId --output tsv
    else
        az vm show --subscription "$subscription" --resource-group "$resource_group" --name "$vm" \
            --query identity.principalId --output tsv
    fi
}

# The identity, on the machine.
assign=(az vm identity assign --subscription "$subscription" --resource-group "$resource_group" --name "$vm")
if [[ -n $identity ]]; then
    # shellcheck disable=SC2016
    present=$(az vm show --subscription "$subscription" --resource-group "$resource_group" --name "$vm" \
        --query 'keys(identity.userAssignedIdentities || `{}`)' --output tsv)
    if grep -qixF "$identity" <<<"$present"; then
        say "identity: the machine has it"
    else
        doing identity "giving it to the machine" "give it to the machine"
        change "${assign[@]}" --identities "$identity"
    fi
    holder=$(principal)
else
    holder=$(principal)
    if [[ -n $holder ]]; then
        say "identity: the machine has its own"
    else
        doing identity "giving the machine its own" "give the machine its own"
        change "${assign[@]}"
        holder=$(principal)
        [[ -n $holder || -z $dry_run ]] || holder='PRINCIPAL-OF-THE-MACHINE'
    fi
fi
[[ -n $holder ]] || die "the identity has no principal yet; run this again in a minute"

# The role, as narrow as the budget. A wider one that is there already is enough.
if [[ $holder != PRINCIPAL-OF-THE-MACHINE ]]; then
    present=$(az role assignment list --assignee "$holder" --role "$ROLE" --scope "$of" --include-inherited \
        --query '[].id' --output tsv)
else
    present=''
fi
if [[ -n $present ]]; then
    say "role: $ROLE is assigned"
else
    doing role "assigning $ROLE at $of" "assign $ROLE at $of"
    # Without a look at the directory, where a new principal may not be seen yet.
    change az role assignment create --assignee-object-id "$holder" --assignee-principal-type ServicePrincipal \
        --role "$ROLE" --scope "$of"
fi

if [[ -z $missing ]]; then
    say "budget: $budget is there and allows $found"
    [[ -z $amount || $(printf %.2f "$found") == $(printf %.2f "$amount") ]] ||
        say "budget: that is not $amount; change it in the portal, or delete it and run this again"
else
    doing budget "creating $budget" "create $budget"
    notifications='{}'
    [[ -z $email ]] || notifications=$(printf '{"actual_GreaterThan_80_Percent":{"enabled":true,"operator":"GreaterThan","threshold":80,"contactEmails":["%s"]}}' "$email")
    # The first period must be the present one, and begin with a month.
    change az rest --method put --url "$url" --body "$(
        printf '{"properties":{"category":"Cost","amount":%s,"timeGrain":"Monthly","timePeriod":{"startDate":"%s"},"notifications":%s}}' \
            "$amount" "$(date -u +%Y-%m-01T00:00:00Z)" "$notifications"
    )"
fi

say "in /etc/bwflow/config.toml:"
echo "[spend.azure]"
echo "budget_name = \"$budget\""
echo "subscription_id = \"$subscription\""
[[ $scope == subscription ]] || echo "resource_group = \"$resource_group\""
[[ -z $identity ]] || echo "msi_res_id = \"$identity\""
