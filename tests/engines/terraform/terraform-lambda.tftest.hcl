# Each stage has its own rights, none of them wider than AWS makes it.
mock_provider "aws" {
  override_during = plan
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/app" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:app" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { api_endpoint = "https://api.example", execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:api" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:app", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/app/invocations" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/app" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "stages" {
  command = plan
  assert {
    condition     = length(output.addresses) >= 2
    error_message = "fewer than two stages"
  }
}

run "rights" {
  command = plan
  module {
    source = "./stage"
  }
  variables {
    name          = "hello-production"
    region        = "eu-central-1"
    image         = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello:1"
    table_key     = "Username"
    alarm_actions = []
    careful       = true
    stage         = { command = ["hello", "serve"], memory = 128, variables = {}, rate = 0, burst = 0, ttl = 0 }
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.function.statement :
      alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])
    error_message = "an action with a wildcard"
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.function.statement :
      !contains(statement.resources, "*") || statement.sid == "Trace"
    ])
    error_message = "every resource, where a narrower one exists"
  }
  assert {
    condition     = aws_dynamodb_table.items.deletion_protection_enabled
    error_message = "production's table can be deleted by mistake"
  }
}
