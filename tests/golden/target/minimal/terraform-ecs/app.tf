# tiny 0.1.0, environment production: made by 'fairlead render terraform-ecs' from minimal.toml
locals {
  app = {
    name            = "tiny"
    environment     = "production"
    release_command = []
    variables       = { "FAIRLEAD_APP" = "tiny", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = []
    database        = false
    database_name   = "tiny"
    backup_days     = 7
    cache           = false
    routes = [
      { host = "tiny.localhost", paths = ["/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["./serve"]
        variables      = { "HOST" = "0.0.0.0", "PORT" = "8080", "FAIRLEAD_DRAIN" = "10" }
        replicas       = 1
        max_replicas   = 0
        serves         = true
        health         = ""
        least_requests = false
        cpu            = 256
        memory         = 512
        stop_timeout   = 40
      }
    }
  }
}
