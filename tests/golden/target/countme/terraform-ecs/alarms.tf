# What users would notice, and what they are about to notice.

locals {
  alarms = merge(
    {
      errors = {
        namespace  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum", above = 10
        dimensions = { LoadBalancer = aws_lb.main.arn_suffix }
      }
      slow = {
        namespace  = "AWS/ApplicationELB", metric = "TargetResponseTime", statistic = "p99", above = 1
        dimensions = { LoadBalancer = aws_lb.main.arn_suffix }
      }
    },
    { for name, group in aws_lb_target_group.process : "unhealthy-${name}" => {
      namespace  = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", above = 0
      dimensions = { LoadBalancer = aws_lb.main.arn_suffix, TargetGroup = group.arn_suffix }
    } },
    { for name, service in aws_ecs_service.process : "cpu-${name}" => {
      namespace  = "AWS/ECS", metric = "CPUUtilization", statistic = "Average", above = 90
      dimensions = { ClusterName = aws_ecs_cluster.main.name, ServiceName = service.name }
    } },
    { for name, service in aws_ecs_service.process : "memory-${name}" => {
      namespace  = "AWS/ECS", metric = "MemoryUtilization", statistic = "Average", above = 90
      dimensions = { ClusterName = aws_ecs_cluster.main.name, ServiceName = service.name }
    } },
    { for index, database in aws_db_instance.main : "database-cpu" => {
      namespace  = "AWS/RDS", metric = "CPUUtilization", statistic = "Average", above = 90
      dimensions = { DBInstanceIdentifier = database.identifier }
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "disk" {
  count               = local.app.database ? 1 : 0
  alarm_name          = "${local.name}-database-disk"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.main[0].identifier }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 2 * 1024 * 1024 * 1024
  period              = 300
  evaluation_periods  = 1
  alarm_actions       = var.alarm_actions
}
