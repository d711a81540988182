# One copy of everything for each stage: function, table, API, rights. A stage cannot touch another's data.

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "image_tag" {
  type        = string
  description = "Which image of the repository runs."
  default     = "latest"
}

variable "table_key" {
  type        = string
  description = "The attribute that the app finds its items by."
  default     = "Username"
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs that alarms go to: an SNS topic, for one."
  default     = []
}

resource "aws_ecr_repository" "app" {
  name                 = local.app.name
  image_tag_mutability = "IMMUTABLE"
  encryption_configuration {
    encryption_type = "AES256"
  }
  image_scanning_configuration {
    scan_on_push = true
  }
}

module "stage" {
  source   = "./stage"
  for_each = local.app.stages

  name          = "${local.app.name}-${each.key}"
  region        = var.region
  image         = "${aws_ecr_repository.app.repository_url}:${var.image_tag}"
  table_key     = var.table_key
  alarm_actions = var.alarm_actions
  stage         = each.value
  careful       = each.key == "production"
}

output "repository" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.app.repository_url
}

output "addresses" {
  value = { for name, stage in module.stage : name => stage.address }
}
