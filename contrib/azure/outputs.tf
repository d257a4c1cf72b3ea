output "configuration" {
  description = "For /etc/bwflow/config.toml."
  value = join("\n", concat(
    [
      "[spend.azure]",
      "budget_name = \"${var.budget_name}\"",
      "subscription_id = \"${data.azurerm_subscription.current.subscription_id}\"",
    ],
    local.of_group ? ["resource_group = \"${var.resource_group}\""] : [],
    var.principal_id == null ? ["client_id = \"${azurerm_user_assigned_identity.bwflow[0].client_id}\""] : [],
  ))
}

output "identity_id" {
  description = "The identity to give the machine, where one was made."
  value       = one(azurerm_user_assigned_identity.bwflow[*].id)
}
