# No wildcard in an action or resource where AWS knows a narrower one.
mock_provider "aws" {
  override_during = plan
  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-central-1:123456789012:repository/app", repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/app" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:app" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1", domain_validation_options = [] }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/1" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/a/1/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1" }
  }
  mock_resource "aws_db_instance" {
    defaults = { master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db" }] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "rights" {
  command = plan
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.execution.statement :
      alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])
    error_message = "an action with a wildcard"
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.execution.statement :
      !contains(statement.resources, "*") || statement.sid == "LogIn"
    ])
    error_message = "every resource, where a narrower one exists"
  }
  assert {
    condition     = !anytrue([for service in aws_ecs_service.process : service.deployment_circuit_breaker[0].rollback == false])
    error_message = "a service that is not taken back"
  }
}
