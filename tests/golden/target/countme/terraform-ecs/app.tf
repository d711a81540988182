# countme 1.0.0, environment production: made by 'fairlead render terraform-ecs' from countme.toml
locals {
  app = {
    name            = "countme"
    environment     = "production"
    release_command = []
    variables       = { "FAIRLEAD_APP" = "countme", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = []
    database        = false
    database_name   = "countme"
    backup_days     = 7
    cache           = true
    routes = [
      { host = "countme.localhost", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["countme", "serve"]
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
