# tiny 0.1.0, environment production: made by 'fairlead render terraform-lambda' from minimal.toml
locals {
  app = {
    name = "tiny"
    stages = {
      "production" = {
        command   = ["./serve"]
        memory    = 256
        variables = { "FAIRLEAD_APP" = "tiny", "FAIRLEAD_ENVIRONMENT" = "production" }
        rate      = 0
        burst     = 0
        ttl       = 0
      }
    }
  }
}
