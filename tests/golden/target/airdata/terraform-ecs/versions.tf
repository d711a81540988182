terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
  # State holds what was made. Before a second person applies this, keep it in a bucket:
  # backend "s3" { bucket = "…", key = "…", region = "…", encrypt = true, use_lockfile = true }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { app = local.app.name, environment = local.app.environment }
  }
}
