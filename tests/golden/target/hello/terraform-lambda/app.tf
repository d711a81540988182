# hello 1.0.0, environment production: made by 'fairlead render terraform-lambda' from hello.toml
locals {
  app = {
    name = "hello"
    stages = {
      "dev" = {
        command   = ["hello", "serve"]
        memory    = 128
        variables = { "FAIRLEAD_APP" = "hello", "FAIRLEAD_ENVIRONMENT" = "dev" }
        rate      = 100
        burst     = 200
        ttl       = 0
      }
      "production" = {
        command   = ["hello", "serve"]
        memory    = 128
        variables = { "FAIRLEAD_APP" = "hello", "FAIRLEAD_ENVIRONMENT" = "production" }
        rate      = 100
        burst     = 200
        ttl       = 0
      }
      "staging" = {
        command   = ["hello", "serve"]
        memory    = 128
        variables = { "FAIRLEAD_APP" = "hello", "FAIRLEAD_ENVIRONMENT" = "staging" }
        rate      = 100
        burst     = 200
        ttl       = 0
      }
    }
  }
}
