# What bwflow's spend guard needs in Azure: a budget, an identity of the virtual machine, and the
# role to read costs, no wider than the budget.

terraform {
  required_version = ">= 1.3"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 3.0"
    }
  }
}

data "azurerm_subscription" "current" {}

data "azurerm_resource_group" "vm" {
  name = var.resource_group
}

locals {
  of_group = var.scope == "resource-group"
  scope    = local.of_group ? data.azurerm_resource_group.vm.id : data.azurerm_subscription.current.id

  # The machine's own identity if it has one, else one made for it.
  principal = var.principal_id != null ? var.principal_id : azurerm_user_assigned_identity.bwflow[0].principal_id
}

resource "azurerm_user_assigned_identity" "bwflow" {
  count = var.principal_id == null ? 1 : 0

  name                = "bwflow"
  location            = data.azurerm_resource_group.vm.location
  resource_group_name = data.azurerm_resource_group.vm.name
}

resource "azurerm_role_assignment" "costs" {
  scope                = local.scope
  role_definition_name = "Cost Management Reader"
  principal_id         = local.principal
  principal_type       = "ServicePrincipal"
}

resource "azurerm_consumption_budget_subscription" "bwflow" {
  count = local.of_group ? 0 : 1

  name            = var.budget_name
  subscription_id = data.azurerm_subscription.current.id
  amount          = var.amount
  time_grain      = "Monthly"

  time_period {
    start_date = var.start_date
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 80
    contact_emails = [var.email]
  }
}

resource "azurerm_consumption_budget_resource_group" "bwflow" {
  count = local.of_group ? 1 : 0

  name              = var.budget_name
  resource_group_id = data.azurerm_resource_group.vm.id
  amount            = var.amount
  time_grain        = "Monthly"

  time_period {
    start_date = var.start_date
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 80
    contact_emails = [var.email]
  }
}
