# The app's programs on Fargate: one service for each process type.

resource "aws_ecr_repository" "app" {
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !local.careful
  encryption_configuration {
    encryption_type = "AES256"
  }
  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Enough to go back to, and no more"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 30 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/fairlead/${local.name}"
  retention_in_days = 30
}

resource "aws_ecs_cluster" "main" {
  name = local.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

locals {
  image = "${aws_ecr_repository.app.repository_url}:${var.image_tag}"

  variables = merge(
    local.app.variables,
    local.app.database ? {
      # {secret:…} is replaced by the image's process 1 (fairlead-launch).
      DATABASE_URL = "postgresql://app:{secret:POSTGRES_PASSWORD}@${aws_db_instance.main[0].endpoint}/${local.app.database_name}"
    } : {},
    local.app.cache ? {
      REDIS_URL = "redis://${aws_elasticache_replication_group.main[0].primary_endpoint_address}:6379/0"
    } : {},
  )

  secrets = concat(
    [for name, secret in aws_secretsmanager_secret.app : { name = name, valueFrom = secret.arn }],
    local.app.database ? [{
      name      = "POSTGRES_PASSWORD"
      valueFrom = "${aws_db_instance.main[0].master_user_secret[0].secret_arn}:password::"
    }] : [],
  )

  # A release command is one more process, which nothing starts by itself.
  tasks = merge(local.app.processes, length(local.app.release_command) == 0 ? {} : {
    release = {
      command        = local.app.release_command
      variables      = {}
      replicas       = 0
      max_replicas   = 0
      serves         = false
      health         = ""
      least_requests = false
      cpu            = 256
      memory         = 512
      stop_timeout   = 30
    }
  })
}

resource "aws_ecs_task_definition" "process" {
  for_each                 = local.tasks
  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions = jsonencode([{
    name         = each.key
    image        = local.image
    command      = each.value.command
    essential    = true
    user         = "10001"
    stopTimeout  = min(120, each.value.stop_timeout)
    portMappings = each.value.serves ? [{ containerPort = local.port, protocol = "tcp" }] : []
    environment = [
      for name, value in merge(local.variables, each.value.variables) : { name = name, value = value }
    ]
    secrets         = local.secrets
    linuxParameters = { capabilities = { drop = ["ALL"] }, initProcessEnabled = false }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.app.name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "process" {
  for_each        = local.app.processes
  name            = each.key
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.process[each.key].arn
  desired_count   = each.value.replicas
  launch_type     = "FARGATE"

  # The new ones first; a release that does not become healthy is taken back.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.value.serves ? 60 : null
  wait_for_steady_state              = true
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.app.id]
  }

  dynamic "load_balancer" {
    for_each = each.value.serves ? [each.key] : []
    content {
      target_group_arn = aws_lb_target_group.process[load_balancer.value].arn
      container_name   = load_balancer.value
      container_port   = local.port
    }
  }

  lifecycle {
    ignore_changes = [desired_count] # autoscaling has its own mind
  }
  depends_on = [aws_lb_listener.https]
}

resource "aws_appautoscaling_target" "process" {
  for_each           = { for name, process in local.app.processes : name => process if process.max_replicas > 0 }
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.process[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = max(1, each.value.replicas)
  max_capacity       = each.value.max_replicas
}

resource "aws_appautoscaling_policy" "process" {
  for_each           = aws_appautoscaling_target.process
  name               = "${local.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value       = 70
    scale_in_cooldown  = 300
    scale_out_cooldown = 30
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
