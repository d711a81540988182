# What fairlead.toml does not know. What it does stands in app.tf, which is written anew each time.

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "zone_id" {
  type        = string
  description = "The hosted zone of Route 53 that the app's hosts belong to."
}

variable "hosts" {
  type        = list(string)
  description = "The names that users reach the app by; the first is the certificate's own."
}

variable "image_tag" {
  type        = string
  description = "Which image of the repository runs; 'fairlead deploy --to ecs' sets it."
  default     = "latest"
}

variable "database_class" {
  type    = string
  default = "db.t4g.micro"
}

variable "database_gigabytes" {
  type    = number
  default = 20
}

variable "cache_class" {
  type    = string
  default = "cache.t4g.micro"
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs that alarms go to: an SNS topic, for one."
  default     = []
}

locals {
  name = "${local.app.name}-${local.app.environment}"
  port = 8080
  # Where a mistake costs users, deletion needs a second thought and data a second machine.
  careful = local.app.environment == "production"
  serving = { for name, process in local.app.processes : name => process if process.serves }
}
