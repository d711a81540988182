# Users → load balancer (TLS) → tasks. Routes are its rules, in the order of fairlead.toml's precedence.

resource "aws_lb" "main" {
  name                       = local.name
  load_balancer_type         = "application"
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = local.careful
}

resource "aws_lb_target_group" "process" {
  for_each                      = local.serving
  name                          = "${local.name}-${each.key}"
  vpc_id                        = aws_vpc.main.id
  port                          = local.port
  protocol                      = "HTTP"
  target_type                   = "ip"
  load_balancing_algorithm_type = each.value.least_requests ? "least_outstanding_requests" : "round_robin"
  deregistration_delay          = 30
  health_check {
    path                = each.value.health == "" ? "/" : each.value.health
    matcher             = each.value.health == "" ? "200-499" : "200-299"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_acm_certificate" "main" {
  domain_name               = var.hosts[0]
  subject_alternative_names = slice(var.hosts, 1, length(var.hosts))
  validation_method         = "DNS"
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "certificate" {
  for_each = { for option in aws_acm_certificate.main.domain_validation_options : option.domain_name => option }
  zone_id  = var.zone_id
  name     = each.value.resource_record_name
  type     = each.value.resource_record_type
  records  = [each.value.resource_record_value]
  ttl      = 60
}

resource "aws_acm_certificate_validation" "main" {
  certificate_arn         = aws_acm_certificate.main.arn
  validation_record_fqdns = [for record in aws_route53_record.certificate : record.fqdn]
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.main.certificate_arn
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "no route"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "route" {
  count        = length(local.app.routes)
  listener_arn = aws_lb_listener.https.arn
  priority     = count.index + 1
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.process[local.app.routes[count.index].process].arn
  }
  condition {
    path_pattern {
      values = local.app.routes[count.index].paths
    }
  }
  dynamic "condition" {
    for_each = local.app.routes[count.index].host == "" ? [] : [local.app.routes[count.index].host]
    content {
      host_header {
        values = [condition.value]
      }
    }
  }
}

resource "aws_route53_record" "host" {
  for_each = toset(var.hosts)
  zone_id  = var.zone_id
  name     = each.value
  type     = "A"
  alias {
    name                   = aws_lb.main.dns_name
    zone_id                = aws_lb.main.zone_id
    evaluate_target_health = true
  }
}

# Asked from several places in the world: what the load balancer cannot see of itself.
resource "aws_route53_health_check" "main" {
  fqdn              = var.hosts[0]
  type              = "HTTPS"
  port              = 443
  resource_path     = try([for process in local.serving : process.health if process.health != ""][0], "/")
  request_interval  = 30
  failure_threshold = 3
}
