# rope-shop 2.0.0-rc.1, environment production: made by 'fairlead render terraform-ecs' from shop.toml
locals {
  app = {
    name            = "rope-shop"
    environment     = "production"
    release_command = ["/bin/sh", "-c", "bin/migrate --up && echo \"done: $APP_VERSION\""]
    variables       = { "EMPTY" = "", "GREETING" = "grüß dich", "YES" = "yes", "FAIRLEAD_APP" = "rope-shop", "FAIRLEAD_ENVIRONMENT" = "production" }
    secrets         = ["API_TOKEN", "SMTP_PASSWORD"]
    database        = true
    database_name   = "rope_shop"
    backup_days     = 7
    cache           = true
    routes = [
      { host = "rope.example", paths = ["/api/v2", "/api/v2/*"], process = "api" },
      { host = "rope.example", paths = ["/it's", "/it's/*"], process = "pages" },
      { host = "rope.example", paths = ["/api", "/api/*"], process = "api" },
      { host = "*.rope.example", paths = ["/*"], process = "api" },
      { host = "", paths = ["/*"], process = "pages" },
    ]
    processes = {
      "api" = {
        command        = ["/bin/sh", "-c", "gunicorn -b $HOST:$PORT app"]
        variables      = { "HOST" = "0.0.0.0", "PORT" = "8080", "FAIRLEAD_DRAIN" = "10" }
        replicas       = 3
        max_replicas   = 12
        serves         = true
        health         = "/up"
        least_requests = true
        cpu            = 256
        memory         = 512
        stop_timeout   = 100
      }
      "pages" = {
        command        = ["/bin/sh", "-c", "pages serve --motto 'It''s $5, 100% \"rope\"'"]
        variables      = { "MOTTO" = "It's $5, 100% \"rope\"\nand $(more) #of: it\\", "PRICE" = "5", "HOST" = "0.0.0.0", "PORT" = "8080", "FAIRLEAD_DRAIN" = "10" }
        replicas       = 1
        max_replicas   = 0
        serves         = true
        health         = ""
        least_requests = false
        cpu            = 256
        memory         = 512
        stop_timeout   = 40
      }
      "worker" = {
        command        = ["work"]
        variables      = {}
        replicas       = 0
        max_replicas   = 0
        serves         = false
        health         = ""
        least_requests = false
        cpu            = 256
        memory         = 512
        stop_timeout   = 40
      }
    }
  }
}
