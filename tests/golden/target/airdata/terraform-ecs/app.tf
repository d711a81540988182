# airdata 1.0.0, environment production: made by 'fairlead render terraform-ecs' from airdata.toml
locals {
  app = {
    name            = "airdata"
    environment     = "production"
    release_command = ["/bin/sh", "-c", "airdata migrate && airdata load apps/airdata/data/environment_airq_measurand.csv"]
    variables       = { "FAIRLEAD_APP" = "airdata", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = []
    database        = true
    database_name   = "airdata"
    backup_days     = 7
    cache           = true
    routes = [
      { host = "", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["airdata", "serve"]
        variables      = { "HOST" = "0.0.0.0", "PORT" = "8080", "FAIRLEAD_DRAIN" = "10" }
        replicas       = 5
        max_replicas   = 20
        serves         = true
        health         = "/readyz"
        least_requests = false
        cpu            = 512
        memory         = 1024
        stop_timeout   = 40
      }
    }
  }
}
