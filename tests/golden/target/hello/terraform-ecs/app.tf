# hello 1.0.0, environment production: made by 'fairlead render terraform-ecs' from hello.toml
locals {
  app = {
    name            = "hello"
    environment     = "production"
    release_command = []
    variables       = { "FAIRLEAD_APP" = "hello", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = []
    database        = false
    database_name   = "hello"
    backup_days     = 7
    cache           = false
    routes = [
      { host = "hello.example", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["hello", "serve"]
        variables      = { "HOST" = "0.0.0.0", "PORT" = "8080", "FAIRLEAD_DRAIN" = "10" }
        replicas       = 2
        max_replicas   = 0
        serves         = true
        health         = "/readyz"
        least_requests = false
        cpu            = 256
        memory         = 512
        stop_timeout   = 40
      }
    }
  }
}
