# visitors 1.0.1, environment production: made by 'fairlead render terraform-ecs' from visitors.toml
locals {
  app = {
    name            = "visitors"
    environment     = "production"
    release_command = ["visitors", "migrate"]
    variables       = { "USER_NAME" = "Ada", "FAIRLEAD_APP" = "visitors", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = ["AIRVISUAL_KEY"]
    database        = true
    database_name   = "visitors"
    backup_days     = 2
    cache           = false
    routes = [
      { host = "visitors.localhost", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["visitors", "serve"]
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
