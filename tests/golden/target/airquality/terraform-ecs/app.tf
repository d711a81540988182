# airquality 1.0.0, environment production: made by 'fairlead render terraform-ecs' from airquality.toml
locals {
  app = {
    name            = "airquality"
    environment     = "production"
    release_command = ["airquality", "migrate"]
    variables       = { "FAIRLEAD_APP" = "airquality", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = ["AIRVISUAL_KEY"]
    database        = true
    database_name   = "airquality"
    backup_days     = 14
    cache           = false
    routes = [
      { host = "airquality.localhost", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["airquality", "serve"]
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
