locals {
  alarms = {
    errors    = { namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum", above = 3, dimensions = { FunctionName = var.name } }
    throttled = { namespace = "AWS/Lambda", metric = "Throttles", statistic = "Sum", above = 0, dimensions = { FunctionName = var.name } }
    slow      = { namespace = "AWS/Lambda", metric = "Duration", statistic = "Maximum", above = 5000, dimensions = { FunctionName = var.name } }
    failing   = { namespace = "AWS/ApiGateway", metric = "5xx", statistic = "Sum", above = 3, dimensions = { ApiId = aws_apigatewayv2_api.app.id } }
    table     = { namespace = "AWS/DynamoDB", metric = "UserErrors", statistic = "Sum", above = 3, dimensions = { TableName = aws_dynamodb_table.items.name } }
  }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
}
