variable "resource_group" {
  description = "The virtual machine's resource group."
  type        = string
}

variable "principal_id" {
  description = "Principal id of the virtual machine's identity, say azurerm_linux_virtual_machine.vm.identity[0].principal_id. Without it an identity is made, which the machine must then be given."
  type        = string
  default     = null
}

variable "scope" {
  description = "What the budget is of, and the role with it: subscription or resource-group."
  type        = string
  default     = "subscription"

  validation {
    condition     = contains(["subscription", "resource-group"], var.scope)
    error_message = "The scope is subscription or resource-group."
  }
}

variable "budget_name" {
  description = "The budget's name."
  type        = string
  default     = "Monthly-Bandwidth-Limit"
}

variable "amount" {
  description = "What the budget allows a month, in the billing currency."
  type        = number

  validation {
    condition     = var.amount > 0
    error_message = "A budget of nothing is none."
  }
}

variable "start_date" {
  description = "The first day of the month that the budget begins with, say 2026-11-01T00:00:00Z. Azure wants it not to lie before the present month when the budget is made."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-01T00:00:00Z$", var.start_date))
    error_message = "The start is the first of a month, like 2026-11-01T00:00:00Z."
  }
}

variable "email" {
  description = "Who is told by Azure at 80 % of the budget; Azure's provider wants somebody."
  type        = string
}
