# layers 0.1.0, environment production: made by 'fairlead render terraform-ecs' from layers.toml
locals {
  app = {
    name            = "layers"
    environment     = "production"
    release_command = []
    variables       = { "FAIRLEAD_APP" = "layers", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = []
    database        = false
    database_name   = "layers"
    backup_days     = 7
    cache           = false
    routes = [
      { host = "a.layers.example", paths = ["/both/deeper", "/both/deeper/*"], process = "web" },
      { host = "a.layers.example", paths = ["/both", "/both/*"], process = "own" },
      { host = "a.layers.example", paths = ["/own", "/own/*"], process = "own" },
      { host = "*.layers.example", paths = ["/both", "/both/*"], process = "wild" },
      { host = "*.layers.example", paths = ["/wild", "/wild/*"], process = "wild" },
      { host = "", paths = ["/every", "/every/*"], process = "web" },
    ]
    processes = {
      "web" = {
        command        = ["serve"]
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
      "own" = {
        command        = ["serve"]
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
      "wild" = {
        command        = ["serve"]
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
